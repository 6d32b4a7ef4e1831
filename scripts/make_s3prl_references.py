"""Checkpoints in s3prl's layout and what s3prl makes of them, for the tests of our loader.

    python scripts/make_s3prl_references.py --out tests/encoders/data

Needs `s3prl==0.4.18` and the torchaudio of the installed PyTorch, in an environment of its own;
torchaudio's native part need not load. Each network is s3prl's class with random weights, small
enough to be kept; its checkpoint is written as s3prl writes it, then opened and run by s3prl.
`states.npz` holds the hidden states of a fixed signal by the name of the checkpoint. The
checkpoints differ in their generation: an older one with its settings under `Config` and a pickled
learning-rate schedule, newer ones with `Upstream_Config` and an `argparse.Namespace`.
"""

from __future__ import annotations

import argparse
import copy
import importlib
import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch

MEL = {
    "target_level": -25,
    "win_ms": 25,
    "hop_ms": 10,
    "n_freq": 201,
    "n_mels": 80,
    "n_mfcc": 13,
    "input": {"feat_type": "mel", "channel": 0, "log": True, "delta": 0, "cmvn": True},
    "target": {"feat_type": "mel", "channel": 1, "log": True, "delta": 0, "cmvn": True},
}
FBANK = {
    "kaldi": {
        "feat_type": "fbank",
        "fbank": {
            "num_mel_bins": 80,
            "frame_length": 25.0,
            "frame_shift": 10.0,
            "use_log_fbank": True,
        },
    },
    "delta": {"order": 2, "win_length": 5},
    "cmvn": {"use_cmvn": True},
}
PARTS = {
    "mockingjay.expert": {"Transformer": "UpstreamExpert"},
    "mockingjay.model": {
        "Config": "TransformerConfig",
        "Model": "TransformerModel",
        "Head": "TransformerSpecPredictionHead",
    },
    "npc.expert": {"NpcExpert": "UpstreamExpert"},
    "npc.npc": {"NPC": "NPC"},
}
_STAND_INS = torch.library.Library("torchaudio", "FRAGMENT")
TINY, PAPER = (16, 2, 2, 32), (768, 3, 12, 3072)
NPC_TINY, NPC_PAPER = (16, 2, 8, [4, 4], [8, 8]), (512, 4, 64, [64] * 4, [128] * 4)


