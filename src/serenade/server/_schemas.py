"""The shapes of answers, for OpenAPI and for what comes back to be converted."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

from serenade import inference

Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=1e7, description="In seconds.")]
Level = Annotated[float, Field(allow_inf_nan=False)]
Shares = Annotated[dict[str, Share], Field(min_length=1, max_length=100)]


class Error(BaseModel):
    """What is wrong."""

    type: str
    message: str = Field(description="Names the file and what to do.")
    file: str | None = None


class Refusal(BaseModel):
    """The answer where a request is refused."""

    error: Error


class Emotion(BaseModel):
    """The most probable emotion, and the probability of each."""

    emotion: str
    probability: Share
    probabilities: Shares


class Prediction(Emotion):
    """The emotion of a recording."""

    file: str
    duration: Seconds
    enrolment: str | None = Field(None, description="What was known of the speaker.")


class Segment(Emotion):
    """A part of a recording."""

    start: Seconds
    end: Seconds


class Envelope(BaseModel):
    """The lowest and the highest sample of stretches of equal length."""

    low: list[Level]
    high: list[Level]


class Timeline(Prediction):
    """A recording over time; what no segment covers is not speech."""

    segments: list[Segment]
    envelope: Envelope | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Timeline:
        last = 0.0
        for segment in self.segments:
            if not last <= segment.start < segment.end <= self.duration + 0.01:
                raise ValueError("segments overlap or lie outside the recording")
            if segment.probabilities.keys() != self.probabilities.keys():
                raise ValueError("segments are of other emotions than the recording")
            last = segment.end
        return self

    def restored(self) -> tuple[inference.Prediction, inference.Timeline]:
        """As the rest of the package has it."""
        known = self.enrolment or ""
        parts = tuple(
            inference.Segment(part.start, min(part.end, self.duration), part.probabilities)
            for part in self.segments
        )
        return (
            inference.Prediction(self.file, self.duration, self.probabilities, known),
            inference.Timeline(self.file, self.duration, tuple(self.probabilities), parts, known),
        )


class Failed(BaseModel):
    """A recording that cannot be used."""

    file: str
    error: Error


class Batch(BaseModel):
    """Several recordings."""

    results: list[Prediction | Failed]
    failed: int


class Voice(BaseModel):
    """A speaker who enrolled."""

    voice: str = Field(description="For the parameter of that name; keep it secret.")
    enrolment: str


class State(BaseModel):
    """What the server says of itself."""

    status: Literal["ok", "ready", "full"]


class Served(BaseModel):
    """The model and the limits."""

    labels: list[str]
    licence: str
    enrolment: bool = Field(description="Whether it can come to know a voice.")
    key_needed: bool
    max_size: int = Field(description="In bytes.")
    max_duration: Seconds
    version: str


REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Refusal, "description": text}
    for status, text in {
        400: "Not HTTP, or cut off.",
        401: "The API key is missing or wrong.",
        403: "Scripts of this page may not use the server.",
        404: "The voice is not known.",
        408: "The request came too slowly.",
        413: "The body or the recording is over a limit.",
        415: "Not audio that libsndfile reads.",
        422: "A recording or a parameter that cannot be used.",
        429: "Too many requests at once: try again after the seconds in Retry-After.",
        431: "The head is too large.",
        503: "Not answered in time, or too many connections.",
    }.items()
}
"""Of routes that take recordings."""

EVERYWHERE: dict[int | str, dict[str, Any]] = {
    status: REFUSALS[status] for status in (400, 403, 408, 431, 503)
}
"""Of every route."""

_TEXT = {"schema": {"type": "string"}}
FORMATS: dict[int | str, dict[str, Any]] = {
    200: {"content": dict.fromkeys(("text/csv", "text/vtt", "text/plain"), _TEXT)}
}
"""A timeline that is not JSON."""

METRICS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": _TEXT}},
    401: REFUSALS[401],
}
"""Of the route for Prometheus."""

_BINARY = {"type": "string", "format": "binary"}


def _form(field: str, value: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "properties": {field: value}, "required": [field]}
    return {"schema": schema}


ONE_FILE = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": _form("file", _BINARY),
            "application/octet-stream": {"schema": _BINARY},
        },
    }
}
FILES = {
    "requestBody": {
        "required": True,
        "content": {"multipart/form-data": _form("file", {"type": "array", "items": _BINARY})},
    }
}
TIMELINE = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Timeline"}}},
    }
}
