"""HTTP requests as bytes: as they should be, and with one to three things wrong."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fuzzing import sounds
from fuzzing.cases import changed, pick

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

ODD = [
    *(b"", b"x", b"\xff\xfe", b"a" * 9000, b"a" * 200_000, b"0", b"-1", b"1e9", b"[", b"\t,;=\x01"),
    *(b"http://[", b"https://other.example", b"null", b"bytes=0-,0-,5-1,-9", b"gzip, br", b"%00"),
    *(b"100-continue", b"upgrade", b"websocket", b"h2c", b"close, keep-alive", b"Bearer \xc3\x28"),
    *(b"chunked", b"identity", b"gzip, chunked", b"99999999999999999999999", b"+5", b"5, 5"),
]
"""Values of headers."""

_METHODS = [
    *(b"GET", b"HEAD", b"OPTIONS", b"PUT", b"PATCH", b"DELETE", b"TRACE", b"CONNECT", b"M-X", b""),
    *(b"get", b"P\xffST", b"PRI", b"POST POST", b"A" * 5000),
]
_TARGETS = [
    *(b"", b"*", b"//", b"/../../etc/passwd", b"/%2e%2e/%2e%2e/etc/passwd", b"/v1%2fpredict"),
    *(b"/v1/voices/%00", b"/v1/voices/..%2f..", b"/\xff\xfe", b"http://x/healthz", b"x:1", b"/?%"),
    *(b"/" + b"a" * 100_000, b"/v1/predict/", b"/healthz?" + b"&" * 20_000, b"http://[", b"/a b"),
    *(b"/v1/voices/" + b"%F0%9F%92%A9" * 50, b"/%ED%A0%80", b"/healthz#x", b"http:///"),
]
_NAMES = [
    *(b"Host", b"Origin", b"Range", b"If-Range", b"Expect", b"Connection", b"Upgrade", b"Accept"),
    *(b"Content-Encoding", b"Content-Length", b"Transfer-Encoding", b"Content-Type", b"Cookie"),
    *(b"Authorization", b"X-API-Key", b"Te", b"Trailer", b"X-Forwarded-Host", b"a b", b"\xff", b""),
]
_TYPES = [
    *(b"", b";", b"multipart/form-data", b"multipart/form-data; boundary=", b"audio/x-\xff"),
    *(b"multipart/form-data; boundary=" + b"b" * 300, b'multipart/form-data; boundary="a'),
    *(b"multipart/form-data; boundary*=utf-8''%ff", b"multipart/mixed; boundary=b", b"text/plain"),
]
_FILES = ["../../etc/passwd", "C:\\x\\y.wav", "", '"', "\x00", "a" * 5000, "é\u202e.wav", "a\r\nb"]
_QUERY = {
    "name": ["a.wav", "../../x", "\x00", "n" * 3000, "\ud800", "é"],
    "voice": ["", "x", "../..", "\x00", "v" * 3000, "\udcff"],
    "format": ["json", "csv", "webvtt", "textgrid", "xml", "", "JSON"],
    "window": ["2", "0.5", "nan", "inf", "-1", "1e400", "x", "", "30"],
    "hop": ["1", "0.25", "nan", "0", "2e-400", "99999999999999999999"],
    "envelope": ["0", "1", "2", "100", "4000", "4001", "-1", "1.5", "9" * 5000],
    "speech": ["neutral", "mixed", "other", ""],
    "odd": ["1", "&", "=", "\x00"],
}
_UPLOADS = ["/v1/predict", "/v1/timeline", "/v1/batch", "/v1/voices"]
_OTHERS = ["/", "/page.js", "/docs", "/openapi.json", "/healthz", "/readyz", "/metrics"]
_TOLD = {"emotion": "sad", "probability": 0.75, "probabilities": {"sad": 0.75, "angry": 0.25}}
_TIMELINE = _TOLD | {
    "file": "a.wav",
    "duration": 3.0,
    "segments": [_TOLD | {"start": 0.5, "end": 2.5}],
    "envelope": {"low": [-0.5, -0.25], "high": [0.5, 0.25]},
}


@dataclasses.dataclass
class _Request:
    method: bytes
    target: bytes
    body: bytes = b""
    headers: list[tuple[bytes, bytes]] = dataclasses.field(default_factory=list)
    framed: bool = False  # its length is stated, rightly or not
    version: bytes = b"HTTP/1.1"

    def written(self) -> bytes:
        headers = [(b"Host", b"localhost"), *self.headers]
        if not self.framed and (self.body or self.method == b"POST"):
            headers.append((b"Content-Length", str(len(self.body)).encode()))
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        return b" ".join([self.method, self.target, self.version]) + b"\r\n" + lines + b"\r\n"


def request(rng: np.random.Generator, sound: bytes) -> tuple[str, bytes]:
    """Return a request's name and bytes.

    Args:
        rng: decides everything.
        sound: a recording, damaged or not.
    """
    path = pick(rng, [*_UPLOADS * 5, *["/v1/convert"] * 4, "/v1/voices/x", *_OTHERS])
    made = _Request(b"GET", path.encode())
    if path in _UPLOADS:
        made.method, made.body = b"POST", sound
        if rng.random() < 0.5:
            made.body = _form(rng, sound)
            made.headers = [(b"Content-Type", b"multipart/form-data; boundary=boundary")]
    elif path == "/v1/convert":
        told: Any = changed(_TIMELINE, rng) if rng.random() < 0.6 else _TIMELINE
        made.method, made.body = b"POST", json.dumps(told).encode()
    elif path == "/v1/voices/x":
        made.method = b"DELETE"
    name = [made.method.decode(), path]
    for _ in range(int(rng.integers(3))):
        name.append(pick(rng, [*_CHANGES, *["query", "type", "body", "chunks"] * 2]))
        _CHANGES[name[-1]](made, rng)
    head = made.written()
    data = head + made.body
    if rng.random() < 0.1:
        name.append("damage")
        data = sounds.damaged(data, rng, head=len(head))
    if rng.random() < 0.05:
        name.append("cut")
        data = data[: int(rng.integers(1, len(data)))]
    return " ".join(name), data


def _method(made: _Request, rng: np.random.Generator) -> None:
    made.method = pick(rng, _METHODS)


def _target(made: _Request, rng: np.random.Generator) -> None:
    made.target = pick(rng, _TARGETS)


def _query(made: _Request, rng: np.random.Generator) -> None:
    names = [pick(rng, list(_QUERY)) for _ in range(int(rng.integers(1, 4)))]
    values = [quote(pick(rng, _QUERY[name]), errors="surrogatepass") for name in names]
    parts = "&".join(f"{name}={value}" for name, value in zip(names, values, strict=True))
    made.target += b"?" + parts.encode()


def _header(made: _Request, rng: np.random.Generator) -> None:
    if rng.random() < 0.1:
        lines = range(int(rng.integers(50, 3000)))
        made.headers += [(b"X-%d" % number, b"x" * 50) for number in lines]
    else:
        made.headers.append((pick(rng, _NAMES), pick(rng, ODD)))


def _type(made: _Request, rng: np.random.Generator) -> None:
    made.headers.append((b"Content-Type", pick(rng, _TYPES)))


def _length(made: _Request, rng: np.random.Generator) -> None:
    """State the length oddly, perhaps twice."""
    size = str(len(made.body)).encode()
    stated = pick(rng, [b"-1", b"0", b"x", b"9" * 30, size + b"0", b"+" + size, b" ", b"1, 2"])
    made.headers.append((b"Content-Length", stated))
    made.framed = bool(rng.random() < 0.5)


def _chunks(made: _Request, rng: np.random.Generator) -> None:
    """Send the body in chunks, with extensions and trailers, perhaps damaged."""
    pieces = [made.body[start : start + 5000] for start in range(0, len(made.body), 5000)]
    more = pick(rng, [b"", b"", b";x=y", b";" + b"x" * 100_000])
    last = pick(rng, [b"", b"X: y\r\n", b"X: " + b"y" * 100_000 + b"\r\n"])
    content = b"".join(b"%x%b\r\n%b\r\n" % (len(one), more, one) for one in pieces)
    content += b"0\r\n" + last + b"\r\n"
    made.body = sounds.damaged(content, rng) if rng.random() < 0.4 else content
    made.headers.append((b"Transfer-Encoding", b"chunked"))
    made.framed = bool(rng.random() < 0.8)


def _version(made: _Request, rng: np.random.Generator) -> None:
    made.version = pick(rng, [b"HTTP/1.0", b"HTTP/9.9", b"", b"X"])


def _body(made: _Request, rng: np.random.Generator) -> None:
    made.body = sounds.damaged(made.body, rng, head=300)


_CHANGES: dict[str, Callable[[_Request, np.random.Generator], None]] = {
    "method": _method,
    "target": _target,
    "query": _query,
    "header": _header,
    "type": _type,
    "length": _length,
    "chunks": _chunks,
    "version": _version,
    "body": _body,
}


def _form(rng: np.random.Generator, sound: bytes) -> bytes:
    """Return a multipart form of one to three files, and perhaps of many fields."""
    parts = []
    for _ in range(int(rng.integers(1, 4))):
        name = pick(rng, _FILES) if rng.random() < 0.3 else "a.wav"
        lines = [b'Content-Disposition: form-data; name="file"; filename="%b"' % name.encode()]
        if rng.random() < 0.1:
            lines = [
                pick(rng, [b"", b"x", b":", b"Content-Disposition: form-data", b"X: " + ODD[4]])
            ]
        if rng.random() < 0.1:
            lines += [b"X-%d: y" % line for line in range(int(rng.integers(1, 500)))]
        parts.append(b"\r\n".join(lines) + b"\r\n\r\n" + sound + b"\r\n")
    if rng.random() < 0.05:
        parts += [b"\r\n\r\n"] * int(rng.integers(10, 5000))
    return b"".join(b"--boundary\r\n" + part for part in parts) + b"--boundary--\r\n"
