"""Checkpoints as s3prl writes them (TERA, AALBERT, NPC), read without executing anything.

Files are opened by PyTorch's reader of weights only. In addition to tensors and plain values it
accepts `argparse.Namespace`, and of the learning-rate schedules that older files hold, which become
empty objects.
"""

from __future__ import annotations

import argparse
import itertools
import re
from typing import TYPE_CHECKING, Any

import torch

from serenade.encoders.selfsupervised._build import build_network
from serenade.encoders.selfsupervised._encoder_settings import (
    NO_ALTERATIONS,
    Alterations,
    EncoderSettings,
    NPCSettings,
    TransformerSettings,
)
from serenade.encoders.selfsupervised._front_end import FrontEnd
from serenade.errors import ModelError, first_line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

    from serenade.encoders.selfsupervised._build import Network

    Weights = dict[str, Tensor]

_UNLIMITED = 24_000  # frames: the length of the official table of positions


class _Empty:
    """Stands for an object that nothing here needs."""


_SCHEDULES = (
    *("ConstantLR", "WarmupLinearSchedule", "WarmupConstantSchedule", "WarmupCosineSchedule"),
    *("WarmupCosineWithHardRestartsSchedule", "WarmupCosineWithWarmupRestartsSchedule"),
)
_HOMES = ("optimizers", "s3prl.optimizers", "transformer.optimization", "mockingjay.optimization")


def load_official(file: Path) -> tuple[EncoderSettings, Network]:
    """Load the encoder of a checkpoint, ready to run.

    Args:
        file: `.ckpt` or `.pth`.

    Raises:
        ModelError: not a checkpoint, one that holds other objects, or of a variant that this
            package does not have; the message says which.
    """
    stated = _read(file)
    try:
        if "Transformer" in stated:
            settings, weights = _convert_transformer(stated)
        elif "model" in stated and "config" in stated:
            settings, weights = _convert_npc(stated)
        else:
            raise _VariantError("it holds neither a Transformer nor an NPC")
        network = build_network(settings)
        network.load_state_dict(weights)
    except (
        LookupError,
        TypeError,
        ValueError,
        ArithmeticError,
        AttributeError,
        RuntimeError,
    ) as error:
        reason = first_line(error)
        raise ModelError(
            f"{file}: not a checkpoint of TERA, AALBERT or NPC that can be used "
            f"({type(error).__name__}: {reason}); give one of s3prl's releases"
        ) from None
    return settings, network.eval()


class _VariantError(ValueError):
    """A variant that this package does not have."""


def _read(file: Path) -> dict[str, Any]:
    inert: list[Any] = [argparse.Namespace]
    inert += [(_Empty, f"{home}.{name}") for home, name in itertools.product(_HOMES, _SCHEDULES)]
    try:
        with torch.serialization.safe_globals(inert):
            stated = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001 - a damaged file leads anywhere
        # PyTorch's own message explains how to run what is in the file.
        other = re.search(r"GLOBAL (\S+)", str(error))
        reason = f"it holds {other[1]}" if other else type(error).__name__
        raise ModelError(
            f"{file}: cannot be read as weights and plain settings ({reason}); download it again, "
            "or save it anew with these only"
        ) from None
    if not isinstance(stated, dict):
        raise ModelError(f"{file}: holds a {type(stated).__name__}; give an s3prl checkpoint")
    return stated


def _convert_transformer(stated: Mapping[str, Any]) -> tuple[EncoderSettings, Weights]:
    config = _find_config(stated)
    sizes, task = config["transformer"], config.get("task", {})
    if sizes.get("pre_layer_norm") or sizes["hidden_act"] != "gelu":
        raise _VariantError("layers normalised first, or another activation than GELU")
    shared = bool(sizes.get("share_layer", False))
    alterations = Alterations(
        time_share=float(task.get("mask_proportion", 0.15)),
        span=int(task.get("mask_consecutive_max", 7)),
        band_share=float(task.get("mask_frequency", 0.0)),
        noise_probability=float(task.get("noise_proportion", 0.0)),
    )
    settings = EncoderSettings(
        "aalbert" if shared else "tera",
        _convert_front_end(config),
        TransformerSettings(
            width=int(sizes["hidden_size"]),
            layers=int(sizes["num_hidden_layers"]),
            heads=int(sizes["num_attention_heads"]),
            hidden=int(sizes["intermediate_size"]),
            dropout=float(sizes["hidden_dropout_prob"]),
            shared=shared,
            longest=int(task.get("sequence_length", 0)) or _UNLIMITED,
        ),
        alterations,
    )
    unlike = 1 if shared else int(sizes["num_hidden_layers"])
    return settings, {
        **_convert_encoder_weights(_rename_normalisation(stated["Transformer"]), unlike),
        **_convert_head_weights(_rename_normalisation(stated.get("SpecHead", {})), settings),
    }


