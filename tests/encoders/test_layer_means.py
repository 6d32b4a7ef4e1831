"""Means of hidden states: tiny random encoders in the published layouts, against transformers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from serenade.encoders import LayerMeans, WhisperPooled, locate_whisper
from serenade.errors import ModelError, SignalFormatError, TooShortError

if TYPE_CHECKING:
    from pathlib import Path

transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

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
    kind = layout.partition(" ")[0]
    config = getattr(transformers, f"{kind}Config")(**SIZES, **LAYOUTS[layout])
    torch.manual_seed(0)
    network = getattr(transformers, f"{kind}Model")(config).eval()
    network.save_pretrained(folder)
    stated = {"do_normalize": normalise, "sampling_rate": 16000}
    (folder / "preprocessor_config.json").write_text(json.dumps(stated), encoding="utf-8")
    return network


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.usefixtures("cache")
def test_layer_means_equal_those_of_transformers(layout: str, tmp_path: Path) -> None:
    network = save_encoder(tmp_path, layout, normalise=layout != "WavLM")
    feature = LayerMeans(str(tmp_path), deviation=True)
    noise = np.random.default_rng(0).standard_normal(31_777).astype(np.float32) / 7 + 0.01
    for signal in (noise, noise[:400]):
        scaled = torch.from_numpy(signal)[None]
        if layout != "WavLM":
            scaled = (scaled - scaled.mean()) / (scaled.var(correction=0) + 1e-7).sqrt()
        with torch.no_grad():
            states = network(scaled, output_hidden_states=True).hidden_states
        expected = [
            np.concatenate(
                [state[0].mean(dim=0).numpy(), state[0].std(dim=0, correction=0).numpy()]
            )
            for state in states
        ]
        found = feature(signal, 16000)
        assert found.shape == (3, len(feature.names)) == (3, 64)
        np.testing.assert_allclose(found, expected, atol=2e-5)
    means = LayerMeans(str(tmp_path))(noise, 16000)
    np.testing.assert_array_equal(means, feature(noise, 16000)[:, :32])


def test_layer_means_of_whisper_are_its_pooled_states(tiny: Path, cache: Path) -> None:
    signal = np.sin(np.arange(24_000, dtype=np.float32) / 9)
    pooled = WhisperPooled(str(tiny), trim=False)(signal, 16000)
    for encoder in (str(tiny), str(tiny.parent)):
        found = LayerMeans(encoder, deviation=True)(signal, 16000)
        np.testing.assert_array_equal(found, pooled.reshape(3, 32))
    assert len(list(cache.rglob("*.onnx"))) == 1


@pytest.mark.usefixtures("cache")
def test_layer_means_pool_long_signals_in_parts(tmp_path: Path) -> None:
    save_encoder(tmp_path, "WavLM", normalise=False)
    feature = LayerMeans(str(tmp_path), deviation=True)
    signal = np.random.default_rng(0).standard_normal(45 * 16000).astype(np.float32)
    halves = [feature(half, 16000).reshape(3, 2, 32) for half in np.split(signal, 2)]
    mean = np.mean([half[:, 0] for half in halves], axis=0)
    np.testing.assert_allclose(feature(signal, 16000)[:, :32], mean, atol=1e-5)


def test_layer_means_name_what_is_wrong(tmp_path: Path, cache: Path) -> None:
    save_encoder(tmp_path)
    feature = LayerMeans(str(tmp_path))
    with pytest.raises(SignalFormatError, match="takes 16000 Hz, not 8000"):
        feature(np.zeros(8000, np.float32), 8000)
    with pytest.raises(TooShortError, match="at least 400 samples"):
        feature(np.zeros(399, np.float32), 16000)
    (tmp_path / "preprocessor_config.json").unlink()
    with pytest.raises(ModelError, match="says how signals are scaled"):
        locate_whisper(str(tmp_path))
    save_encoder(tmp_path)
    weights = tmp_path / "model.safetensors"
    numpy_files = pytest.importorskip("safetensors.numpy")
    tensors = numpy_files.load_file(weights)
    tensors.pop("encoder.layer_norm.weight")
    numpy_files.save_file(tensors, weights, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"its weights lack encoder\.layer_norm\.weight"):
        locate_whisper(str(tmp_path))
    assert len(list(cache.rglob("*.onnx"))) == 1
