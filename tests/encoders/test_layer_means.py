"""Means of hidden states: tiny random encoders in the published layouts, against transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.small_encoders import LAYOUTS, save_encoder

from serenade.encoders import (
    LayerMeans,
    Waveform,
    WhisperPooled,
    fingerprint_weights,
    load_encoder,
    locate_whisper,
)
from serenade.errors import ModelError, SignalFormatError, TooShortError

if TYPE_CHECKING:
    from pathlib import Path

transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")
pytest.importorskip("onnx")


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
    first = fingerprint_weights(str(tmp_path))
    save_encoder(tmp_path, "WavLM")
    assert fingerprint_weights(str(tmp_path)) != first
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"no model\.safetensors or pytorch_model\.bin"):
        fingerprint_weights(str(tmp_path))
    save_encoder(tmp_path)
    with pytest.raises(TooShortError, match="at least 400 samples"):
        feature(np.zeros(399, np.float32), 16000)
    (tmp_path / "preprocessor_config.json").write_text("[" * 100_000)
    with pytest.raises(ModelError, match="says how signals are scaled"):
        locate_whisper(str(tmp_path))
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


@pytest.mark.filterwarnings("ignore:Support for mismatched key_padding_mask")  # of WavLM's
@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "Data2VecAudio"])
@pytest.mark.parametrize("rank", [0, 4])
def test_tuned_encoder_ignores_padding_and_starts_as_the_encoder(
    layout: str, rank: int, tmp_path: Path
) -> None:
    from serenade.systems.networks import TunedEncoder

    save_encoder(tmp_path, layout)
    encoder, normalise = load_encoder(str(tmp_path))
    network = TunedEncoder(encoder, 3, normalise=normalise, rank=rank, dropout=0.1).eval()
    rng = np.random.default_rng(0)
    clips = [torch.from_numpy(rng.standard_normal(size)).float() for size in (9000, 400, 16000)]
    values = torch.nn.utils.rnn.pad_sequence(clips, batch_first=True)[..., None]
    mask = torch.arange(16000)[None] < torch.tensor([[len(clip)] for clip in clips])
    with torch.no_grad():
        together = network(values, mask)
        for row, clip in enumerate(clips):
            alone = network(clip[None, :, None], torch.ones(1, len(clip), dtype=bool))
            torch.testing.assert_close(together[row], alone[0], atol=1e-5, rtol=1e-4)
        means = torch.from_numpy(LayerMeans(str(tmp_path))(clips[0].numpy(), 16000))[None]
        expected = network.probe(means, torch.ones(1, len(means[0])))
    torch.testing.assert_close(together[:1], expected, atol=1e-4, rtol=1e-4)
    network.train()(values[[0, 2]], mask[[0, 2]]).square().sum().backward()
    learnt = {name for name, part in network.named_parameters() if part.grad is not None}
    assert not any("feature_extractor" in name for name in learnt)
    parts = {name.rpartition(".")[2] for name in learnt if "probe" not in name}
    assert parts == ({"down", "up"} if rank else parts - {"down", "up"})
    assert any("encoder.layers.0" in name for name in learnt)


@pytest.mark.usefixtures("cache")
def test_load_encoder_refuses_what_it_cannot_train(tmp_path: Path, tiny: Path) -> None:
    from serenade.systems.networks import TunedEncoder

    with pytest.raises(ModelError, match="takes spectrograms, not signals"):
        load_encoder(str(tiny.parent))
    with pytest.raises(ModelError, match=r"give a folder with config\.json"):
        load_encoder("whisper-base")
    for use in (load_encoder, locate_whisper):
        with pytest.raises(ModelError, match="emotion2vec is published for FunASR"):
            use("emotion2vec/emotion2vec_plus_base")
    save_encoder(tmp_path, "Data2VecAudio")
    with pytest.raises(ModelError, match="Data2VecAudioModel: cannot be trained further"):
        TunedEncoder(load_encoder(str(tmp_path))[0], 2, normalise=True, rank=0, dropout=0.0)
    with pytest.raises(TooShortError, match="at least 400 samples"):
        Waveform()(np.zeros(399, np.float32), 16000)
