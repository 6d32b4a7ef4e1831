from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from serenade.audio import read
from serenade.encoders import build_network
from serenade.encoders.selfsupervised import _weights_location
from serenade.encoders.selfsupervised._encoder_folder import (
    load_encoder,
    read_encoder_settings,
    save_untrained,
)
from serenade.errors import ModelError

if TYPE_CHECKING:
    from serenade.encoders import EncoderSettings

CHECKPOINT = Path(__file__).parents[1] / "data" / "npc.ckpt"


def test_a_folder_keeps_the_encoder(tmp_path: Path, tiny: EncoderSettings) -> None:
    save_untrained(tmp_path, tiny, seed=5)
    settings, network = load_encoder(tmp_path)
    assert settings == tiny
    assert not network.training
    for name, tensor in build_network(tiny, seed=5).state_dict().items():
        found = network.state_dict()[name]
        assert found.dtype == tensor.dtype
        kept = tensor if "running" in name or not tensor.is_floating_point() else tensor.half()
        assert (found == kept.to(tensor.dtype)).all()


def test_a_seed_is_an_encoder(tmp_path: Path, tiny: EncoderSettings) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        save_untrained(tmp_path / name, tiny, seed=seed)
    prints = [_weights_location.fingerprint_weights(str(tmp_path / name)) for name in "abc"]
    assert prints[0] == prints[1] != prints[2]


def test_where_encoders_are(
    untrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    assert _weights_location.locate_weights(str(untrained)) == untrained
    assert _weights_location.locate_weights(str(CHECKPOINT)) == CHECKPOINT
    shutil.copytree(untrained, tmp_path / "shipped" / "tera")
    monkeypatch.setattr(_weights_location, "SHIPPED", tmp_path / "shipped")
    monkeypatch.chdir(tmp_path)
    assert _weights_location.locate_weights("tera") == tmp_path / "shipped" / "tera"
    (tmp_path / "tera").mkdir()  # an empty folder of that name is in nobody's way
    assert _weights_location.locate_weights("tera") == tmp_path / "shipped" / "tera"
    shutil.copytree(untrained, tmp_path / "tera", dirs_exist_ok=True)
    assert _weights_location.locate_weights("tera") == Path("tera")
    shutil.copytree(untrained, cache / "hub" / "somebody--npc-large")  # downloaded before
    assert (
        _weights_location.locate_weights("somebody/npc-large")
        == cache / "hub" / "somebody--npc-large"
    )


@pytest.mark.parametrize("name", ["nowhere", "folder/model.ckpt", "../tera", ""])
def test_no_such_encoder(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=r"no such encoder; give .*`serenade pretrain`"):
        _weights_location.locate_weights(name)


def test_the_hub_is_asked_for_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("requests")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "*")
    with pytest.raises(ModelError, match=r"somebody/tera: could not be downloaded .*config\.json"):
        _weights_location.locate_weights("somebody/tera")


def test_a_changed_file_is_another_encoder(untrained: Path, tiny_tera: EncoderSettings) -> None:
    _, before = _weights_location.load_weights(str(untrained))
    assert _weights_location.load_weights(str(untrained))[1] is before
    first = _weights_location.fingerprint_weights(str(untrained))
    times = {path: path.stat() for path in untrained.iterdir()}
    save_untrained(untrained, tiny_tera, seed=2)
    for path, stated in times.items():  # a copy that keeps the size and the time stamp
        assert path.stat().st_size == stated.st_size
        os.utime(path, ns=(stated.st_atime_ns, stated.st_mtime_ns))
    assert _weights_location.load_weights(str(untrained))[1] is not before
    assert _weights_location.fingerprint_weights(str(untrained)) != first


def test_damaged_folders(untrained: Path) -> None:
    whole = (untrained / "model.safetensors").read_bytes()
    (untrained / "model.safetensors").write_bytes(whole[:-100])
    with pytest.raises(ModelError, match=r"model\.safetensors: not the weights"):
        _weights_location.load_weights(str(untrained))
    (untrained / "model.safetensors").write_bytes(whole)
    config = json.loads((untrained / "config.json").read_text())
    config["network"]["width"] = 64
    (untrained / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="not the weights of its config"):
        _weights_location.load_weights(str(untrained))


@pytest.mark.parametrize(
    "change", [{"format": 9}, {"name": "wavlm"}, {"front": {"bands": 3}}, {"network": 3}]
)
def test_configurations_of_something_else(untrained: Path, change: dict[str, object]) -> None:
    config = json.loads((untrained / "config.json").read_text())
    (untrained / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(ModelError, match=r"config\.json: not the configuration"):
        read_encoder_settings(untrained)
    for damaged in ("{", "[" * 10**5):
        (untrained / "config.json").write_text(damaged)
        with pytest.raises(ModelError, match="cannot be read"):
            read_encoder_settings(untrained)


EXAMPLE = Path(__file__).parents[3] / "examples" / "example.flac"
NAMES = ["aalbert", "npc", "tera"]


def test_which_come_with_it():
    assert sorted(folder.name for folder in _weights_location.SHIPPED.iterdir()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_it_is_small_and_says_what_it_is(name):
    folder = _weights_location.locate_weights(name)
    assert (folder / _weights_location.ENCODER_WEIGHTS).stat().st_size < 15e6
    card = (folder / "MODEL_CARD.md").read_text("utf-8")
    history = json.loads((folder / "history.json").read_text("utf-8"))
    assert "CC BY-NC-SA 4.0" in card
    assert f"{history['steps']:,} steps" in card


@pytest.mark.parametrize("name", NAMES)
def test_it_predicts_what_it_cannot_see(name):
    settings, network = _weights_location.load_weights(name)
    audio = read(EXAMPLE, sampling_rate=16000)
    frames = torch.from_numpy(settings.front(audio.signal, 16000))[None]
    seen, hidden = frames.clone(), slice(None)
    if name != "npc":  # which hides the middle of what it looks at from itself
        hidden = torch.from_numpy(np.arange(frames.shape[1]) // 5 % 6 == 0)
        seen[:, hidden] = 0
    with torch.inference_mode():
        errors = [
            (net.eval()(seen) - frames)[:, hidden].abs().mean()
            for net in (network, build_network(settings, seed=0))
        ]
    mean = frames[:, hidden].abs().mean()
    assert errors[0] < 0.8 * min(errors[1], mean)
