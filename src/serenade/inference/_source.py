"""Anything that may be predicted, as blocks of signal: long files stay on disk."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Any

from serenade.audio import Audio, from_array, read_blocks
from serenade.errors import SignalFormatError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import ArrayLike, NDArray


@dataclasses.dataclass
class Source:
    """A signal on its way.

    Args:
        name: the file, or a description of the array.
        blocks: of the signal at the model's rate, `(samples,)`; reading them may raise.
        samples: how many `read` has given.
    """

    name: str
    blocks: Iterator[NDArray[np.float32]]
    samples: int = 0

    def read(self) -> Iterator[NDArray[np.float32]]:
        """The blocks, counted."""
        for block in self.blocks:
            self.samples += block.size
            yield block


@dataclasses.dataclass(frozen=True)
class Reopened:
    """A signal of the caller's own making, that may be read more than once.

    Args:
        name: what messages call it.
        blocks: begins it anew; blocks `(samples,)` at the model's rate.
    """

    name: str
    blocks: Callable[[], Iterator[NDArray[np.float32]]]


if TYPE_CHECKING:
    Anything = str | os.PathLike[str] | Audio | ArrayLike | Reopened


def open_source(source: Anything, sampling_rate: int | None, wanted: int) -> Source:
    """A source of any kind.

    Args:
        source: a file, a recording of `serenade.audio._read`, a `Reopened`, or samples.
        sampling_rate: of the samples, in Hz; only with samples.
        wanted: the rate of the blocks, in Hz.

    Raises:
        AudioError: the array cannot be used; what is wrong with a file shows when it is read.
        TypeError: a rate with a file, or an array without one.
    """
    if isinstance(source, str | os.PathLike | Audio | Reopened):
        if sampling_rate is not None:
            raise TypeError("a file states its own sampling rate: leave sampling_rate out")
        if isinstance(source, Reopened):
            return Source(source.name, source.blocks())
        if not isinstance(source, Audio):
            return Source(os.fsdecode(source), read_blocks(source, sampling_rate=wanted))
        if source.sampling_rate != wanted:
            raise SignalFormatError(
                source.source, f"read at {source.sampling_rate} Hz", f"read it at {wanted} Hz"
            )
        audio: Any = source
    elif sampling_rate is None:
        raise TypeError("an array needs its sampling_rate in Hz")
    else:
        audio = from_array(source, sampling_rate, sampling_rate=wanted)
    return Source(audio.source, iter([audio.signal]))
