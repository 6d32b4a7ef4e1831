"""Adapt a model to the recording or the stream that it is predicting."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from serenade.errors import InputError
from serenade.inference._adaptation import prepare_adaptation
from serenade.inference._windows import LONGEST_UTTERANCE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from serenade.adaptation import Expect
    from serenade.inference._classifier import Classifier
    from serenade.inference._windows import Window

MOST_OWN = 60
"""Most windows of earlier utterances that a recording adapts to: two minutes of speech."""


class OwnAdaptation:
    """Adapts the windows of a recording to its earlier utterances, in memory that does not grow.

    An utterance is predicted given the utterances before it, so the first one gets the
    probabilities of the model. An utterance of over 12 s counts as several. Windows that do not
    overlap count as recordings of the place; the latest `MOST_OWN` are kept, because voices and
    rooms change in long recordings.

    Args:
        classifier: model that is not adapted.
        expect: content of the recording, see `Model.adapt`.
        one_speaker: whether the windows are of one speaker.

    Raises:
        ModelError: the model has no model of places, or no neutral class to expect.
        InputError: another expectation, or the model is adapted or enrolled.
    """

    def __init__(
        self, classifier: Classifier, expect: Expect, *, one_speaker: bool = False
    ) -> None:
        if classifier.adaptation is not None or classifier.enrolment:
            raise InputError(
                "the model is adapted already; adapt the model of serenade.load() to the recording"
            )
        self._adaptation = prepare_adaptation(classifier, expect, one_speaker=one_speaker)
        self._earlier: deque[NDArray[np.float64]] = deque(maxlen=MOST_OWN)
        self._current: deque[NDArray[np.float64]] = deque(maxlen=MOST_OWN)  # of this utterance
        self._longest = round(LONGEST_UTTERANCE * classifier.sampling_rate)
        self._begin = 0  # first sample of the current utterance, or of its current part
        self._free = 0  # first sample that no window counted so far contains

    @property
    def remarks(self) -> dict[str, Any]:
        """Arguments of results: the number of windows adapted to, and the expectation."""
        count = self._adaptation.recordings
        return {"adapted_to": count, "assumed": self._adaptation.assumed if count else ""}

    def adapt(self, window: Window, plain: NDArray[np.float64]) -> NDArray[np.float64]:
        """Adapt the probabilities `(classes,)` of the next window of `Windower`."""
        adapted = self._adaptation.probabilities(plain) if self._adaptation.recordings else plain
        if window.full and window.start >= self._free:
            self._begin = self._begin if self._current else window.start
            self._current.append(plain)
            self._free = window.end
        if window.last:
            self._remember(keep=0)
        elif self._current and window.end - self._begin >= self._longest:
            self._remember(keep=1)  # the next window overlaps with the last one
            self._begin = window.start
        return adapted

    def _remember(self, *, keep: int) -> None:
        """Adapt to the current utterance from now on, apart from its last `keep` windows."""
        while len(self._current) > keep:
            self._earlier.append(self._current.popleft())
        self._adaptation = self._adaptation.take(self._earlier)
