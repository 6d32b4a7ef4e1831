"""Hold predictions of recordings, of their parts, and of live signals."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from serenade.errors import NoSpeechError
from serenade.inference._summary import average_segments, format_clock, summarise
from serenade.inference._svg_figure import draw_bars, draw_timeline_bands

if TYPE_CHECKING:
    from collections.abc import Mapping

    from serenade.inference._stream import Update
    from serenade.inference._summary import Summary

_LONG = 30.0  # seconds from which a recording has a summary
_THIRD_SHOWN = 0.1  # probability from which a third emotion is shown


class _MostProbable:
    """Adds the most probable emotion to a class with `probabilities` and `values`."""

    probabilities: Mapping[str, float]
    values: Mapping[str, float]

    @property
    def emotion(self) -> str:
        """Most probable emotion; empty for a model that predicts values only."""
        return max(self.probabilities, key=self.probabilities.__getitem__, default="")

    @property
    def probability(self) -> float:
        """Probability of the most probable emotion; NaN for a model of values only."""
        return self.probabilities.get(self.emotion, math.nan)

    @property
    def answer(self) -> str:
        """Emotion with its probability, and values, as one line.

        >>> Prediction("a.wav", 2.0, {"sad": 1.0}, values={"arousal": -0.3}).answer
        'sad 100%, arousal -0.30'
        """
        shares = [f"{self.emotion} {self.probability:.0%}"] if self.probabilities else []
        return ", ".join([*shares, *(f"{name} {one:.2f}" for name, one in self.values.items())])

    @property
    def likeliest(self) -> dict[str, float]:
        """Probabilities of the two or three most probable emotions, the highest first."""
        ranked = sorted(self.probabilities.items(), key=lambda item: -item[1])
        return dict(ranked[:2] + [item for item in ranked[2:3] if item[1] >= _THIRD_SHOWN])

    def _round_probabilities(self) -> dict[str, object]:
        """Return emotion, probabilities and values as JSON data, those that the model gives."""
        if not self.probabilities:
            return round_values(self.values)
        return {
            "emotion": self.emotion,
            "probability": round(self.probability, 4),
            "probabilities": {k: round(v, 4) for k, v in self.probabilities.items()},
            **round_values(self.values),
        }


def round_values(values: Mapping[str, float]) -> dict[str, object]:
    """Return values as JSON data; nothing for a model of emotions only."""
    return {"values": {k: round(v, 4) for k, v in values.items()}} if values else {}


@dataclasses.dataclass(frozen=True, repr=False)
class Prediction(_MostProbable):
    """Emotion of a recording as a whole.

    Args:
        file: file name as it was given; `array` for an array.
        duration: length in seconds.
        probabilities: probability of each emotion, in the model's order; they add up to one.
        enrolment: description of the speaker's enrolment, see `Model.enrolment`; empty without.
        adapted_to: number of utterances that the model is adapted to, see `Model.adapt`.
        assumed: assumed content of those recordings; empty without adaptation.
        uncertain_below: probability below which the answer is uncertain; 0 for a model without
            such a threshold.
        channel: number of the channel that was predicted, if each channel is predicted alone; 0
            for the whole recording.
        speech: seconds of speech that the answer is based on; None if they were not measured.
        summary: see `Summary`; None for a recording of less than 30 s.
        values: value of each dimension, such as arousal; none for a model of emotions only.

    >>> Prediction("a.wav", 2.0, {"angry": 0.7, "sad": 0.3}, speech=1.5)
    Prediction('a.wav', 2.00 s, 1.50 s of speech: angry 0.70, sad 0.30)
    """

    file: str
    duration: float
    probabilities: Mapping[str, float]
    enrolment: str = ""
    adapted_to: int = 0
    assumed: str = ""
    uncertain_below: float = 0.0
    channel: int = 0
    speech: float | None = None
    summary: Summary | None = None
    values: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{name} {number:.2f}" for name, number in {**self.likeliest, **self.values}.items()
        )
        speech = "" if self.speech is None else f", {self.speech:.2f} s of speech"
        parts = {} if self.summary is None else self.summary.describe()
        summary = "".join(f"; {name}: {text}" for name, text in parts.items())
        answer = f"{'uncertain, ' * self.uncertain}{shown}{summary}"
        return f"Prediction({self.file!r}, {self.duration:.2f} s{speech}: {answer})"

    @property
    def uncertain(self) -> bool:
        """Whether the evidence is too weak for an answer."""
        return self.probability < self.uncertain_below

    def _repr_html_(self) -> str:
        """Draw the probabilities as bars above the summary, for notebooks."""
        answer = "uncertain" if self.uncertain else self.emotion or self.answer
        notes = {"based on": describe_basis(self)}
        notes |= {} if self.summary is None else self.summary.describe()
        return draw_bars(f"{self.file}: {answer}", self.probabilities, notes)

    def to_dict(self) -> dict[str, object]:
        """Return JSON data: file, duration, emotion, probability, probabilities, values, remarks.

        Further fields are `speech` in seconds and `summary` with `shares`, `moments` and `thirds`
        if they are known. Remarks are `uncertain` for a model with a threshold, `channel` if
        channels were predicted alone, and `enrolment`, `adapted_to` and `assumed` for an enrolled
        or adapted model.
        """
        return {
            "file": self.file,
            "duration": round(self.duration, 3),
            **self._round_probabilities(),
            **({"uncertain": self.uncertain} if self.uncertain_below else {}),
            **({} if self.speech is None else {"speech": round(self.speech, 3)}),
            **_list_remarks(self),
            **({} if self.summary is None else {"summary": self.summary.to_dict()}),
        }


@dataclasses.dataclass(frozen=True, repr=False)
class Segment(_MostProbable):
    """Part of a recording that contains speech with one most probable emotion.

    A model of values only gives parts of equal length, whose values are a curve.

    Args:
        start: beginning in seconds.
        end: end in seconds.
        probabilities: mean probability of each emotion over the segment; they add up to one.
        speaker: name of the speaker, in a timeline with speakers; empty without.
        values: mean value of each dimension; see `Prediction`.

    >>> Segment(1.0, 2.5, {"angry": 0.25, "sad": 0.75})
    Segment(1.00-2.50 s: sad 0.75)
    """

    start: float
    end: float
    probabilities: Mapping[str, float]
    speaker: str = ""
    values: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __repr__(self) -> str:
        speaker = f", {self.speaker}" * bool(self.speaker)
        shares = {self.emotion: self.probability} if self.probabilities else {}
        shown = ", ".join(f"{name} {one:.2f}" for name, one in {**shares, **self.values}.items())
        return f"Segment({self.start:.2f}-{self.end:.2f} s{speaker}: {shown})"

    @property
    def caption(self) -> str:
        """Return the answer after the speaker, if there is one."""
        return f"{self.speaker}: " * bool(self.speaker) + self.answer

    def to_dict(self) -> dict[str, object]:
        """Return JSON data: start, end, speaker if known, emotion, probabilities and values."""
        return {
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            **({"speaker": self.speaker} if self.speaker else {}),
            **self._round_probabilities(),
        }


@dataclasses.dataclass(frozen=True, repr=False)
class Timeline:
    """Emotions of a recording over time; time outside the segments contains no speech.

    Args:
        file: file name as it was given; `array` for an array.
        duration: length in seconds.
        labels: emotions in the model's order.
        segments: segments in the order of time; those of one speaker do not overlap.
        enrolment: description of the speaker's enrolment, see `Model.enrolment`; empty without.
        adapted_to: see `Prediction`.
        assumed: see `Prediction`.
        uncertain_below: see `Prediction`.
        channel: see `Prediction`.

    >>> parts = Segment(0, 1, {"sad": 1.0}), Segment(2, 5, {"sad": 0.0})
    >>> Timeline("a.wav", 6.0, ("sad",), parts)
    Timeline('a.wav', 6.00 s: 2 segments, 4.00 s of speech)
    """

    file: str
    duration: float
    labels: tuple[str, ...]
    segments: tuple[Segment, ...]
    enrolment: str = ""
    adapted_to: int = 0
    assumed: str = ""
    uncertain_below: float = 0.0
    channel: int = 0

    def __repr__(self) -> str:
        count, speakers = len(self.segments), len(self.speakers)
        by = f" of {speakers} speaker{'s' * (speakers != 1)}" * bool(speakers)
        parts = {} if self.summary is None else self.summary.describe()
        summary = "".join(f"; {name}: {text}" for name, text in parts.items())
        return (
            f"Timeline({self.file!r}, {self.duration:.2f} s: {count} segment{'s' * (count != 1)}"
            f"{by}, {self.speech:.2f} s of speech{summary})"
        )

    def _repr_html_(self) -> str:
        """Draw the segments, or values as curves, over time above the summary, for notebooks."""
        bands = [
            (part.start, part.end, part.emotion, part.probability, part.caption)
            for part in self.segments
        ]
        title = f"{self.file}, {self.duration:.2f} s"
        notes = {} if self.summary is None else self.summary.describe()
        curves = {
            f"{who} {name}".lstrip(): [
                (one.start, one.end, one.values[name]) for one in own.segments
            ]
            for who, own in self.split_speakers().items()
            for name in self.dimensions
        }
        return draw_timeline_bands(title, self.duration, self.labels, bands, notes, curves)

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Names of the values of the segments; none for a model of emotions only."""
        return tuple(self.segments[0].values) if self.segments else ()

    @property
    def speakers(self) -> tuple[str, ...]:
        """Names of the speakers in the order of their first segments; empty if not known."""
        return tuple(dict.fromkeys(part.speaker for part in self.segments if part.speaker))

    def split_speakers(self) -> dict[str, Timeline]:
        """Return the timeline of each speaker by name; the whole one by "" if none is known."""
        own: dict[str, list[Segment]] = {name: [] for name in self.speakers or ("",)}
        for part in self.segments:
            if part.speaker in own:
                own[part.speaker].append(part)
        return {
            name: dataclasses.replace(self, segments=tuple(parts)) for name, parts in own.items()
        }

    @property
    def speech(self) -> float:
        """Length of all segments in seconds."""
        return sum(segment.end - segment.start for segment in self.segments)

    @property
    def summary(self) -> Summary | None:
        """Summary of a recording of at least 30 s with speech; None for others and for values."""
        if not (self.segments and self.labels) or self.duration < _LONG:
            return None
        return summarise(self.segments, self.duration, self.uncertain_below)

    def overall(self) -> Prediction:
        """Average the segments, weighted by their length.

        Raises:
            NoSpeechError: the timeline has no segments.

        >>> parts = Segment(0, 1, {"sad": 1.0}), Segment(2, 5, {"sad": 0.0})
        >>> Timeline("a.wav", 6.0, ("sad",), parts).overall().probabilities
        {'sad': 0.25}
        """
        if not self.segments:
            raise make_no_speech_error(self.file)
        return Prediction(
            self.file,
            self.duration,
            average_segments(self.segments),
            self.enrolment,
            self.adapted_to,
            self.assumed,
            self.uncertain_below,
            self.channel,
            self.speech,
            self.summary,
            average_segments(self.segments, "values"),
        )

    def to_dict(self) -> dict[str, object]:
        """Return JSON data: file, duration, segments, and remarks as in `Prediction.to_dict`."""
        return {
            "file": self.file,
            "duration": round(self.duration, 3),
            "segments": [segment.to_dict() for segment in self.segments],
            **_list_remarks(self),
        }


