"""Adapt the probabilities of a model to the place of some recordings.

See `serenade.adaptation.Places` for the equations. Contrasts are computed from probabilities, so
that every model can adapt for which a model of places was estimated.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from typing import TYPE_CHECKING, Self

import numpy as np

from serenade.adaptation import EXPECTS, Expectation, Places, log_normalise, make_contrasts
from serenade.errors import InputError, ModelError
from serenade.inference._enrolment import (
    LEAST_OWN,
    format_count,
    make_nothing_error,
    open_recordings,
    refuse_few,
    split_utterances,
)
from serenade.inference._threads import map_in_threads

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from serenade.inference._classifier import Classifier
    from serenade.inference._source import RecordingLike, Source

_LEAST = 1e-30  # probability, whose logarithm is taken
_SAME = 1e-5  # largest difference between the contrasts of one recording


@dataclasses.dataclass(frozen=True, eq=False)
class Adaptation:
    """Recordings of one place, and the model of places that uses them.

    Args:
        places: model of places.
        labels: labels of the model.
        plain: log posteriors `(recordings, classes)` without adaptation and without calibration;
            no two rows are equal.
        known: number of the class of each recording; -1 where not known.
        assumed: assumed content of the recordings.
        one_speaker: whether all recordings are of one speaker.
        temperatures: that of the model's probabilities, and that of adapted log posteriors.
        expectation: settings for the assumed content.
        enrolment: description of the speech that a speaker was enrolled with; empty without.
    """

    places: Places
    labels: Sequence[str]
    plain: NDArray[np.float64]
    known: NDArray[np.intp]
    assumed: str
    one_speaker: bool
    temperatures: tuple[float, float]
    expectation: Expectation
    enrolment: str = ""

    @property
    def recordings(self) -> int:
        """Number of recordings."""
        return len(self.plain)

    @functools.cached_property
    def _basis(self) -> NDArray[np.float64]:
        return make_contrasts(len(self.labels))

    @functools.cached_property
    def _own(self) -> NDArray[np.float64]:
        return self._adapt(self.plain, self.known)

    def probabilities(self, found: NDArray[np.float64]) -> NDArray[np.float64]:
        """Adapt the model's probabilities `(classes,)` of a recording.

        A recording that is one of those adapted to is no evidence about itself.
        """
        row = _restore_logs(found, self.temperatures[0])
        distance = np.abs((self.plain - row) @ self._basis).max(axis=1, initial=0.0)
        same = np.flatnonzero(distance < _SAME)
        if len(same):
            adapted = self._own[same[0]]
        else:
            rows = np.concatenate([self.plain, row[None]])
            adapted = self._adapt(rows, np.append(self.known, -1))[-1]
        result: NDArray[np.float64] = np.exp(adapted)
        return result

    def take(self, found: Iterable[NDArray[np.float64]], *, known: int = -1) -> Self:
        """Return an adaptation to other recordings.

        Args:
            found: the model's probabilities `(classes,)` of each; equal ones count once.
            known: number of the class of all recordings; -1 where not known.
        """
        rows = [_restore_logs(each, self.temperatures[0]) for each in found]
        distinct = np.unique(np.stack(rows).round(6), axis=0) if rows else self.plain[:0]
        numbers = np.full(len(distinct), known, dtype=np.intp)
        return dataclasses.replace(self, plain=distinct, known=numbers)

    def _adapt(self, plain: NDArray[np.float64], known: NDArray[np.intp]) -> NDArray[np.float64]:
        """Compute calibrated log posteriors of recordings, each given the others."""
        found = self.places.adapt(
            (plain @ self._basis)[None],
            plain[None],
            self.labels,
            self.expectation,
            speaker=self.one_speaker,
            known=known[None],
        )
        (likely,) = self.expectation.find_trust(np.exp(plain)[None], self.labels, known[None])
        # The temperature moves with the weight of the adapted evidence, w_i of `Places` over w.
        share = likely * (len(plain) - 1) / (len(plain) + 1)
        alone, full = self.temperatures
        return log_normalise(found[0] / (alone ** (1 - share) * full**share)[:, None])


def prepare_adaptation(classifier: Classifier, expect: str, *, one_speaker: bool) -> Adaptation:
    """Return an adaptation to no recordings yet; see `Model.adapt`."""
    if expect not in EXPECTS:
        raise InputError(f"expect is one of {', '.join(EXPECTS)}, not {expect!r}")
    if expect == "neutral":
        _number_of_neutral(classifier)
    return _prepare(classifier, expect, one_speaker=one_speaker)


def adapt_to_recordings(
    classifier: Classifier,
    recordings: Iterable[RecordingLike],
    sampling_rate: int | None,
    expect: str,
    *,
    one_speaker: bool,
) -> Adaptation:
    """Collect what a model adapts to; see `Model.adapt`.

    Args:
        classifier: model without adaptation.
        recordings: see `Model.adapt`.
        sampling_rate: see `Model.adapt`.
        expect: see `Model.adapt`.
        one_speaker: see `Model.adapt`.
    """
    empty = prepare_adaptation(classifier, expect, one_speaker=one_speaker)
    names: list[str] = []
    rows = _predict_utterances(classifier, recordings, sampling_rate, names)
    if not rows:
        raise make_nothing_error("adapt to", names)
    return empty.take(rows)


def enrol_by_places(
    classifier: Classifier,
    recordings: Iterable[RecordingLike],
    sampling_rate: int | None,
    speech: str,
) -> Adaptation:
    """Enrol a speaker by the model of places; see `Model.enrol`."""
    if speech not in {"neutral", "mixed"}:
        raise InputError(f"speech is 'neutral' or 'mixed', not {speech!r}")
    neutral = _number_of_neutral(classifier) if speech == "neutral" else -1
    assumed = "neutral speech" if speech == "neutral" else "mixed"
    empty = _prepare(classifier, assumed, one_speaker=True)
    names: list[str] = []
    rows = _predict_utterances(classifier, recordings, sampling_rate, names)
    if not rows:
        raise make_nothing_error("enrol from", names)
    found = empty.take(rows, known=neutral)
    refuse_few(found.recordings, speech)
    words = f"{speech} speech, {format_count(found.recordings)}"
    return dataclasses.replace(found, enrolment=words)


def enrol_by_itself(
    classifier: Classifier, source: RecordingLike, sampling_rate: int | None
) -> tuple[str, Adaptation | None]:
    """Enrol the one speaker of a long recording, if it has enough utterances.

    Returns:
        The description of the enrolment, and the adaptation or None.
    """
    empty = prepare_adaptation(classifier, "unknown", one_speaker=True)
    known = empty.take(_predict_utterances(classifier, [source], sampling_rate, []))
    count = format_count(known.recordings)
    if known.recordings < LEAST_OWN:
        return f"none, {count} of the {LEAST_OWN} it takes to enrol itself", None
    return f"by itself, {count}", known


def _prepare(classifier: Classifier, assumed: str, *, one_speaker: bool) -> Adaptation:
    places, (alone, adapted), settings = classifier.folder.places()
    return Adaptation(
        places,
        classifier.labels,
        plain=np.zeros((0, len(classifier.labels))),
        known=np.zeros(0, dtype=np.intp),
        assumed=assumed,
        one_speaker=one_speaker,
        temperatures=(alone, adapted.get(assumed, alone)),
        expectation=settings.get(assumed, settings["unknown"]),
    )


def _predict_utterances(
    classifier: Classifier,
    recordings: Iterable[RecordingLike],
    sampling_rate: int | None,
    names: list[str],
) -> list[NDArray[np.float64]]:
    """Predict recordings without adaptation; a long one counts as several.

    The names of the recordings are added to a list.
    """

    def predict(opening: Source) -> list[NDArray[np.float64]]:
        utterances = split_utterances(classifier, opening, None)
        return [classifier.plain_probabilities(utterance) for utterance in utterances]

    openings = open_recordings(classifier, recordings, sampling_rate, names)
    found = map_in_threads(predict, openings, os.cpu_count() or 1)
    return [row for _, some in found for row in some]


def _restore_logs(probabilities: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Return the log posteriors from which a temperature made probabilities."""
    return log_normalise(temperature * np.log(np.maximum(probabilities, _LEAST)))


def _number_of_neutral(classifier: Classifier) -> int:
    """Return the column of neutral speech."""
    if "neutral" not in classifier.labels:
        raise ModelError(
            f"{classifier.folder.path}: has no neutral class; adapt it with mixed or unknown speech"
        )
    return classifier.labels.index("neutral")
