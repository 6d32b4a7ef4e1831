"""WebSocket messages as bytes: a stream's as they should be, and odd ones among them."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from fuzzing import sounds
from fuzzing.cases import changed, pick
from fuzzing.requests import ODD

if TYPE_CHECKING:
    from collections.abc import Callable

_TEXTS = ["", "[]", "{}", '{"type": "more"}', "[" * 50_000, '{"type": 1}', "null", "\u0000", "NaN"]
_CLOSES = [b"", b"\x03", b"\x03\xe8", b"\x03\xe8bye", b"\x00\x00", b"\x03\xed", b"\x03\xe8\xff\xfe"]
_HANDSHAKE = {
    b"Host": b"localhost",
    b"Upgrade": b"websocket",
    b"Connection": b"Upgrade",
    b"Sec-WebSocket-Key": b"dGhlIHNhbXBsZSBub25jZQ==",
    b"Sec-WebSocket-Version": b"13",
}


def frame(
    opcode: int, payload: bytes, *, last: bool = True, mask: bool = True, length: int | None = None
) -> bytes:
    """Return a frame, RFC 6455, section 5.2.

    Args:
        opcode: with the reserved bits above it, where they are to be set.
        payload: its content.
        last: of its message.
        mask: as clients have to; with zeros, which leave the payload as it is.
        length: that is stated instead of the payload's.
    """
    size = len(payload) if length is None else length
    bit = 128 if mask else 0
    head = bytes([(128 if last else 0) | opcode])
    if size < 126:
        head += bytes([bit | size])
    elif size < 1 << 16:
        head += struct.pack(">BH", bit | 126, size)
    else:
        head += struct.pack(">BQ", bit | 127, size)
    return head + (bytes(4) if mask else b"") + payload


def messages(rng: np.random.Generator) -> tuple[list[str], list[bytes]]:
    """Return the names of a stream's messages, the last of how it ends, and their bytes.

    Args:
        rng: decides everything.
    """
    kind = pick(rng, ["s16le", "f32le"])
    hello: Any = {"sampling_rate": 16000, "format": kind, "channels": 1, "hop": 1.0}
    names, said = ["hello"], json.dumps(hello)
    if rng.random() < 0.25:
        names, said = ["odd hello"], pick(rng, [json.dumps(changed(hello, rng)), pick(rng, _TEXTS)])
    sent = [frame(1, said.encode())]
    for _ in range(int(rng.integers(9))):
        names.append(pick(rng, [*["samples"] * 12, *_MESSAGES]))
        sent.append(_MESSAGES[names[-1]](rng, "<i2" if kind == "s16le" else "<f4"))
    names.append(pick(rng, ["end", "end", "end", "close", "gone", "silence"]))
    if names[-1] == "end":
        sent.append(frame(1, b'{"type": "end"}'))
    elif names[-1] == "close":
        sent.append(frame(8, b"\x03\xe8"))
    return names, sent


def _samples(rng: np.random.Generator, dtype: str) -> bytes:
    speech = sounds.speech() * (32767 if dtype == "<i2" else 1)
    return speech[: int(rng.integers(1, 9600))].astype(dtype).tobytes()


def _pieces(rng: np.random.Generator, dtype: str) -> bytes:
    """Return a message in ten frames, with a ping among them."""
    whole = _samples(rng, dtype).ljust(20, b"\0")[:20]
    made = [frame(0 if at else 2, whole[at : at + 2], last=at == 18) for at in range(0, 20, 2)]
    return b"".join([*made[:5], frame(9, b"?"), *made[5:]])


_MESSAGES: dict[str, Callable[[np.random.Generator, str], bytes]] = {
    "samples": lambda rng, dtype: frame(2, _samples(rng, dtype)),
    "not finite": lambda rng, _: frame(2, np.full(9, pick(rng, [np.nan, np.inf]), "<f4").tobytes()),
    "huge": lambda *_: frame(2, np.full(100, 3e38, "<f4").tobytes()),
    "part": lambda rng, dtype: frame(2, _samples(rng, dtype)[:-1]),
    "empty": lambda *_: frame(2, b""),
    "largest": lambda rng, _: frame(2, bytes(int(rng.integers(2**18 - 2, 2**18 + 3)))),
    "long": lambda *_: frame(2, bytes(300_000)),
    "pings": lambda rng, _: frame(9, rng.bytes(int(rng.integers(126)))) * 20,
    "pong": lambda rng, _: frame(10, rng.bytes(int(rng.integers(140)))),
    "text": lambda rng, _: frame(1, pick(rng, _TEXTS).encode()),
    "noise": lambda rng, _: rng.bytes(int(rng.integers(1, 200))),
    "pieces": _pieces,
    "many": lambda rng, _: frame(2, b"") * int(rng.integers(1, 3000)),
    "opcode": lambda rng, _: frame(pick(rng, [3, 7, 11, 15, 0x42, 0x21]), b"x"),
    "unmasked": lambda rng, dtype: frame(2, _samples(rng, dtype), mask=False),
    "not utf-8": lambda *_: frame(1, b"\xff\xfe\xed\xa0\x80"),
    "lie": lambda rng, _: frame(2, b"xx", length=pick(rng, [2**63, 2**40, 2**18 + 1, 1000])),
    "stray": lambda *_: frame(0, b"xx"),
    "close": lambda rng, _: frame(8, pick(rng, _CLOSES)),
}


def handshake(rng: np.random.Generator) -> tuple[str, bytes]:
    """Return the start of a WebSocket; in an eighth of cases with something odd, which is named.

    Args:
        rng: decides everything.
    """
    line, headers, odd = b"GET /v1/stream HTTP/1.1", dict(_HANDSHAKE), ""
    if rng.random() < 0.125:
        odd = pick(rng, ["method", "path", "missing", "value", "more", "long", "origin", "body"])
        name = pick(rng, list(headers))
        if odd == "method":
            line = line.replace(b"GET", pick(rng, [b"POST", b"HEAD", b"OPTIONS"]))
        elif odd == "path":
            paths = [b"/", b"/nothing", b"/v1/stream/", b"/v1/stream?x=%00", b"*"]
            line = line.replace(b"/v1/stream", pick(rng, paths))
        elif odd == "missing":
            del headers[name]
        else:
            headers |= {
                "value": {name: pick(rng, ODD)},
                "more": {b"X-%d" % number: b"x" for number in range(200)},
                "long": {b"X": b"x" * 9000},
                "origin": {b"Origin": pick(rng, ODD)},
                "body": {b"Content-Length": b"5"},
            }[odd]
    lines = [line, *(name + b": " + value for name, value in headers.items()), b"", b""]
    return odd and f"handshake with odd {odd}", b"\r\n".join(lines)
