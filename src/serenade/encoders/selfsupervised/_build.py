"""From settings to a network."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, TypeAlias

import torch

from serenade.encoders.selfsupervised._convolution import NPC
from serenade.encoders.selfsupervised._encoder_settings import NPCSettings
from serenade.encoders.selfsupervised._transformer import SpeechTransformer
from serenade.errors import ModelError

if TYPE_CHECKING:
    from serenade.encoders.selfsupervised._encoder_settings import EncoderSettings

Network: TypeAlias = SpeechTransformer | NPC


_MOST_LAYERS = 256
_LARGEST = 100_000  # width and the like: what is beyond was damaged, and fills the memory


def build_network(settings: EncoderSettings, seed: int | None = None) -> Network:
    """A network with random weights.

    Args:
        settings: which, and its sizes.
        seed: of the weights; PyTorch's generator is left as it was. None draws from it.

    Raises:
        ModelError: sizes that do not go together.
    """
    stated = settings.network
    problem = ""
    numbers = [value for value in dataclasses.astuple(stated) if isinstance(value, int)]
    depth = stated.blocks if isinstance(stated, NPCSettings) else stated.layers
    if not 0 < depth <= _MOST_LAYERS or min(numbers) < 0 or max(numbers) > _LARGEST:
        problem = "sizes that no encoder has"
    elif isinstance(stated, NPCSettings):
        room = stated.kernel - stated.mask - 2 * stated.blocks
        if stated.kernel % 2 == 0 or stated.mask % 2 == 0 or room < 2:
            problem = "kernel and mask must be odd, and the kernel wider than every block's mask"
        elif stated.codes and stated.width % stated.groups:
            problem = "the groups must divide the width"
    elif stated.width % stated.heads or stated.width % 2:
        problem = "the width must be even, and the heads divide it"
    elif len(stated.offsets) > stated.heads:
        problem = "there are more offsets than heads"
    if problem:
        raise ModelError(f"{settings.name}: {problem}; got {stated}")
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        if isinstance(stated, NPCSettings):
            return NPC(stated, settings.front.dims)
        return SpeechTransformer(stated, settings.front.dims)
