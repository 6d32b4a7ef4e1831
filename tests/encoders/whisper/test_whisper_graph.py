from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from serenade.encoders.whisper import _whisper_weights
from serenade.encoders.whisper._whisper_graph import count_heads, export_encoder
from serenade.errors import ModelError
from serenade.runtime import open_session, run_session

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Weights = dict[str, np.ndarray]

pytest.importorskip("onnx")


def reference_states(settings: dict[str, int], weights: Weights, mel: np.ndarray) -> np.ndarray:
    """Hidden states `(layers + 1, batch, steps, width)` of Hugging Face's encoder."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    steps = (mel.shape[2] + 1) // 2
    # It takes one length only: that of its positions.
    config = transformers.WhisperConfig(**settings | {"max_source_positions": steps})
    config._attn_implementation = "eager"
    encoder = transformers.models.whisper.modeling_whisper.WhisperEncoder(config).eval()
    cut = weights | {"embed_positions.weight": weights["embed_positions.weight"][:steps]}
    encoder.load_state_dict({name: torch.from_numpy(w.copy()) for name, w in cut.items()})
    with torch.no_grad():
        if mel.shape[2] % 2 == 0:
            result = encoder(torch.from_numpy(mel), output_hidden_states=True)
            states = list(result.hidden_states)
        else:  # which it refuses, though its layers do not
            gelu = torch.nn.functional.gelu
            x = gelu(encoder.conv2(gelu(encoder.conv1(torch.from_numpy(mel))))).transpose(1, 2)
            states = [x + encoder.embed_positions.weight]
            for layer in encoder.layers:
                result = layer(states[-1], None)
                states.append(result[0] if isinstance(result, tuple) else result)
            states[-1] = encoder.layer_norm(states[-1])
    return np.stack([state.numpy() for state in states])


def both(path: Path, mel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    session = open_session(path)
    return tuple(run_session(session, name, {"mel": mel}) for name in ("states", "pooled"))


def images(frames: int, batch: int = 1, mels: int = 80) -> np.ndarray:
    rng = np.random.default_rng(frames)
    return rng.uniform(-1, 1, (batch, mels, frames)).astype(np.float32)


@pytest.mark.parametrize("frames", [2, 7, 40, 41, 99, 100])
@pytest.mark.parametrize("batch", [1, 3])
def test_states_equal_those_of_transformers(
    tmp_path: Path, tiny: Path, settings: dict[str, int], frames: int, batch: int,
    random_weights: Callable[..., Weights],
) -> None:  # fmt: skip
    export_encoder(tiny, 2, tmp_path / "tiny.onnx")
    mel = images(frames, batch)
    states, pooled = both(tmp_path / "tiny.onnx", mel)
    expected = reference_states(settings, random_weights(), mel)
    assert states.shape == expected.shape == (3, batch, (frames + 1) // 2, 16)
    np.testing.assert_allclose(states, expected, atol=1e-4)
    statistics = np.stack([expected.mean(axis=2), expected.std(axis=2)], axis=2)
    np.testing.assert_allclose(pooled, statistics.transpose(1, 0, 2, 3), atol=1e-4)


def test_another_number_of_mels(
    tmp_path: Path, settings: dict[str, int],
    random_weights: Callable[..., Weights], save_model: Callable[..., Path],
) -> None:  # fmt: skip
    weights, mel = random_weights(mels=128), images(60, mels=128)
    export_encoder(save_model(tmp_path, weights), 2, tmp_path / "tiny.onnx")
    states, _ = both(tmp_path / "tiny.onnx", mel)
    expected = reference_states(settings | {"num_mel_bins": 128}, weights, mel)
    np.testing.assert_allclose(states, expected, atol=1e-4)


@pytest.mark.parametrize("frames", [150, 397])
def test_real_weights_equal_those_of_transformers(models_root: Path, frames: int) -> None:
    load_file = pytest.importorskip("safetensors.numpy").load_file
    tensors = load_file(models_root / "whisper-tiny-en-encoder.safetensors")
    weights = {name: tensor.astype(np.float32) for name, tensor in tensors.items()}
    text = (models_root / "whisper-tiny-en-config.json").read_text("utf-8")
    settings = {
        name: value
        for name, value in json.loads(text).items()
        if name.startswith("encoder_") or name in {"d_model", "num_mel_bins"}
    }
    mel = images(frames)
    weights_file = models_root / "whisper-tiny-en-encoder.safetensors"
    states, pooled = both(_whisper_weights.locate_whisper(str(weights_file)), mel)
    expected = reference_states(settings, weights, mel)
    # The residual stream of the real model reaches several hundred.
    np.testing.assert_allclose(states, expected, atol=2e-3, rtol=1e-4)
    np.testing.assert_allclose(pooled[0, :, 0], expected[:, 0].mean(axis=1), atol=1e-3, rtol=1e-4)
    np.testing.assert_allclose(pooled[0, :, 1], expected[:, 0].std(axis=1), atol=1e-3, rtol=1e-4)


def test_the_first_layers_alone_give_their_states_and_compute_the_positions(
    tmp_path: Path,
    random_weights: Callable[..., Weights],
    save_model: Callable[..., Path],
) -> None:
    steps, width = 50, 16
    angles = np.arange(steps)[:, None] * 1e4 ** (-np.arange(width // 2) / (width // 2 - 1))
    table = np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float16)
    weights = random_weights() | {"embed_positions.weight": table.astype(np.float32)}
    saved = save_model(tmp_path, weights)
    export_encoder(saved, 2, tmp_path / "whole.onnx")
    export_encoder(saved, 2, tmp_path / "first.onnx", layers=1)
    states, pooled = both(tmp_path / "first.onnx", images(41))
    whole_states, whole_pooled = both(tmp_path / "whole.onnx", images(41))
    np.testing.assert_allclose(states, whole_states[:2], atol=2e-3)
    np.testing.assert_allclose(pooled, whole_pooled[:, :2], atol=2e-3)
    for layers in (0, 2, 3):
        with pytest.raises(ModelError, match="of its 2 layers cannot be kept"):
            export_encoder(saved, 2, tmp_path / "other.onnx", layers=layers)


@pytest.mark.parametrize("prefix", ["encoder.", "model.encoder."])
def test_whole_models_give_their_encoder(
    tmp_path: Path, tiny: Path, prefix: str,
    random_weights: Callable[..., Weights], save_model: Callable[..., Path],
) -> None:  # fmt: skip
    whole = save_model(tmp_path / "whole", random_weights(), prefix)
    save_file = pytest.importorskip("safetensors.numpy").save_file
    tensors = {prefix + name: weight for name, weight in random_weights().items()}
    decoder = prefix.replace("encoder", "decoder")
    save_file(tensors | {f"{decoder}layers.9.bias": np.ones(3, np.float32)}, whole)
    export_encoder(tiny, 2, tmp_path / "a.onnx")
    export_encoder(whole, 2, tmp_path / "b.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_the_order_of_tensors_does_not_matter(
    tmp_path: Path, tiny: Path,
    random_weights: Callable[..., Weights], save_model: Callable[..., Path],
) -> None:  # fmt: skip
    turned = save_model(tmp_path / "turned", dict(reversed(random_weights().items())))
    export_encoder(tiny, 2, tmp_path / "a.onnx")
    export_encoder(turned, 2, tmp_path / "b.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a checkpoint", bytes(100)])
def test_files_that_are_no_weights(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"weights\.safetensors: not a safetensors file"):
        export_encoder(path, 2, tmp_path / "x.onnx")
    with pytest.raises(ModelError, match="absent"):
        export_encoder(tmp_path / "absent.safetensors", 2, tmp_path / "x.onnx")
    assert not (tmp_path / "x.onnx").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"conv1.weight": None}, "no tensor named conv1.weight"),
        ({"layers.1.fc2.weight": None}, "layers.1.fc2.weight' is missing"),
        ({"embed_positions.weight": None}, "embed_positions.weight' is missing"),
        (
            {"layers.0.fc1.weight": np.ones((24, 15), np.float32)},
            "not a Whisper encoder of 2 heads",
        ),
        ({"conv2.weight": np.ones((16, 9, 3), np.float32)}, "not a Whisper encoder of 2 heads"),
        ({"conv1.weight": np.ones(3, np.float32)}, "not a Whisper encoder"),
        ({"layers.0.self_attn.q_proj.weight": np.ones(16, np.float32)}, "not a Whisper encoder"),
        ({"layers.x.weight": np.ones(16, np.float32)}, "not a Whisper encoder"),
    ],
)
def test_weights_of_something_else(
    tmp_path: Path, change: Weights, words: str,
    random_weights: Callable[..., Weights], save_model: Callable[..., Path],
) -> None:  # fmt: skip
    weights = random_weights() | change
    path = save_model(tmp_path, {name: w for name, w in weights.items() if w is not None})
    with pytest.raises(ModelError, match=words) as raised:
        export_encoder(path, 2, tmp_path / "x.onnx")
    assert str(path) in str(raised.value)
    assert not (tmp_path / "x.onnx").exists()


def test_weights_without_layers(
    tmp_path: Path, random_weights: Callable[..., Weights], save_model: Callable[..., Path]
) -> None:
    weights = {n: w for n, w in random_weights().items() if not n.startswith("layers.")}
    with pytest.raises(ModelError, match="not a Whisper encoder"):
        export_encoder(save_model(tmp_path, weights), 2, tmp_path / "x.onnx")


@pytest.mark.parametrize("heads", [0, 3, -2])
def test_heads_that_do_not_divide_the_width(tmp_path: Path, tiny: Path, heads: int) -> None:
    with pytest.raises(ModelError, match=f"of {heads} heads"):
        export_encoder(tiny, heads, tmp_path / "x.onnx")


def test_heads_of_a_configuration(tmp_path: Path, tiny: Path) -> None:
    assert count_heads(tiny.parent / "config.json") == 2
    entry = '{"encoder_attention_heads": %s}'
    for text in ("", "[]", "{}", entry % "null", entry % "Infinity", "[" * 10**5, "\udc80"):
        path = tmp_path / "config.json"
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        with pytest.raises(ModelError, match=r"config\.json: not the configuration"):
            count_heads(path)
    with pytest.raises(ModelError, match="absent"):
        count_heads(tmp_path / "absent.json")
