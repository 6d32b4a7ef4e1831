"""Decode a file with libsndfile, or raise the error that says what is wrong with it."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serenade import errors
from serenade.audio._container import count_missing_bytes, has_mp3_length, open_unfinished_wav

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

SAMPLING_RATES = (1000, 768_000)
"""Sampling rates in Hz; beyond these a header is damaged rather than unusual."""

MAX_CHANNELS = 64
"""Most channels a recording may have."""

_BLOCK = 1 << 18  # samples decoded at once: a header may promise more than memory holds
_UNKNOWN = 1 << 62  # libsndfile's length of a stream that does not state one is beyond this


@dataclasses.dataclass(frozen=True, eq=False)
class Decoded:
    """A file that was opened and whose header is sound.

    Args:
        rate: in Hz.
        channels: in each block.
        blocks: float32 samples `(samples, channels)`, integer formats scaled to [-1, 1]; a
            TruncatedAudioError where the file holds fewer than its header states.
    """

    rate: int
    channels: int
    blocks: Iterator[NDArray[np.float32]]


@contextlib.contextmanager
def open_decoder(name: str, start: float, end: float | None) -> Iterator[Decoded]:
    """Open a file to decode it between two times, a block at a time.

    Args:
        name: the file.
        start: in seconds.
        end: in seconds; None, or beyond it, for the file's end.

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
        cut, content = count_missing_bytes(Path(name)) > 0, open_unfinished_wav(Path(name))
    except (OSError, ValueError) as error:  # a ValueError is about a name that cannot be one
        absent = isinstance(error, FileNotFoundError | NotADirectoryError)
        raise errors.MissingFileError(
            name,
            "does not exist" if absent else "cannot be opened",
            "check the path and its permissions",
        ) from None
    # Bytes, since soundfile cannot encode every name that a POSIX system may have.
    source = content or (name if os.name == "nt" else os.fsencode(name))
    with content or contextlib.nullcontext(), _opened(name, source, cut) as file:
        yield Decoded(file.samplerate, file.channels, _segment(name, file, start, stop))


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
    if (
        file.channels > MAX_CHANNELS
        or not SAMPLING_RATES[0] <= file.samplerate <= SAMPLING_RATES[1]
    ):
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


def _segment(name: str, file: Any, start: float, stop: float) -> Iterator[NDArray[np.float32]]:
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
    missing = (promised if stop * rate >= promised else round(stop * rate)) - first
    size = max(1, _BLOCK // file.channels)
    try:
        if first:
            file.seek(first)
        while missing > 0:
            block = file.read(min(missing, size), dtype="float32", always_2d=True)
            if not len(block):
                break
            missing -= len(block)
            yield block
    except soundfile.LibsndfileError:
        raise _truncated(name) from None
    if missing > 0 and _exact(name, file):
        raise _truncated(name)


def _exact(name: str, file: Any) -> bool:
    """Whether libsndfile knows how long the file is, rather than having guessed."""
    if file.format == "MP3":
        return has_mp3_length(Path(name))
    return bool(file.frames < _UNKNOWN)


def _truncated(name: str) -> errors.TruncatedAudioError:
    return errors.TruncatedAudioError(
        name, "is cut off or damaged (its header promises more than it holds)", "copy it again"
    )
