"""Limits: excess is refused at once and clearly, and the server continues."""

import asyncio
import contextlib
import socket
import threading
import time

import httpx
import pytest
import soundfile
from support.waiting import wait_until

from serenade.inference import Model
from serenade.server._refusals import Refused
from serenade.server._voices import Voices


class Slow(Model):
    """The bundled model on a slower machine."""

    seconds = 0.5

    def predict(self, *arguments, **options):
        time.sleep(self.seconds)
        return super().predict(*arguments, **options)


@pytest.fixture(scope="module")
def slow():
    return Slow.load()


@pytest.fixture(scope="module")
def clip(tmp_path_factory, example):
    """Return four seconds of speech, WAV of 16 bits at 16 kHz: 128 kB."""
    path = tmp_path_factory.mktemp("clip") / "clip.wav"
    signal, rate = soundfile.read(example)
    soundfile.write(path, signal[: 4 * rate], rate)
    return path.read_bytes()


def test_a_body_too_large_is_refused_while_it_comes(serve):
    """Without a stated length: the server must not wait for the end, which never comes."""
    with serve(max_size=100_000) as client:
        sent = 0

        def endless():
            nonlocal sent
            while sent < 2**30:
                sent += 50_000
                yield bytes(50_000)

        # A client that sends on after the answer is cut off: what it sees is up to it.
        with contextlib.suppress(httpx.TransportError):
            assert client.post("/v1/predict", content=endless()).status_code == 413
        assert 'status="413"' in client.get("/metrics").text
        assert sent < 40 * 2**20
        stated = client.post("/v1/predict", content=bytes(200_000))
        assert (stated.status_code, stated.json()["error"]["type"]) == (413, "TooLarge")
        assert client.get("/healthz").status_code == 200


def test_a_large_body_is_not_asked_for(serve):
    """Expect: 100-continue, as curl has it: the answer comes without the body."""
    with (
        serve(max_size=1000) as client,
        socket.create_connection((client.base_url.host, client.base_url.port)) as raw,
    ):
        raw.sendall(
            b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n"
            b"Expect: 100-continue\r\n\r\n"
        )
        assert raw.recv(1000).startswith(b"HTTP/1.1 413")


def test_too_long_and_too_many(serve, clip):
    with serve(max_duration=3, max_files=2) as client:
        answer = client.post("/v1/predict", files={"file": ("clip.wav", clip)})
        assert (answer.status_code, answer.json()["error"]["type"]) == (413, "TooLongError")
        files = [("file", (f"{n}.wav", clip)) for n in range(3)]
        assert client.post("/v1/batch", files=files).status_code == 413
        assert client.post("/v1/predict", files=files[:2]).status_code == 413
        found = client.post("/v1/batch", files=files[:2]).json()
        assert [entry["error"]["type"] for entry in found["results"]] == ["TooLongError"] * 2


def test_overload_is_refused_and_recovers(serve, slow, clip):
    async def many(base, count):
        async with httpx.AsyncClient(base_url=base, timeout=None) as client:
            asked = (
                client.post("/v1/predict", files={"file": ("c.wav", clip)}) for _ in range(count)
            )
            return await asyncio.gather(*asked)

    with serve(slow, concurrency=1, queue=5) as client:  # three places for one client
        answers = asyncio.run(many(client.base_url, 30))
        statuses = sorted({answer.status_code for answer in answers})
        assert statuses == [200, 429]
        assert sum(answer.status_code == 200 for answer in answers) >= 3
        for answer in answers:
            if answer.status_code == 429:
                assert 1 <= int(answer.headers["retry-after"]) <= 60
                assert answer.json()["error"]["type"] == "Overloaded"
        assert client.post("/v1/predict", files={"file": ("c.wav", clip)}).status_code == 200
        assert 'status="429"' in client.get("/metrics").text
        assert "serenade_inside 0.0" in client.get("/metrics").text


