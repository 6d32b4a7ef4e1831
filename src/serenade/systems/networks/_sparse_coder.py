"""Kernels learnt without labels: sparse auto-encoders on patches of spectrograms.

He, Ren & He, section 3.1, equations 1 to 6. Not stated in the paper, and read so: principal
components are whitened, clipped at three deviations and mapped onto [0.1, 0.9], which is what a
decoder that ends in a sigmoid can reach; errors and activations are averaged over patches;
ρ = 0.05, µ = 3 and the full-batch quasi-Newton method are those that sparse auto-encoders are
commonly taught with; no decay of weights, for there is none in the equations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from serenade.systems import SMALLEST_DEVIATION
from serenade.systems.networks._layers import mean_pool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Matrices = Sequence[NDArray[np.float32]]

_CLIP = 3.0  # deviations
_SLOPE = 0.4 / _CLIP


class Components(nn.Module):
    """Whitened principal components of single frames.

    Args:
        dims: columns of a frame.
        channels: components kept, at most `dims`.
    """

    def __init__(self, dims: int, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dims))
        self.register_buffer("projection", torch.zeros(dims, channels))
        self.mean: Tensor
        self.projection: Tensor

    def fit(self, matrices: Matrices) -> Components:
        """Learn mean and directions from clips, in double precision."""
        count = sum(map(len, matrices))
        mean = sum(m.sum(axis=0, dtype=np.float64) for m in matrices) / count
        covariance = np.zeros((len(mean), len(mean)))
        for matrix in matrices:
            centred = matrix - mean
            covariance += centred.T @ centred
        values, vectors = np.linalg.eigh(covariance / count)
        channels = self.projection.shape[1]
        values, vectors = values[::-1][:channels], vectors[:, ::-1][:, :channels]
        # The sign of an eigenvector is arbitrary: its largest entry is made positive.
        vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(channels)])
        scaled = vectors / np.sqrt(np.maximum(values, max(values[0], SMALLEST_DEVIATION) * 1e-7))
        self.mean.copy_(torch.from_numpy(mean))
        self.projection.copy_(torch.from_numpy(scaled.copy()))
        return self

    def forward(self, values: Tensor) -> Tensor:
        """Turn `(..., dims)` into `(..., channels)` of zero mean, clipped at three deviations."""
        found: Tensor = (values - self.mean) @ self.projection
        clipped: Tensor = found.clamp(-_CLIP, _CLIP)
        return clipped


class SparseCoder(nn.Module):
    """Auto-encoder with sigmoids whose units are rarely active.

    Args:
        inputs: values of a patch.
        units: hidden units.
        sparsity: ρ, the activation that units are drawn to on average.
        penalty: µ, its weight relative to the reconstruction.
    """

    def __init__(self, inputs: int, units: int, sparsity: float, penalty: float) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(inputs, units), nn.Linear(units, inputs)
        self.sparsity, self.penalty = sparsity, penalty
        reach = (6 / (inputs + units + 1)) ** 0.5
        for layer in (self.encoder, self.decoder):
            nn.init.uniform_(layer.weight, -reach, reach)
            nn.init.zeros_(layer.bias)

    def forward(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Compute activations, `(patches, units)`, and reconstructions, `(patches, inputs)`."""
        hidden = self.encoder(patches).sigmoid()
        return hidden, self.decoder(hidden).sigmoid()

    def loss(self, patches: Tensor) -> Tensor:
        """Compute the mean squared error of a patch plus the penalty (equations 2 and 3)."""
        hidden, restored = self(patches)
        # A unit that never fires must not make the logarithm infinite.
        found, wanted = hidden.mean(dim=0).clamp(1e-6, 1 - 1e-6), self.sparsity
        divergence = (
            wanted * (wanted / found).log() + (1 - wanted) * ((1 - wanted) / (1 - found)).log()
        )
        error = (patches - restored).square().sum(dim=1).mean()
        loss: Tensor = error + self.penalty * divergence.sum()
        return loss

    def fit(self, patches: Tensor, steps: int) -> SparseCoder:
        """Minimise the loss by L-BFGS, in at most so many steps."""
        descent = torch.optim.LBFGS(
            self.parameters(), max_iter=steps, history_size=10, line_search_fn="strong_wolfe"
        )

        def closure() -> Tensor:
            descent.zero_grad()
            loss = self.loss(patches)
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        descent.step(closure)  # type: ignore[no-untyped-call]
        return self


