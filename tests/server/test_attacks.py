"""Attacks on loopback: each ends by itself, in bounded memory, while others are served."""

import contextlib
import gzip
import json
import re
import socket
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
from support.waiting import wait_until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from serenade.audio import read

if not Path("/proc/self/clear_refs").exists():
    pytest.skip("peaks are read from /proc", allow_module_level=True)

HELLO = json.dumps({"sampling_rate": 16000, "format": "f32le"}).encode()
UPGRADE = (
    b"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
POST = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def hasty(serve):
    """Start a server with short time limits, which others than attackers keep on a busy machine."""
    limits = {"patience": 1.0, "idle": 1.0, "timeout": 6.0, "max_size": 2**24, "queue": 6}
    once = httpx.Limits(max_keepalive_connections=0)  # or they would be closed between requests
    with (
        serve(**limits) as served,
        httpx.Client(base_url=served.base_url, timeout=None, limits=once) as client,
    ):
        client.running, client.patience = served.running, limits["patience"]
        yield client


def opened(client, data=b"", *, small=False):
    """Open a socket to the server and send some bytes."""
    raw = socket.socket()
    if small:  # takes little that it does not read
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect((client.base_url.host, client.base_url.port))
    raw.sendall(data)
    return raw


@contextlib.contextmanager
def streaming(client, *frames):
    """Open a WebSocket with our own bytes; send a hello and some frames."""
    with opened(client, UPGRADE, small=True) as raw:
        assert raw.recv(1000).startswith(b"HTTP/1.1 101")
        raw.sendall(frame(1, HELLO) + b"".join(frames))
        yield raw


def answered(raw):
    """Return all that the server sends until it closes the connection."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while piece := raw.recv(1 << 16):
            found += piece
    return found


def refusal(answer):
    """Return the status and the error type of a refusal."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["error"]["type"]


def asked(client, data):
    with opened(client, data) as raw:
        return refusal(answered(raw))


def frame(opcode, payload):
    """Return a small masked frame of a client, RFC 6455, with zeros as mask."""
    assert len(payload) < 126
    return bytes([128 | opcode, 128 | len(payload)]) + bytes(4) + payload


def good(client, words):
    """Check that a client that does everything right is served."""
    answer = client.post("/v1/predict", files={"file": ("a.wav", words)})
    assert answer.status_code == 200, answer.text


def at(client):
    """Return the number of the server's connections."""
    return list(client.running.server_state.connections)


def let_go(client, what="serenade_inside"):
    """Wait until the server holds nothing of a kind any more."""
    wait_until(lambda: f"{what} 0.0" in client.get("/metrics").text)


@contextlib.contextmanager
def bounded(megabytes):
    """Check that clients and server together take at most so much more memory."""

    def status(field):
        text = Path("/proc/self/status").read_text("ascii")
        return int(re.search(rf"{field}:\s+(\d+)", text).group(1)) / 1024

    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    before = status("VmRSS")
    yield
    assert status("VmHWM") - before < megabytes


def poured(raw, data, megabytes, seconds=5.0):
    """Send the same data again and again.

    Args:
        raw: socket to the server.
        data: data to send.
        megabytes: most megabytes to send.
        seconds: longest time to send.

    Returns:
        Megabytes that were sent before the server closed the connection or stopped reading.
    """
    raw.settimeout(seconds)
    size = 0
    limit = time.monotonic() + seconds
    with contextlib.suppress(OSError):
        while size < megabytes << 20 and time.monotonic() < limit:
            size += raw.send(data)
    raw.settimeout(None)
    return size / (1 << 20)


def trickle(sockets, piece):
    """Send a piece on each socket now and then, until the server closes all of them."""
    sending = list(sockets)
    while sending:
        for raw in list(sending):
            try:
                raw.send(piece)
            except ConnectionError:
                sending.remove(raw)
        time.sleep(0.1)


def test_heads_that_never_end(hasty, words):
    """Slowloris: each connection sends a byte now and then; other clients are served meanwhile."""
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(opened(hasty, b"GET / HTTP/1.1\r\nX: ")) for _ in range(150)]
        trickle(slow, b"x")
        good(hasty, words)
        found = [answered(raw) for raw in slow]
        assert {refusal(answer) for answer in found} == {(408, "TooSlow")}
    good(hasty, words)


