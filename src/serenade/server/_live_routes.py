"""Serve live speech over a WebSocket: receive samples, send updates."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import logging
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from serenade.adaptation import Expect  # noqa: TC001 - pydantic reads it
from serenade.audio import MAX_CHANNELS, SAMPLING_RATES
from serenade.errors import AudioError, SerenadeError
from serenade.inference import DEFAULT_HOP, DEFAULT_WINDOW
from serenade.runtime import StoppedError
from serenade.server._refusals import Refused, to_refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from numpy.typing import NDArray

    from serenade.inference import Stream, Update
    from serenade.server._service import Service
    from serenade.server._settings import Settings

    Send = Callable[[Callable[[], list[Update]]], Awaitable[None]]

_LOGGER = logging.getLogger(__name__)

MESSAGE = 2**18
"""Largest message in bytes."""

_TEXT = 2**12  # most characters of a text; each field of JSON takes time of the loop
_LONGEST = 10.0  # most seconds of signal in a message
# RFC 6455, section 7.4.1
_POLICY, _UNSUPPORTED, _TOO_BIG, _INTERNAL, _ENDS, _AGAIN = 1008, 1003, 1009, 1011, 1012, 1013
_FORMATS: dict[str, np.dtype[Any]] = {"s16le": np.dtype("<i2"), "f32le": np.dtype("<f4")}


class Hello(BaseModel):
    """First message of a stream."""

    model_config = ConfigDict(extra="forbid")

    sampling_rate: int = Field(ge=SAMPLING_RATES[0], le=SAMPLING_RATES[1], strict=True)
    format: Literal["s16le", "f32le"] = "s16le"
    channels: int = Field(1, ge=1, le=MAX_CHANNELS)
    window: float = Field(DEFAULT_WINDOW, ge=0.5, le=30)
    hop: float = Field(DEFAULT_HOP, ge=0.25, le=30)
    voice: str | None = None
    adapt: Expect | None = None
    api_key: str = ""


class _Ended(Exception):  # noqa: N818 - also raised at the normal end
    """End of a stream: a close code and the error to send before it."""

    def __init__(self, code: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.error = {"type": kind, "message": message}


def make_live_router(service: Service) -> APIRouter:
    """Make the router of `/v1/stream`.

    Args:
        service: state that all routes share.
    """
    routes = APIRouter()

    @routes.websocket("/v1/stream")
    async def stream(socket: WebSocket) -> None:
        await socket.accept()
        # The client may leave before the last message is sent.
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            try:
                await _serve(socket, service)
                await socket.close()
            except _Ended as end:
                await socket.send_json({"type": "error", "error": end.error})
                await socket.close(end.code)

    return routes


async def _serve(socket: WebSocket, service: Service) -> None:
    message = await _receive(socket, service.settings.patience)
    hello = _parse_hello(message.get("text") or "")
    try:
        service.check_key(socket.headers, hello.api_key)
        model = service.get_model(hello.voice)
    except Refused as refused:
        raise _Ended(_POLICY, refused.kind, refused.message) from None
    client = service.name_client(socket, hello.api_key)
    # Count the stream after the key was checked, so that strangers take no place.
    try:
        service.streams.take(client)
    except Refused as refused:
        raise _Ended(_AGAIN, refused.kind, refused.message) from None
    try:
        try:
            found = model.stream(
                hello.sampling_rate, window=hello.window, hop=hello.hop, adapt=hello.adapt
            )
        except (SerenadeError, ValueError) as error:
            known = to_refused(error, "stream")
            raise _Ended(_POLICY, known.kind, known.message) from None
        await socket.send_json(
            {
                "type": "ready",
                "labels": model.labels,
                "dimensions": model.dimensions,
                "latency": round(found.latency, 3),
                "enrolment": model.enrolment,
            }
        )
        try:
            send = functools.partial(_send_updates, socket, service, client)
            await _listen(socket, service.settings, hello, found, send)
        finally:
            service.metrics.audio.inc(found.time)
    finally:
        service.streams.leave(client)


async def _listen(
    socket: WebSocket, settings: Settings, hello: Hello, stream: Stream, send: Send
) -> None:
    """Receive samples, and send updates, until the client ends the stream."""
    loop = asyncio.get_running_loop()
    idle, fed, waited = settings.idle, loop.time(), 0.0
    while True:
        asked = loop.time()
        message = await _receive(socket, fed + idle - asked)
        waited += loop.time() - asked
        if message.get("text") is not None:
            _check_end(message["text"])
            await send(stream.close)
            await socket.send_json({"type": "end", "duration": round(stream.time, 3)})
            return
        chunk = _decode(message["bytes"], hello)
        # Also limit the time spent waiting for the client, or one sample now and then would hold
        # a stream open. Time that the server needs to predict does not count.
        seconds = max(stream.time + len(chunk) / hello.sampling_rate, waited - idle)
        _check_duration(seconds, settings)
        if len(chunk):
            await send(functools.partial(stream.push, chunk))
            fed = loop.time()


async def _send_updates(
    socket: WebSocket, service: Service, client: str, work: Callable[[], list[Update]]
) -> None:
    """Call `work` in a thread and send its updates, or the error of an unusable chunk.

    All streams of a client together get its share of the threads.
    """
    turn = service.live.submit(client, work)
    try:
        updates: list[Update] = await asyncio.wrap_future(turn.future)
    except StoppedError:  # the server ends
        raise WebSocketDisconnect(_ENDS) from None
    except AudioError as error:  # the chunk is dropped and the stream continues
        failure = {"type": type(error).__name__, "message": str(error)}
        await socket.send_json({"type": "error", "error": failure})
        return
    except Exception:
        _LOGGER.exception("a live stream failed")
        raise _Ended(
            _INTERNAL, "Internal", "the server failed; open another stream, or report this"
        ) from None
    finally:
        turn.stop()
    for update in updates:
        await socket.send_json({"type": "update", **update.to_dict()})


def _check_end(text: str) -> None:
    if _parse_json(text).get("type") != "end":
        raise _Ended(_POLICY, "Protocol", 'unknown message; send samples or {"type": "end"}')


def _check_duration(seconds: float, settings: Settings) -> None:
    if seconds > settings.max_duration:
        raise _Ended(
            _POLICY,
            "TooLongError",
            f"the stream lasts more than the {settings.max_duration:g} s this server takes; open "
            "another one",
        )


async def _receive(socket: WebSocket, idle: float) -> dict[str, Any]:
    try:
        async with asyncio.timeout(idle):
            message: Any = await socket.receive()
    except TimeoutError:
        raise _Ended(_POLICY, "Idle", "no samples in time; open another stream") from None
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1000))
    if len(message.get("bytes") or message.get("text") or b"") > MESSAGE:
        raise _Ended(_TOO_BIG, "TooLarge", f"a message exceeds {MESSAGE} bytes; send smaller ones")
    return dict(message)


def _parse_hello(text: str) -> Hello:
    try:
        return Hello.model_validate(_parse_json(text))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise _Ended(
            _POLICY, "Protocol", f'{place}: {first["msg"]}; send {{"sampling_rate": 16000}} first'
        ) from None


def _parse_json(text: str) -> dict[str, Any]:
    if len(text) > _TEXT:
        raise _Ended(_POLICY, "Protocol", f"a text exceeds {_TEXT} characters; send shorter ones")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise _Ended(_POLICY, "Protocol", 'not a JSON object; send {"sampling_rate": 16000} first')
    return content


def _decode(content: bytes, hello: Hello) -> NDArray[Any]:
    """Decode the samples of a message, shape `(samples, channels)`."""
    kind = _FORMATS[hello.format]
    if len(content) % (kind.itemsize * hello.channels):
        raise _Ended(
            _UNSUPPORTED,
            "Protocol",
            f"a message of {len(content)} bytes ends within a sample; send complete samples",
        )
    chunk: NDArray[Any] = np.frombuffer(content, kind).reshape(-1, hello.channels)
    if len(chunk) > _LONGEST * hello.sampling_rate:
        raise _Ended(
            _TOO_BIG, "TooLarge", f"a message lasts more than {_LONGEST:g} s; send smaller ones"
        )
    return chunk.astype(kind.newbyteorder("="))
