"""Speech encoder of transformers that is trained further, whole or by low-rank adapters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from serenade.errors import ModelError
from serenade.systems.networks._layers import LayerProbe

if TYPE_CHECKING:
    from collections.abc import Sequence

_ADAPTED = ("q_proj", "v_proj")
"""Names of the linear layers that get adapters, as in Hu et al. 2022 (LoRA)."""


class LowRank(nn.Module):
    """Low-rank matrix that is added to a frozen weight; zero at first.

    Args:
        weight: the frozen weight, `(outputs, inputs)`.
        rank: rank of the matrix.
    """

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        outputs, inputs = weight.shape
        self.down = nn.Parameter(torch.randn(rank, inputs) / inputs**0.5)
        self.up = nn.Parameter(torch.zeros(outputs, rank))

    def forward(self, weight: Tensor) -> Tensor:
        """Return the sum."""
        return weight + self.up @ self.down


class MaskedNorm(nn.Module):
    """Norm of each channel over the real frames of a clip, so that padding changes nothing.

    Args:
        norm: group norm of an encoder with one channel per group.
        lengths: function from numbers of samples to numbers of frames.
    """

    def __init__(self, norm: nn.GroupNorm, lengths: Any) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps
        self.lengths = lengths
        self.samples: Tensor | None = None

    def forward(self, values: Tensor) -> Tensor:
        """Normalise `(clips, channels, frames)`; `samples` has the lengths of the clips."""
        assert self.samples is not None
        real = make_mask(self.lengths(self.samples), values.shape[2])[:, None].to(values.dtype)
        count = real.sum(dim=2, keepdim=True)
        centred = (values - (values * real).sum(dim=2, keepdim=True) / count) * real
        deviation = (centred.square().sum(dim=2, keepdim=True) / count + self.eps).sqrt()
        return centred / deviation * self.weight[:, None] + self.bias[:, None]


class TunedEncoder(nn.Module):
    """Encoder of raw signals with the probe of its layers, trained together.

    The convolutions stay as they are. Layers are neither dropped nor masked at random.

    Args:
        network: encoder of transformers, such as wav2vec 2.0, HuBERT or WavLM.
        classes: number of classes.
        normalise: whether signals get zero mean and unit deviation.
        rank: rank of the adapters of frozen layers; 0 trains all layers.
        dropout: see `LayerProbe`.
    """

    def __init__(
        self, network: Any, classes: int, *, normalise: bool, rank: int, dropout: float
    ) -> None:
        super().__init__()
        _require_maskable(network)
        config = network.config
        config.apply_spec_augment, config.layerdrop = False, 0.0
        self.normalise = normalise
        self.steps = list(zip(config.conv_kernel, config.conv_stride, strict=True))
        self.network = network
        network.feature_extractor._freeze_parameters()  # noqa: SLF001 - transformers' own way
        network._get_feature_vector_attention_mask = self._mask_frames  # noqa: SLF001
        first = network.feature_extractor.conv_layers[0]
        self.norm = None
        if isinstance(getattr(first, "layer_norm", None), nn.GroupNorm):
            self.norm = first.layer_norm = MaskedNorm(first.layer_norm, self._count_first)
        if rank:
            _add_adapters(network, rank)
        states = config.num_hidden_layers + 1
        self.probe = LayerProbe(states, config.hidden_size, classes, dropout=dropout)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Compute logits `(clips, classes)` of signals `(clips, samples, 1)`."""
        signal, real = values[..., 0], mask.to(values.dtype)
        samples = mask.sum(dim=1)
        if self.normalise:  # as Wav2Vec2FeatureExtractor does
            count = samples[:, None].to(values.dtype)
            centred = (signal - (signal * real).sum(dim=1, keepdim=True) / count) * real
            signal = centred / (centred.square().sum(dim=1, keepdim=True) / count + 1e-7).sqrt()
        if self.norm is not None:
            self.norm.samples = samples
        found = self.network(signal, attention_mask=mask.long(), output_hidden_states=True)
        states = torch.stack(found.hidden_states, dim=1)
        frames = self._mask_frames(states.shape[2], mask)[:, None, :, None].to(states.dtype)
        means = (states * frames).sum(dim=2) / frames.sum(dim=2)
        logits: Tensor = self.probe(means, torch.ones_like(means[..., 0]))
        return logits

    def _mask_frames(self, frames: int, mask: Tensor, add_adapter: Any = None) -> Tensor:
        """Return which frames are real, `(clips, frames)`, from the mask of samples."""
        return make_mask(_count_frames(mask.sum(dim=1), self.steps), frames)

    def _count_first(self, samples: Tensor) -> Tensor:
        """Return the number of frames after the first convolution."""
        return _count_frames(samples, self.steps[:1])


def _require_maskable(network: Any) -> None:
    """Raise an error for an encoder in which padding would change what is heard.

    Raises:
        ModelError: it has no convolutions before its layers, or several at its positions.
    """
    positions = getattr(getattr(network, "encoder", None), "pos_conv_embed", None)
    if not hasattr(network, "feature_extractor") or not hasattr(positions, "conv"):
        raise ModelError(
            f"{type(network).__name__}: cannot be trained further in batches of padded clips; give "
            "wav2vec 2.0, HuBERT, WavLM or UniSpeech-SAT, or the recipe 'default'"
        )


def make_mask(lengths: Tensor, size: int) -> Tensor:
    """Return `(clips, size)`, True before the length of each clip."""
    return torch.arange(size, device=lengths.device)[None] < lengths[:, None]


def _count_frames(samples: Tensor, steps: Sequence[tuple[int, int]]) -> Tensor:
    """Return the numbers of frames after convolutions of kernels and strides."""
    for kernel, stride in steps:
        samples = torch.div(samples - kernel, stride, rounding_mode="floor") + 1
    return samples


def _add_adapters(network: nn.Module, rank: int) -> None:
    """Freeze an encoder, and add low-rank matrices to the weights of its attention."""
    network.requires_grad_(False)
    adapted = [
        module
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear) and name.rpartition(".")[2] in _ADAPTED
    ]
    if not adapted:
        raise ModelError("the encoder has no layers q_proj and v_proj for adapters; use finetune")
    for module in adapted:
        parametrize.register_parametrization(module, "weight", LowRank(module.weight, rank))
