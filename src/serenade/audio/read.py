"""Read a file or take an array, as mono float32 at a stated sampling rate."""

from __future__ import annotations

import dataclasses
import math
import os
from typing import TYPE_CHECKING

import numpy as np

from serenade import errors
from serenade.audio.decode import CHANNELS, RATES, decode

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

RATE = 16000
"""Sampling rate in Hz that everything in this package works at unless told otherwise."""

SHORTEST = 0.1
"""Shortest usable recording in seconds."""

SILENCE = 1e-4
"""Peak below which a recording counts as silent: -80 dB of full scale."""

LOUDEST = 100.0
"""Peak above which samples are taken for unscaled ones: 40 dB over full scale."""


@dataclasses.dataclass(frozen=True, eq=False)
class Audio:
    """A recording that was read and checked.

    Args:
        signal: mono float32 samples, shape `(samples,)`; integer formats fill [-1, 1].
        sampling_rate: of `signal`, in Hz.
        duration: of the part that was read, in seconds.
        channels: of the source, before they were averaged.
        source_rate: of the source, in Hz.
        source: the file's name, or a description of the array.
    """

    signal: NDArray[np.float32]
    sampling_rate: int
    duration: float
    channels: int
    source_rate: int
    source: str


def read(
    path: str | os.PathLike[str],
    *,
    sampling_rate: int = RATE,
    start: float = 0.0,
    end: float | None = None,
) -> Audio:
    """Read any file that libsndfile knows: WAV, FLAC, Ogg (Opus, Vorbis), MP3, AIFF and more.

    Args:
        path: the file.
        sampling_rate: to resample to, in Hz.
        start: where to begin, in seconds.
        end: where to stop, in seconds; None for the file's end.

    Returns:
        The recording, its channels averaged.

    Raises:
        AudioError: one of its subclasses says what is wrong with the file and what to do.

    >>> import soundfile, tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp(), "tone.wav")
    >>> soundfile.write(path, np.sin(np.arange(8000) / 5), 8000)
    >>> audio = read(path)
    >>> audio.signal.shape, audio.sampling_rate, audio.source_rate, audio.duration
    ((16000,), 16000, 8000, 1.0)
    """
    name = os.fsdecode(path)
    _check_rate(sampling_rate, name)
    samples, source_rate = decode(name, start, end)
    return _checked(samples, source_rate, sampling_rate, name)


def from_array(
    signal: ArrayLike, source_rate: int, *, sampling_rate: int = RATE, source: str = "array"
) -> Audio:
    """Check an array of samples and resample it.

    Args:
        signal: `(samples,)` or `(samples, channels)`; floats in [-1, 1] or signed integers,
            which are scaled by their type's full scale.
        source_rate: in Hz.
        sampling_rate: to resample to, in Hz.
        source: what error messages call it.

    Raises:
        AudioError: the array or its rate cannot be used; the message says why.

    >>> from_array(np.full((1600, 2), 0.5), 16000).signal.shape
    (1600,)
    """
    for rate in (source_rate, sampling_rate):
        _check_rate(rate, source)
    return _checked(_floats(signal, source), int(source_rate), sampling_rate, source)


def _check_rate(rate: int, source: str) -> None:
    if not isinstance(rate, int | np.integer) or not RATES[0] <= rate <= RATES[1]:
        raise errors.SignalFormatError(
            source,
            f"a sampling rate of {rate!r} Hz",
            f"give a whole number from {RATES[0]} to {RATES[1]}",
        )


def _checked(
    samples: NDArray[np.float32], source_rate: int, sampling_rate: int, source: str
) -> Audio:
    """Samples `(samples, channels)` as a recording, where nothing is wrong with them."""
    if samples.shape[0] == 0:
        raise errors.NoSamplesError(source, "holds no samples", "record it again")
    mono = samples[:, 0] if samples.shape[1] == 1 else _averaged(samples)
    low, high = float(mono.min()), float(mono.max())
    if not math.isfinite(high - low):
        raise errors.NonFiniteAudioError(
            source, "holds NaN or infinite samples", "export it again as 16-bit WAV"
        )
    if max(high, -low) > LOUDEST:
        raise errors.SignalFormatError(
            source, f"holds floats up to {max(high, -low):.6g}", "scale them to [-1, 1]"
        )
    duration = mono.size / source_rate
    if duration < SHORTEST:
        raise errors.TooShortError(
            source, f"lasts {duration:.3f} s", f"give at least {SHORTEST} s of speech"
        )
    if max(high, -low) < SILENCE:
        cancelled = float(np.abs(samples).max()) >= SILENCE
        raise errors.SilenceError(
            source,
            "is silent (nothing above -80 dBFS)"
            + (" once its channels, which cancel, are averaged" if cancelled else ""),
            "keep one channel" if cancelled else "check the microphone and its level",
        )
    return Audio(
        signal=_resample(np.ascontiguousarray(mono), source_rate, int(sampling_rate)),
        sampling_rate=int(sampling_rate),
        duration=duration,
        channels=samples.shape[1],
        source_rate=source_rate,
        source=source,
    )


def _floats(signal: ArrayLike, source: str) -> NDArray[np.float32]:
    """Samples as float32 `(samples, channels)`."""
    try:
        array = np.asarray(signal)
    except ValueError:  # lists of unequal length
        array = np.asarray(None)
    if array.ndim not in {1, 2} or (array.ndim == 2 and not 1 <= array.shape[1] <= CHANNELS):
        raise errors.SignalFormatError(
            source,
            f"an array of shape {array.shape}",
            f"give (samples,) or (samples, channels) with at most {CHANNELS} channels",
        )
    if array.ndim == 1:
        array = array[:, None]
    if np.issubdtype(array.dtype, np.signedinteger) and array.dtype.itemsize <= 4:
        return array.astype(np.float32) * np.float32(2.0 ** (1 - 8 * array.dtype.itemsize))
    if np.issubdtype(array.dtype, np.floating):
        with np.errstate(over="ignore"):  # beyond float32 becomes infinite, reported as such
            return array.astype(np.float32)
    raise errors.SignalFormatError(
        source,
        f"an array of {array.dtype}",
        "give floats in [-1, 1] or signed integers of 8, 16 or 32 bits",
    )


def _averaged(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean over channels."""
    with np.errstate(over="ignore", invalid="ignore"):  # infinite, and reported as such
        return np.asarray(samples.mean(axis=1, dtype=np.float32))


def _resample(
    signal: NDArray[np.float32], source_rate: int, sampling_rate: int
) -> NDArray[np.float32]:
    if source_rate == sampling_rate:
        return signal
    import soxr

    resampled: NDArray[np.float32] = soxr.resample(signal, source_rate, sampling_rate, "HQ")
    return resampled
