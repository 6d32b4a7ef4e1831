"""Framing, windowing and the one short-time Fourier transform every descriptor shares.

Frames are rows: a spectrogram has shape `(frames, n_fft // 2 + 1)`. Transforms run over blocks of
frames small enough for the second-level cache, so that later steps (power, mel) find their
input there.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import scipy.fft

from serenade.errors import NoSamplesError, SignalFormatError, TooShortError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

WindowShape: TypeAlias = Literal["hann", "hamming", "povey", "boxcar"]
PadMode: TypeAlias = Literal["constant", "reflect", "edge"]

# Samples per block of frames: 192 KB of float32. Larger blocks gain nothing in the cache, and glibc
# may hand their memory back after every call, which costs more than the transform.
_BLOCK = 49152


@dataclasses.dataclass(frozen=True)
class Framing:
    """How a signal is cut into windowed frames; lengths in samples.

    Attributes:
        n_fft: length of the transform; the window is zero-padded to it on both sides.
        hop_length: distance between frames.
        win_length: length of the window; `n_fft` if None.
        window: its shape, see `window_function`.
        center: frame `t` is centred on sample `t * hop_length` of a signal padded by `n_fft // 2`
            on both sides; if false it starts there and nothing is padded.
        pad_mode: padding of a centred signal.

    >>> Framing(n_fft=400, hop_length=160).count(16000)
    101
    """

    n_fft: int = 2048
    hop_length: int = 512
    win_length: int | None = None
    window: WindowShape = "hann"
    center: bool = True
    pad_mode: PadMode = "constant"

    def __post_init__(self) -> None:
        if not 0 < self.length <= self.n_fft or self.hop_length < 1:
            raise ValueError(f"need 1 <= win_length <= n_fft and hop_length >= 1, got {self}")

    @property
    def length(self) -> int:
        """Length of the window in samples."""
        return self.n_fft if self.win_length is None else self.win_length

    @property
    def bins(self) -> int:
        """Number of frequencies of a real transform."""
        return self.n_fft // 2 + 1

    def count(self, samples: int) -> int:
        """Return the number of frames of a signal with a number of samples."""
        padded = samples + 2 * (self.n_fft // 2) if self.center else samples
        return max(0, 1 + (padded - self.n_fft) // self.hop_length)


@functools.lru_cache(maxsize=64)
def window_function(name: WindowShape, length: int) -> NDArray[np.float32]:
    """Return a window, shape `(length,)`, float32, read-only.

    `hann` and `hamming` are periodic, as spectral analysis wants them; `povey` is Kaldi's
    symmetric Hann window to the power 0.85.

    >>> window_function("hann", 4)
    array([0. , 0.5, 1. , 0.5], dtype=float32)
    """
    period = length - 1 if name == "povey" else length
    # Every window of one sample is 1.
    cosine = np.cos(2 * np.pi * np.arange(length) / period) if length > 1 else np.array([-1.0])
    shapes = {
        "hann": 0.5 - 0.5 * cosine,
        "hamming": 0.54 - 0.46 * cosine,
        "povey": np.maximum(0.5 - 0.5 * cosine, 0.0) ** 0.85,
        "boxcar": np.ones(length),
    }
    if name not in shapes:
        raise ValueError(f"unknown window {name!r}: choose one of {', '.join(shapes)}")
    values = shapes[name].astype(np.float32)
    values.flags.writeable = False
    return values


def as_signal(signal: NDArray[Any]) -> NDArray[np.float32]:
    """Return the signal as contiguous float32, without a copy if possible.

    Raises:
        SignalFormatError: not one-dimensional, or not real floating point.
        NoSamplesError: empty.
    """
    if signal.ndim != 1 or signal.dtype.kind != "f":
        raise SignalFormatError(
            f"array of shape {signal.shape} and type {signal.dtype}",
            "not a mono signal",
            "pass floating-point samples of shape (samples,)",
        )
    if signal.size == 0:
        raise NoSamplesError("array of shape (0,)", "no samples", "pass at least one sample")
    return np.ascontiguousarray(signal, dtype=np.float32)


def pad_ends(
    signal: NDArray[np.float32], margin: int, mode: PadMode = "constant"
) -> NDArray[np.float32]:
    """Add `margin` samples at both ends, shape `(samples + 2 * margin,)`."""
    size = signal.size
    if mode == "reflect" and margin >= size:
        return np.pad(signal, margin, mode="reflect")  # several reflections: rare, so slow is fine
    padded = np.empty(size + 2 * margin, dtype=np.float32)
    left, right = padded[:margin], padded[size + margin :]
    padded[margin : size + margin] = signal
    if mode == "constant":
        left[:] = right[:] = 0.0
    elif mode == "edge":
        left[:], right[:] = signal[0], signal[-1]
    elif mode == "reflect":
        left[:] = signal[margin:0:-1]
        right[:] = signal[-2 : -2 - margin : -1] if margin else 0.0
    else:
        raise ValueError(f"unknown pad_mode {mode!r}: choose constant, reflect or edge")
    return padded


def _require(size: int, length: int) -> None:
    if size < length:
        raise TooShortError(
            f"array of {size} samples",
            f"shorter than one frame of {length}",
            "pad it with zeros or use a shorter window",
        )


def frames(signal: NDArray[Any], length: int, hop: int) -> NDArray[Any]:
    """Return overlapping frames of a contiguous array as a read-only view.

    Args:
        signal: shape `(samples,)`.
        length: samples per frame.
        hop: samples from one frame's start to the next one's.

    Returns:
        Shape `(1 + (samples - length) // hop, length)`; samples after the last whole frame are
        left out.

    Raises:
        TooShortError: fewer samples than one frame.

    >>> frames(np.arange(6), length=3, hop=2)
    array([[0, 1, 2],
           [2, 3, 4]])
    """
    _require(signal.size, length)
    stride = signal.strides[0]
    shape = (1 + (signal.size - length) // hop, length)
    # Bounds are checked here, unlike in as_strided, and ten times faster than sliding_window_view.
    rows: NDArray[Any] = np.ndarray(shape, signal.dtype, signal, 0, (hop * stride, stride))
    rows.flags.writeable = False
    return rows


def frame_sums(values: NDArray[Any], length: int, hop: int) -> NDArray[np.float64]:
    """Sum over each frame of `length` values, every `hop` values, without summing overlaps twice.

    Frames are made of stretches of `gcd(length, hop)` values, each summed once. Arguments
    and errors as for `frames`.

    >>> frame_sums(np.arange(6.0), length=4, hop=2)
    array([ 6., 14.])
    """
    _require(values.size, length)
    stretch = math.gcd(length, hop)
    used = values[: values.size // stretch * stretch].reshape(-1, stretch)
    kind = np.float64 if values.dtype.itemsize == 8 else np.float32
    partial = np.asarray(used.sum(axis=1, dtype=kind), dtype=np.float64)
    if stretch == length == hop:
        return partial
    return np.asarray(frames(partial, length // stretch, hop // stretch).sum(axis=1))


def windowed_spectra(
    rows: NDArray[np.float32],
    window: NDArray[np.float32],
    n_fft: int,
    offset: NDArray[np.float32] | None = None,
) -> Iterator[tuple[slice, NDArray[np.complex64]]]:
    """Compute spectra of windowed frames, block by block.

    Args:
        rows: frames, shape `(frames, len(window))`; a view from `frames` will do.
        window: shape `(length,)` with `length <= n_fft`.
        n_fft: length of the transform; windowed frames are in its middle.
        offset: a value subtracted from each frame before the window, shape `(frames,)`.

    Yields:
        Which frames, and their spectra, shape `(block, n_fft // 2 + 1)`, the caller's to overwrite.
    """
    count, length = rows.shape
    size = min(max(16, _BLOCK // n_fft), max(count, 1))
    left = (n_fft - length) // 2
    buffer = np.zeros((size, n_fft), dtype=np.float32)
    middle = buffer[:, left : left + length]
    for start in range(0, count, size):
        block = slice(start, min(start + size, count))
        filled = block.stop - start
        target = middle[:filled]
        if offset is None:
            np.multiply(rows[block], window, out=target)
        else:
            np.subtract(rows[block], offset[block, None], out=target)
            target *= window
        yield block, scipy.fft.rfft(buffer[:filled], axis=1)


def square(spectrum: NDArray[np.complex64], out: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute |X|² into `out`; this overwrites `spectrum`."""
    parts = spectrum.view(np.float32)
    np.multiply(parts, parts, out=parts)
    return np.add(parts[:, 0::2], parts[:, 1::2], out=out)