def make_no_speech_error(file: str) -> NoSpeechError:
    """Return the error of a recording in which no speech was found."""
    return NoSpeechError(
        file, "contains no speech that was found", "give a recording of speech, or a louder one"
    )


def _list_remarks(found: Prediction | Timeline) -> dict[str, object]:
    """Return what a result says about enrolment and adaptation."""
    channel = {"channel": found.channel} if found.channel else {}
    enrolment = {"enrolment": found.enrolment} if found.enrolment else {}
    return channel | enrolment | list_adaptation(found)


def describe_adaptation(found: Prediction | Timeline) -> str:
    """Describe what a model was adapted to, in words; empty without adaptation.

    >>> describe_adaptation(Prediction("a.wav", 2.0, {"sad": 1.0}, adapted_to=3, assumed="mixed"))
    'adapted to 3 utterances, mixed expected'
    """
    if not found.adapted_to:
        return ""
    count = found.adapted_to
    return f"adapted to {count} utterance{'s' * (count != 1)}, {found.assumed} expected"


def describe_basis(found: Prediction) -> str:
    """Describe what an answer is based on: the speech, and recordings that were adapted to.

    >>> describe_basis(Prediction("a.wav", 2.0, {"sad": 1.0}, speech=1.5))
    '1.5 s of speech in 2.0 s'
    """
    long = found.duration >= 60
    duration, speech = (
        format_clock(seconds) if long else f"{seconds:.1f} s"
        for seconds in (found.duration, found.speech or 0.0)
    )
    parts = [duration if found.speech is None else f"{speech} of speech in {duration}"]
    if found.enrolment:
        parts.append(f"enrolled: {found.enrolment}")
    elif adaptation := describe_adaptation(found):
        parts.append(adaptation)
    return "; ".join(parts)


def list_adaptation(found: Prediction | Timeline | Update) -> dict[str, object]:
    """Return the number of utterances that a model was adapted to, and what was assumed of them."""
    adapted = {"adapted_to": found.adapted_to, "assumed": found.assumed}
    return adapted if found.adapted_to else {}
