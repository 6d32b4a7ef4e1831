"""What is refused, as HTTP says it: one JSON shape, a status that tells whose turn it is."""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import TYPE_CHECKING, Any

from fastapi.responses import JSONResponse

from serenade.errors import AudioError, NotAudioError, SerenadeError, TooLongError

if TYPE_CHECKING:
    from fastapi import Request

_DRAINED = 16 * 2**20  # bytes of a refused body that are read and dropped
_DRAINING = 2.0  # seconds for that


class Refused(Exception):  # noqa: N818 - not always the user's mistake
    """A request that is not answered.

    Args:
        status: of HTTP.
        kind: the error's name, for programs.
        message: what is wrong and what to do, for people.
        file: which file, where there are several.
        retry: seconds after which trying again may help; None where it will not.
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
        """JSON-ready: type, message, and file where it is known.

        >>> Refused(413, "TooLarge", "a.wav: too large").to_dict()
        {'type': 'TooLarge', 'message': 'a.wav: too large'}
        """
        file = {} if self.file is None else {"file": self.file}
        return {"type": self.kind, "message": self.message, **file}

    def headers(self) -> dict[str, str]:
        """Of its answer.

        >>> Refused(429, "Overloaded", "too many", retry=0.2).headers()
        {'Retry-After': '1'}
        """
        return {} if self.retry is None else {"Retry-After": str(math.ceil(self.retry))}


class StoppedError(Exception):
    """Work that nobody waits for any more."""


def to_refused(error: Exception, file: str) -> Refused:
    """What an error about an uploaded file is over HTTP.

    Args:
        error: raised while the file was worked on.
        file: what its sender called it: the place it was kept in is nobody's business.

    >>> error = NotAudioError("/tmp/x/0", "not audio that libsndfile reads", "export it as WAV")
    >>> refused = to_refused(error, "song.txt")
    >>> refused.status, refused.message
    (415, 'song.txt: not audio that libsndfile reads; export it as WAV')
    """
    kind = type(error).__name__
    if isinstance(error, AudioError):
        status = {NotAudioError: 415, TooLongError: 413}.get(type(error), 422)
        return Refused(status, kind, f"{file}: {error.problem}; {error.fix}", file=file)
    if isinstance(error, SerenadeError | ValueError):
        return Refused(422, kind, str(error))
    raise error


async def respond_refused(request: Request, error: Exception) -> JSONResponse:
    """The response to a `Refused`."""
    assert isinstance(error, Refused)
    headers = error.headers()
    if not await _drained(request):
        headers["Connection"] = "close"  # or the rest of the body would be read to its end
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse({"error": error.to_dict()}, error.status, headers)


async def _drained(request: Request) -> bool:
    """Take some of a body that nobody wants; whether it is over.

    A connection closed on unread bytes is reset, and the sender might never read why.
    """
    if request.method not in {"POST", "PUT"} or getattr(request.state, "finished", False):
        return True
    untouched = not getattr(request.state, "begun", False)
    if untouched and request.headers.get("expect", "").lower() == "100-continue":
        return False  # the sender waits with it for our word
    size = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DRAINING):
            while size < _DRAINED:
                message = await request.receive()
                size += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body"):
                    return True
    return False
