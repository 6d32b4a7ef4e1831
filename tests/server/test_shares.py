"""Tests that each client gets its share, and that work ends when its client leaves."""

import contextlib
import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile

from serenade.runtime import StoppedError, check_interruption
from serenade.server._shares import Shares


def _until(true):
    limit = time.monotonic() + 60
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.02)


@pytest.fixture(scope="module")
def constant():
    """Return an hour of a constant as FLAC: 180 kB that take about a minute to predict."""
    file = io.BytesIO()
    soundfile.write(file, np.full(3500 * 16000, 8000, np.int16), 16000, format="FLAC")
    return file.getvalue()


def _post(port, content, client="10.0.0.1"):
    """Send a whole request on a socket; the answer is left to be read."""
    raw = socket.create_connection(("127.0.0.1", port), timeout=60)
    head = f"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {client}\r\n"
    raw.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
    return raw


def _is_answered(raw):
    raw.setblocking(False)
    try:
        return bool(raw.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False


def test_short_requests_are_served_while_another_client_decodes(serve, words, constant):
    with serve(concurrency=1) as client:
        attackers = [_post(client.base_url.port, constant) for _ in range(2)]
        _until(lambda: "serenade_inside 2.0" in client.get("/metrics").text)
        answer = client.post("/v1/predict", content=words, headers={"x-forwarded-for": "10.0.0.2"})
        assert answer.status_code == 200
        assert not any(_is_answered(raw) for raw in attackers)
        # Work ends when its client leaves, long before the time for an answer is over.
        for raw in attackers:
            raw.close()
        _until(lambda: "serenade_inside 0.0" in client.get("/metrics").text)


_ENDLESS = """
import os, sys, time
from serenade.inference import Model
from serenade.runtime import open_session, run_session
from serenade.server import Settings, make_server, open_socket

sys.path.append(os.environ["TESTS"])
from runtime.test_interruption import write_endless
import numpy as np, pathlib

class Endless(Model):
    def predict(self, *arguments, **options):
        if sys.argv[2] == "stuck":
            time.sleep(3600)
        session = open_session(write_endless(pathlib.Path(sys.argv[1], "endless.onnx")))
        run_session(session, "probabilities", {"signal": np.ones(4, np.float32)})

listening = open_socket("127.0.0.1", 0)
settings = Settings(concurrency=1, queue=0, timeout=float(sys.argv[3]))
print(listening.getsockname()[1], flush=True)
make_server(Endless.load(), settings).run(sockets=[listening])
"""


def _serve_endless(folder, kind, timeout):
    process = subprocess.Popen(
        [sys.executable, "-c", _ENDLESS, str(folder), kind, str(timeout)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TESTS": str(Path(__file__).parents[1])},
    )
    return process, int(process.stdout.readline())


@pytest.mark.parametrize("kind", ["loop", "stuck"])
def test_server_ends_whatever_runs(tmp_path, words, kind):
    process, port = _serve_endless(tmp_path, kind, 1)
    with process:
        try:
            base = f"http://127.0.0.1:{port}"
            answer = httpx.post(f"{base}/v1/predict", content=words, timeout=60)
            assert (answer.status_code, answer.json()["error"]["type"]) == (503, "TimedOut")
            with contextlib.ExitStack() as stack:
                if kind == "loop":  # the thread stops, and its place is free again
                    _until(lambda: httpx.get(f"{base}/readyz").status_code == 200)
                    stack.enter_context(_post(port, words))
                _until(lambda: httpx.get(f"{base}/readyz").status_code == 503)
                process.send_signal(signal.SIGTERM)
                assert process.wait(60) == -signal.SIGTERM
        finally:
            process.kill()


def test_work_ends_when_its_client_leaves(tmp_path, words):
    process, port = _serve_endless(tmp_path, "loop", 600)
    with process:
        try:
            base = f"http://127.0.0.1:{port}"
            with _post(port, words):
                _until(lambda: httpx.get(f"{base}/readyz").status_code == 503)
            _until(lambda: httpx.get(f"{base}/readyz").status_code == 200)
        finally:
            process.kill()


def test_shares_order_clients_by_the_time_they_used():
    shares, order, go = Shares(1, "test"), [], threading.Event()

    def work(name, seconds=0.0):
        go.wait(60)
        time.sleep(seconds)
        order.append(name)

    turns = [shares.submit("first", lambda: work("first", 0.2))]
    turns += [shares.submit("first", lambda: work("second")) for _ in range(2)]
    turns += [shares.submit("other", lambda: work("other"))]
    go.set()
    for turn in turns:
        turn.future.result(60)
    assert order == ["first", "other", "second", "second"]
    assert shares.close(60)


def test_shares_drop_work_that_has_not_begun_and_stop_the_rest():
    shares, begun = Shares(1, "test"), threading.Event()

    def work():
        begun.set()
        while True:
            check_interruption()

    running, waiting = shares.submit("a", work), shares.submit("a", work)
    assert begun.wait(60)
    waiting.stop()
    assert waiting.future.cancelled()
    assert not running.future.done()
    assert shares.close(60)
    with pytest.raises(StoppedError):
        running.future.result(60)
