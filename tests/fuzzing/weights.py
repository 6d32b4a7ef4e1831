"""Damaged model folders, encoders and checkpoints."""

from __future__ import annotations

import functools
import io
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from support.model_folders import copy_unchecked, write_probe

from fuzzing import sounds
from fuzzing.cases import Case, changed, pick, places

REPOSITORY = Path(__file__).parents[2]


def model(number: int, folder: Path) -> Case:
    """Make a damaged model, which is loaded, used and enrolled."""
    import serenade

    rng = np.random.default_rng([8, number])
    path = folder / "model"
    name = pick(rng, ["model.json", "head.onnx", "speakers.npz", "enrolled.onnx", "places.npz"])
    (copy_unchecked if name == "places.npz" else write_probe)(path)
    file = path / name
    if name == "model.json" and rng.random() < 0.7:
        file.write_text(json.dumps(changed(json.loads(file.read_text("utf-8")), rng)), "utf-8")
    elif name.endswith(".npz") and rng.random() < 0.6:
        with np.load(file) as loaded:
            arrays = dict(loaded)
        key = pick(rng, list(arrays))
        if arrays[key].ndim:
            mean = arrays[key]
            odd = [
                np.zeros(3, "U5"),
                np.array([None]),
                np.array(1e300),
                np.zeros((2, 2)),
                np.zeros(0),
            ]
            odd += [mean[..., :-1], -mean, mean.astype(complex), mean * np.nan]
            arrays[key] = pick(rng, odd)
        else:
            arrays[key] = np.array(pick(rng, ["x", 3.5, [1, 2]]))
        np.savez(file, **arrays)
    else:
        file.write_bytes(sounds.damaged(file.read_bytes(), rng, head=int(pick(rng, [0, 400]))))
    clip = folder / "clip.wav"
    signal, rate = soundfile.read(REPOSITORY / "examples" / "example.flac", frames=32_000)
    soundfile.write(clip, signal, rate)  # speech: of other sounds the model is not asked

    def act() -> object:
        loaded = serenade.load(path)
        return loaded.predict(clip), loaded.enrol([clip]).predict(clip)

    return Case(f"model {number}: {name}", act)


def checkpoint(number: int, folder: Path) -> Case:
    """Make a damaged checkpoint: s3prl's, a training's, Speech2Vec's, or an encoder's folder."""
    from serenade.encoders.selfsupervised import _encoder_folder as encoders
    from serenade.encoders.selfsupervised import _official

    rng = np.random.default_rng([9, number])
    ways = ["tera_fbank", "tera_mel", "npc", "aalbert_mel", "training", "folder", "speech2vec"]
    name = ways[number % len(ways)]
    if name == "folder":
        place = folder / "encoder"
        shutil.copytree(_encoder(), place)
        file = place / pick(rng, [encoders.CONFIG, encoders.ENCODER_WEIGHTS])
        if file.name == encoders.CONFIG and rng.random() < 0.7:
            file.write_text(json.dumps(changed(json.loads(file.read_text("utf-8")), rng)), "utf-8")
        else:
            file.write_bytes(sounds.damaged(file.read_bytes(), rng, head=200))
        return Case(f"encoder folder {number}: {file.name}", lambda: encoders.load_encoder(place))
    if name == "speech2vec":
        from serenade.encoders.speech2vec import _vectors as vectors

        path = folder / "network.safetensors"
        path.write_bytes(sounds.damaged(_speech2vec(), rng, head=600))
        return Case(f"speech2vec {number}", lambda: vectors.load_speech2vec(path))
    path = folder / "case.ckpt"
    if name == "training":
        from serenade.training._checkpoint import Checkpoint

        path.write_bytes(sounds.damaged(_training(), rng, head=400))

        def act() -> object:
            net = _net()
            return Checkpoint(path, None).load(net)

        return Case(f"training checkpoint {number}", act)
    whole = (REPOSITORY / "tests" / "encoders" / "data" / f"{name}.ckpt").read_bytes()
    if rng.random() < 0.5:
        path.write_bytes(_changed_tensors(whole, rng))
    else:
        path.write_bytes(sounds.damaged(whole, rng, head=600))
    return Case(f"checkpoint {number}: {name}", lambda: _official.load_official(path))


def _changed_tensors(data: bytes, rng: np.random.Generator) -> bytes:
    """Return a well-formed PyTorch file with values replaced."""
    import torch

    from serenade.encoders.selfsupervised import _official

    with tempfile.NamedTemporaryFile(suffix=".ckpt") as file:
        file.write(data)
        file.flush()
        content = _official._read(Path(file.name))
    odd = [
        None,
        [],
        {},
        "",
        -1,
        0,
        10**9,
        1.5,
        torch.zeros(0),
        torch.full((2, 2), torch.nan),
        "gelu",
        True,
        (1, 2),
    ]
    for _ in range(int(rng.integers(1, 3))):
        parent, key = pick(rng, list(places(content)))
        if rng.random() < 0.2:
            del parent[key]
        else:
            parent[key] = pick(rng, odd)
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


@functools.cache
def _encoder() -> Path:
    """Save a small encoder; return its folder."""
    import dataclasses

    from serenade.encoders.selfsupervised import _official
    from serenade.encoders.selfsupervised._encoder_folder import save_encoder

    settings, network = _official.load_official(
        REPOSITORY / "tests" / "encoders" / "data" / "tera_fbank.ckpt"
    )
    folder = Path(tempfile.mkdtemp(prefix="serenade-fuzz-")) / "encoder"
    save_encoder(folder, dataclasses.replace(settings), network, "a card")
    return folder


@functools.cache
def _speech2vec() -> bytes:
    from serenade.encoders import Speech2VecSettings, build_speech2vec
    from serenade.encoders.speech2vec._vectors import save_speech2vec

    settings = Speech2VecSettings()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        save_speech2vec(build_speech2vec(settings), settings, path)
        return path.read_bytes()


def _net() -> Any:
    import types

    import torch

    module = torch.nn.Linear(3, 2)
    return types.SimpleNamespace(
        device="cpu", module_=module, optimizer_=torch.optim.Adam(module.parameters()), history=[]
    )


@functools.cache
def _training() -> bytes:
    import torch

    net = _net()
    state = {
        "format": 1,
        "module": net.module_.state_dict(),
        "optimiser": net.optimizer_.state_dict(),
        "history": json.dumps([{"epoch": 1, "train_loss": 0.5}]),
        "best": None,
        "finished": False,
    }
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()
