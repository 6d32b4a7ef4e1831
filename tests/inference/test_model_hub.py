"""`push_model` and `fetch_model` with a small hub on this machine."""

import base64
import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import serenade
from serenade.errors import ModelError, SerenadeError
from serenade.inference import _model as module
from serenade.inference import _model_hub

pytest.importorskip("requests")
pytest.importorskip("huggingface_hub")

BUNDLED = Path(module.__file__).parent / "bundled"
NAME = "someone/emotions"


class Hub(BaseHTTPRequestHandler):
    """The part of the hub's protocol for a commit of small files and their download."""

    files: dict[str, bytes]
    token = "Bearer hf_right"

    def _send(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        prefix = f"/{NAME}/resolve/main/"
        content = self.files.get(self.path.removeprefix(prefix))
        self._send(404, b"none") if content is None else self._send(200, content)

    def do_POST(self):
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Authorization") != self.token:
            return self._send(401, b'{"error": "who are you"}')
        answer = {}
        if self.path == "/api/repos/create":
            answer = {"url": f"http://{self.headers['Host']}/{NAME}"}
        elif "/preupload/" in self.path:
            asked = json.loads(sent)["files"]
            answer = {
                "files": [
                    {"path": each["path"], "uploadMode": "regular", "shouldIgnore": False}
                    for each in asked
                ]
            }
        elif "/commit/" in self.path:
            for line in map(json.loads, sent.splitlines()):
                if line["key"] == "file":
                    self.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            answer = {
                "success": True,
                "commitUrl": f"http://{self.headers['Host']}/{NAME}/commit/1",
                "commitOid": "1",
            }
        return self._send(200, json.dumps(answer).encode())

    def log_message(self, *args):
        pass


@pytest.fixture
def files(monkeypatch, tmp_path):
    held = {}
    handler = type("Own", (Hub,), {"files": held})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("SERENADE_CACHE", str(tmp_path / "cache"))
    yield held
    server.shutdown()
    server.server_close()


def test_load_reads_a_pushed_model(files, example):
    address = _model_hub.push_model(BUNDLED, NAME)
    assert address.endswith(NAME)
    assert files["head.onnx"] == (BUNDLED / "head.onnx").read_bytes()
    page = files["README.md"].decode()
    assert page.startswith('---\nlibrary_name: "serenade"\n')
    assert 'license_name: "CC-BY-NC-SA-4.0"' in page
    assert "# The bundled model" in page
    model = serenade.load(NAME)
    assert model.predict(example) == serenade.load().predict(example)
    assert model.enrol([example]).enrolment
    files.clear()  # a second time nothing is asked for
    assert serenade.load(NAME).labels == model.labels


def test_load_refuses_and_deletes_a_changed_file(files, tmp_path):
    _model_hub.push_model(BUNDLED, NAME)
    right = files["head.onnx"]
    files["head.onnx"] = right[:-1] + bytes([right[-1] ^ 1])
    for _ in range(2):
        with pytest.raises(ModelError, match=r"head\.onnx differs from the uploaded file"):
            serenade.load(NAME)
    assert not list((tmp_path / "cache").rglob("head.onnx*"))
    files["head.onnx"] = right
    assert serenade.load(NAME).labels


def test_push_model_explains_a_refused_upload(files, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(SerenadeError, match=r"the hub refused the upload .*HF_TOKEN"):
        _model_hub.push_model(BUNDLED, NAME)
    with pytest.raises(SerenadeError, match="refused the upload"):
        _model_hub.push_model(BUNDLED, "no name at all")
    assert not files


def test_push_model_refuses_other_folders(files, tmp_path):
    with pytest.raises(ModelError, match=r"no model\.json"):
        _model_hub.push_model(tmp_path, NAME)
    damaged = tmp_path / "damaged"
    shutil.copytree(BUNDLED, damaged)
    (damaged / "head.onnx").write_bytes(b"x")
    with pytest.raises(ModelError, match="onnxruntime cannot run it"):
        _model_hub.push_model(damaged, NAME)
    assert not files


def test_load_names_a_repository_that_is_not_a_model(files):
    with pytest.raises(ModelError, match=r"could not be downloaded .*404"):
        serenade.load(NAME)
    files["checksums.json"] = b"[]"
    with pytest.raises(ModelError, match="not a model that serenade push uploaded"):
        serenade.load(NAME)
