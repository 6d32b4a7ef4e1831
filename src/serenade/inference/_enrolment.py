"""Estimate a speaker's features for enrolment, from some recordings."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from serenade._printable import to_printable
from serenade.errors import InputError, ModelError, SerenadeError
from serenade.inference._source import open_source
from serenade.inference._threads import map_in_threads
from serenade.inference._windows import LONGEST_UTTERANCE, Windower, measure_speech

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from serenade.inference._classifier import Classifier
    from serenade.inference._source import RecordingLike, Source

_NAMED = 3  # recordings that an error names
_PART = 4.0  # seconds of a long recording that count as one utterance

LEAST_MIXED = 3
"""Least number of utterances of mixed emotions: with one, predictions of new corpora got worse."""

LEAST_OWN = 10
"""Least number of utterances for a recording to enrol its own speaker.

Fewer may well be of one emotion.
"""


class Shift(NamedTuple):
    """Distance of a speaker's features from the training speakers'.

    Attributes:
        shift: values `(dims,)` to subtract from the features; None for too little speech.
        enrolment: description of the speech it was estimated from.
    """

    shift: NDArray[np.float64] | None
    enrolment: str


def estimate_shift(
    classifier: Classifier,
    recordings: Iterable[RecordingLike],
    sampling_rate: int | None,
    speech: str,
) -> Shift:
    """Estimate a speaker's shift; see `Model.enrol`."""
    if speech not in {"neutral", "mixed"}:
        raise InputError(f"speech is 'neutral' or 'mixed', not {speech!r}")
    names: list[str] = []
    openings = open_recordings(classifier, recordings, sampling_rate, names)
    utterances = (split_utterances(classifier, each, None) for each in openings)
    count, mean = _average(classifier, itertools.chain.from_iterable(utterances))
    if not count:
        raise make_nothing_error("enrol from", names)
    refuse_few(count, speech)
    words = f"{speech} speech, {format_count(count)}"
    return _shrink(classifier, mean, count, speech, words)


def estimate_own_shift(
    classifier: Classifier, source: RecordingLike, sampling_rate: int | None
) -> Shift:
    """Estimate the shift of the speaker of a long recording; see `Model.enrol_itself`."""
    count, mean = _average(classifier, split_utterances(classifier, source, sampling_rate))
    if count < LEAST_OWN:
        words = f"none, {format_count(count)} of the {LEAST_OWN} it takes to enrol itself"
        return Shift(None, words)
    return _shrink(classifier, mean, count, "mixed", f"by itself, {format_count(count)}")


def _shrink(
    classifier: Classifier, mean: NDArray[np.float64], count: int, speech: str, words: str
) -> Shift:
    """Shrink a speaker's mean towards that of the training speakers."""
    population = classifier.folder.population()
    if speech == "neutral" and not population.neutral:
        raise ModelError(
            f"{classifier.folder.path}: was trained without neutral speech; enrol with speech of "
            "mixed emotions"
        )
    return Shift(population.shift(mean, count, neutral=speech == "neutral"), words)


def refuse_few(utterances: int, speech: str) -> None:
    """Raise an error for too few utterances of mixed emotions."""
    if speech == "mixed" and utterances < LEAST_MIXED:
        raise SerenadeError(
            f"enrolment: too few utterances of mixed emotions ({utterances}) to estimate a voice; "
            f"give at least {LEAST_MIXED}, or a normal voice"
        )


def format_count(utterances: int) -> str:
    """Return a number of utterances in words."""
    return f"{utterances} utterance{'s' * (utterances != 1)}"


def _average(
    classifier: Classifier, signals: Iterator[NDArray[np.float32]]
) -> tuple[int, NDArray[np.float64]]:
    """Return the number of signals and the mean of their features, without keeping them."""
    count, total = 0, np.zeros(1)
    for _, found in map_in_threads(classifier.features, signals, os.cpu_count() or 1):
        total = total + found.mean(axis=0, dtype=np.float64)
        count += 1
    return count, total / max(1, count)


def open_recordings(
    classifier: Classifier,
    recordings: Iterable[RecordingLike],
    sampling_rate: int | None,
    names: list[str],
) -> Iterator[Source]:
    """Open recordings one by one, and add the name of each to a list."""
    for each in recordings:
        opening = open_source(each, sampling_rate, classifier.sampling_rate)
        names.append(opening.name)
        yield opening


def make_nothing_error(purpose: str, names: Sequence[str]) -> InputError:
    """Return the error of recordings without speech.

    Args:
        purpose: use of the recordings, such as `enrol from`.
        names: names of the recordings.

    >>> make_nothing_error("enrol from", ["a.wav"])
    InputError('nothing to enrol from: no speech in a.wav; give a recording with speech')
    """
    more = f" and {len(names) - _NAMED} more" * (len(names) > _NAMED)
    found = ", ".join(map(to_printable, names[:_NAMED])) + more
    problem = f"no speech in {found}" if names else "there is no recording"
    return InputError(f"nothing to {purpose}: {problem}; give a recording with speech")


def make_utterance_windower(sampling_rate: int) -> Windower:
    """Return a windower that cuts the utterances of a long recording."""
    length = round(_PART * sampling_rate)
    return Windower(length, length)


def split_utterances(
    classifier: Classifier,
    source: RecordingLike,
    sampling_rate: int | None,
    channel: int | str = "mix",
) -> Iterator[NDArray[np.float32]]:
    """Yield a short recording as one utterance, or the parts of speech of a long one.

    Parts do not overlap, except for the last one of an utterance.

    Raises:
        AudioError: the recording cannot be used. TooLongError if it is longer than 12 s and the
            model has another rate than 16 kHz.
    """
    rate = classifier.sampling_rate
    opening = open_source(source, sampling_rate, rate, channel)
    signal, blocks = opening.read_short(LONGEST_UTTERANCE * rate)
    if signal is not None:
        if measure_speech(signal, rate):
            yield signal
        return
    classifier.refuse_long(opening.name)
    windower = make_utterance_windower(rate)
    for block in blocks:
        yield from (window.signal for window in windower.push(block))
    yield from (window.signal for window in windower.finish())
