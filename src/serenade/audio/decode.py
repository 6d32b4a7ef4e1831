"""Decode a file with libsndfile, or raise the error that says what is wrong with it."""

from __future__ import annotations

import math
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade import errors
from serenade.audio.container import mended, missing_bytes, states_mp3_length

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

RATES = (1000, 768_000)
"""Sampling rates in Hz; beyond these a header is damaged rather than unusual."""

CHANNELS = 64
"""Most channels a recording may have."""

_BLOCK = 1 << 20  # samples decoded at once: a header may promise more than memory holds
_UNKNOWN = 1 << 62  # libsndfile's length of a stream that does not state one is beyond this


def decode(name: str, start: float, end: float | None) -> tuple[NDArray[np.float32], int]:
    """Samples of a file between two times, and their rate in Hz.

    Args:
        name: the file.
        start: in seconds.
        end: in seconds; None, or beyond it, for the file's end.

    Returns:
        Float32 samples `(samples, channels)`, integer formats scaled to [-1, 1], and the rate.

    Raises:
        AudioError: one of its subclasses says what is wrong with the file and what to do.
    """
    stop = math.inf if end is None else end
    if not 0 <= start < stop:
        raise errors.SignalFormatError(
            name, f"a segment from {start} to {end} s", "state start before end, in seconds"
        )
    try:
        _check_file(name)
        cut, content = missing_bytes(Path(name)) > 0, mended(Path(name))
    except (OSError, ValueError) as error:  # a ValueError is about a name that cannot be one
        absent = isinstance(error, FileNotFoundError | NotADirectoryError)
        raise errors.MissingFileError(
            name,
            "does not exist" if absent else "cannot be opened",
            "check the path and its permissions",
        ) from None
    # Bytes, since soundfile cannot encode every name that a POSIX system may have.
    source = content or (name if os.name == "nt" else os.fsencode(name))
    with _opened(name, source, cut) as file:
        return _segment(name, file, start, stop), file.samplerate


def _check_file(name: str) -> None:
    """Raise where there is no file, or no byte in it."""
    stated = Path(name).stat()
    if stat.S_ISDIR(stated.st_mode):
        raise errors.MissingFileError(name, "is a folder", "name a file in it")
    if not stat.S_ISREG(stated.st_mode):
        raise errors.MissingFileError(
            name, "is a pipe or a device", "save the recording to a file first"
        )
    if not stated.st_size:
        raise errors.EmptyFileError(name, "is empty (0 bytes)", "copy or record it again")


def _opened(name: str, source: Any, cut: bool) -> Any:
    """The file opened by libsndfile, what its header states checked."""
    import soundfile

    class Forward(soundfile.SoundFile):  # type: ignore[misc]
        """Reads on without the seek after each block, which needs a known length."""

        def seekable(self) -> bool:
            return False

    try:
        file = Forward(source)
    except (soundfile.LibsndfileError, TypeError):
        # soundfile's TypeError: a suffix ".raw" states that there is no header.
        if cut:
            raise _truncated(name) from None
        raise errors.NotAudioError(
            name, "is not audio that libsndfile can read", "convert it to WAV or FLAC"
        ) from None
    if file.channels > CHANNELS or not RATES[0] <= file.samplerate <= RATES[1]:
        file.close()
        raise errors.NotAudioError(
            name,
            f"its header states {file.channels} channels at {file.samplerate} Hz",
            "the header is damaged: export the recording again",
        )
    if cut:
        file.close()
        raise _truncated(name)
    return file


def _segment(name: str, file: Any, start: float, stop: float) -> NDArray[np.float32]:
    """Samples between two times; an error where they are fewer than the header states."""
    import soundfile

    rate, promised = file.samplerate, file.frames
    if start and start * rate >= promised:
        raise errors.SignalFormatError(
            name,
            f"a segment from {start} s, but it lasts {promised / rate:.2f} s",
            "correct the segment's times",
        )
    first = round(start * rate)
    wanted = (promised if stop * rate >= promised else round(stop * rate)) - first
    try:
        if first:
            file.seek(first)
        blocks = list(_blocks(file, wanted))
    except soundfile.LibsndfileError:
        raise _truncated(name) from None
    samples = np.concatenate(blocks) if len(blocks) != 1 else blocks[0]
    if len(samples) < wanted and _exact(name, file):
        raise _truncated(name)
    return samples


def _exact(name: str, file: Any) -> bool:
    """Whether libsndfile knows how long the file is, rather than having guessed."""
    if file.format == "MP3":
        return states_mp3_length(Path(name))
    return bool(file.frames < _UNKNOWN)


def _blocks(file: Any, wanted: int) -> Iterator[NDArray[np.float32]]:
    """Read `wanted` frames in blocks; stop early where the file does."""
    size = _BLOCK // file.channels
    while True:
        block = file.read(min(max(wanted, 0), size), dtype="float32", always_2d=True)
        yield block
        wanted -= len(block)
        if not len(block) or wanted <= 0:
            return


def _truncated(name: str) -> errors.TruncatedAudioError:
    return errors.TruncatedAudioError(
        name, "is cut off or damaged (its header promises more than it holds)", "copy it again"
    )
