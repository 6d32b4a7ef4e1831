"""What every feature is: a frozen dataclass that turns a signal into a matrix."""

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
    """What is computed, told by class, `version` and fields: half of the cache's key.

    Subclasses are frozen dataclasses whose fields are plain JSON values, in SI units or the
    field's own (`n_mels`, `hop_length`). Raise `version` whenever values change.
    """

    version: ClassVar[int] = 1
    scalable: ClassVar[bool] = True
    """Whether values are quantities; those that name something by number are never scaled."""
    located: ClassVar[tuple[str, ...]] = ()
    """Fields that are paths: where a file lies decides nothing, and what is in it is stated by
    who reads it."""

    def identity(self) -> dict[str, object]:
        """Everything that decides the values, as JSON-ready data; features in fields by theirs.

        Of a class outside this package, also a hash of its file: who tries things out does not
        count versions.
        """
        cls = type(self)
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        inner = {name: v.identity() for name, v in fields.items() if isinstance(v, Identified)}
        files = {name: Path(fields[name]).name for name in self.located}
        stated = {
            "feature": f"{cls.__module__}.{cls.__qualname__}",
            "version": self.version,
            "parameters": dataclasses.asdict(self) | inner | files,
        }
        source = None if cls.__module__.startswith("serenade.") else _source(cls.__module__)
        return stated if source is None else {**stated, "source": source}


def _source(module: str) -> str | None:
    """A hash of a module's file; None of one that has none, as in a notebook."""
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
