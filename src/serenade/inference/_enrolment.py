"""Enrolment: a speaker's own voice as the reference emotions are told from."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Literal

import numpy as np

from serenade.errors import ModelError, SerenadeError
from serenade.inference._model import WHOLE, Model
from serenade.inference._source import open_source
from serenade.inference._threads import map_in_threads
from serenade.inference._windows import Windows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from serenade.inference._source import Anything

_STRETCH = 4.0  # seconds of a long recording that count as one utterance
LEAST_MIXED = 3
"""Utterances of mixed emotions that enrol a speaker: with one, unknown corpora did worse."""

LEAST = 10
"""Utterances that a recording must hold to enrol itself: fewer may well be of one emotion."""


def enrol_speaker(
    model: Model,
    sources: Iterable[Anything],
    speech: Literal["neutral", "mixed"] = "neutral",
) -> Model:
    """See `Model.enrol`."""
    if speech not in {"neutral", "mixed"}:
        raise ValueError(f"speech is 'neutral' or 'mixed', not {speech!r}")
    count, mean = _mean(
        model, itertools.chain.from_iterable(_utterances(model, s) for s in sources)
    )
    if not count:
        raise ValueError("nothing to enrol by: give at least one recording with speech")
    if speech == "mixed" and count < LEAST_MIXED:
        raise SerenadeError(
            f"enrolment: {_counted(count)} of mixed emotions say little of the voice; give at "
            f"least {LEAST_MIXED}, or a normal voice"
        )
    return _shifted(model, mean, count, speech, f"{speech} speech, {_counted(count)}")


def enrol_by_itself(model: Model, source: Anything) -> Model:
    """A model that knows the one speaker of a long recording by that recording.

    Args:
        model: not enrolled.
        source: a file, or samples at the model's rate as `Audio`. It holds at least ten utterances
            (about 40 s of speech); one of fewer leaves the model as it is, and its `enrolment`
            says why.

    Raises:
        AudioError: the recording cannot be used.
        ModelError: the model was trained without speakers.
    """
    count, mean = _mean(model, _utterances(model, source))
    if count < LEAST:
        words = f"none, {_counted(count)} of the {LEAST} it takes to enrol itself"
        return Model(model.folder, model.folder.head(), enrolment=words)
    return _shifted(model, mean, count, "mixed", f"by itself, {_counted(count)}")


def _shifted(model: Model, mean: NDArray[np.float64], count: int, speech: str, words: str) -> Model:
    population = model.folder.population()
    if speech == "neutral" and not population.neutral:
        raise ModelError(
            f"{model.folder.path}: was trained without neutral speech; enrol with speech of mixed "
            "emotions"
        )
    shift = population.shift(mean, count, neutral=speech == "neutral")
    head = model.folder.head("enrolled.onnx")
    return Model(model.folder, head, shift=shift, enrolment=words)


def _counted(utterances: int) -> str:
    return f"{utterances} utterance{'s' * (utterances != 1)}"


def _mean(model: Model, signals: Iterator[NDArray[np.float32]]) -> tuple[int, NDArray[np.float64]]:
    """Number of signals and the mean of their features, none of them kept."""
    count, total = 0, np.zeros(1)
    for _, found in map_in_threads(model.features, signals, os.cpu_count() or 1):
        total = total + found.mean(axis=0, dtype=np.float64)
        count += 1
    return count, total / max(1, count)


def _utterances(model: Model, source: Anything) -> Iterator[NDArray[np.float32]]:
    """What counts as one utterance each: a short recording, or stretches of speech of a long one.

    Stretches do not overlap but where an utterance ends.
    """
    opening = open_source(source, None, model.sampling_rate)
    blocks, begun = opening.read(), []
    for block in blocks:
        begun.append(block)
        if opening.samples > WHOLE * model.sampling_rate:
            break
    else:
        yield np.concatenate(begun)
        return
    length = round(_STRETCH * model.sampling_rate)
    windows = Windows(length, length)
    for block in itertools.chain(begun, blocks):
        yield from (look.signal for look in windows.push(block))
    yield from (look.signal for look in windows.finish())
