"""Read a file or an array as mono float32 at a given sampling rate."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

import numpy as np

from serenade.audio._decode import MAX_CHANNELS, open_decoder
from serenade.audio._intake import Intake, check_rate, check_scale, to_float32
from serenade.errors import SilenceError, TooLongError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

RATE = 16000
"""Default sampling rate of the package in Hz."""

MOST = 50_000_000
"""Largest number of samples that `read` returns: 52 minutes at 16 kHz."""


@dataclasses.dataclass(frozen=True, eq=False)
class Audio:
    """Recording in memory, after its checks.

    Args:
        signal: mono float32 samples, shape `(samples,)`; integer formats fill [-1, 1].
        sampling_rate: of `signal`, in Hz.
        duration: of the part that was read, in seconds.
        channels: of the source, before they were averaged or one was taken.
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
    channel: int | str = "mix",
) -> Audio:
    """Read a recording: WAV, FLAC, Ogg, MP3, AIFF and more, or MP4, WebM, AMR and WMA with FFmpeg.

    Args:
        path: the file.
        sampling_rate: to resample to, in Hz.
        start: where to begin, in seconds.
        end: where to stop, in seconds; None for the file's end.
        channel: channel to take: `left`, `right`, or a number from 1; `mix` averages all.

    Returns:
        The recording with one channel.

    Raises:
        AudioError: the file cannot be used; the subclass and the message say why.
        InputError: the channel is not one of these.

    >>> import soundfile, tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp(), "tone.wav")
    >>> soundfile.write(path, np.sin(np.arange(8000) / 5), 8000)
    >>> audio = read(path)
    >>> audio.signal.shape, audio.sampling_rate, audio.source_rate, audio.duration
    ((16000,), 16000, 8000, 1.0)
    """
    name = os.fsdecode(path)
    check_rate(sampling_rate, name)
    with open_decoder(name, start, end) as file:
        intake = Intake(file.rate, sampling_rate, name, channel)
        # One buffer that grows: joining blocks at the end would need twice the memory.
        held = bytearray()
        for block in file.blocks:
            held += intake.push(block).data
            if len(held) > 4 * MOST:
                raise TooLongError(
                    name,
                    f"is longer than {MOST / sampling_rate:.0f} s, too long to be held in memory",
                    "read parts of it (start, end), or all of it with read_blocks",
                )
        intake.check()
        held += intake.finish().data
        return _make_audio(intake, np.frombuffer(held, dtype=np.float32), file.channels)


def read_blocks(
    path: str | os.PathLike[str], *, sampling_rate: int = RATE, channel: int | str = "mix"
) -> Iterator[NDArray[np.float32]]:
    """Read a file of any length block by block, in constant memory.

    Args:
        path: as in `read`.
        sampling_rate: to resample to, in Hz.
        channel: as in `read`.

    Yields:
        Blocks of the signal that `read` would return, `(samples,)`, of up to a few seconds.

    Raises:
        AudioError: as in `read`. Errors for a truncated, silent or short recording are raised
            after its last block.

    >>> import soundfile, tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp(), "tone.wav")
    >>> soundfile.write(path, np.sin(np.arange(8000) / 5), 8000)
    >>> sum(block.size for block in read_blocks(path))
    16000
    """
    name = os.fsdecode(path)
    check_rate(sampling_rate, name)
    with open_decoder(name, 0.0, None) as file:
        intake = Intake(file.rate, sampling_rate, name, channel)
        for block in file.blocks:
            yield intake.push(block)
    intake.check()
    yield intake.finish()


def from_array(
    signal: ArrayLike,
    source_rate: int,
    *,
    sampling_rate: int = RATE,
    source: str = "array",
    channel: int | str = "mix",
) -> Audio:
    """Check an array of samples and resample it.

    Args:
        signal: `(samples,)`, `(samples, channels)`, or `(1, samples)` and `(2, samples)` if that
            is clear: of more samples than a recording has channels. Floats in [-1, 1], or
            integers, which are scaled by the range of their type.
        source_rate: in Hz.
        sampling_rate: to resample to, in Hz.
        source: name of the signal in error messages.
        channel: as in `read`.

    Raises:
        AudioError: the array or its rate cannot be used; the message says why.

    >>> from_array(np.full((1600, 2), 0.5), 16000).signal.shape
    (1600,)
    """
    intake = Intake(source_rate, sampling_rate, source, channel)
    samples = to_float32(_put_samples_first(signal), source)
    begun = intake.push(samples)
    try:
        intake.check()
    except SilenceError:
        check_scale(signal, source)
        raise
    return _make_audio(intake, np.concatenate([begun, intake.finish()]), samples.shape[1])


def _put_samples_first(signal: ArrayLike) -> ArrayLike:
    """Transpose `(1, samples)` and `(2, samples)`, which have too many columns for channels."""
    shape = np.shape(signal) if hasattr(signal, "shape") else ()
    if len(shape) == 2 and 1 <= shape[0] <= 2 and shape[1] > MAX_CHANNELS:
        return np.transpose(signal)
    return signal


def _make_audio(intake: Intake, signal: NDArray[np.float32], channels: int) -> Audio:
    """Return the converted signal as a recording."""
    return Audio(
        signal=signal,
        sampling_rate=intake.sampling_rate,
        duration=intake.duration,
        channels=channels,
        source_rate=intake.source_rate,
        source=intake.source,
    )
