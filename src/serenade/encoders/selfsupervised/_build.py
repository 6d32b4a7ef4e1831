"""Build the network of TERA, Audio ALBERT or NPC from its settings."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, TypeAlias

import torch

from serenade.encoders.selfsupervised._convolution import NPC
from serenade.encoders.selfsupervised._encoder_settings import NPCSettings
from serenade.encoders.selfsupervised._transformer import SpeechTransformer
from serenade.errors import ModelError

if TYPE_CHECKING:
    from serenade.encoders.selfsupervised._encoder_settings import (
        EncoderSettings,
        TransformerSettings,
    )

Network: TypeAlias = SpeechTransformer | NPC

_MOST_LAYERS = 256
_LARGEST = 100_000  # larger sizes come from damaged files and would fill the memory


def build_network(settings: EncoderSettings, seed: int | None = None) -> Network:
    """Build a network with random weights.

    Args:
        settings: settings of the encoder.
        seed: seed of the weights; PyTorch's generator is left as it was. None draws from it.

    Raises:
        ModelError: the sizes do not fit together.
    """
    sizes = settings.network
    problem = _find_extreme(sizes) or (
        _find_npc_misfit(sizes)
        if isinstance(sizes, NPCSettings)
        else _find_transformer_misfit(sizes)
    )
    if problem:
        raise ModelError(f"{settings.name}: {problem}; got {sizes}")
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        if isinstance(sizes, NPCSettings):
            return NPC(sizes, settings.front.dims)
        return SpeechTransformer(sizes, settings.front.dims)


def _find_extreme(sizes: NPCSettings | TransformerSettings) -> str:
    """Return what is wrong with the magnitude of the sizes; empty if nothing is."""
    numbers = [value for value in dataclasses.astuple(sizes) if isinstance(value, int)]
    depth = sizes.blocks if isinstance(sizes, NPCSettings) else sizes.layers
    usual = 0 < depth <= _MOST_LAYERS and min(numbers) >= 0 and max(numbers) <= _LARGEST
    return "" if usual else "sizes that no encoder has"


def _find_npc_misfit(sizes: NPCSettings) -> str:
    """Return why the sizes of NPC do not fit together; empty if they do."""
    room = sizes.kernel - sizes.mask - 2 * sizes.blocks
    if sizes.kernel % 2 == 0 or sizes.mask % 2 == 0 or room < 2:
        return "kernel and mask must be odd, and the kernel wider than the mask of every block"
    if sizes.codes and sizes.width % sizes.groups:
        return "the groups must divide the width"
    return ""


def _find_transformer_misfit(sizes: TransformerSettings) -> str:
    """Return why the sizes of a Transformer do not fit together; empty if they do."""
    if sizes.width % sizes.heads or sizes.width % 2:
        return "the width must be even, and the heads must divide it"
    if len(sizes.offsets) > sizes.heads:
        return "there are more offsets than heads"
    return ""
