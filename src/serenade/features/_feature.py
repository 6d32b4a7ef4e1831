"""The base classes of features of a signal and of a text."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from serenade._source_code import hash_source_code, is_own

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
        identity also includes a hash of their source code, because users rarely change `version`;
        it is None if the code cannot be identified, and then nothing may be cached.
        """
        cls = type(self)
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        inner = {name: v.identity() for name, v in fields.items() if isinstance(v, Identified)}
        files = {name: Path(fields[name]).name for name in self.located}
        own = is_own(cls)
        stated: dict[str, object] = {
            "feature": f"{cls.__module__ if own else 'serenade'}.{cls.__qualname__}",
            "version": self.version,
            "parameters": dataclasses.asdict(self) | inner | files,
        }
        return {**stated, "source": hash_source_code(cls)} if own else stated


def find_unidentified(identity: Mapping[str, object]) -> str:
    """Return the name of the first class in an identity whose code is unknown; "" if all are known.

    Args:
        identity: see `Identified.identity`.

    >>> find_unidentified({"of": {"feature": "__main__.Own", "source": None}})
    '__main__.Own'
    """
    if "source" in identity and identity["source"] is None:
        return str(identity.get("feature") or identity.get("change"))
    inner = (find_unidentified(value) for value in identity.values() if isinstance(value, dict))
    return next(filter(None, inner), "")


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


@dataclasses.dataclass(frozen=True)
class TextFeature(Identified, ABC):
    """A named, parameterised feature of a text: `text -> (tokens, dims)` float32."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Name of each column, in order."""

    @abstractmethod
    def batch(self, texts: Sequence[object]) -> list[NDArray[np.float32]]:
        """Extract the feature of several texts.

        Args:
            texts: cells of a table; missing cells count as empty texts.

        Returns:
            Arrays `(tokens, dims)`, one row for features of the whole text. The values
            of a text do not depend on the other texts of the batch.
        """

    def __call__(self, text: object) -> NDArray[np.float32]:
        """Extract the feature of one text; see `batch`."""
        return self.batch([text])[0]


def to_text(text: object) -> str:
    """Convert a cell of a table to text; a missing cell (None, NaN, NA) gives "".

    >>> to_text("Oh."), to_text(None), to_text(float("nan"))
    ('Oh.', '', '')
    """
    return text if isinstance(text, str) else ""
