from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import numpy as np
import pytest

from serenade import encoders
from serenade.encoders.whisper import _whisper_weights
from serenade.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_the_bundled_encoder_needs_no_cache(cache: Path) -> None:
    path = _whisper_weights.locate_whisper(_whisper_weights.WHISPER_BASE)
    expected = hashlib.blake2b(path.read_bytes()).hexdigest()[:32]
    assert _whisper_weights.fingerprint_whisper(_whisper_weights.WHISPER_BASE) == expected
    assert not cache.exists()


def test_the_first_layers_of_whisper_base_are_in_the_package(cache: Path) -> None:
    feature = encoders.get("whisper-base", layers=(1, 5), deviation=False)
    found = feature(np.sin(np.arange(16000, dtype=np.float32)), 16000)
    assert found.shape == (1, 1024)
    assert np.isfinite(found).all()
    assert _whisper_weights.locate_whisper("whisper-base").stat().st_size < 25e6
    assert not cache.exists()


def test_an_encoder_of_version_0_1_is_on_the_hub(
    tiny: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_ENDPOINT", "https://localhost:9")
    with pytest.raises(ModelError, match=r"not in the package since version 0\.2") as raised:
        _whisper_weights.locate_whisper("whisper-tiny-en")
    assert "it is openai/whisper-tiny.en of the hub, or give a folder" in str(raised.value)
    downloaded = cache / "hub" / "openai--whisper-tiny.en"
    downloaded.parent.mkdir(parents=True, exist_ok=True)
    tiny.parent.rename(downloaded)
    by_name, by_id = map(
        _whisper_weights.locate_whisper, ("whisper-tiny-en", "openai/whisper-tiny.en")
    )
    assert by_name == by_id


def test_an_onnx_file_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    path.write_bytes(b"one")
    assert _whisper_weights.locate_whisper(str(path)) == path
    first = _whisper_weights.fingerprint_whisper(str(path))
    path.write_bytes(b"another")
    assert _whisper_weights.fingerprint_whisper(str(path)) != first


@pytest.mark.parametrize(
    "encoder",
    ["absent.onnx", "models/absent.onnx", "models/absent.safetensors", "", "whisper", "a/b/c",
     "/absent/x.onnx", "../model", "..", ".", "openai/whisper base", "weights/model.pt"],
)  # fmt: skip
def test_no_such_encoder(encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="no such encoder; give 'whisper-base'") as raised:
        _whisper_weights.locate_whisper(encoder)
    assert str(raised.value).startswith(encoder)


def test_a_folder_is_no_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "openai" / "whisper-base").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="no such encoder"):
        _whisper_weights.locate_whisper("openai/whisper-base")


def test_weights_are_converted_once(tiny: Path, cache: Path) -> None:
    pytest.importorskip("onnx")
    path = _whisper_weights.locate_whisper(str(tiny))
    made = path.stat().st_mtime_ns
    assert path.is_relative_to(cache)
    assert _whisper_weights.locate_whisper(str(tiny)) == path
    assert path.stat().st_mtime_ns == made
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_other_weights_or_heads_are_another_encoder(
    tmp_path: Path, tiny: Path,
    random_weights: Callable[..., dict[str, np.ndarray]], save_model: Callable[..., Path],
) -> None:  # fmt: skip
    pytest.importorskip("onnx")
    first = _whisper_weights.locate_whisper(str(tiny))
    copy = save_model(tmp_path / "copy", random_weights())
    assert _whisper_weights.locate_whisper(str(copy)) == first
    save_model(tiny.parent, random_weights(seed=1))
    os.utime(tiny, ns=(1, 1))
    second = _whisper_weights.locate_whisper(str(tiny))
    config = tiny.parent / "config.json"
    config.write_text('{"encoder_attention_heads": 4}', encoding="utf-8")
    third = _whisper_weights.locate_whisper(str(tiny))
    assert len({first, second, third}) == 3
    assert len({path.read_bytes() for path in (first, second, third)}) == 3


def test_weights_without_a_configuration(tiny: Path) -> None:
    (tiny.parent / "config.json").unlink()
    with pytest.raises(ModelError, match=r"model\.safetensors: no config\.json in its folder"):
        _whisper_weights.locate_whisper(str(tiny))


def test_a_configuration_named_after_the_weights(tiny: Path) -> None:
    pytest.importorskip("onnx")
    own = tiny.rename(tiny.parent / "base-encoder.safetensors")
    (tiny.parent / "config.json").rename(tiny.parent / "base-config.json")
    assert _whisper_weights.locate_whisper(str(own)).is_file()


def test_weights_that_cannot_be_converted_leave_nothing(tiny: Path, cache: Path) -> None:
    pytest.importorskip("onnx")
    tiny.write_bytes(b"half a download")
    with pytest.raises(ModelError, match=r"model\.safetensors: not a safetensors file"):
        _whisper_weights.locate_whisper(str(tiny))
    assert list((cache / "encoders").iterdir()) == []