def framed_spectra(
    signal: NDArray[Any], framing: Framing
) -> Iterator[tuple[slice, NDArray[np.complex64]]]:
    """Compute spectra of a signal's frames, block by block; see `windowed_spectra`."""
    samples = as_signal(signal)
    if framing.center:
        samples = pad_ends(samples, framing.n_fft // 2, framing.pad_mode)
    rows = frames(samples, framing.n_fft, framing.hop_length)
    left = (framing.n_fft - framing.length) // 2
    window = window_function(framing.window, framing.length)
    return windowed_spectra(rows[:, left : left + framing.length], window, framing.n_fft)


def stft(signal: NDArray[Any], framing: Framing) -> NDArray[np.complex64]:
    """Compute the short-time Fourier transform.

    Args:
        signal: mono samples, shape `(samples,)`.
        framing: windows and transform.

    Returns:
        Shape `(frames, n_fft // 2 + 1)`, complex64.

    Raises:
        SignalFormatError: the signal is not one-dimensional and real.
        TooShortError: not centred and shorter than `n_fft`.

    >>> stft(np.ones(8, np.float32), Framing(4, 4, window="boxcar", center=False)).real
    array([[4., 0., 0.],
           [4., 0., 0.]], dtype=float32)
    """
    result = np.empty((framing.count(signal.size), framing.bins), dtype=np.complex64)
    for block, spectrum in framed_spectra(signal, framing):
        result[block] = spectrum
    return result


def power_spectrogram(signal: NDArray[Any], framing: Framing) -> NDArray[np.float32]:
    """Compute the power |STFT|², `(frames, n_fft // 2 + 1)`, float32; arguments as for `stft`."""
    result = np.empty((framing.count(signal.size), framing.bins), dtype=np.float32)
    for block, spectrum in framed_spectra(signal, framing):
        square(spectrum, result[block])
    return result
