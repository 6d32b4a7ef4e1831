"""Extract a feature from an augmented copy of the signal, for training."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING

import numpy as np

from serenade._source_code import hash_source_code, is_own
from serenade.audio import Augmentation, WhiteNoise
from serenade.features._feature import Feature

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from serenade.audio import Condition


@dataclasses.dataclass(frozen=True)
class Augmented(Feature):
    """Another feature, taken from an augmented copy of the signal.

    The random state comes from the samples and the copy's number, so the same clip always gives
    the same copy, whichever process asks, and the cache holds for copies as for originals.

    Args:
        feature: feature to extract.
        augmentation: change of the signal.
        copy: number of the copy; each number gives another copy.
    """

    feature: Feature
    augmentation: Augmentation | Condition = dataclasses.field(default_factory=Augmentation)
    copy: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the feature's columns."""
        return self.feature.names

    def __call__(self, signal: NDArray[np.float32], sampling_rate: int) -> NDArray[np.float32]:
        """Augment the signal and extract the feature."""
        content = hashlib.blake2b(signal.tobytes(), digest_size=8).digest()
        rng = np.random.default_rng([int.from_bytes(content, "little"), self.copy])
        return self.feature(self.augmentation(signal, sampling_rate, rng), sampling_rate)

    def identity(self) -> dict[str, object]:
        """Return the identity of the feature and of the augmentation."""
        return {
            "feature": "augmented",
            "version": self.version,
            "of": self.feature.identity(),
            "augmentation": self._describe_augmentation(),
            "copy": self.copy,
        }

    def _describe_augmentation(self) -> dict[str, object]:
        """Return the parameters of the augmentation, and its class if needed.

        `Augmentation` and `WhiteNoise` have different fields, so their names can be left out. A
        user's class is identified by its source code; one that is not a dataclass has parameters
        that are not known.
        """
        kind = type(self.augmentation)
        known = dataclasses.is_dataclass(kind)
        numbers = dataclasses.asdict(self.augmentation) if known else {}
        if is_own(kind):
            source = hash_source_code(kind) if known else None
            return {"change": f"{kind.__module__}.{kind.__qualname__}", "source": source, **numbers}
        if kind in {Augmentation, WhiteNoise}:
            return numbers
        return {"change": kind.__name__, **numbers}