def import_s3prl() -> dict[str, Any]:
    """Import the needed parts of s3prl, with replacements for the compiled parts of torchaudio."""

    def anything(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_, **__: None

    for name in ("torchaudio._extension", "torchaudio.sox_effects"):
        stand_in = types.ModuleType(name)
        stand_in.__getattr__ = anything  # type: ignore[method-assign]
        sys.modules.setdefault(name, stand_in)
    for name in ("_lfilter_core_loop", "_overdrive_core_loop"):
        if not hasattr(torch.ops.torchaudio, name):
            _STAND_INS.define(f"{name}(Tensor a) -> ()")
    found = {}
    for module, names in PARTS.items():
        imported = importlib.import_module(f"s3prl.upstream.{module}")
        found |= {ours: getattr(imported, theirs) for ours, theirs in names.items()}
    return found


def signal() -> np.ndarray:
    """Make one second of gliding harmonics with noise, 16 kHz."""
    time = np.arange(16000) / 16000
    glide = 2 * np.pi * (120 * time + 40 * time**2)
    voice = sum(np.sin(k * glide) / k for k in range(1, 20))
    noise = np.random.default_rng(0).standard_normal(16000)
    return (0.1 * (1 + np.sin(9 * time)) * voice + 0.003 * noise).astype(np.float32)


def old_schedule() -> Any:
    """Make an object of the module from which older checkpoints pickled their schedule."""
    spec = importlib.util.find_spec("s3prl.optimizers")
    assert spec is not None
    assert spec.origin is not None
    found = importlib.util.spec_from_file_location("optimizers", spec.origin)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules["optimizers"] = module
    found.loader.exec_module(module)
    return module.WarmupLinearSchedule(warmup=0.07, t_total=100)


def transformer_checkpoint(
    parts: dict[str, Any], audio: dict[str, Any], sizes: tuple[int, ...], *, shared: bool, old: bool
) -> dict[str, Any]:
    """Make a checkpoint of TERA, or of AALBERT if layers are shared."""
    width, layers, heads, hidden = sizes
    config = {
        "transformer": {
            "input_dim": -1,
            "hidden_size": width,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "intermediate_size": hidden,
            "hidden_act": "gelu",
            "hidden_dropout_prob": 0.1,
            "attention_probs_dropout_prob": 0.1,
            "initializer_range": 0.02,
            "layer_norm_eps": 1e-12,
            "share_layer": shared,
            "pre_layer_norm": False,
        },
        # Shorter than the signal, so that it is cut.
        "task": {
            "loss": "L1",
            "sequence_length": 60 if width < 100 else 1500,
            "position_encoding_size": width,
            "mask_proportion": 0.15,
            "mask_consecutive_min": 7,
            "mask_consecutive_max": 7,
            "mask_allow_overlap": True,
            "mask_bucket_ratio": 1.5,
            "mask_frequency": 0.0 if shared else 0.2,
            "noise_proportion": 0.0,
        },
        "audio": audio,
    }
    dims = 80 if "input" in audio else 240
    settings = parts["Config"](config["transformer"])
    model, head = parts["Model"](settings, dims), parts["Head"](settings, 80)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            # Initial biases are zero and norms one: everything must matter.
            weight.add_(torch.randn_like(weight) * (0.1 if "LayerNorm" in name else 0.05))
    stated = {"Transformer": model.state_dict(), "SpecHead": head.state_dict(), "Epoch": 1}
    if old:
        group = {"params": [0], "lr": 2e-4, "schedule": old_schedule()}
        return {**stated, "Optimizer": {"state": {}, "param_groups": [group]}, "Config": config}
    arguments = argparse.Namespace(upstream="tera", seed=1337, device="cuda")
    runner = {"runner": {"n_epochs": -1}}
    return {**stated, "Upstream_Config": config, "Config": runner, "Args": arguments}


def npc_checkpoint(parts: dict[str, Any], sizes: tuple[Any, ...]) -> dict[str, Any]:
    """Make a checkpoint of NPC."""
    width, blocks, _, codes, dims = sizes
    config = {
        "model": {
            "paras": {
                "kernel_size": 15,
                "mask_size": 5,
                "n_blocks": blocks,
                "hidden_size": width,
                "dropout": 0.1,
                "residual": True,
                "batch_norm": True,
                "activate": "relu",
                "disable_cross_layer": False,
                "vq": {
                    "codebook_size": codes,
                    "code_dim": dims,
                    "gumbel_temperature": 1.0,
                },
            }
        },
        "data": {
            "audio": {
                "feat_type": "fbank",
                "feat_dim": 80,
                "frame_length": 25,
                "frame_shift": 10,
                "decode_wav": False,
                "cmvn": True,
            }
        },
    }
    model = parts["NPC"](80, **copy.deepcopy(config["model"]["paras"]))
    model.train()(torch.randn(4, 200, 80))  # running statistics other than 0 and 1
    return {"config": config, "model": model.state_dict(), "epoch": 1}


def hidden_states(expert: Any, wave: np.ndarray) -> np.ndarray:
    """Run s3prl on a signal; return states, frames and units."""
    with torch.no_grad():
        found = expert.eval()([torch.from_numpy(wave)])["hidden_states"]
    return torch.cat(list(found)).numpy()


def make(out: Path, *, paper: bool = False) -> list[Path]:
    """Write every checkpoint, and the hidden states of all; return the checkpoints."""
    torch.manual_seed(0)
    parts = import_s3prl()
    sizes, npc_sizes = (PAPER, NPC_PAPER) if paper else (TINY, NPC_TINY)
    old, new = {"shared": False, "old": True}, {"shared": False, "old": False}
    states = {
        "tera_mel": transformer_checkpoint(parts, MEL, sizes, **old),
        "tera_fbank": transformer_checkpoint(parts, FBANK, sizes, **new),
        "aalbert_mel": transformer_checkpoint(parts, MEL, sizes, shared=True, old=False),
        "npc": npc_checkpoint(parts, npc_sizes),
    }
    out.mkdir(parents=True, exist_ok=True)
    wave, written, found = signal(), [], {}
    for name, stated in states.items():
        file = out / f"{name}.ckpt"
        torch.save(stated, file)
        kind = parts["NpcExpert"] if name == "npc" else parts["Transformer"]
        with trusting():
            expert = kind(str(file))
        found[name] = hidden_states(expert, wave)
        written.append(file)
    np.savez_compressed(out / "states.npz", **found)
    return written


class trusting:  # noqa: N801 - reads as a statement
    """s3prl opens its own checkpoints, which hold objects, with PyTorch's old default."""

    def __enter__(self) -> None:
        self._load = torch.load
        torch.load = lambda *a, **k: self._load(*a, **{**k, "weights_only": False})

    def __exit__(self, *_: object) -> None:
        torch.load = self._load


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--paper", action="store_true", help="sizes as published, for a look")
    arguments = parser.parse_args()
    for file in make(arguments.out, paper=arguments.paper):
        print(f"{file}: {file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
