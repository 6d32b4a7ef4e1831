"""Decode a file with libsndfile, or raise an error that names the problem and the fix."""

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

_BLOCK = 1 << 18  # samples decoded at once: a header can state more than fits in memory
_UNKNOWN = 1 << 62  # libsndfile gives a larger length if a stream does not state one


@dataclasses.dataclass(frozen=True, eq=False)
class Decoded:
    """Open file with a valid header.

    Args:
        rate: in Hz.
        channels: in each block.
        blocks: float32 samples `(samples, channels)`, integer formats scaled to [-1, 1]; a
            TruncatedAudioError is raised if the file holds fewer than its header states.
    """

    rate: int
    channels: int
    blocks: Iterator[NDArray[np.float32]]


@contextlib.contextmanager
def open_decoder(name: str, start: float, end: float | None) -> Iterator[Decoded]:
    """Open a file and decode the part between two times, block by block.

    Args:
        name: the file.
        start: in seconds.
        end: in seconds; None, or beyond it, for the file's end.

    Raises:
        AudioError: the file cannot be used; the subclass and the message say why.
    """
    stop = math.inf if end is None else end
    if not 0 <= start < stop:
        raise errors.SignalFormatError(
            name, f"a segment from {start} to {end} s", "state start before end, in seconds"
        )
    try:
        _check_file(name)
        cut, content = count_missing_bytes(Path(name)) > 0, open_unfinished_wav(Path(name))
    except (OSError, ValueError) as error:  # ValueError: the name is not possible on this system
        absent = isinstance(error, FileNotFoundError | NotADirectoryError)
        raise errors.MissingFileError(
            name,
            "does not exist" if absent else "cannot be opened",
            "check the path and its permissions",
        ) from None
    # Bytes, since soundfile cannot encode every name that a POSIX system may have.
    source = content or (name if os.name == "nt" else os.fsencode(name))
    with content or contextlib.nullcontext(), _open_file(name, source, cut) as file:
        yield Decoded(file.samplerate, file.channels, _read_segment(name, file, start, stop))


def _check_file(name: str) -> None:
    """Raise an error if a file does not exist or is empty."""
    stated = Path(name).stat()
    if stat.S_ISDIR(stated.st_mode):
        raise errors.MissingFileError(name, "is a folder", "name a file in it")
    if not stat.S_ISREG(stated.st_mode):
        raise errors.MissingFileError(
            name, "is a pipe or a device", "save the recording to a file first"
        )
    if not stated.st_size:
        raise errors.EmptyFileError(name, "is empty (0 bytes)", "copy or record it again")


def _open_file(name: str, source: Any, cut: bool) -> Any:
    """Open a file with libsndfile and check its header."""
    import soundfile

    class Forward(soundfile.SoundFile):  # type: ignore[misc]
        """Sound file that does not seek after each block, which would need a known length."""

        def seekable(self) -> bool:
            return False

    try:
        file = Forward(source)
    except (soundfile.LibsndfileError, TypeError):
        # soundfile's TypeError: a suffix ".raw" states that there is no header.
        if cut:
            raise _make_truncated_error(name) from None
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
        raise _make_truncated_error(name)
    return file


def _read_segment(name: str, file: Any, start: float, stop: float) -> Iterator[NDArray[np.float32]]:
    """Yield the samples between two times; raise an error if the header states more."""
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
        raise _make_truncated_error(name) from None
    if missing > 0 and _has_exact_length(name, file):
        raise _make_truncated_error(name)


def _has_exact_length(name: str, file: Any) -> bool:
    """Return whether the length that libsndfile gives is exact, and not an estimate."""
    if file.format == "MP3":
        return has_mp3_length(Path(name))
    return bool(file.frames < _UNKNOWN)


def _make_truncated_error(name: str) -> errors.TruncatedAudioError:
    return errors.TruncatedAudioError(
        name,
        "is cut off or damaged (its header states more samples than it holds)",
        "copy it again",
    )
