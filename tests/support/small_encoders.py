"""Self-supervised encoders small enough to train in a second, and recordings for them."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from serenade.encoders import EncoderSettings, PretrainingSettings, aalbert, npc, tera
from serenade.encoders.selfsupervised._encoder_folder import save_untrained

if TYPE_CHECKING:
    from pathlib import Path

_SIZES = {
    "tera": {
        "width": 32,
        "layers": 2,
        "heads": 2,
        "hidden": 64,
        "dropout": 0.1,
        "offsets": (-4, 4),
    },
    "aalbert": {
        "width": 32,
        "layers": 3,
        "heads": 2,
        "hidden": 64,
        "dropout": 0.1,
        "offsets": (-4, 4),
    },
    "npc": {"width": 32, "blocks": 2, "groups": 2, "codes": 8, "dropout": 0.1},
}


SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "conv_dim": (16,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
}
LAYERS_NORMALISED = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
LAYOUTS = {
    "Wav2Vec2": {},
    "Wav2Vec2 large": LAYERS_NORMALISED,
    "Hubert": {},
    "WavLM": {},
    "Data2VecAudio": {},
    "UniSpeechSat": {},
}


def save_encoder(folder: Path, layout: str = "Wav2Vec2", *, normalise: bool = True) -> Any:
    """Save a tiny random encoder as its publishers do; return it."""
    import torch
    import transformers

    kind = layout.partition(" ")[0]
    config = getattr(transformers, f"{kind}Config")(**SIZES, **LAYOUTS[layout])
    torch.manual_seed(0)
    network = getattr(transformers, f"{kind}Model")(config).eval()
    network.save_pretrained(folder)
    stated = {"do_normalize": normalise, "sampling_rate": 16000}
    (folder / "preprocessor_config.json").write_text(json.dumps(stated), encoding="utf-8")
    return network


def _tiny(name: str) -> EncoderSettings:
    small = {"tera": tera, "aalbert": aalbert, "npc": npc}[name].PRESETS["small"][0]
    network = dataclasses.replace(small.network, **_SIZES[name])
    return dataclasses.replace(small, network=network)


@pytest.fixture(params=["tera", "aalbert", "npc"])
def tiny(request: pytest.FixtureRequest) -> EncoderSettings:
    """Return each encoder, small enough to train in a second."""
    return _tiny(request.param)


@pytest.fixture
def tiny_tera() -> EncoderSettings:
    return _tiny("tera")


@pytest.fixture
def tiny_npc() -> EncoderSettings:
    return _tiny("npc")


@pytest.fixture
def untrained(tmp_path: Path, tiny_tera: EncoderSettings) -> Path:
    """Save a tiny TERA; return its folder."""
    save_untrained(tmp_path / "untrained", tiny_tera, seed=1)
    return tmp_path / "untrained"


@pytest.fixture
def training() -> PretrainingSettings:
    """Return settings of a short run of batches of four seconds."""
    return PretrainingSettings(steps=12, batch=4.0, crop=1.0, interval=5, validation=0.2, seed=3)


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write twelve recordings of gliding voices, 0.5 to 2.7 s, in two formats."""
    folder = tmp_path_factory.mktemp("recordings")
    for number in range(12):
        rng = np.random.default_rng(number)
        time = np.arange(8000 + 3200 * number) / 16000
        glide = 2 * np.pi * (rng.uniform(80, 250) * time + rng.uniform(-30, 30) * time**2)
        voice = sum(np.sin(k * glide) / k for k in range(1, 15))
        swell = 1 + np.sin(2 * np.pi * rng.uniform(1, 4) * time)
        signal = 0.05 * swell * voice + 0.002 * rng.standard_normal(time.size)
        below = folder / ("a" if number % 2 else "b")
        below.mkdir(exist_ok=True)
        suffix = "flac" if number % 3 else "wav"
        soundfile.write(below / f"{number:02d}.{suffix}", signal.astype(np.float32), 16000)
    return folder


@pytest.fixture
def files(recordings: Path) -> list[str]:
    return sorted(str(path) for path in recordings.rglob("*.*"))
