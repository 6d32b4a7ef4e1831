"""Define the base class of features: frozen dataclasses that turn a signal into a matrix."""

from __future__ import annotations

import dataclasses
import hashlib
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True)
class Identified:
    """Computation that is identified by class, `version` and fields; half of a cache key.

    Subclasses are frozen dataclasses. Their fields are plain JSON values, in SI units or in the
    units usual in the field (`n_mels`, `hop_length`). Increase `version` when values change.
    """

    version: ClassVar[int] = 1
    scalable: ClassVar[bool] = True
    """Whether values are quantities. Numbers that name something are never scaled."""
    located: ClassVar[tuple[str, ...]] = ()
    """Fields that are paths. Only the file name enters the identity; subclasses add the hash of
    the content."""

    def identity(self) -> dict[str, object]:
        """Return everything that determines the values, as JSON data.

        Features in fields contribute their own identity. Classes of this package are named
        without their module, so that moving a file keeps the cache. For other classes, the
        identity also includes a hash of the source file, because users rarely change `version`.
        """
        cls = type(self)
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        inner = {name: v.identity() for name, v in fields.items() if isinstance(v, Identified)}
        files = {name: Path(fields[name]).name for name in self.located}
        own = not cls.__module__.startswith("serenade.")
        stated = {
            "feature": f"{cls.__module__ if own else 'serenade'}.{cls.__qualname__}",
            "version": self.version,
            "parameters": dataclasses.asdict(self) | inner | files,
        }
        source = _hash_source(cls.__module__) if own else None
        return stated if source is None else {**stated, "source": source}


def _hash_source(module: str) -> str | None:
    """Return the hash of a module's file; None if it has no file, as in a notebook."""
    file = getattr(sys.modules.get(module), "__file__", None)
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else None
    except OSError:
        return None


@dataclasses.dataclass(frozen=True)
class Feature(Identified, ABC):
    """A named, parameterised feature: `(signal, sampling_rate) -> (frames, dims)` float32."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Name of each column, in order."""

    @abstractmethod
    def __call__(self, signal: NDArray[np.float32], sampling_rate: int) -> NDArray[np.float32]:
        """Extract the feature.

        Args:
            signal: mono samples in [-1, 1], shape `(samples,)`.
            sampling_rate: in Hz.

        Returns:
            Array of shape `(frames, dims)`, float32; one frame for utterance-level features.
        """