@pytest.mark.parametrize("keys", [(), ("one", "two"), ("one",)])
def test_one_client_holds_at_most_half_of_the_places(serve, clip, keys):
    """Heads without bodies hold places. A single API key is all clients there are."""
    head = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nX-API-Key: one\r\nContent-Length: 9"
    sent = {"files": {"file": ("c.wav", clip)}}
    other = {"x-forwarded-for": "10.0.0.2", "x-api-key": keys[-1] if keys else ""}
    with serve(concurrency=1, queue=3, api_keys=keys) as client, contextlib.ExitStack() as stack:
        client.headers["x-api-key"] = "one"
        for _ in range(2):
            address = client.base_url.host, client.base_url.port
            stack.enter_context(socket.create_connection(address)).sendall(head + b"\r\n\r\n")
        wait_until(lambda: "serenade_inside 2.0" in client.get("/metrics").text)
        answer = client.post("/v1/predict", **sent)
        if len(keys) == 1:
            assert answer.status_code == 200
        else:
            assert answer.status_code == 429
            assert "too many requests of this client" in answer.json()["error"]["message"]
        assert client.post("/v1/predict", headers=other, **sent).status_code == 200


def test_voices_of_one_client_do_not_displace_those_of_another():
    voices = Voices(4, 60.0)
    kept = voices.add("kept", "a")
    many = [voices.add(number, "b") for number in range(6)]
    assert voices.get(kept) == "kept"
    assert [voices.get(name) for name in many[-3:]] == [3, 4, 5]
    assert len(voices) == 4
    with pytest.raises(Refused):
        voices.get(many[2])


def test_what_takes_too_long_is_given_up_and_its_place_freed(serve, slow, clip):
    with serve(slow, concurrency=1, queue=0, timeout=0.2) as client:
        answer = client.post("/v1/predict", files={"file": ("c.wav", clip)})
        assert (answer.status_code, answer.json()["error"]["type"]) == (503, "TimedOut")
        # The thread still works: its place is not given to another before it has ended.
        assert client.post("/v1/predict", files={"file": ("c.wav", clip)}).status_code == 429
        assert client.get("/readyz").status_code == 503
        wait_until(lambda: client.get("/readyz").status_code == 200)


def test_a_body_that_does_not_come_is_given_up(serve):
    with serve(timeout=0.3, concurrency=1, queue=0) as client:
        with socket.create_connection((client.base_url.host, client.base_url.port)) as raw:
            raw.sendall(
                b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc"
            )
            assert raw.recv(1000).startswith(b"HTTP/1.1 408")
        assert client.get("/readyz").status_code == 200


def test_what_runs_is_finished_before_the_end(serve, slow, clip):
    answers = []

    def ask(base):
        answers.append(httpx.post(f"{base}/v1/predict", files={"file": ("c", clip)}, timeout=None))

    with serve(slow) as client:
        asking = threading.Thread(target=ask, args=(client.base_url,))
        asking.start()
        wait_until(lambda: "serenade_inside 1.0" in client.get("/metrics").text, pause=0)
    asking.join()
    assert [answer.status_code for answer in answers] == [200]


def test_a_key_is_asked_for(serve, clip):
    with serve(api_keys=("first", "sécond")) as client:
        for headers in ({}, {"x-api-key": "wrong"}, {"authorization": "Bearer firs"}):
            answer = client.post("/v1/predict", files={"file": ("c", clip)}, headers=headers)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            assert client.get("/metrics", headers=headers).status_code == 401
            assert client.delete("/v1/voices/x", headers=headers).status_code == 401
        for headers in (
            {"x-api-key": "first"},
            {"authorization": "Bearer first"},
            {b"x-api-key": "sécond".encode()},
        ):
            answer = client.post("/v1/predict", files={"file": ("c", clip)}, headers=headers)
            assert answer.status_code == 200
        for path in ("/", "/healthz", "/readyz", "/docs", "/v1/model"):
            assert client.get(path).status_code == 200
        assert client.get("/v1/model").json()["key_needed"] is True


def test_other_pages_are_kept_out(serve, clip):
    sent = {"files": {"file": ("c", clip)}}
    with serve() as client:
        own = client.post("/v1/predict", headers={"origin": str(client.base_url)}, **sent)
        other = client.post("/v1/predict", headers={"origin": "https://other.example"}, **sent)
        odd = client.post("/v1/predict", headers={"origin": "http://["}, **sent)
        assert (own.status_code, other.status_code, odd.status_code) == (200, 403, 403)
        assert "access-control-allow-origin" not in own.headers
    with serve(origins=("https://other.example",)) as client:
        other = client.post("/v1/predict", headers={"origin": "https://other.example"}, **sent)
        assert other.headers["access-control-allow-origin"] == "https://other.example"
        third = client.post("/v1/predict", headers={"origin": "https://third.example"}, **sent)
        assert third.status_code == 403
