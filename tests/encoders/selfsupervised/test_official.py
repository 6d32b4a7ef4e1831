"""Equality with s3prl; `scripts/make_s3prl_references.py` made the references with it."""

from __future__ import annotations

import importlib.util
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from serenade.encoders.selfsupervised import SelfSupervised, _official
from serenade.encoders.selfsupervised._encoder_folder import load_encoder, save_encoder
from serenade.errors import ModelError

DATA = Path(__file__).parents[1] / "data"
ROOT = Path(__file__).parents[3]
CHECKPOINTS = ("tera_mel", "tera_fbank", "aalbert_mel", "npc")


def script() -> Any:
    spec = importlib.util.spec_from_file_location(
        "make_s3prl_references", ROOT / "scripts" / "make_s3prl_references.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def signal() -> np.ndarray:
    return script().signal()


def _plain(name: str) -> dict[str, Any]:
    found = _official._read(DATA / f"{name}.ckpt")
    found.pop("Optimizer", None)
    return found


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_hidden_states_equal_s3prls(name: str, signal: np.ndarray) -> None:
    expected = np.load(DATA / "states.npz")[name]
    for state, matrix in enumerate(expected):
        found = SelfSupervised(str(DATA / f"{name}.ckpt"), layer=state)(signal, 16000)
        np.testing.assert_allclose(found, matrix, atol=1e-4)
    last = SelfSupervised(str(DATA / f"{name}.ckpt"))(signal, 16000)
    np.testing.assert_array_equal(last, found)


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_checkpoint_as_a_folder(name: str, signal: np.ndarray, tmp_path: Path) -> None:
    settings, network = _official.load_official(DATA / f"{name}.ckpt")
    save_encoder(tmp_path / "folder", settings, network, "# a card\n")
    again, _ = load_encoder(tmp_path / "folder")
    assert again == settings
    found = SelfSupervised(str(tmp_path / "folder"))(signal, 16000)
    expected = SelfSupervised(str(DATA / f"{name}.ckpt"))(signal, 16000)
    np.testing.assert_allclose(found, expected, atol=0.02)  # half precision


def test_what_kind_it_is() -> None:
    kinds = {name: _official.load_official(DATA / f"{name}.ckpt")[0] for name in CHECKPOINTS}
    assert [kinds[name].name for name in CHECKPOINTS] == ["tera", "tera", "aalbert", "npc"]
    assert kinds["tera_mel"].front.level == -25
    assert kinds["tera_fbank"].front.dims == 240
    assert kinds["tera_mel"].alterations.band_share == 0.2
    assert kinds["aalbert_mel"].network.shared
    assert kinds["npc"].front.window == "hamming"


@pytest.mark.parametrize("paper", [False, True])
def test_s3prl_itself(tmp_path: Path, signal: np.ndarray, paper: bool) -> None:
    """Where s3prl is installed: its classes with random weights, also at published sizes."""
    pytest.importorskip("s3prl")
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        checkpoints = script().make(tmp_path, paper=paper)
    assert len(checkpoints) == 4
    for file in checkpoints:
        expected = np.load(tmp_path / "states.npz")[file.stem]
        found = SelfSupervised(str(file))(signal, 16000)
        np.testing.assert_allclose(found, expected[-1], atol=1e-4)


def test_older_layouts(tmp_path: Path, signal: np.ndarray) -> None:
    """Settings below `Settings`, TensorFlow's names of the norms, the front end as `online`."""
    found = _plain("tera_mel")
    config = dict(found.pop("Config"))
    config["online"] = config.pop("audio")
    endings = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    weights = {}
    for name, tensor in found["Transformer"].items():
        for ours, theirs in endings.items():
            name = name.replace(ours, theirs)  # noqa: PLW2901
        weights[name] = tensor
    assert any(name.endswith("gamma") for name in weights)
    torch.save({"Transformer": weights, "Settings": {"Config": config}}, tmp_path / "older.pth")
    expected = np.load(DATA / "states.npz")["tera_mel"][-1]
    result = SelfSupervised(str(tmp_path / "older.pth"))(signal, 16000)
    np.testing.assert_allclose(result, expected, atol=1e-4)


class Payload:
    """Pickles as a call of a function, as an attacker's would."""

    def __init__(self, file: Path) -> None:
        self.file = str(file)

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.file,)


def test_nothing_in_a_checkpoint_is_executed(tmp_path: Path) -> None:
    trap = tmp_path / "executed"
    found = {**_plain("tera_mel"), "Optimizer": Payload(trap)}
    torch.save(found, tmp_path / "evil.ckpt")
    with pytest.raises(ModelError, match=r"evil\.ckpt: .*\(it holds posix\.mkdir\)"):
        _official.load_official(tmp_path / "evil.ckpt")
    assert not trap.exists()
    pickle.loads(pickle.dumps(Payload(trap)))  # it would have been
    assert trap.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"transformer": {"pre_layer_norm": True}}, "normalised first"),
        ({"transformer": {"num_hidden_layers": 5}}, "KeyError"),
        ({"transformer": {"hidden_size": 32}}, "size mismatch|Error"),
        ({"audio": {"win_ms": 50}}, "an input of"),
        ({"audio": {"input": {"feat_type": "linear"}}}, "an input of"),
        ({"audio": None}, "features extracted beforehand"),
    ],
)
def test_variants_that_are_not_had(tmp_path: Path, change: dict, message: str) -> None:
    found = _plain("tera_mel")
    config = dict(found["Config"])
    for part, fields in change.items():
        config[part] = None if fields is None else {**config[part], **fields}
    torch.save({**found, "Config": config}, tmp_path / "other.ckpt")
    with pytest.raises(ModelError, match=rf"(?s)other\.ckpt: not a checkpoint .*({message})"):
        _official.load_official(tmp_path / "other.ckpt")


@pytest.mark.parametrize(
    "change", [{"residual": False}, {"activate": "tanh"}, {"disable_cross_layer": True}]
)
def test_variants_of_npc(tmp_path: Path, change: dict) -> None:
    found = _plain("npc")
    found["config"]["model"]["paras"].update(change)
    torch.save(found, tmp_path / "other.ckpt")
    with pytest.raises(ModelError, match="a network of"):
        _official.load_official(tmp_path / "other.ckpt")


def test_files_that_are_none(tmp_path: Path) -> None:
    whole = (DATA / "npc.ckpt").read_bytes()
    (tmp_path / "half.ckpt").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.ckpt").write_text("hello")
    torch.save([1, 2], tmp_path / "list.ckpt")
    torch.save({"a": 1}, tmp_path / "other.ckpt")
    for name in ("half", "text", "list", "other"):
        with pytest.raises(ModelError, match=rf"{name}\.ckpt: "):
            _official.load_official(tmp_path / f"{name}.ckpt")
