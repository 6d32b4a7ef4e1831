"""What every answer has, the reference, and the command."""

import math
import os
import re
import signal
import subprocess
import sys
import urllib.request

import pytest

from serenade.server import Settings
from serenade.server._app import STATIC


def test_every_answer_keeps_pages_safe(client):
    for path in ("/", "/page.js", "/docs", "/healthz", "/nothing", "/v1/model"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers


def test_the_page_asks_nobody_else(client):
    html = client.get("/").text
    for part in re.findall(r'(?:src|href)="([^"#]+)"', html):
        assert client.get(f"/{part}").status_code == 200, part
    scripts = [path.name for path in STATIC.glob("*.js")]
    for path in ("/", "/page.css", "/docs", *(f"/{name}" for name in scripts)):
        assert not re.search(r"(?:https?:)?//[a-z]+\.", client.get(path).text), path
    assert "lie detector" in client.get("/texts.js").text
    assert " style=" not in html  # the policy would not let it through
    assert "<script>" not in html


def test_the_reference_names_every_route(client):
    described = client.get("/openapi.json").json()
    page = client.get("/docs").text
    for path in described["paths"]:
        assert path in page
    for path in ("/v1/predict", "/v1/timeline", "/v1/batch", "/v1/voices", "/v1/convert"):
        operation = described["paths"][path]["post"]
        assert "requestBody" in operation
        assert {"413", "415", "422", "429"} <= set(operation["responses"])
    assert "/v1/stream" in page


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("POST", "/nothing", 404), ("GET", "/v1/predict", 405)],
)
def test_what_is_not_served_is_refused_in_the_same_shape(client, method, path, status):
    answer = client.request(method, path, content=b"body" if method == "POST" else None)
    assert answer.status_code == status
    assert answer.json()["error"]["type"] == "NoRoute"
    assert status != 405 or answer.headers["allow"] == "POST"


def test_routes_of_metrics_do_not_grow_with_what_is_asked(client):
    for number in range(3):
        client.get(f"/nothing/{number}")
    text = client.get("/metrics").text
    assert 'serenade_requests_total{route="other",status="404"}' in text
    assert "/nothing/" not in text


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_size": 0},
        {"timeout": 0},
        {"queue": -1},
        {"api_keys": ("",)},
        {"max_duration": math.inf},
    ],
)
def test_settings_that_make_no_sense(wrong):
    with pytest.raises(ValueError, match=r"must be|cannot be|is empty"):
        Settings(**wrong)


def test_the_largest_body_follows_the_longest_recording():
    assert Settings().largest_body == 660 * 2**20
    assert Settings(max_duration=60).largest_body == 100 * 2**20
    assert Settings(max_size=5).largest_body == 5


# A process that a signal has ended says so, once it has finished in order.
@pytest.mark.parametrize(("how", "status"), [("SIGTERM", -signal.SIGTERM), ("SIGINT", 0)])
def test_the_command_serves_and_ends(example, how, status):
    process = subprocess.Popen(
        [sys.executable, "-m", "serenade", "serve", "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
        env={name: text for name, text in os.environ.items() if name != "SERENADE_API_KEY"},
    )
    with process:
        address = re.search(r"http://[\d.:]+", process.stderr.readline()).group()
        request = urllib.request.Request(
            f"{address}/v1/predict?name=e.flac", data=example.read_bytes(), method="POST"
        )
        with urllib.request.urlopen(request) as answer:
            assert b'"emotion"' in answer.read()
        process.send_signal(signal.Signals[how])
        assert process.wait() == status
        assert process.stderr.read() == ""


def test_predicting_never_loads_the_server():
    script = (
        "import sys, serenade.cli._main, serenade.inference; "
        "sys.exit(any(m in sys.modules for m in ('fastapi', 'uvicorn', 'prometheus_client')))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_serving_never_loads_pytorch():
    script = (
        "import sys, serenade.server._serve; "
        "sys.exit(any(m in sys.modules for m in ('torch', 'pandas', 'sklearn')))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_docs_show_each_refusal_once_and_an_example_for_each_route(client):
    page = client.get("/docs").text
    described = client.get("/openapi.json").json()
    assert page.count("Too many requests; try again after") == 1
    assert page.count("<td>408</td>") == 1
    assert page.count("<pre>curl ") == sum(map(len, described["paths"].values()))
    assert "<td>segments[].probabilities</td>" in page
    assert page.count("&quot;emotion&quot;: &quot;happy&quot;") >= 4
    for section in page.split("<section>")[1:-1]:
        assert re.search(r"<h3>Response 2\d\d", section), section