def _find_config(stated: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the settings of the encoder, which three versions of s3prl keep in three places."""
    older = stated.get("Settings", {})
    for found in (stated.get("Config"), stated.get("Upstream_Config"), older.get("Config")):
        if isinstance(found, dict) and "transformer" in found:
            return found
    raise _VariantError("its settings name no transformer")


def _convert_front_end(config: Mapping[str, Any]) -> FrontEnd:
    """Return the input: Kaldi's filter banks with slopes, or log-mel energies at a level."""
    audio = config.get("audio") or config.get("online")
    if not audio:
        raise _VariantError(
            "it was trained on features extracted beforehand, of which it says nothing"
        )
    if "kaldi" in audio:
        bank = dict(audio["kaldi"].get("fbank", {}))
        slopes = audio.get("delta", {})
        n_mels = int(bank.pop("num_mel_bins", 23))
        usual = {"frame_length": 25.0, "frame_shift": 10.0, "use_log_fbank": True}
        plain = all(usual.get(name) == value for name, value in bank.items())
        kind = audio["kaldi"]["feat_type"]
        if kind != "fbank" or not plain or slopes.get("win_length", 5) != 5:
            raise _VariantError(f"an input of {audio}")
        cmvn = bool(audio.get("cmvn", {}).get("use_cmvn", True))
        return FrontEnd("fbank", n_mels, int(slopes.get("order", 2)), cmvn=cmvn)
    seen = audio["input"]
    usual = {"win_ms": 25, "hop_ms": 10, "n_freq": 201, "sample_rate": 16000}
    plain = all(audio.get(name, value) == value for name, value in usual.items())
    if seen["feat_type"] != "mel" or not seen.get("log") or not plain:
        raise _VariantError(f"an input of {audio}")
    return FrontEnd(
        "mel",
        int(audio.get("n_mels", 40)),
        int(seen.get("delta", 0)),
        level=float(audio["target_level"]),
        cmvn=bool(seen.get("cmvn", False)),
    )


def _rename_normalisation(weights: Mapping[str, Tensor]) -> Weights:
    """TensorFlow's names of a normalisation's parameters as PyTorch's."""
    endings = {".gamma": ".weight", ".beta": ".bias"}
    found = {}
    for name, tensor in weights.items():
        ending = next((old for old in endings if name.endswith(old)), None)
        found[name.removesuffix(ending) + endings[ending] if ending else name] = tensor
    return found


def _rename_modules(weights: Weights, names: Mapping[str, str]) -> Weights:
    """Weights and biases of modules, theirs to ours."""
    return {
        f"{ours}.{part}": weights[f"{theirs}.{part}"]
        for theirs, ours in names.items()
        for part in ("weight", "bias")
    }


def _convert_encoder_weights(weights: Weights, layers: int) -> Weights:
    start = "input_representations"
    found = _rename_modules(
        weights, {f"{start}.spec_transform": "input", f"{start}.LayerNorm": "input_norm"}
    )
    for number in range(layers):
        theirs, ours = f"encoder.layer.{number}", f"layers.{number}"
        names = {
            "attention.output.dense": "output",
            "attention.output.LayerNorm": "attention_norm",
            "intermediate.dense": "expand",
            "output.dense": "contract",
            "output.LayerNorm": "dense_norm",
        }
        found |= _rename_modules(
            weights, {f"{theirs}.{a}": f"{ours}.{b}" for a, b in names.items()}
        )
        for part in ("weight", "bias"):
            rows = [
                weights[f"{theirs}.attention.self.{n}.{part}"] for n in ("query", "key", "value")
            ]
            found[f"{ours}.projection.{part}"] = torch.cat(rows)
    return found


def _convert_head_weights(weights: Weights, settings: EncoderSettings) -> Weights:
    """Return the weights of the head: random if the checkpoint has no head for this target."""
    names = {"dense": "head.0", "LayerNorm": "head.2", "output": "head.3"}
    ours = {
        n: w for n, w in build_network(settings, 0).state_dict().items() if n.startswith("head.")
    }
    if any(f"{name}.weight" not in weights for name in names):
        return ours
    found = _rename_modules(weights, names)
    return found if all(found[name].shape == w.shape for name, w in ours.items()) else ours


def _convert_npc(stated: Mapping[str, Any]) -> tuple[EncoderSettings, Weights]:
    config, weights = stated["config"], stated["model"]
    audio, sizes = dict(config["data"]["audio"]), config["model"]["paras"]
    n_mels = int(audio.pop("feat_dim"))
    usual = {"feat_type": "fbank", "frame_length": 25, "frame_shift": 10}
    ignored = {"decode_wav", "cmvn"}
    if any(usual.get(name) != value for name, value in audio.items() if name not in ignored):
        raise _VariantError(f"an input of {config['data']['audio']}")
    quantiser = sizes.get("vq") or {"codebook_size": [], "code_dim": [], "gumbel_temperature": 1.0}
    codes, parts = set(quantiser["codebook_size"]), set(quantiser["code_dim"])
    settings = EncoderSettings(
        "npc",
        FrontEnd("fbank", n_mels, window="hamming", cmvn=bool(audio.get("cmvn", True))),
        NPCSettings(
            width=int(sizes["hidden_size"]),
            blocks=int(sizes["n_blocks"]),
            dropout=float(sizes["dropout"]),
            kernel=int(sizes["kernel_size"]),
            mask=int(sizes["mask_size"]),
            groups=len(quantiser["codebook_size"]) or 1,
            codes=max(codes, default=0),
            temperature=float(quantiser["gumbel_temperature"]),
        ),
        NO_ALTERATIONS,
    )
    # Not "disable_cross_layer", nor a bottleneck in the quantiser's place.
    standard = sizes["residual"] and sizes.get("batch_norm", True)
    standard = standard and sizes.get("activate", "relu") == "relu"
    if not standard or sizes.get("disable_cross_layer") or sizes.get("dim_bottleneck"):
        raise _VariantError(f"a network of {sizes}")
    if len(codes) > 1 or len(parts) > 1:
        raise _VariantError("a quantiser of unequal groups")
    return settings, _convert_npc_weights(weights, settings.network)


def _convert_npc_weights(weights: Weights, sizes: Any) -> Weights:
    found = _rename_modules(weights, {"postnet": "head"})
    for n in range(sizes.blocks):
        names = {"conv": "wide", "linear": "narrow"}
        found |= _rename_modules(
            weights, {f"blocks.{n}.{a}": f"blocks.{n}.{b}" for a, b in names.items()}
        )
        for theirs, ours in (("bn1", "wide_norm"), ("bn2", "narrow_norm")):
            start = f"blocks.{n}.{theirs}."
            found |= {
                f"blocks.{n}.{ours}.{name.removeprefix(start)}": tensor
                for name, tensor in weights.items()
                if name.startswith(start)
            }
        side = (sizes.kernel - sizes.mask - 2 * (n + 1)) // 2
        whole = weights[f"masked_convs.{n}.conv.weight"]
        found[f"masked.{n}.weight"] = torch.cat([whole[..., :side], whole[..., -side:]], dim=1)
        found[f"masked.{n}.bias"] = weights[f"masked_convs.{n}.conv.bias"]
    for group in range(sizes.groups if sizes.codes else 0):
        start = f"vq_layers.{group}"
        found |= _rename_modules(weights, {f"{start}.vq_logits": f"quantiser.logits.{group}"})
        found[f"quantiser.books.{group}.weight"] = weights[f"{start}.codebook_CxE.weight"]
    return found
