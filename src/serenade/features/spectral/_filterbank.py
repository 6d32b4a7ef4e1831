"""Banks of filters over spectra, applied by the band."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Filters multiplied at once: neighbouring triangles cover few bins, so 128 mel filters cost an
# eighth of the full matrix product; smaller groups lose more to calls than they save.
_GROUP = 16


@dataclasses.dataclass(frozen=True, eq=False)
class FilterBank:
    """Non-negative weights of each filter at each frequency.

    Attributes:
        weights: shape `(filters, bins)`, of the spectra's floating-point type.

    >>> FilterBank(np.eye(2, 3, dtype=np.float32))(np.ones((1, 3), np.float32))
    array([[1., 1.]], dtype=float32)
    """

    weights: NDArray[Any]

    @functools.cached_property
    def _bands(self) -> list[tuple[slice, slice, NDArray[Any]]]:
        """Return groups of filters, the bins that they use, and the transposed weights."""
        bands = []
        for start in range(0, len(self.weights), _GROUP):
            group = self.weights[start : start + _GROUP]
            used = np.flatnonzero(group.any(axis=0))
            bins = slice(used[0], used[-1] + 1) if used.size else slice(0, 1)
            bands.append(
                (slice(start, start + _GROUP), bins, np.ascontiguousarray(group[:, bins].T))
            )
        return bands

    def __call__(self, spectrum: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Compute weighted sums of spectra.

        Args:
            spectrum: power or magnitude, shape `(frames, bins)`.
            out: where to write, shape `(frames, filters)`.

        Returns:
            Shape `(frames, filters)`.
        """
        if out is None:
            out = np.empty((len(spectrum), len(self.weights)), dtype=spectrum.dtype)
        for filters, bins, weights in self._bands:
            np.matmul(spectrum[:, bins], weights, out=out[:, filters])
        return out