@pytest.mark.parametrize(
    "before", [b"", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", UPGRADE]
)
def test_hundreds_that_say_nothing(hasty, words, before):
    """Clients say nothing at first, after a request, or as a WebSocket."""
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(opened(hasty, before)) for _ in range(200)]
        good(hasty, words)
        for raw in idle:
            answered(raw)  # returns only if the server closes the connection
    good(hasty, words)


def test_more_connections_than_there_are(serve, words, caplog):
    """The server closes the connection that is idle longest, also a WebSocket; active ones stay."""
    with (
        serve(connections=20) as client,
        contextlib.ExitStack() as stack,
        connect(f"ws://127.0.0.1:{client.base_url.port}/v1/stream", proxy=None) as live,
    ):
        live.send(HELLO.decode())
        live.recv()
        idle = [stack.enter_context(opened(client)) for _ in range(5)]
        idle += [stack.enter_context(opened(client, UPGRADE)) for _ in range(5)]
        for raw in idle[5:]:
            raw.recv(1000)
        good(client, words)
        idle += [stack.enter_context(opened(client)) for _ in range(40)]
        # The client's own idle connection gives way with them; it must know before it asks again.
        assert {answered(raw) for raw in idle[:20]} == {b""}
        wait_until(lambda: len(at(client)) == 20)
        good(client, words)
        live.send('{"type": "end"}')
        assert json.loads(live.recv())["type"] == "end"
    assert not [record for record in caplog.records if record.exc_info]


def test_when_all_connections_are_at_work(serve, words):
    with serve(connections=2, patience=5) as client:
        work = [opened(client, POST + b"Content-Length: 9\r\n\r\nabc") for _ in range(2)]
        wait_until(lambda: sum(one.waiting is None for one in at(client)) == 2)
        with opened(client) as raw:
            assert refusal(answered(raw)) == (503, "Overloaded")
        for raw in work:
            raw.close()
        wait_until(lambda: not at(client))
        good(client, words)


