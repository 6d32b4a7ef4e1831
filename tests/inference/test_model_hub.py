"""`push_model` and `fetch_model` with a small hub on this machine."""

import base64
import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support.model_folders import copy_unchecked

import serenade
from serenade import _hub
from serenade.errors import ModelError, SerenadeError
from serenade.inference import _model as module
from serenade.inference import _model_hub

pytest.importorskip("requests")
pytest.importorskip("huggingface_hub")

BUNDLED = Path(module.__file__).parent / "adaptive"
NAME = "someone/emotions"


class Hub(BaseHTTPRequestHandler):
    """The part of the hub's protocol for a commit of small files and their download."""

    files: dict[str, bytes]
    token = "Bearer hf_right"
    private = False
    asked: list[str]

    def _send(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        prefix = f"/{NAME}/resolve/main/"
        self.asked.append(self.path)
        if self.private and self.headers.get("Authorization") != self.token:
            return self._send(401, b"private")
        content = self.files.get(self.path.removeprefix(prefix))
        return self._send(404, b"none") if content is None else self._send(200, content)

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


class Files(dict):
    """Files of the hub by name, with the handler that serves them."""


@pytest.fixture
def files(monkeypatch, tmp_path):
    held = Files()
    handler = type("Own", (Hub,), {"files": held, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("SERENADE_CACHE", str(tmp_path / "cache"))
    held.handler = handler
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
    copy_unchecked(damaged)
    (damaged / "head.onnx").write_bytes(b"x")
    with pytest.raises(ModelError, match="onnxruntime cannot run it"):
        _model_hub.push_model(damaged, NAME)
    assert not files


def test_push_model_refuses_links_to_other_places(files, tmp_path):
    (tmp_path / "key").write_text("secret")
    folder = tmp_path / "model"
    shutil.copytree(BUNDLED, folder)
    (folder / "MODEL_CARD.md").unlink()
    (folder / "MODEL_CARD.md").symlink_to(tmp_path / "key")
    with pytest.raises(ModelError, match=r"MODEL_CARD\.md: is a link.*replace the link"):
        _model_hub.push_model(folder, NAME)
    snapshot = tmp_path / "models--a--b" / "snapshots" / "1"
    snapshot.mkdir(parents=True)
    shutil.copytree(BUNDLED, snapshot.parents[1] / "blobs")
    for path in (snapshot.parents[1] / "blobs").iterdir():
        (snapshot / path.name).symlink_to(f"../../blobs/{path.name}")
    card = snapshot / "MODEL_CARD.md"
    target = card.readlink()
    card.unlink()
    card.symlink_to(tmp_path / "key")
    with pytest.raises(ModelError, match=r"MODEL_CARD\.md: is a link"):
        _model_hub.push_model(snapshot, NAME)
    assert serenade.load(snapshot).labels
    assert not files
    card.unlink()
    card.symlink_to(target)
    _model_hub.push_model(snapshot, NAME)
    assert "head.onnx" in files


def test_load_names_a_repository_that_is_not_a_model(files):
    with pytest.raises(ModelError, match=r"could not be downloaded .*404"):
        serenade.load(NAME)
    files["checksums.json"] = b"[]"
    with pytest.raises(ModelError, match="not a model that serenade push uploaded"):
        serenade.load(NAME)
    files["checksums.json"] = b"[" * 200_000 + b"]" * 200_000
    with pytest.raises(ModelError, match="not a model that serenade push uploaded"):
        serenade.load(NAME)


def test_load_downloads_a_private_model_with_the_token(files, monkeypatch):
    _model_hub.push_model(BUNDLED, NAME)
    files.handler.private = True
    assert serenade.load(NAME).labels
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(ModelError, match="401"):
        _hub.download_model(NAME)


def test_download_sends_no_token_to_another_host(files, monkeypatch, tmp_path):
    """The same machine under another name counts as another host."""
    seen = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.headers.get("Authorization"))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *args):
            pass

    other = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=other.serve_forever, args=(0.01,), daemon=True).start()

    def redirect(self):
        self.asked.append(self.headers.get("Authorization"))
        self.send_response(302)
        self.send_header("Location", f"http://localhost:{other.server_port}/file")
        self.send_header("Content-Length", "0")
        self.end_headers()

    monkeypatch.setattr(files.handler, "do_GET", redirect)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    target = _hub.download_file(NAME, "config.json", tmp_path / "config.json")
    other.shutdown()
    other.server_close()
    assert target.read_bytes() == b"ok"
    assert (files.handler.asked, seen) == ([Hub.token], [None])


def test_concurrent_first_loads_all_get_the_model(files):
    _model_hub.push_model(BUNDLED, NAME)
    with ThreadPoolExecutor(8) as pool:
        models = list(pool.map(serenade.load, [NAME] * 8))
    assert {model.labels for model in models} == {serenade.load().labels}
    assert len(files.handler.asked) == len(set(files.handler.asked))


@pytest.mark.usefixtures("files")
def test_load_refuses_a_file_that_was_damaged_after_its_download(tmp_path):
    _model_hub.push_model(BUNDLED, NAME)
    folder = serenade.load(NAME).folder.path
    for name in ("model.json", "head.onnx", "places.npz", "MODEL_CARD.md"):
        whole = (folder / name).read_bytes()
        for place in (0, len(whole) // 2, len(whole) - 1):
            damaged = bytearray(whole)
            damaged[place] ^= 1
            (folder / name).write_bytes(damaged)
            with pytest.raises(ModelError, match="damaged since its download; delete"):
                serenade.load(NAME)
        (folder / name).write_bytes(whole)
    assert serenade.load(NAME).labels
    assert tmp_path in folder.parents


def test_make_folder_name_keeps_names_apart():
    names = ["a--b/c", "a/b--c", "a/b", "a-/b", "a/-b", "a--b--c/d", "a/b--c--d", "a-/-b", "a/--b"]
    made = {_hub.make_folder_name(name) for name in names}
    assert len(made) == len(names)
    assert not any("/" in name for name in made)
