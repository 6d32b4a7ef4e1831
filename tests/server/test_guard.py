"""Tests of the checks of Host and Origin, of keys, and of the access log."""

import json
import logging
import os
import subprocess
import sys

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from serenade.server import Settings


def _status(client, headers, path="/v1/model"):
    answer = client.get(path, headers=headers)
    return answer.status_code, answer.json().get("error", {}).get("type")


def test_guard_refuses_names_of_other_hosts(client, words):
    """DNS rebinding: a page of evil.example whose name resolves to this machine."""
    port = client.base_url.port
    rebound = {"host": f"evil.example:{port}", "origin": f"http://evil.example:{port}"}
    for path in ("/", "/v1/model", "/metrics", "/docs", "/healthz"):
        assert _status(client, rebound, path) == (403, "Host"), path
    answer = client.post("/v1/predict", headers=rebound, files={"file": ("a.wav", words)})
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "Host")
    with (
        pytest.raises(InvalidStatus, match="403"),
        connect(
            f"ws://127.0.0.1:{port}/v1/stream",
            proxy=None,
            origin=rebound["origin"],
            additional_headers={"Host": "evil.example"},
        ),
    ):
        pass
    for host in ("evil.example", "localhost.evil.example", "[::1", "127.0.0.1.evil.example", ""):
        assert _status(client, {"host": host}) == (403, "Host"), host
    for host in ("localhost", f"127.0.0.1:{port}", "[::1]:1", "a.localhost", "192.168.1.5"):
        assert _status(client, {"host": host}) == (200, None), host


def test_guard_accepts_configured_hosts(serve):
    with serve(hosts=("Ser.example",)) as client:
        assert _status(client, {"host": "ser.example:80"}) == (200, None)
        assert _status(client, {"host": "other.example"}) == (403, "Host")
    with serve(hosts=("*",)) as client:
        assert _status(client, {"host": "other.example"}) == (200, None)


def test_guard_compares_the_scheme_of_origins(client):
    here = f"127.0.0.1:{client.base_url.port}"
    for origin in (f"ftp://{here}", f"https://{here}", f"http://user@{here}", "null", here):
        assert _status(client, {"origin": origin}) == (403, "Origin"), origin
    assert _status(client, {"origin": f"http://{here}"}) == (200, None)
    # A proxy on this machine that ends TLS states the scheme of the page.
    behind = {"origin": f"https://{here}", "x-forwarded-proto": "https"}
    assert _status(client, behind) == (200, None)


def test_guard_allows_every_origin_for_a_star(serve, words):
    with serve(origins=("*",)) as client:
        for origin in ("https://any.example", "null"):
            answer = client.post(
                "/v1/predict", headers={"origin": origin}, files={"file": ("a.wav", words)}
            )
            assert answer.status_code == 200
            assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("keys", ["", "  ", "\t"])
def test_serve_refuses_an_empty_key_variable(keys):
    done = subprocess.run(
        [sys.executable, "-m", "serenade", "serve", "--port", "0"],
        env=os.environ | {"SERENADE_API_KEY": keys},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "SERENADE_API_KEY is set but holds no key" in done.stderr


def test_settings_refuse_blank_keys():
    with pytest.raises(ValueError, match="is empty"):
        Settings(api_keys=("key", " "))


def test_service_compares_keys_that_are_not_utf8(serve):
    key = os.fsdecode(b"k\xff")
    with serve(api_keys=(key,)) as client:
        assert client.get("/metrics").status_code == 401
        assert client.get("/metrics", headers={b"x-api-key": b"k\xff"}).status_code == 200


def test_access_log_has_a_line_for_each_request(client, caplog):
    with caplog.at_level(logging.INFO, "serenade.access"):
        client.post("/v1/predict?name=secret.wav", content=b"no")
        client.get("/a%0Ab")
        address = f"ws://127.0.0.1:{client.base_url.port}/v1/stream"
        with connect(address, proxy=None) as stream:
            stream.send("no")
            json.loads(stream.recv())
    lines = [record.getMessage() for record in caplog.records if record.name == "serenade.access"]
    parts = [line.split()[1:4] for line in lines]
    assert parts[0] == ["POST", "/v1/predict", "415"]
    assert parts[1] == ["GET", "/a%0Ab", "404"]
    assert ["WS", "/v1/stream", "1008"] in parts
    assert "secret" not in "".join(lines)
