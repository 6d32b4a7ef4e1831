from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.cache import cache  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_TINY = {
    "d_model": 16,
    "encoder_layers": 2,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 24,
    "num_mel_bins": 80,
    "max_source_positions": 50,
}


def _weights(seed: int = 0, mels: int = 80) -> dict[str, np.ndarray]:
    """Draw weights with Hugging Face's names, each one a half-precision number."""
    rng = np.random.default_rng(seed)
    width, inner, steps = 16, 24, 50
    shapes: dict[str, tuple[int, ...]] = {
        "conv1.weight": (width, mels, 3),
        "conv1.bias": (width,),
        "conv2.weight": (width, width, 3),
        "conv2.bias": (width,),
        "embed_positions.weight": (steps, width),
        "layer_norm.weight": (width,),
        "layer_norm.bias": (width,),
    }
    for layer in range(2):
        for name in ("self_attn_layer_norm", "final_layer_norm"):
            shapes |= {f"layers.{layer}.{name}.{part}": (width,) for part in ("weight", "bias")}
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            shapes[f"layers.{layer}.self_attn.{name}.weight"] = (width, width)
            if name != "k_proj":
                shapes[f"layers.{layer}.self_attn.{name}.bias"] = (width,)
        shapes |= {
            f"layers.{layer}.fc1.weight": (inner, width),
            f"layers.{layer}.fc1.bias": (inner,),
            f"layers.{layer}.fc2.weight": (width, inner),
            f"layers.{layer}.fc2.bias": (width,),
        }
    return {
        name: (0.3 * rng.standard_normal(shape)).astype(np.float16).astype(np.float32)
        for name, shape in shapes.items()
    }


def _save(folder: Path, weights: dict[str, np.ndarray], prefix: str = "") -> Path:
    """Write `model.safetensors` and `config.json`; returns the former."""
    save_file = pytest.importorskip("safetensors.numpy").save_file
    folder.mkdir(parents=True, exist_ok=True)
    save_file({prefix + n: w for n, w in weights.items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(_TINY), encoding="utf-8")
    return folder / "model.safetensors"


@pytest.fixture
def settings() -> dict[str, int]:
    """Return settings of a Whisper encoder that takes one second at a time."""
    return dict(_TINY)


@pytest.fixture
def random_weights() -> Callable[..., dict[str, np.ndarray]]:
    """`(seed, mels)` to the weights of such an encoder."""
    return _weights


@pytest.fixture
def save_model() -> Callable[..., Path]:
    """`(folder, weights, prefix)` to the path of a model's weights."""
    return _save


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """Write the weights of a tiny Whisper encoder and its configuration."""
    return _save(tmp_path / "tiny", _weights())
