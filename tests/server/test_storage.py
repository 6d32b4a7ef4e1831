"""Tests that uploads are stored and removed, and that disk errors cost nothing but a request."""

import contextlib
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile

from serenade.server._storage import Storage


def _post(client, words, route="/v1/predict"):
    answer = client.post(route, files={"file": ("a.wav", words)})
    return answer.status_code, answer.json().get("error", {}).get("type")


def test_server_recovers_when_its_folder_is_missing_for_a_moment(
    serve, words, monkeypatch, tmp_path
):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with serve(concurrency=1, queue=1) as client:
        assert _post(client, words) == (200, None)
        moved = folder.rename(tmp_path / "elsewhere")
        for route in ("/v1/predict", "/v1/batch", "/v1/voices", "/v1/timeline") * 2:
            assert _post(client, words, route) == (503, "Storage")
        answer = client.post("/v1/predict", content=words)
        assert "No such file" in answer.json()["error"]["message"]
        assert answer.headers["retry-after"] == "5"
        assert "serenade_inside 0.0" in client.get("/metrics").text
        folder.mkdir()
        assert _post(client, words) == (200, None)
        assert client.get("/readyz").status_code == 200
    assert list(folder.iterdir()) == []
    assert len(list(moved.iterdir())) == 1


@contextlib.contextmanager
def _small_files(size):
    """Let no file of this process grow over a size."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_uploads_beyond_the_disk_are_refused_as_documented(serve, words, caplog):
    with serve() as client:
        with _small_files(20_000):
            assert _post(client, words) == (503, "Storage")
            body = client.post("/v1/predict", content=words)
            assert (body.status_code, body.json()["error"]["type"]) == (503, "Storage")
        assert "serenade_inside 0.0" in client.get("/metrics").text
        assert _post(client, words) == (200, None)
    assert not [record for record in caplog.records if record.exc_info]


def test_servers_remove_uploads_of_a_killed_server_at_their_start(serve, tmp_path, monkeypatch):
    process = subprocess.Popen(
        [sys.executable, "-m", "serenade", "serve", "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    with process:
        port = int(re.search(r":(\d+) ", process.stderr.readline())[1])
        with socket.create_connection(("127.0.0.1", port), timeout=30) as raw:
            raw.sendall(
                b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000\r\n"
                b"Expect: 100-continue\r\n\r\n"
            )
            assert b"100 Continue" in raw.recv(1000)  # the server waits for the body
            process.send_signal(signal.SIGKILL)
            process.wait(30)
    (stale,) = tmp_path.iterdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    other = Storage()  # of a server that runs
    uploads = other.make_folder()
    assert not stale.exists()
    with serve() as client:
        assert client.get("/readyz").status_code == 200
    assert uploads.is_dir()
    other.close()
    assert list(tmp_path.iterdir()) == []
