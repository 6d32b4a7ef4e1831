"""What a model says about a recording, a part of it, or a live signal."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from serenade.errors import NoSpeechError

if TYPE_CHECKING:
    from collections.abc import Mapping


class _Emotion:
    """The most probable of `probabilities`, for the classes below."""

    probabilities: Mapping[str, float]

    @property
    def emotion(self) -> str:
        """The most probable emotion."""
        return max(self.probabilities, key=self.probabilities.__getitem__)

    @property
    def probability(self) -> float:
        """The probability of the most probable emotion."""
        return self.probabilities[self.emotion]

    def _stated(self) -> dict[str, object]:
        return {
            "emotion": self.emotion,
            "probability": round(self.probability, 4),
            "probabilities": {k: round(v, 4) for k, v in self.probabilities.items()},
        }


@dataclasses.dataclass(frozen=True)
class Prediction(_Emotion):
    """The emotion of a recording as a whole.

    Args:
        file: the file's name as it was given; `array` for an array.
        duration: in seconds.
        probabilities: of each emotion, adding to one, in the model's order.
        enrolment: what the model knew of the speaker: see `Model.enrolment`. Empty for nothing.

    >>> Prediction("a.wav", 2.0, {"angry": 0.7, "sad": 0.3}).emotion
    'angry'
    """

    file: str
    duration: float
    probabilities: Mapping[str, float]
    enrolment: str = ""

    def to_dict(self) -> dict[str, object]:
        """JSON-ready: file, duration, emotion, probability, probabilities; enrolment, if any."""
        return {
            "file": self.file,
            "duration": round(self.duration, 3),
            **self._stated(),
            **({"enrolment": self.enrolment} if self.enrolment else {}),
        }


@dataclasses.dataclass(frozen=True)
class Segment(_Emotion):
    """A part of a recording in which somebody speaks, and one emotion is the most probable.

    Args:
        start: in seconds.
        end: in seconds.
        probabilities: of each emotion, adding to one: the mean over the segment.

    >>> Segment(1.0, 2.5, {"angry": 0.25, "sad": 0.75}).to_dict()["emotion"]
    'sad'
    """

    start: float
    end: float
    probabilities: Mapping[str, float]

    def to_dict(self) -> dict[str, object]:
        """JSON-ready: start, end, emotion, probability, probabilities."""
        return {"start": round(self.start, 3), "end": round(self.end, 3), **self._stated()}


@dataclasses.dataclass(frozen=True)
class Timeline:
    """The emotions of a recording over time. What no segment covers is not speech.

    Args:
        file: the file's name as it was given; `array` for an array.
        duration: in seconds.
        labels: the emotions, in the model's order.
        segments: in the order of time, without overlap.
        enrolment: as of `Prediction`.
    """

    file: str
    duration: float
    labels: tuple[str, ...]
    segments: tuple[Segment, ...]
    enrolment: str = ""

    @property
    def speech(self) -> float:
        """Seconds in which somebody speaks."""
        return sum(segment.end - segment.start for segment in self.segments)

    def overall(self) -> Prediction:
        """The mean over all speech.

        Raises:
            NoSpeechError: there is none.

        >>> parts = Segment(0, 1, {"sad": 1.0}), Segment(2, 5, {"sad": 0.0})
        >>> Timeline("a.wav", 6.0, ("sad",), parts).overall().probabilities
        {'sad': 0.25}
        """
        if not self.segments:
            raise NoSpeechError(
                self.file, "holds no speech that was found", "give a recording of somebody speaking"
            )
        found = {
            label: sum(s.probabilities[label] * (s.end - s.start) for s in self.segments)
            / self.speech
            for label in self.labels
        }
        return Prediction(self.file, self.duration, found, self.enrolment)

    def to_dict(self) -> dict[str, object]:
        """JSON-ready: file, duration, segments; enrolment, if any."""
        return {
            "file": self.file,
            "duration": round(self.duration, 3),
            "segments": [segment.to_dict() for segment in self.segments],
            **({"enrolment": self.enrolment} if self.enrolment else {}),
        }


@dataclasses.dataclass(frozen=True)
class Update:
    """What a stream has learnt.

    Args:
        start: in seconds of the stream: the speech that was looked at begins here …
        end: … and ends here.
        speaking: whether the speech goes on; False where a pause has ended it.
        probabilities: of each emotion between `start` and `end`, by one look: what a live display
            shows.
        segments: that are finished now: nothing that follows changes them. They are those of
            `Model.timeline` for the same signal.
    """

    start: float
    end: float
    speaking: bool
    probabilities: Mapping[str, float]
    segments: tuple[Segment, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """JSON-ready: start, end, speaking, probabilities, segments."""
        return {
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "speaking": self.speaking,
            "probabilities": {k: round(v, 4) for k, v in self.probabilities.items()},
            "segments": [segment.to_dict() for segment in self.segments],
        }