@pytest.mark.parametrize("framing", ["chunks", "form"])
def test_bodies_that_trickle(hasty, words, framing):
    """Each read succeeds, and the body never ends; it holds a place for a limited time."""
    start, piece = {
        "chunks": (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        "form": (
            POST + b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 99999\r\n\r\n"
            b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n',
            b"x",
        ),
    }[framing]
    with contextlib.ExitStack() as stack:
        # There are eight places, four of them for one client.
        other = start.replace(b"\r\n", b"\r\nX-Forwarded-For: 10.0.0.1\r\n", 1)
        slow = [stack.enter_context(opened(hasty, each)) for each in [start, other] * 3]
        good(hasty, words)
        trickle(slow, piece)
        assert hasty.get("/readyz").status_code == 200
        assert {refusal(answered(raw)) for raw in slow} == {(408, "TooSlow")}
        let_go(hasty)
    good(hasty, words)


def test_a_slow_line_is_no_attack(serve, words):
    """A body that is slow, but not as slow as that, comes to its end."""
    with serve(patience=1, min_rate=len(words) // 400) as client:

        def pieces():
            for start in range(0, len(words), len(words) // 10 + 1):
                yield words[start : start + len(words) // 10 + 1]
                time.sleep(0.15)

        assert client.post("/v1/predict", content=pieces()).status_code == 200


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (b"GET / HTTP/1.1\r\nX: ", b"x" * 65536),
        (b"GET /", b"x" * 65536),
        (b"GET / HTTP/1.1\r\n", b"X: y\r\n" * 10_000),
        (b"GET / HTTP/1.1\r\n", b"x" * 65536),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x" * 65536),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: ", b"x" * 65536),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n" * 10_000),
        (UPGRADE[:-2] + b"X: ", b"x" * 65536),
    ],
)
def test_heads_without_bound(hasty, words, start, more):
    with bounded(30), opened(hasty, start) as raw:
        poured(raw, more, 50, 1)
        assert refusal(answered(raw)) in {(431, "TooLarge"), (408, "TooSlow")}
    good(hasty, words)


@pytest.mark.parametrize(
    "more", [b"X: y\r\n" * 150, b"X: " + b"y" * 9000 + b"\r\n", b"X: " + b"y" * 40_000 + b"\r\n"]
)
def test_handshakes_that_are_too_large(hasty, more):
    assert asked(hasty, UPGRADE[:-2] + more + b"\r\n") == (431, "TooLarge")


@pytest.mark.parametrize("more", [b"X: y\r\n" * 101, b"X: " + b"y" * 33_000 + b"\r\n"])
def test_whole_heads_that_are_too_large(hasty, more):
    assert asked(hasty, b"GET / HTTP/1.1\r\nHost: localhost\r\n" + more + b"\r\n") == (
        431,
        "TooLarge",
    )


def test_a_head_that_is_large_but_not_too_large(client):
    many = {f"x-{number}": "y" * 300 for number in range(80)}
    assert client.get("/healthz", headers=many).status_code == 200


def test_requests_ahead_of_their_answers(hasty, words):
    """The server works on the first few of many requests in one write, and of later ones."""
    ahead = b"GET /docs HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with bounded(40), opened(hasty, small=True) as raw:
        poured(raw, ahead * 8000, 50, 2)
    with opened(hasty, ahead * 3) as raw:
        assert answered(raw).count(b"HTTP/1.1 200") == 3
    good(hasty, words)


def test_answers_that_nobody_takes(hasty, words):
    """They are held for a while, and then given up with their connections."""
    ahead = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            raw = stack.enter_context(opened(hasty, small=True))
            for _ in range(200):
                raw.settimeout(0.05)
                with contextlib.suppress(OSError):
                    raw.sendall(ahead)
        good(hasty, words)
        wait_until(lambda: len(at(hasty)) < 3)
    good(hasty, words)


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: 5, 5\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 99999999999999999999\r\n",
        b"X: y\nContent-Length: 5\r\n",
        b"X: y\r\n Content-Length: 5\r\n",
        b"X\x00: y\r\n",
    ],
)
def test_what_two_servers_may_read_in_two_ways(hasty, head):
    """Smuggling: bytes after a body of two lengths are never taken for a request."""
    hidden = b"GET /v1/model HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with opened(hasty, POST + head + b"\r\n0\r\n\r\n" + hidden) as raw:
        found = answered(raw)
    assert len(re.findall(rb"HTTP/1.1 \d", found)) == 1
    assert refusal(found) == (400, "NotHTTP")


@pytest.mark.parametrize(
    "path",
    [
        *("/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc%2fpasswd", "//etc"),
        *("/static/page.html", "/page.js/../../settings.py", "/page.js%00.html", "/.%00./x"),
        *("/v1/voices/../../x", "/v1/voices/a/b", "/v1/voices/..%2f..%2fetc%2fpasswd", "/v1"),
        *("/healthz/", "/HEALTHZ", "/" + "a" * 20_000, "/%ff%fe", "/%ED%A0%80", "/%"),
        "http://other.example/etc/passwd",
    ],
)
def test_paths_lead_nowhere_else(hasty, path):
    line = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    status, kind = asked(hasty, line.encode())
    assert (status, kind) in {(404, "NoRoute"), (405, "NoRoute")}


