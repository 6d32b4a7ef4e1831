"""Live speech over a WebSocket: the same as the file, within limits."""

import contextlib
import json
import time

import numpy as np
import pytest
from support.waiting import wait_until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from serenade.audio import read
from serenade.inference import Model
from serenade.server._shares import Shares


@pytest.fixture(scope="module")
def signal(example):
    return read(example).signal


@pytest.fixture(scope="module")
def pcm(signal):
    return np.round(signal * 32767).astype("<i2")


def _open(client, headers=None, **hello):
    base = str(client.base_url).replace("http", "ws")
    return _Stream(f"{base}/v1/stream", hello, headers)


class _Stream:
    def __init__(self, address, hello, headers):
        self._connection = connect(address, proxy=None, additional_headers=headers)
        self._hello = hello

    def __enter__(self):
        self.socket = self._connection.__enter__()
        if self._hello:
            with contextlib.suppress(ConnectionClosed):  # where it was refused before
                self.socket.send(json.dumps(self._hello))
        return self

    def __exit__(self, *error):
        self._connection.__exit__(*error)

    def next(self):
        return json.loads(self.socket.recv())

    def rest(self):
        """All messages until it is closed; gives them and the close code."""
        found = []
        try:
            while True:
                found.append(self.next())
        except ConnectionClosed as closed:
            return found, closed.rcvd.code


@pytest.mark.parametrize(("kind", "size"), [("s16le", 1600), ("f32le", 4001), ("s16le", 70_000)])
def test_a_stream_says_what_the_file_does(client, model, pcm, signal, kind, size):
    samples = pcm if kind == "s16le" else signal.astype("<f4")
    with _open(client, sampling_rate=16000, format=kind) as stream:
        ready = stream.next()
        assert ready["type"] == "ready"
        assert ready["labels"] == list(model.labels)
        for start in range(0, samples.size, size):
            stream.socket.send(samples[start : start + size].tobytes())
        stream.socket.send(json.dumps({"type": "end"}))
        messages, code = stream.rest()
    assert code == 1000
    assert messages[-1] == {"type": "end", "duration": round(samples.size / 16000, 3)}
    updates = messages[:-1]
    assert {message["type"] for message in updates} == {"update"}
    found = [segment for update in updates for segment in update["segments"]]
    assert found == [part.to_dict() for part in model.timeline(samples, 16000).segments]


def test_several_channels_and_another_rate(client, model, pcm):
    both = np.stack([np.repeat(pcm, 2)] * 2, axis=1)
    with _open(client, sampling_rate=32000, channels=2) as stream:
        assert stream.next()["type"] == "ready"
        for start in range(0, len(both), 32000):
            stream.socket.send(both[start : start + 32000].tobytes())
        stream.socket.send('{"type": "end"}')
        messages, _ = stream.rest()
    found = [segment for update in messages[:-1] for segment in update["segments"]]
    assert found == [part.to_dict() for part in model.timeline(both, 32000).segments]


def test_an_enrolled_voice(client, model, example):
    voice = client.post("/v1/voices", files={"file": ("v", example.read_bytes())}).json()["voice"]
    with _open(client, sampling_rate=16000, voice=voice) as stream:
        assert stream.next()["enrolment"] == model.enrol([example]).enrolment
    with _open(client, sampling_rate=16000, voice="nobody") as stream:
        messages, code = stream.rest()
    assert (messages[0]["error"]["type"], code) == ("UnknownVoice", 1008)


def test_a_stream_adapts_to_itself(client, model, pcm):
    pcm = np.concatenate([pcm, np.zeros(16000, "<i2"), pcm])  # the utterances must be several
    with _open(client, sampling_rate=16000, adapt="neutral") as stream:
        assert stream.next()["type"] == "ready"
        for start in range(0, len(pcm), 32000):
            stream.socket.send(pcm[start : start + 32000].tobytes())
        stream.socket.send('{"type": "end"}')
        messages, _ = stream.rest()
    wanted = model.timeline(pcm, 16000, adapt="neutral")
    found = [segment for update in messages[:-1] for segment in update["segments"]]
    assert found == [part.to_dict() for part in wanted.segments]
    assert {update.get("assumed") for update in messages[:-1]} == {None, "neutral"}


