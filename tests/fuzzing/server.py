"""A real server on loopback, in the worker: whatever comes, an answer that is documented."""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import logging
import re
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from fuzzing import frames, requests, sounds
from fuzzing.cases import Case, pick

if TYPE_CHECKING:
    from pathlib import Path

STATUSES = {400, 401, 403, 404, 405, 408, 413, 415, 422, 429, 431, 503}
"""What docs/server.md has of refusals."""

CODES = {1000, 1002, 1003, 1007, 1008, 1009, 1013}
"""Likewise of ends of streams."""

_PATIENCE = 20.0  # seconds on the clock for an answer: the machine may be shared


def request(number: int, folder: Path) -> Case:
    """Make a request with something wrong, or a damaged recording in one that is right."""
    rng = np.random.default_rng([11, number])
    path = folder / "sound"
    made = sounds.mutated(number)
    if rng.random() < 0.5:
        path.write_bytes(sounds.whole(pick(rng, list(sounds.WRITTEN))))
    else:
        made.write(path)
    name, data = requests.request(rng, path.read_bytes())
    running = _server()

    def act() -> object:
        method = data.partition(b" ")[0].decode("latin-1")
        try:
            status, headers, body = _asked(running.port, data, method)
        finally:
            running.still_well()
        return judged(status, headers, body)

    return Case(f"{number}: {name}", act)


def messages(number: int, folder: Path) -> Case:  # noqa: ARG001 - every target's
    """Make a stream of messages, of which some are odd."""
    rng = np.random.default_rng([12, number])
    odd, start = frames.handshake(rng)
    names, sent = frames.messages(rng)
    running = _server()

    def act() -> object:
        try:
            return _streamed(running.port, start, names, sent)
        finally:
            running.still_well()

    return Case(f"{number}: {odd or ' '.join(names)}", act)


def judged(status: int, headers: http.client.HTTPMessage, body: bytes) -> object:
    """Check an answer against the documentation.

    Raises:
        SerenadeError: it was refused; of a class named as the refusal is.
        AssertionError: it is not as documented.
    """
    kind = headers.get("Content-Type", "")
    content = json.loads(body, parse_constant=_no_number) if "json" in kind and body else None
    if status < 400:
        assert status in {101, 200, 201, 204}, f"status {status}"
        return content
    assert status in STATUSES, f"status {status}: {body[:500]!r}"
    if not body and headers.get("Content-Length") != "0":  # the answer to HEAD, which has no more
        raise _refused({"type": "Head", "message": str(status)})
    assert kind == "application/json", f"{status} {kind}: {body[:500]!r}"
    assert content is not None
    raise _refused(content["error"])


def _refused(error: dict[str, Any]) -> Exception:
    from serenade.errors import SerenadeError

    assert error.keys() - {"file"} == {"type", "message"}, error
    assert all(isinstance(value, str) for value in error.values()), error
    made: Exception = type(error["type"], (SerenadeError,), {})(error["message"])
    return made


def _no_number(name: str) -> None:
    raise AssertionError(f"{name} in JSON")


class _Running:
    """A server in a thread, and what it complains about."""

    def __init__(self) -> None:
        import serenade
        from serenade.server import Settings, make_server, open_socket

        listening = open_socket("127.0.0.1", 0)
        self.port: int = listening.getsockname()[1]
        limits = Settings(
            concurrency=2,
            queue=4,
            streams=4,
            voices=4,
            max_files=4,
            max_size=2**21,
            max_duration=60.0,
            timeout=3.0,
            idle=1.0,
            patience=1.0,
        )
        made = make_server(serenade.load(), limits)
        self._complaints: list[str] = []
        for name in ("uvicorn", "asyncio"):
            logger = logging.getLogger(name)
            logger.handlers, logger.propagate = [_Keeper(self._complaints)], False
        threading.Thread(target=made.run, kwargs={"sockets": [listening]}, daemon=True).start()
        limit = time.monotonic() + 60
        while not made.started:
            assert time.monotonic() < limit, "the server did not start"
            time.sleep(0.01)

    def still_well(self) -> None:
        """Return whether the server answers another client, holds nothing, and has logged no error.

        Raises:
            AssertionError: one of these is not so.
        """
        ask = b"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        status, _, body = _asked(self.port, ask % b"/healthz", "GET")
        assert (status, body) == (200, b'{"status":"ok"}')
        limit = time.monotonic() + _PATIENCE
        while True:
            text = _asked(self.port, ask % b"/metrics", "GET")[2].decode()
            held = re.findall(r"^serenade_(?:inside|streams) (.*)$", text, re.MULTILINE)
            if held == ["0.0", "0.0"]:
                break
            assert time.monotonic() < limit, f"still held: {held}"
            time.sleep(0.02)
        found = self._complaints.copy()
        self._complaints.clear()
        assert not found, "the server's log: " + "\n".join(found)


class _Keeper(logging.Handler):
    """Keeps what is logged as an error."""

    def __init__(self, kept: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        self._kept.append(self.format(record)[-1200:])


@functools.cache
def _server() -> _Running:
    return _Running()


def _asked(port: int, data: bytes, method: str) -> tuple[int, http.client.HTTPMessage, bytes]:
    """Send bytes; status, headers and body of what is answered first."""
    with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE) as link:
        with contextlib.suppress(ConnectionError):  # it may be answered before it is read
            link.sendall(data)
        answer = http.client.HTTPResponse(link, method=method)
        try:
            answer.begin()
            return answer.status, answer.headers, b"" if answer.status == 101 else answer.read()
        finally:
            answer.close()


def _streamed(port: int, start: bytes, names: list[str], sent: list[bytes]) -> object:
    """Open a stream, send messages, and read until it is closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE) as link:
        link.sendall(start)
        answer = http.client.HTTPResponse(link, method="GET")
        answer.begin()
        if answer.status != 101:
            # A handshake's own refusals are the protocol's, and say so in plain words.
            assert answer.status in {400, 403, 404, 405, 408, 426, 431}, answer.status
            raise _refused({"type": f"Handshake{answer.status}", "message": "no WebSocket"})
        reading = link.makefile("rb")
        with contextlib.suppress(ConnectionError):  # it may be closed before it is read
            for message in sent:
                link.sendall(message)
        if names[-1] == "gone":
            return None
        said, code = _heard(reading)
    for message in said:
        assert message["type"] in {"ready", "update", "error", "end"}, message
    assert code in CODES or (code == 1005 and "close" in names), f"closed with {code}; {said[-1:]}"
    if code == 1000:
        return said
    if said and said[-1]["type"] == "error":
        raise _refused(said[-1]["error"])
    raise _refused({"type": f"Closed{code}", "message": "by the protocol"})


def _heard(reading: Any) -> tuple[list[dict[str, Any]], int]:
    """Return messages of the server, and its close code."""
    said: list[dict[str, Any]] = []
    while True:
        head = reading.read(2)
        if len(head) < 2:
            raise AssertionError(f"the connection ended without a word; before it: {said[-1:]}")
        size = head[1]
        if size > 125:
            layout, more = (">H", 2) if size == 126 else (">Q", 8)
            (size,) = struct.unpack(layout, reading.read(more))
        payload = reading.read(size)
        if head[0] & 15 == 1:
            said.append(json.loads(payload, parse_constant=_no_number))
        elif head[0] & 15 == 8:
            return said, int.from_bytes(payload[:2], "big") if payload else 1005
