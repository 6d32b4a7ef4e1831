"""A pre-trained encoder as a folder: `config.json`, `model.safetensors` and `MODEL_CARD.md`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from serenade._atomic import write_atomically
from serenade.encoders.selfsupervised._encoder_settings import EncoderSettings
from serenade.errors import MissingExtraError, ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from serenade.encoders.selfsupervised._build import Network

CONFIG = "config.json"
ENCODER_WEIGHTS = "model.safetensors"
CARD = "MODEL_CARD.md"


def save_encoder(folder: Path, settings: EncoderSettings, network: Network, card: str) -> None:
    """Write a folder: weights in half precision, running statistics in single.

    The weights come last: a folder that holds them is whole.

    Args:
        folder: made where it is missing.
        settings: of the network.
        network: its weights are written from whatever device they are on.
        card: the model card's text.
    """
    import torch
    from safetensors.torch import save as to_bytes

    folder.mkdir(parents=True, exist_ok=True)
    weights = {}
    for name, tensor in network.state_dict().items():
        kept = tensor.detach().cpu().contiguous()
        if kept.dtype is torch.float32 and "running_" not in name:
            kept = kept.half()
        weights[name] = kept
    (folder / CARD).write_text(card, "utf-8")
    (folder / CONFIG).write_text(json.dumps(settings.to_json(), indent=2) + "\n", "utf-8")
    write_atomically(folder / ENCODER_WEIGHTS, to_bytes(weights))


def read_encoder_settings(folder: Path) -> EncoderSettings:
    """Read the settings in `config.json`.

    Raises:
        ModelError: it is missing, or of something else.
    """
    file = folder / CONFIG
    try:
        stated = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{file}: cannot be read ({error}); copy the whole folder again") from None
    return EncoderSettings.from_json(stated, str(file))


def load_encoder(folder: Path) -> tuple[EncoderSettings, Network]:
    """Load the encoder of a folder, ready to run.

    Raises:
        ModelError: a file is missing or damaged, or they do not belong together.
        MissingExtraError: PyTorch is not installed.
    """
    settings = read_encoder_settings(folder)
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        from serenade.encoders.selfsupervised._build import build_network
    except ImportError:
        raise MissingExtraError("running a self-supervised encoder", "train") from None
    network = build_network(settings)
    try:
        weights = load_file(folder / ENCODER_WEIGHTS)
        network.load_state_dict(weights)  # widens half precision
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"{folder / ENCODER_WEIGHTS}: not the weights of its config.json ({reason}); copy "
            "the whole folder again"
        ) from None
    return settings, network.eval()


def save_untrained(folder: Path, settings: EncoderSettings, seed: int) -> None:
    """Write a folder with random weights, a baseline for trained ones.

    Args:
        folder: made where it is missing.
        settings: of the network.
        seed: of the weights.
    """
    from serenade.encoders.selfsupervised._build import build_network

    card = f"# {settings.name}, untrained\n\nRandom weights, seed {seed}: for comparison only.\n"
    save_encoder(folder, settings, build_network(settings, seed), card)
