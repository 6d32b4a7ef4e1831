"""Load speech encoders of transformers, and export them as ONNX from a signal to pooled states."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from serenade._hub import (
    CONFIG,
    PREPROCESSOR,
    WEIGHTS,
    download_model,
    is_hub_id,
    read_model_type,
)
from serenade.errors import MissingExtraError, ModelError, first_line
from serenade.extraction import hash_content

REVISION = 1
"""Raise when `export_pooled` writes another graph from the same weights."""

_OPSET = 17
_MASK = "masked_spec_embed"  # of training alone
_EXAMPLE = 8000  # samples of the signal that the exporter traces


def export_pooled(folder: Path, out: Path) -> None:
    """Write an encoder of raw signals as ONNX: wav2vec 2.0, HuBERT, WavLM, data2vec and others.

    The graph takes `signal`, shape `(clips, samples)`, all clips of one length, at 16 kHz. Its
    output `pooled`, shape `(clips, states, 2, width)`, has the mean and the standard deviation over
    time of the input of the first layer and of the output of each.

    Args:
        folder: `config.json`, `preprocessor_config.json` and weights, as `save_pretrained` writes
            them. Weights are read as plain numbers, and no code of the model's is run.
        out: the `.onnx` file to write.

    Raises:
        ModelError: the folder holds no such encoder.
        MissingExtraError: transformers, PyTorch or onnx is not installed.
    """
    network, normalise = load_network(folder)
    import onnx
    import torch

    try:
        module = _make_pooled(network, normalise)
        example = torch.linspace(-1, 1, _EXAMPLE).sin()[None]
        with warnings.catch_warnings(), torch.no_grad():
            # The exporter warns of values that it takes as constant; lengths are not among them.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module,
                (example,),
                out,
                dynamo=False,  # the newer exporter fixes lengths
                input_names=["signal"],
                output_names=["pooled"],
                opset_version=_OPSET,
                dynamic_axes={"signal": {0: "clips", 1: "samples"}, "pooled": {0: "clips"}},
            )
            _, states, _, width = module(example).shape
    except Exception as error:  # noqa: BLE001 - of transformers and of the exporter
        raise _make_refusal(folder, error) from None
    graph = onnx.load(str(out))
    onnx.helper.set_model_props(graph, {"states": str(states), "width": str(width)})
    onnx.save(graph, str(out))


def load_network(folder: Path) -> tuple[Any, bool]:
    """Load an encoder of raw signals with transformers.

    Args:
        folder: see `export_pooled`.

    Returns:
        The network, and whether it was trained on signals with zero mean and unit deviation.

    Raises:
        ModelError: the folder holds no such encoder.
        MissingExtraError: transformers, PyTorch or onnx is not installed.
    """
    try:
        import onnx  # noqa: F401 - without it, the encoder could not be exported
        from transformers import AutoModel
    except ImportError:
        raise MissingExtraError("exporting a speech encoder", "ssl") from None
    normalise = _read_normalisation(folder)
    try:
        network, report = AutoModel.from_pretrained(
            folder,
            trust_remote_code=False,
            attn_implementation="eager",
            output_loading_info=True,
        )
        if lacking := sorted(set(report["missing_keys"]) - {_MASK}):
            raise ValueError(f"its weights lack {lacking[0]}")  # they would be random
    except Exception as error:  # noqa: BLE001 - of transformers, of the weights
        raise _make_refusal(folder, error) from None
    return network.float().eval(), normalise


def load_encoder(encoder: str) -> tuple[Any, bool]:
    """Load an encoder of raw signals by its folder or its name on the Hugging Face hub.

    Args:
        encoder: folder or hub id.

    Returns:
        See `load_network`.

    Raises:
        ModelError: no such encoder, or one that does not take signals, such as Whisper's.
        MissingExtraError: transformers, PyTorch or onnx is not installed.
    """
    return load_network(_locate_config(encoder).parent)


def fingerprint_weights(encoder: str) -> str:
    """Return a hash of the weights of an encoder of raw signals; see `load_encoder`.

    Raises:
        ModelError: no such encoder, or its folder has no weights.
    """
    folder = _locate_config(encoder).parent
    for name in WEIGHTS:
        if (folder / name).is_file():
            return hash_content(folder / name)[:32]
    raise ModelError(f"{folder}: no {' or '.join(WEIGHTS)}; copy the weights of the model there")


def _locate_config(encoder: str) -> Path:
    """Return the configuration of an encoder of raw signals, downloaded if necessary."""
    refuse_known(encoder)
    if (Path(encoder) / CONFIG).is_file():
        config = Path(encoder) / CONFIG
    elif is_hub_id(encoder):
        _, config = download_model(encoder)
    else:
        raise ModelError(
            f"{encoder}: cannot be trained further; give a folder with config.json, or a hub id "
            "such as 'facebook/wav2vec2-base'"
        )
    if read_model_type(config) in {"", "whisper"}:
        raise ModelError(
            f"{encoder}: takes spectrograms, not signals, so it is used as a frozen probe alone; "
            "give wav2vec 2.0, HuBERT or WavLM, or the recipe 'default'"
        )
    return config


def refuse_known(encoder: str) -> None:
    """Raise an error for encoders that are published in a layout that cannot be read.

    Raises:
        ModelError: emotion2vec, whose files are those of FunASR.
    """
    if "emotion2vec" in encoder.lower() and not (Path(encoder) / CONFIG).is_file():
        raise ModelError(
            f"{encoder}: emotion2vec is published for FunASR, without the config.json of "
            "transformers, and cannot be converted; give wav2vec 2.0, HuBERT, WavLM or data2vec"
        )


def _make_refusal(folder: Path, error: Exception) -> ModelError:
    """Return the error for a folder without an encoder of signals."""
    return ModelError(
        f"{folder}: not a speech encoder that takes signals ({first_line(error)}); give a "
        "model such as wav2vec 2.0, HuBERT, WavLM or Whisper"
    )


def _read_normalisation(folder: Path) -> bool:
    """Return whether the encoder was trained on signals with zero mean and unit deviation."""
    file = folder / PREPROCESSOR
    try:
        stated = json.loads(file.read_text("utf-8"))
        rate, normalise = int(stated.get("sampling_rate", 16000)), stated.get("do_normalize", True)
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        raise ModelError(
            f"{file}: missing or damaged; copy it from the model, because it says how signals are "
            "scaled"
        ) from None
    if rate != 16000:
        raise ModelError(f"{file}: the encoder takes {rate} Hz; give one that takes 16000 Hz")
    return bool(normalise)


def _make_pooled(network: Any, normalise: bool) -> Any:
    """Return a module from signals to the mean and deviation of each hidden state."""
    import torch

    class Pooled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, signal: torch.Tensor) -> torch.Tensor:
            if normalise:  # as Wav2Vec2FeatureExtractor does
                centred = signal - signal.mean(dim=1, keepdim=True)
                signal = centred / (centred.square().mean(dim=1, keepdim=True) + 1e-7).sqrt()
            states = self.network(signal, output_hidden_states=True).hidden_states
            stacked = torch.stack(states, dim=1)
            mean = stacked.mean(dim=2, keepdim=True)
            deviation = (stacked - mean).square().mean(dim=2, keepdim=True).sqrt()
            return torch.cat([mean, deviation], dim=2)

    return Pooled().eval()
