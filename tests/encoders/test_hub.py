"""Downloads from a web server of the test's own."""

from __future__ import annotations

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from serenade import _hub
from serenade.encoders import LayerMeans, WhisperPooled, load_encoder
from serenade.encoders.whisper import _whisper_weights
from serenade.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest.importorskip("requests")

ID = "openai/whisper-nano"
FOLDER = f"/{ID}/resolve/main/"


class Site:
    """Pages by path; what was asked for; how many bytes of each answer are held back."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.held_back = 0
        self.checksums: dict[str, str] = {}
        self.url = ""


def handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/moved"):
                body = site.pages[self.path.removeprefix("/moved")]
                self.send_response(200)
            elif self.path in site.checksums:  # as the hub does with large files
                site.asked.append(self.path)
                self.send_response(302)
                self.send_header("Location", f"{site.url}/moved{self.path}")
                self.send_header("X-Linked-ETag", f'"{site.checksums[self.path]}"')
                body = b""
            else:
                site.asked.append(self.path)
                body = site.pages.get(self.path, b"Entry not found")
                self.send_response(200 if self.path in site.pages else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) - site.held_back])

        def log_message(self, *args: Any) -> None:
            pass

    return Handler


@pytest.fixture
def site(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    site = Site()
    for name in ("model.safetensors", "config.json"):
        site.pages[FOLDER + name] = (tiny.parent / name).read_bytes()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(site))
    site.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("HF_ENDPOINT", site.url + "/")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield site
    server.shutdown()
    server.server_close()
    thread.join()


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_read_model_type_takes_deeply_nested_files_for_none(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("[" * 100_000)
    assert _hub.read_model_type(tmp_path / "config.json") == ""


def test_a_model_is_fetched_and_converted_once(site: Site, cache: Path, tone: np.ndarray) -> None:
    pytest.importorskip("onnx")
    feature = WhisperPooled(encoder=ID)
    first = feature(tone, 16000)
    assert first.shape == (1, 3 * 2 * 16) == (1, len(feature.names))
    assert sorted(site.asked) == [FOLDER + "config.json", FOLDER + "model.safetensors"]
    converted = _whisper_weights.locate_whisper(ID)
    assert files(cache) == sorted(
        [
            f"encoders/{converted.name}",
            "hub/openai--whisper-nano/config.json",
            "hub/openai--whisper-nano/model.safetensors",
        ]
    )
    np.testing.assert_array_equal(WhisperPooled(encoder=ID)(tone, 16000), first)
    assert _whisper_weights.fingerprint_whisper(ID) == feature.identity()["encoder"]
    assert len(site.asked) == 2


def test_a_speech_encoder_without_safetensors_is_fetched_with_its_settings(
    site: Site, cache: Path, tone: np.ndarray, tmp_path: Path
) -> None:
    torch, transformers = map(pytest.importorskip, ("torch", "transformers"))
    pytest.importorskip("onnx")
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    sizes |= {"intermediate_size": 24, "conv_dim": (8,) * 7, "num_conv_pos_embedding_groups": 4}
    encoder = transformers.HubertModel(transformers.HubertConfig(**sizes))
    encoder.config.save_pretrained(tmp_path)
    torch.save(encoder.state_dict(), tmp_path / "pytorch_model.bin")
    (tmp_path / "preprocessor_config.json").write_text('{"do_normalize": true}')
    name = "someone/hubert-nano"
    names = ["config.json", "preprocessor_config.json", "pytorch_model.bin"]
    site.pages |= {f"/{name}/resolve/main/{each}": (tmp_path / each).read_bytes() for each in names}
    assert not _hub.is_downloaded(name)
    assert LayerMeans(name)(tone, 16000).shape == (2, 16)
    assert sorted(path.name for path in (cache / "hub").rglob("*.*")) == sorted(names)
    asked = len(site.asked)
    assert _hub.is_downloaded(name)
    network, normalise = load_encoder(name)
    assert (network.config.hidden_size, normalise) == (16, True)
    np.testing.assert_array_equal(
        LayerMeans(str(tmp_path))(tone, 16000), LayerMeans(name)(tone, 16000)
    )
    assert len(site.asked) == asked


def test_what_arrives_is_what_the_site_holds(site: Site) -> None:
    weights, config = _hub.download_model(ID)
    assert weights.read_bytes() == site.pages[FOLDER + "model.safetensors"]
    assert config.read_bytes() == site.pages[FOLDER + "config.json"]


def test_an_unknown_model(site: Site, cache: Path) -> None:
    with pytest.raises(ModelError, match=r"openai/none: could not be downloaded .*404") as raised:
        _whisper_weights.locate_whisper("openai/none")
    assert f"{site.url}/openai/none/resolve/main/config.json" in str(raised.value)
    assert files(cache) == []


def test_a_model_without_safetensors(site: Site, cache: Path) -> None:
    del site.pages[FOLDER + "model.safetensors"]
    with pytest.raises(ModelError, match=r"resolve/main/model\.safetensors .*404"):
        _whisper_weights.locate_whisper(ID)
    assert files(cache) == ["hub/openai--whisper-nano/config.json"]


def test_a_body_that_is_cut(site: Site, cache: Path) -> None:
    site.held_back = 10
    with pytest.raises(ModelError, match=rf"{site.url}.*config\.json"):
        _whisper_weights.locate_whisper(ID)
    assert files(cache) == []
    site.held_back = 0  # and what was not finished is simply fetched again
    assert _hub.download_model(ID)[0].is_file()


@pytest.mark.parametrize("right", [True, False])
def test_the_checksum_that_the_hub_states(site: Site, cache: Path, right: bool) -> None:
    page = FOLDER + "model.safetensors"
    site.checksums[page] = hashlib.sha256(site.pages[page] if right else b"another").hexdigest()
    if right:
        assert _hub.download_model(ID)[0].read_bytes() == site.pages[page]
    else:
        with pytest.raises(ModelError, match="does not have the checksum"):
            _hub.download_model(ID)
        assert files(cache) == ["hub/openai--whisper-nano/config.json"]


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "https://hub.invalid"])
def test_a_hub_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, cache: Path, endpoint: str
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    monkeypatch.setenv("NO_PROXY", "*")
    with pytest.raises(ModelError, match="could not be downloaded from") as raised:
        _whisper_weights.locate_whisper(ID)
    assert f"{endpoint}/{ID}/resolve/main/config.json" in str(raised.value)
    assert files(cache) == []


@pytest.mark.parametrize("endpoint", ["127.0.0.1:9", "nonsense", "http://[", "http://hub.invalid"])
def test_a_hub_that_is_no_safe_address(
    monkeypatch: pytest.MonkeyPatch, cache: Path, endpoint: str
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    with pytest.raises(ModelError, match="not an https address") as raised:
        _whisper_weights.locate_whisper(ID)
    assert f"HF_ENDPOINT={endpoint}" in str(raised.value)
    assert files(cache) == []


def test_an_interrupted_download_leaves_nothing(
    site: Site, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(blocks: Any, *_: object) -> Iterator[bytes]:
        yield next(iter(blocks))
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(_hub, "show_progress", interrupted)
        with pytest.raises(KeyboardInterrupt):
            _hub.download_model(ID)
    assert files(cache) == []
    assert _hub.download_model(ID)[1].read_bytes() == site.pages[FOLDER + "config.json"]


def test_a_page_that_is_no_model(site: Site, tone: np.ndarray) -> None:
    pytest.importorskip("onnx")
    site.pages[FOLDER + "model.safetensors"] = b"<html>Please log in</html>"
    with pytest.raises(ModelError, match=r"model\.safetensors: not a safetensors file"):
        WhisperPooled(encoder=ID)(tone, 16000)