def test_a_bad_chunk_is_told_and_the_stream_goes_on(client):
    with _open(client, sampling_rate=16000, format="f32le") as stream:
        stream.next()
        stream.socket.send(np.full(100, np.nan, "<f4").tobytes())
        assert stream.next()["error"]["type"] == "NonFiniteAudioError"
        stream.socket.send(np.zeros(1600, "<f4").tobytes())
        stream.socket.send('{"type": "end"}')
        assert stream.rest() == ([{"type": "end", "duration": 0.1}], 1000)


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        (["no json"], 1008),
        (["[]"], 1008),
        (["[" * 100_000], 1008),
        (["{}"], 1008),
        ([b"\x00\x00"], 1008),
        (['{"sampling_rate": 5}'], 1008),
        (['{"sampling_rate": 16000, "format": "mp3"}'], 1008),
        (['{"sampling_rate": 16000, "window": 1, "hop": 2}'], 1008),
        (['{"sampling_rate": 16000, "other": 1}'], 1008),
        (['{"sampling_rate": 16000}' + " " * 4096], 1008),
        (['{"sampling_rate": 16000}', b"\x00"], 1003),
        (['{"sampling_rate": 16000}', '{"type": "more"}'], 1008),
        (['{"sampling_rate": 16000}', bytes(2**18 + 2)], 1009),
        (['{"sampling_rate": 1000}', bytes(30_000)], 1009),
    ],
)
def test_what_is_no_stream_is_closed_with_a_reason(client, messages, code):
    with _open(client) as stream:
        for message in messages:
            stream.socket.send(message)
        said, closed = stream.rest()
    assert closed == code
    # Beyond the size the server's own protocol closes, before anything can be said.
    assert messages[-1] == bytes(2**18 + 2) or said[-1]["error"]["message"]


def test_limits(serve):
    with serve(streams=1, idle=0.5, max_duration=1, api_keys=("key",)) as client:
        with _open(client, sampling_rate=16000) as stream:
            messages, code = stream.rest()
            assert (messages[0]["error"]["type"], code) == ("Unauthorized", 1008)
        with _open(client, sampling_rate=16000, api_key="\ud800") as stream:
            messages, code = stream.rest()
            assert (messages[0]["error"]["type"], code) == ("Unauthorized", 1008)
        # One who says nothing has no key yet, and takes nobody's place.
        with _open(client), _open(client, sampling_rate=16000, api_key="key") as stream:
            assert stream.next()["type"] == "ready"
            with _open(client, sampling_rate=16000, api_key="key") as second:
                messages, code = second.rest()
                assert (messages[0]["error"]["type"], code) == ("Overloaded", 1013)
            messages, code = stream.rest()
            assert (messages[0]["error"]["type"], code) == ("Idle", 1008)
        with _open(client, sampling_rate=16000, api_key="key") as stream:
            stream.next()
            stream.socket.send(bytes(40_000))
            messages, code = stream.rest()
            assert (messages[0]["error"]["type"], code) == ("TooLongError", 1008)


def _refuse(stream):
    messages, code = stream.rest()
    assert code == 1013
    return messages[0]["error"]["message"]


def test_one_client_holds_half_of_the_streams_while_another_has_one(serve):
    """One client alone may hold all: the server may serve a single program."""
    start, away = {"sampling_rate": 16000}, {"x-forwarded-for": "10.0.0.1"}
    with serve(streams=4) as client, contextlib.ExitStack() as stack:
        for headers in (None, None, away):
            stream = stack.enter_context(_open(client, headers, **start))
            assert stream.next()["type"] == "ready"
        with _open(client, **start) as further:
            assert _refuse(further) == "too many streams of this client at once; try again later"
        stream.socket.close()
        wait_until(lambda: "serenade_streams 2.0" in client.get("/metrics").text)
        for _ in range(2):
            stream = stack.enter_context(_open(client, **start))
            assert stream.next()["type"] == "ready"
        with _open(client, away, **start) as further:
            assert _refuse(further) == "too many streams at once; try again later"


