"""Convert blocks of samples to checked mono float32 at one sampling rate.

Files, arrays and live chunks are all converted here. The result does not depend on how the samples
were cut into blocks.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade import errors
from serenade.audio._decode import MAX_CHANNELS, SAMPLING_RATES

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

SHORTEST = 0.1
"""Shortest usable recording in seconds."""

SILENCE = 1e-4
"""Peak below which a recording counts as silent: -80 dB of full scale."""

LOUDEST = 100.0
"""Peak above which samples were probably not scaled: 40 dB over full scale."""

_CHANNELS = {"mix": 0, "left": 1, "right": 2}


def parse_channel(channel: int | str) -> int:
    """Return the number of a channel, counted from 1; 0 for the average of all channels.

    Args:
        channel: `mix`, `left` (the first), `right` (the second), or a number from 1.

    Raises:
        InputError: it is something else.

    >>> parse_channel("mix"), parse_channel("right"), parse_channel("3"), parse_channel(3)
    (0, 2, 3, 3)
    """
    name = str(channel)
    if name in _CHANNELS:
        return _CHANNELS[name]
    if name.isascii() and name.isdigit() and 1 <= int(name[:4]) <= MAX_CHANNELS:
        return int(name)
    raise errors.InputError(
        f"no channel {channel!r}: choose mix, left, right or a number from 1 to {MAX_CHANNELS}"
    )


class Intake:
    """Converter that checks samples, averages channels or takes one, and resamples, block by block.

    Args:
        source_rate: of the samples, in Hz.
        sampling_rate: to resample to, in Hz.
        source: name of the signal in error messages.
        channel: see `parse_channel`.

    Raises:
        SignalFormatError: a rate that is not an integer from 1 to 768 kHz.
        InputError: see `parse_channel`.

    >>> intake = Intake(8000, 16000, "microphone")
    >>> blocks = [intake.push(np.full((800, 1), 0.1, np.float32)) for _ in range(10)]
    >>> sum(map(len, blocks)) + len(intake.finish()), intake.duration
    (16000, 1.0)
    """

    def __init__(
        self, source_rate: int, sampling_rate: int, source: str, channel: int | str = "mix"
    ) -> None:
        for rate in (source_rate, sampling_rate):
            check_rate(rate, source)
        self.source_rate = int(source_rate)
        self.sampling_rate = int(sampling_rate)
        self.source = source
        self._channel = parse_channel(channel)
        self.samples = 0
        """Number of samples per channel that were pushed, at the rate of the source."""
        self._peak = 0.0  # of the mono signal
        self._loudest = 0.0  # of any channel
        self._resampler = None
        if source_rate != sampling_rate:
            import soxr

            self._resampler = soxr.ResampleStream(
                self.source_rate, self.sampling_rate, 1, dtype="float32", quality="HQ"
            )

    @property
    def duration(self) -> float:
        """Duration of the samples that were pushed, in seconds."""
        return self.samples / self.source_rate

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Convert a block.

        Args:
            samples: `(samples, channels)`, of any length.

        Returns:
            The next samples of the mono signal at `sampling_rate`, `(samples,)`; the resampler
            delays them by a few hundredths of a second.

        Raises:
            NonFiniteAudioError: NaN or infinite samples. The block is ignored.
            SignalFormatError: samples beyond 40 dB over full scale, or no such channel. The block
                is ignored.
        """
        if not len(samples):
            return np.zeros(0, dtype=np.float32)
        mono = self._to_mono(samples)
        low, high = float(mono.min()), float(mono.max())
        if not math.isfinite(high - low):
            raise errors.NonFiniteAudioError(
                self.source, "holds NaN or infinite samples", "export it again as 16-bit WAV"
            )
        peak = max(high, -low)
        if peak > LOUDEST:
            raise errors.SignalFormatError(
                self.source, f"holds floats up to {peak:.6g}", "scale them to [-1, 1]"
            )
        self.samples += len(mono)
        self._peak = max(self._peak, peak)
        if self._peak < SILENCE:
            self._loudest = max(self._loudest, float(np.abs(samples).max()))
        return self._resample(np.ascontiguousarray(mono), last=False)

    def finish(self) -> NDArray[np.float32]:
        """Return the last samples of the signal, `(samples,)`, after the last block."""
        return self._resample(np.zeros(0, dtype=np.float32), last=True)

    def check(self) -> None:
        """Raise an error if the blocks together are not a recording.

        Raises:
            NoSamplesError: no sample was pushed.
            TooShortError: under 0.1 s.
            SilenceError: nothing above -80 dBFS.
        """
        if not self.samples:
            raise errors.NoSamplesError(self.source, "holds no samples", "record it again")
        if self.duration < SHORTEST:
            raise errors.TooShortError(
                self.source, f"lasts {self.duration:.3f} s", f"give at least {SHORTEST} s of speech"
            )
        if self._peak < SILENCE:
            raise self._make_silence_error()

    def _to_mono(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the chosen channel, or average the channels."""
        channels = samples.shape[1]
        if self._channel > channels:
            raise errors.SignalFormatError(
                self.source,
                f"has {channels} channel{'s' * (channels != 1)} and no channel {self._channel}",
                "choose a channel that it has, or mix",
            )
        if self._channel or channels == 1:
            return samples[:, max(0, self._channel - 1)]
        return _average_channels(samples)

    def _make_silence_error(self) -> errors.SilenceError:
        """Return the error of a silent signal, which says whether another channel has sound."""
        problem, fix = "is silent (nothing above -80 dBFS)", "check the microphone and its level"
        if self._channel:
            problem = f"is silent in channel {self._channel} (nothing above -80 dBFS)"
        if self._loudest >= SILENCE:
            problem += "" if self._channel else " once its channels, which cancel, are averaged"
            fix = "choose another channel" if self._channel else "choose one channel"
        return errors.SilenceError(self.source, problem, fix)

    def _resample(self, mono: NDArray[np.float32], *, last: bool) -> NDArray[np.float32]:
        if self._resampler is None:
            return mono
        ready: NDArray[np.float32] = self._resampler.resample_chunk(mono, last=last)
        return ready


def check_rate(rate: int, source: str) -> None:
    """Raise an error for an impossible sampling rate.

    Raises:
        SignalFormatError: the rate is not an integer, or out of range.
    """
    if not isinstance(rate, int | np.integer) or not SAMPLING_RATES[0] <= rate <= SAMPLING_RATES[1]:
        raise errors.SignalFormatError(
            source,
            f"a sampling rate of {rate!r} Hz",
            f"give a whole number from {SAMPLING_RATES[0]} to {SAMPLING_RATES[1]}",
        )


def to_float32(signal: ArrayLike, source: str) -> NDArray[np.float32]:
    """Convert an array to float32 samples `(samples, channels)`.

    Args:
        signal: `(samples,)` or `(samples, channels)`; floats in [-1, 1], or integers, which are
            scaled by the range of their type. Unsigned integers are silent at half of it.
        source: name of the signal in error messages.

    Raises:
        SignalFormatError: the array has another shape or type.

    >>> to_float32(np.array([-128, 64], np.int8), "array").ravel()
    array([-1. ,  0.5], dtype=float32)
    >>> to_float32(np.array([0, 192], np.uint8), "array").ravel()
    array([-1. ,  0.5], dtype=float32)
    """
    try:
        array = np.asarray(signal)
    except ValueError:  # lists of unequal length
        array = np.asarray(None)
    if array.ndim not in {1, 2} or (array.ndim == 2 and not 1 <= array.shape[1] <= MAX_CHANNELS):
        raise errors.SignalFormatError(
            source,
            f"an array of shape {array.shape}",
            f"give (samples,) or (samples, channels) with at most {MAX_CHANNELS} channels",
        )
    if array.ndim == 1:
        array = array[:, None]
    if np.issubdtype(array.dtype, np.integer):
        return _scale_integers(array, source)
    if np.issubdtype(array.dtype, np.floating):
        with np.errstate(over="ignore"):  # values beyond float32 become infinite, which is reported
            return array.astype(np.float32)
    raise errors.SignalFormatError(
        source, f"an array of {array.dtype}", "give floats in [-1, 1] or integers"
    )


def _scale_integers(array: NDArray[Any], source: str) -> NDArray[np.float32]:
    """Scale integers to [-1, 1] by the range of their type."""
    scale = 2.0 ** (1 - 8 * array.dtype.itemsize)
    signed = np.issubdtype(array.dtype, np.signedinteger)
    # Lists of integers become int64, whatever the samples were recorded as.
    if array.dtype.itemsize == 8 and array.size:
        low, high = int(array.min()), int(array.max())
        if max(-low, high) < 2**32 and (low or high or not signed):
            raise errors.SignalFormatError(
                source,
                f"an array of {array.dtype} with values from {low} to {high}",
                "cast it to the type it was recorded in, such as signal.astype('int16')",
            )
    if signed:
        return array.astype(np.float32) * np.float32(scale)
    return ((array.astype(np.float64) * scale) - 1).astype(np.float32)


def check_scale(signal: ArrayLike, source: str) -> None:
    """Raise an error for a silent array of 32-bit integers that may hold 16-bit samples.

    Raises:
        SignalFormatError: no value of an int32 array is beyond the range of int16.
    """
    array = np.asarray(signal)
    if array.dtype != np.int32 or not array.any():
        return
    low, high = int(array.min()), int(array.max())
    if low >= -(2**15) and high < 2**15:
        raise errors.SignalFormatError(
            source,
            f"an array of int32 with values from {low} to {high}",
            "cast it to the type it was recorded in, such as signal.astype('int16')",
        )


def _average_channels(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average the channels."""
    with np.errstate(
        over="ignore", invalid="ignore"
    ):  # overflow becomes infinite, which is reported
        return np.asarray(samples.mean(axis=1, dtype=np.float32))
