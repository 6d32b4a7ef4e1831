"""What a model says about a recording."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Prediction:
    """The emotion of a recording as a whole.

    Args:
        file: the file's name as it was given; `array` for an array.
        duration: in seconds.
        probabilities: of each emotion, adding to one, in the model's order.

    >>> Prediction("a.wav", 2.0, {"angry": 0.7, "sad": 0.3}).emotion
    'angry'
    """

    file: str
    duration: float
    probabilities: Mapping[str, float]

    @property
    def emotion(self) -> str:
        """The most probable emotion."""
        return max(self.probabilities, key=self.probabilities.__getitem__)

    @property
    def probability(self) -> float:
        """The probability of the most probable emotion."""
        return self.probabilities[self.emotion]

    def to_dict(self) -> dict[str, object]:
        """JSON-ready: file, duration, emotion, probability, probabilities."""
        return {
            "file": self.file,
            "duration": round(self.duration, 3),
            "emotion": self.emotion,
            "probability": round(self.probability, 4),
            "probabilities": {k: round(v, 4) for k, v in self.probabilities.items()},
        }


@dataclasses.dataclass(frozen=True)
class Window(Prediction):
    """The emotion of a part of a recording.

    Args:
        start: in seconds.
        end: in seconds.
        speech: whether the window is loud enough, beside the rest, to hold speech.
    """

    start: float = 0.0
    end: float = 0.0
    speech: bool = True

    def to_dict(self) -> dict[str, object]:
        """JSON-ready: start, end, speech, emotion, probability, probabilities."""
        rest = super().to_dict()
        del rest["file"], rest["duration"]
        return {
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "speech": self.speech,
            **rest,
        }
