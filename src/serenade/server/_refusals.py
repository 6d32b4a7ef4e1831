"""Refuse requests: one JSON shape and HTTP status for every error."""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import TYPE_CHECKING, Any

from fastapi.responses import JSONResponse

from serenade.errors import (
    AudioError,
    GraphError,
    ModelError,
    NoDecoderError,
    NotAudioError,
    SerenadeError,
    TooLongError,
)

if TYPE_CHECKING:
    from fastapi import Request

_DRAINED = 16 * 2**20  # most bytes of a refused body that are read and dropped
_DRAINING = 2.0  # most seconds for reading them


class Refused(Exception):  # noqa: N818 - not every refusal is an error of the client
    """Refusal of a request.

    Args:
        status: HTTP status.
        kind: name of the error, for programs.
        message: problem and fix, for people.
        file: the client's name of the file, if the error is about one file.
        retry: seconds after which to try again; None if that does not help.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        *,
        file: str | None = None,
        retry: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message
        self.file = file
        self.retry = retry

    def to_dict(self) -> dict[str, Any]:
        """Return type, message and (if known) file as JSON data.

        >>> Refused(413, "TooLarge", "a.wav: too large").to_dict()
        {'type': 'TooLarge', 'message': 'a.wav: too large'}
        """
        file = {} if self.file is None else {"file": self.file}
        return {"type": self.kind, "message": self.message, **file}

    def headers(self) -> dict[str, str]:
        """Return the headers of the response.

        >>> Refused(429, "Overloaded", "too many", retry=0.2).headers()
        {'Retry-After': '1'}
        """
        return {} if self.retry is None else {"Retry-After": str(math.ceil(self.retry))}


def to_refused(error: Exception, file: str) -> Refused:
    """Convert an error about an uploaded file to a refusal.

    Args:
        error: error raised while the file was processed.
        file: the client's name of the file; paths of the server must not leak.

    >>> error = NotAudioError("/tmp/x/0", "not audio that libsndfile reads", "export it as WAV")
    >>> refused = to_refused(error, "song.txt")
    >>> refused.status, refused.message
    (415, 'song.txt: not audio that libsndfile reads; export it as WAV')
    >>> to_refused(ModelError("/srv/model: cannot adapt"), "song.wav").message
    'cannot adapt'
    >>> to_refused(GraphError("needs too much memory: 9 GiB", "cut it"), "song.wav").message
    'song.wav: needs too much memory: 9 GiB; cut it'
    """
    if isinstance(error, GraphError):
        error = error.name_recording(file)
    kind = type(error).__name__
    if isinstance(error, AudioError):
        statuses = {NotAudioError: 415, NoDecoderError: 415, TooLongError: 413}
        status = statuses.get(type(error), 422)
        return Refused(status, kind, f"{file}: {error.problem}; {error.fix}", file=file)
    if isinstance(error, ModelError):  # its message begins with the folder of the model
        return Refused(422, kind, str(error).partition(": ")[2] or str(error))
    if isinstance(error, SerenadeError | ValueError):
        return Refused(422, kind, str(error))
    raise error


async def respond_refused(request: Request, error: Exception) -> JSONResponse:
    """Respond to a `Refused`."""
    assert isinstance(error, Refused)
    headers = error.headers()
    if not await _drain(request):
        headers["Connection"] = "close"  # uvicorn would otherwise read the rest of the body
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse({"error": error.to_dict()}, error.status, headers)


async def _drain(request: Request) -> bool:
    """Read and drop some of a refused body; return whether it has ended.

    Closing a connection with unread bytes resets it, and the client might not see the response.
    """
    if request.method not in {"POST", "PUT"} or getattr(request.state, "finished", False):
        return True
    untouched = not getattr(request.state, "begun", False)
    if untouched and request.headers.get("expect", "").lower() == "100-continue":
        return False  # the client has not sent the body yet
    size = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DRAINING):
            while size < _DRAINED:
                message = await request.receive()
                size += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body"):
                    return True
    return False