class SparseConvolution(nn.Module):
    """Feature maps of learnt kernels over all components, averaged over windows of frames.

    Args:
        dims: columns of a frame.
        channels: principal components.
        kernels: lengths of the kernels, in frames.
        units: kernels of each length.
        window: frames averaged into one step (equation 5).
        trained: whether the kernels are trained with the rest of the network.
    """

    def __init__(
        self,
        dims: int,
        *,
        channels: int = 60,
        kernels: tuple[int, ...] = (3, 6, 10),
        units: int = 60,
        window: int = 5,
        trained: bool = False,
    ) -> None:
        super().__init__()
        self.kernels, self.units, self.window = kernels, units, window
        self.components = Components(dims, channels)
        self.maps = nn.ModuleList([nn.Conv1d(channels, units, length) for length in kernels])
        self.maps.requires_grad_(trained)
        self.outputs = units * len(kernels)
        self.register_buffer("centre", torch.zeros(self.outputs))
        self.register_buffer("deviation", torch.ones(self.outputs))
        self.centre: Tensor
        self.deviation: Tensor

    def pretrain(
        self,
        matrices: Matrices,
        *,
        share: float,
        patches: int,
        steps: int,
        sparsity: float,
        penalty: float,
        seed: int,
    ) -> SparseConvolution:
        """Learn components, kernels and the scale of the maps from training clips, in that order.

        Components and scale use all clips, kernels use patches from a share of them.

        Args:
            matrices: training clips, each `(frames, dims)`.
            share: share of the clips that patches are drawn from.
            patches: patches for each length.
            steps: training steps of each auto-encoder.
            sparsity: see `SparseCoder`.
            penalty: see `SparseCoder`.
            seed: random seed of the draws.
        """
        rng = np.random.default_rng([seed, 2])
        self.components.fit(matrices)
        count = max(1, round(share * len(matrices)))
        drawn = rng.choice(len(matrices), count, replace=False)
        with torch.no_grad():
            seen = [self.components(torch.from_numpy(matrices[row])) for row in drawn]
        for layer, length in zip(self.maps, self.kernels, strict=True):
            sample = 0.5 + _SLOPE * draw_patches(seen, length, patches, rng)
            coder = SparseCoder(sample.shape[1], self.units, sparsity, penalty)
            _copy_weights(coder.fit(sample, steps), layer, length)
        self._fit_scale(matrices)
        return self

    def _fit_scale(self, matrices: Matrices) -> None:
        """Set mean and deviation of each map over all steps of the clips."""
        with torch.no_grad():
            found = [
                self(torch.from_numpy(matrix)[None], torch.ones(1, len(matrix), dtype=torch.bool))
                for matrix in matrices
            ]
            steps = torch.cat([values[0] for values, _ in found]).double()
            self.centre.copy_(steps.mean(dim=0))
            self.deviation.copy_(steps.std(dim=0, correction=0).clamp(min=SMALLEST_DEVIATION))

    def forward(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Compute normalised maps of clips (equations 4 to 6).

        Args:
            values: shape `(clips, frames, dims)`.
            mask: shape `(clips, frames)`, True where real.

        Returns:
            `(clips, steps, outputs)`, zero where padded, and `(clips, steps)`, True where real. A
            step is the mean over the real frames of its window.
        """
        # Beyond its ends a clip is extended by the mean frame, padded or not.
        image = (self.components(values) * mask[..., None]).transpose(1, 2)
        found = []
        for layer, length in zip(self.maps, self.kernels, strict=True):
            padded = nn.functional.pad(image, ((length - 1) // 2, length // 2))
            found.append(layer(padded).sigmoid())
        steps, real = mean_pool(torch.cat(found, dim=1).transpose(1, 2), mask, self.window)
        return (steps - self.centre) / self.deviation * real[..., None], real


def draw_patches(
    clips: Sequence[Tensor], length: int, count: int, rng: np.random.Generator
) -> Tensor:
    """Draw random patches of a length, each position with the same probability.

    Args:
        clips: each `(frames, channels)`; shorter ones are filled up with zeros.
        length: length of a patch in frames.
        count: number of patches.
        rng: random generator.

    Returns:
        Shape `(count, channels * length)`: all frames of a channel side by side.
    """
    filled = [nn.functional.pad(clip, (0, 0, 0, max(0, length - len(clip)))) for clip in clips]
    views = torch.cat([clip.unfold(0, length, 1) for clip in filled])
    return views[torch.from_numpy(rng.integers(len(views), size=count))].flatten(1)


def _copy_weights(coder: SparseCoder, layer: nn.Module, length: int) -> None:
    """Copy a coder's weights to kernels over whitened components, with the input's scale."""
    weights, bias = coder.encoder.weight.detach(), coder.encoder.bias.detach()
    kernels = (_SLOPE * weights).reshape(len(weights), -1, length)
    layer.load_state_dict({"weight": kernels, "bias": bias + 0.5 * weights.sum(dim=1)})