def test_names_that_are_paths(hasty, words, tmp_path):
    """Of voices and of files: they name nothing on the server's disk."""
    there = tmp_path / "there"
    there.write_bytes(b"kept")
    for name in (str(there), f"../../../../../../..{there}", "\x00", "a" * 3000, "%2e%2e/x"):
        for route in ("/v1/predict", "/v1/timeline"):
            answer = hasty.post(route, params={"voice": name}, content=words)
            assert (answer.status_code, answer.json()["error"]["type"]) == (404, "UnknownVoice")
        if name != "\x00":  # which a form's header cannot hold
            answer = hasty.post("/v1/predict", files={"file": (name, words)})
            assert answer.status_code == 200, answer.text
            assert "/" not in answer.json()["file"]
        answer = hasty.post("/v1/predict", params={"name": name}, content=b"x")
        assert answer.status_code == 415
        assert str(tmp_path.parent) not in answer.text
    assert there.read_bytes() == b"kept"
    assert list(tmp_path.iterdir()) == [there]


def test_bodies_that_unpack_to_more(hasty, words):
    """Nothing is unpacked: neither a request's encoding nor an archive."""
    bomb = gzip.compress(bytes(2**30 // 4), 9)  # 256 MB in 250 kB
    with bounded(40):
        for headers in ({"content-encoding": "gzip"}, {}, {"content-encoding": "deflate, br"}):
            answer = hasty.post("/v1/predict", content=bomb, headers=headers)
            assert (answer.status_code, answer.json()["error"]["type"]) == (415, "NotAudioError")
            assert hasty.post("/v1/convert", content=bomb, headers=headers).status_code == 422
    good(hasty, words)


@pytest.mark.parametrize(
    ("piece", "kind"),
    [
        (b"--b\r\n\r\n\r\n" * 10_000, (413, "TooMany")),
        (b"--b\r\nX: " + b"y" * 100_000, (422, "BrokenForm")),
        (b"--b\r\n" + b"X: y\r\n" * 20_000, (422, "BrokenForm")),
        (b"--b\r\nContent-Disposition: form-data; filename=x\r\n\r\n\r\n" * 90, (413, "TooMany")),
    ],
)
def test_forms_without_bound(hasty, words, piece, kind):
    with bounded(30):
        answer = hasty.post(
            "/v1/batch",
            content=piece * 8,
            headers={"content-type": "multipart/form-data; boundary=b"},
        )
        assert (answer.status_code, answer.json()["error"]["type"]) == kind
    good(hasty, words)


@pytest.mark.parametrize("start", [b"[", b'{"a":', b'{"segments":[', b'{"file":"'])
def test_json_without_end(hasty, words, start):
    with bounded(80):
        answer = hasty.post("/v1/convert", content=start * (2**22 // len(start)))
        assert (answer.status_code, answer.json()["error"]["type"]) == (422, "NoTimeline")
    good(hasty, words)


def test_pings_whose_answers_nobody_reads(hasty, words):
    """The server stops reading while it cannot write, and closes the connection later."""
    with bounded(30), streaming(hasty) as raw:
        assert poured(raw, frame(9, bytes(125)) * 500, 200, 1.5) < 30
        good(hasty, words)
    let_go(hasty, "serenade_streams")


def test_a_stream_that_never_reads(hasty, words):
    """What is said to it, an error for each message, waits, and then the stream is over."""
    nan = frame(2, np.full(5, np.nan, "<f4").tobytes())
    with bounded(30), streaming(hasty) as raw:
        poured(raw, nan * 500, 50, 1.5)
        good(hasty, words)
        let_go(hasty, "serenade_streams")


def test_a_stream_faster_than_it_is_judged(hasty, example, words):
    """The sender is held up, and nothing is lost."""
    speech = np.tile(read(example).signal.astype("<f4"), 3)
    with (
        bounded(60),
        connect(
            f"ws://127.0.0.1:{hasty.base_url.port}/v1/stream", proxy=None, max_queue=None
        ) as live,
    ):
        live.send(HELLO.decode())
        for start in range(0, speech.size, 4000):
            live.send(speech[start : start + 4000].tobytes())
        live.send('{"type": "end"}')
        good(hasty, words)
        said = []
        with contextlib.suppress(ConnectionClosed):
            while True:
                said.append(json.loads(live.recv()))
    assert said[-1] == {"type": "end", "duration": round(speech.size / 16000, 3)}


def test_many_streams_at_once(serve, words):
    """Streams beyond the limit get an error; the others, and other clients, are served."""
    with serve(streams=4) as client:
        found = []

        def talk():
            address = f"ws://127.0.0.1:{client.base_url.port}/v1/stream"
            with connect(address, proxy=None) as live, contextlib.suppress(ConnectionClosed):
                live.send(HELLO.decode())
                found.append(json.loads(live.recv())["type"])
                if found[-1] == "ready":
                    live.send(bytes(64_000))
                    time.sleep(1)
                    live.send('{"type": "end"}')

        threads = [threading.Thread(target=talk) for _ in range(30)]
        for thread in threads:
            thread.start()
        good(client, words)
        for thread in threads:
            thread.join()
        assert found.count("ready") >= 4
        assert found.count("ready") + found.count("error") == 30
        let_go(client, "serenade_streams")
        good(client, words)


def test_streams_that_only_seem_to_be_alive(hasty):
    """Empty messages are silence, and a sample now and then lasts no longer than speech may."""
    with streaming(hasty) as raw, contextlib.suppress(ConnectionError):
        while True:
            raw.sendall(frame(2, b"") + frame(9, b""))
            time.sleep(0.1)
    let_go(hasty, "serenade_streams")


def test_a_stream_lasts_no_longer_by_the_clock(serve):
    with serve(max_duration=0.5, idle=0.5) as client:
        address = f"ws://127.0.0.1:{client.base_url.port}/v1/stream"
        with connect(address, proxy=None) as live:
            live.send(HELLO.decode())
            live.recv()
            with contextlib.suppress(ConnectionClosed):
                while True:
                    live.send(bytes(4))
                    time.sleep(0.1)
            assert json.loads(live.recv())["error"]["type"] == "TooLongError"


def test_text_that_is_none(hasty, caplog):
    """A client's mistake leaves no traceback in the log."""
    with streaming(hasty, frame(1, b"\xff\xfe")) as raw:
        assert answered(raw).endswith(b"\x88\x02\x03\xef")  # 1007
    assert not [record for record in caplog.records if record.exc_info]


FLOODS = {
    "pings": (UPGRADE, frame(9, b"")),
    "pongs": (UPGRADE, frame(10, b"")),
    "empty fragments": (UPGRADE + frame(1, HELLO), frame(2, b"")),
    "fragments of a byte": (
        UPGRADE + frame(1, HELLO) + b"\x02\x80" + bytes(4),
        b"\x00\x81" + bytes(5),
    ),
    "chunks of a byte": (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_server_answers_others_during_a_flood(serve, words, kind):
    """Parts of some bytes each, from 32 clients without a key, for as long as the others ask."""
    start, piece = FLOODS[kind]
    over = threading.Event()
    sent = [0] * 32

    def flood(client, number):
        while not over.is_set():
            with contextlib.suppress(OSError), opened(client, start) as raw:
                raw.settimeout(0.5)
                while not over.is_set():
                    with contextlib.suppress(TimeoutError):
                        sent[number] += raw.send(piece * 10_000)

    with serve(api_keys=("key",), patience=30, idle=30) as client:
        client.headers["x-api-key"] = "key"
        threads = [threading.Thread(target=flood, args=(client, n)) for n in range(32)]
        for thread in threads:
            thread.start()
        try:
            wait_until(lambda: sum(sent) > 2**20)
            for _ in range(3):
                assert client.get("/healthz").status_code == 200
                good(client, words)
        finally:
            over.set()
            for thread in threads:
                thread.join()