def test_streams_of_a_key_share_its_half_and_its_turns(serve, monkeypatch):
    clients, submit = [], Shares.submit
    monkeypatch.setattr(
        Shares, "submit", lambda self, *given: clients.append(given[0]) or submit(self, *given)
    )
    with serve(streams=4, api_keys=("one", "two")) as client, contextlib.ExitStack() as stack:
        for key in ("one", "one", "two"):
            stream = stack.enter_context(_open(client, sampling_rate=16000, api_key=key))
            assert stream.next()["type"] == "ready"
            stream.socket.send(bytes(3200))
        with _open(client, sampling_rate=16000, api_key="one") as further:
            assert "of this client" in _refuse(further)
        stream.socket.send('{"type": "end"}')
        assert stream.rest()[1] == 1000
    assert set(clients) == {"one", "two"}


def test_another_page_gets_no_stream(client):
    base = str(client.base_url).replace("http", "ws")
    with (
        pytest.raises(Exception, match="403"),
        connect(f"{base}/v1/stream", proxy=None, origin="https://other.example"),
    ):
        pass


def test_one_who_hangs_up_leaves_nothing(client):
    for _ in range(3):
        with _open(client, sampling_rate=16000) as stream:
            stream.next()
            stream.socket.send(bytes(100_000))
    wait_until(lambda: "serenade_streams 0.0" in client.get("/metrics").text)


class _SlowStreams(Model):
    """The bundled model on a machine that is slower than real time."""

    def stream(self, *arguments, **options):
        found = super().stream(*arguments, **options)
        push = found.push

        def push_slowly(chunk):
            time.sleep(0.4)
            return push(chunk)

        found.push = push_slowly
        return found


def test_stream_faster_than_the_server_is_held_up_and_not_cut(serve):
    """The pong of a keepalive waits behind the samples that a client has sent ahead."""
    with serve(_SlowStreams.load(), idle=1, max_duration=60) as client:
        for name in ("ws_ping_interval", "ws_ping_timeout"):  # pings, if any, come soon
            soon = getattr(client.running.config, name) and 0.2
            setattr(client.running.config, name, soon)
        with _open(client, sampling_rate=16000, format="f32le") as stream:
            assert stream.next()["type"] == "ready"
            for _ in range(7):
                stream.socket.send(bytes(2**18))
            stream.socket.send('{"type": "end"}')
            messages, code = stream.rest()
    assert (messages[-1], code) == ({"type": "end", "duration": 7 * 4.096}, 1000)


def test_stream_on_a_slow_server_may_last_its_full_duration(serve):
    """Time that the server needs does not count towards the longest duration."""
    with (
        serve(_SlowStreams.load(), idle=0.5, max_duration=1) as client,
        _open(client, sampling_rate=16000) as stream,
    ):
        stream.next()
        for _ in range(6):
            stream.socket.send(bytes(3200))
        stream.socket.send('{"type": "end"}')
        messages, code = stream.rest()
    assert (messages[-1], code) == ({"type": "end", "duration": 0.6}, 1000)


def test_stream_that_fails_is_closed_with_1011(serve, caplog):
    class Broken(Model):
        def stream(self, *arguments, **options):
            found = super().stream(*arguments, **options)
            found.push = lambda _: 1 / 0
            return found

    with serve(Broken.load()) as client, _open(client, sampling_rate=16000) as stream:
        stream.next()
        stream.socket.send(bytes(100))
        messages, code = stream.rest()
    assert (messages[0]["error"]["type"], code) == ("Internal", 1011)
    assert "ZeroDivisionError" in caplog.text
