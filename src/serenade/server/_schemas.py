"""Define the JSON of requests and responses for OpenAPI and validation."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field, model_validator

from serenade import inference


def _limit_labels(given: object) -> object:
    """Refuse a mapping that is too large before its entries are validated, each with errors."""
    if isinstance(given, dict) and len(given) > 100:
        raise ValueError("more than 100 entries")
    return given


Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=1e7, description="In seconds.")]
Level = Annotated[float, Field(allow_inf_nan=False)]
Label = Annotated[str, Field(max_length=100)]
_Few = Field(min_length=1, max_length=100)
Shares = Annotated[dict[Label, Share], _Few, BeforeValidator(_limit_labels)]
Values = Annotated[dict[Label, Level], _Few, BeforeValidator(_limit_labels)]
Levels = Annotated[list[Level], Field(max_length=4000), FailFast()]
Name = Annotated[str, Field(max_length=255)]
"""Name of a file. Its length is limited because CSV repeats it in each row."""
SEGMENTS = 2**16
"""Most segments of a timeline: 4.5 hours of speech with the shortest distance of windows."""
NUMBERS = 10**6
"""Most numbers of a timeline: each of them becomes an interval in a TextGrid."""
SPEAKERS = 64
"""Most speakers of a timeline, as many as a recording may have channels."""

_SHARES = {"happy": 0.71, "neutral": 0.29}
_EMOTION = {"emotion": "happy", "probability": 0.71, "probabilities": _SHARES}
_PREDICTION = {"file": "call.wav", "duration": 2.5, **_EMOTION}
_FAILURE = {
    "type": "NotAudioError",
    "message": "notes.txt: not audio that libsndfile reads; export it as WAV, FLAC, OGG or MP3",
    "file": "notes.txt",
}


def _show(example: dict[str, Any]) -> ConfigDict:
    """Configure a model with an example for `/docs`."""
    return ConfigDict(json_schema_extra={"examples": [example]})


class Error(BaseModel):
    """Problem and fix."""

    type: str
    message: str = Field(description="Problem, file and fix.")
    file: str | None = None


class Refusal(BaseModel):
    """Response to a refused request."""

    model_config = _show({"error": _FAILURE})

    error: Error


class Emotion(BaseModel):
    """Most probable emotion, and the probability of each emotion; or values, such as arousal."""

    emotion: Label | None = None
    probability: Share | None = None
    probabilities: Shares | None = None
    values: Values | None = Field(None, description="Values of a model that predicts values.")

    @model_validator(mode="after")
    def _check_answer(self) -> Self:
        emotion = (self.emotion, self.probability, self.probabilities)
        if (None in emotion) if self.values is None else (emotion != (None, None, None)):
            raise ValueError("give emotion, probability and probabilities, or values")
        return self

    @property
    def answers(self) -> dict[str, dict[str, float]]:
        """The arguments `probabilities` and `values` of `serenade.inference` objects."""
        return {"probabilities": self.probabilities or {}, "values": self.values or {}}


class SegmentBody(Emotion):
    """Part of a recording with one emotion."""

    start: Seconds
    end: Seconds
    speaker: Label | None = Field(None, description="Name of the speaker, if asked for.")


_Moments = Annotated[list[SegmentBody], Field(max_length=3), FailFast()]
_Thirds = Annotated[list[SegmentBody | None], Field(max_length=3), FailFast()]


class SummaryBody(BaseModel):
    """Emotions of a long recording in brief."""

    shares: Shares = Field(description="Share of the speech by time of each emotion.")
    moments: _Moments = Field(description="Strongest segments.")
    thirds: _Thirds = Field(description="Mean of each third.")


class PredictionBody(Emotion):
    """Emotion of a recording."""

    model_config = _show(_PREDICTION)

    file: Name
    duration: Seconds
    enrolment: str | None = Field(None, description="Recordings that the model was adapted to.")
    adapted_to: int | None = Field(None, ge=0, description="Number of their utterances.")
    assumed: str | None = Field(
        None, max_length=20, description="Assumed content of these utterances."
    )
    uncertain: bool | None = Field(None, description="Whether the evidence is too weak.")
    speech: float | None = Field(None, ge=0, le=1e7, description="Seconds of speech in it.")
    summary: SummaryBody | None = Field(None, description="For recordings of at least 30 s.")


class Envelope(BaseModel):
    """Lowest and highest sample of equally long parts of a recording."""

    low: Levels
    high: Levels


class TimelineBody(PredictionBody):
    """Emotions of a recording over time; parts outside all segments are not speech."""

    model_config = _show({**_PREDICTION, "segments": [{"start": 0.3, "end": 2.1, **_EMOTION}]})

    segments: Annotated[list[SegmentBody], FailFast()] = Field(max_length=SEGMENTS)
    envelope: Envelope | None = None

    @model_validator(mode="after")
    def _check_order(self) -> TimelineBody:
        ends: dict[str | None, float] = {}  # channels may overlap, so each speaker is checked
        for segment in self.segments:
            last = ends.get(segment.speaker, 0.0)
            if not last <= segment.start < segment.end <= self.duration + 0.01:
                raise ValueError("segments overlap or lie outside the recording")
            if list(map(set, segment.answers.values())) != list(map(set, self.answers.values())):
                raise ValueError("segments and recording have different emotions")
            ends[segment.speaker] = segment.end
        return self

    def to_results(self) -> tuple[inference.Prediction, inference.Timeline]:
        """Return the prediction and the timeline as `serenade.inference` objects."""
        known = self.enrolment or "", self.adapted_to or 0, self.assumed or ""
        parts = tuple(
            inference.Segment(
                part.start,
                min(part.end, self.duration),
                speaker=part.speaker or "",
                **part.answers,
            )
            for part in self.segments
        )
        return (
            inference.Prediction(
                self.file,
                self.duration,
                self.probabilities or {},
                *known,
                values=self.values or {},
            ),
            inference.Timeline(
                self.file, self.duration, tuple(self.probabilities or ()), parts, *known
            ),
        )


class Failed(BaseModel):
    """Recording that cannot be used."""

    file: str
    error: Error


class BatchBody(BaseModel):
    """Results of several recordings."""

    model_config = _show(
        {"results": [_PREDICTION, {"file": "notes.txt", "error": _FAILURE}], "failed": 1}
    )

    results: list[PredictionBody | Failed]
    failed: int


class VoiceBody(BaseModel):
    """Enrolled speaker."""

    model_config = _show({"voice": "k2Jx0Qe5pWn8", "enrolment": "1 recording"})

    voice: str = Field(description="Value for the parameter `voice`; keep it secret.")
    enrolment: str


class Progress(BaseModel):
    """Progress of a request that makes a timeline."""

    seconds: Seconds


class State(BaseModel):
    """State of the server."""

    status: Literal["ok", "ready", "full"]


class Served(BaseModel):
    """Model and limits of the server."""

    labels: list[str]
    dimensions: list[str] = Field(description="Values that the model predicts, without labels.")
    licence: str
    derived: str = Field(description="How the labels were derived; empty if people gave them.")
    enrolment: bool = Field(description="Whether the model can adapt to a speaker.")
    adaptation: bool = Field(description="Whether the model can adapt without labels.")
    key_needed: bool
    max_size: int = Field(description="Largest body in bytes.")
    max_duration: Seconds
    version: str


REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Refusal, "description": text}
    for status, text in {
        400: "The request is not HTTP or ended early.",
        401: "The API key is missing or wrong.",
        403: "Scripts of this origin may not use the server.",
        404: "The voice is unknown or was forgotten.",
        408: "The request arrived too slowly.",
        413: "The body or the recording exceeds a limit.",
        415: "The file is not audio in a format that the server reads.",
        422: "A recording or a parameter cannot be used.",
        429: "Too many requests; try again after the seconds in Retry-After.",
        431: "The headers are too large.",
        503: "The work took too long, or there are too many connections.",
    }.items()
}
"""Refusals of routes that take recordings."""

EVERYWHERE: dict[int | str, dict[str, Any]] = {
    status: REFUSALS[status] for status in (400, 403, 408, 431, 503)
}
"""Refusals of every route."""

_TEXT = {"schema": {"type": "string"}}
_TEXTS = ("text/csv", "text/vtt", "text/plain", "application/x-subrip", "application/xml")
FORMATS: dict[int | str, dict[str, Any]] = {200: {"content": dict.fromkeys(_TEXTS, _TEXT)}}
"""Responses of a timeline in other formats than JSON."""

METRICS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": _TEXT}},
    401: REFUSALS[401],
}
"""Responses of the route for Prometheus."""

_BINARY = {"type": "string", "format": "binary"}


def _describe_form(field: str, value: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "properties": {field: value}, "required": [field]}
    return {"schema": schema}


ONE_FILE = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": _describe_form("file", _BINARY),
            "application/octet-stream": {"schema": _BINARY},
        },
    }
}
FILES = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": _describe_form("file", {"type": "array", "items": _BINARY})
        },
    }
}
TIMELINE = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/TimelineBody"}}},
    }
}
