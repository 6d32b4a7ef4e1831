"""Decode a file with libsndfile, or raise an error that names the problem and the fix."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import itertools
import math
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serenade import errors
from serenade.audio._container import count_missing_bytes
from serenade.audio._media import find_media_kind, open_media
from serenade.audio._parts import Part, find_parts

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    import numpy as np
    from numpy.typing import NDArray

SAMPLING_RATES = (1000, 768_000)
"""Sampling rates in Hz; beyond these a header is damaged rather than unusual."""

MAX_CHANNELS = 64
"""Most channels a recording may have."""

_BLOCK = 1 << 18  # samples decoded at once: a header can state more than fits in memory
_POINTER = b"version https://git-lfs.github.com/spec/"
_SUGGESTED = 1000  # files of a folder among which a similar name is searched
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
    with _open_first(name) as (file, part, others):
        blocks = _read_segment(name, (part, file), others, start, stop)
        yield Decoded(file.samplerate, file.channels, blocks)


def measure_duration(path: str | os.PathLike[str]) -> float:
    """Return the duration of a file in seconds; only a length that is not stated is decoded.

    Args:
        path: the file.

    Raises:
        AudioError: the file cannot be used; the subclass and the message say why.
    """
    return inspect_file(path).duration


@dataclasses.dataclass(frozen=True)
class Header:
    """Properties of a file, most of them stated in its header.

    Args:
        duration: in seconds.
        rate: sampling rate in Hz.
        channels: number of channels.
    """

    duration: float
    rate: int
    channels: int


def inspect_file(path: str | os.PathLike[str]) -> Header:
    """Return the duration, rate and channels of a file, as `measure_duration` does.

    Args:
        path: the file.

    Raises:
        AudioError: the file cannot be used; the subclass and the message say why.
    """
    name = os.fsdecode(path)
    with _open_first(name) as (first, part, others):
        samples = _count_samples(name, first, part)
        for other in others:
            with _open_part(name, other, other.damaged) as file:
                samples += _count_samples(name, file, other)
        return Header(float(samples / first.samplerate), first.samplerate, first.channels)


def _count_samples(name: str, file: Any, part: Part) -> int:
    """Return the number of samples of a part."""
    if file.frames < _UNKNOWN:
        return int(file.frames)
    return _count_after(name, file, part.skip)


def _count_after(name: str, file: Any, skip: int) -> int:
    """Decode and count the samples after the first ones."""
    import soundfile

    try:
        if skip:
            file.seek(skip)
    except soundfile.LibsndfileError:  # nothing follows
        return 0
    return sum(map(len, _decode(name, file, _UNKNOWN)))


@contextlib.contextmanager
def _open_first(name: str) -> Iterator[tuple[Any, Part, Iterator[Part]]]:
    """Open the first part of a file; yield it with its description and the other parts."""
    try:
        _check_file(name)
        kind = find_media_kind(Path(name))
        others = find_parts(Path(name))
        part = next(others)
        cut = part.damaged or count_missing_bytes(Path(name)) > 0
    except (OSError, ValueError) as error:  # ValueError: the name is not possible on this system
        absent = isinstance(error, FileNotFoundError | NotADirectoryError)
        raise errors.MissingFileError(
            name,
            "does not exist" if absent else "cannot be opened",
            _suggest_fix(Path(name)) if absent else "check the path and its permissions",
        ) from None
    if kind:
        with open_media(name, kind) as media:
            _check_header(name, media)
            yield media, Part(0, 0, exact=False), iter(())
        return
    with contextlib.closing(others), _open_part(name, part, cut) as file:
        yield file, part, others


def _suggest_fix(path: Path) -> str:
    """Name the file that a missing one is most similar to, if its folder has such a file."""
    if path.is_symlink():
        return f"it is a link; restore its target {os.readlink(path)}"  # noqa: PTH115
    try:
        with os.scandir(path.parent) as entries:
            known = [one.name for one in itertools.islice(entries, _SUGGESTED)]
    except OSError:
        known = []
    near = difflib.get_close_matches(path.name, known, n=1, cutoff=0.8)
    return f"did you mean {path.with_name(near[0])}?" if near else "check the path"


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
    with Path(name).open("rb") as file:
        if file.read(len(_POINTER)) == _POINTER:
            raise errors.NotAudioError(
                name, "is a Git LFS pointer, not the recording itself", "run git lfs pull"
            )


@contextlib.contextmanager
def _open_part(name: str, part: Part, damaged: bool) -> Iterator[Any]:
    """Open a part of a file with libsndfile and check its header."""
    import soundfile

    class Forward(soundfile.SoundFile):  # type: ignore[misc]
        """Sound file that does not seek after each block, which would need a known length."""

        def seekable(self) -> bool:
            return False

    with part.open(Path(name)) as source:
        try:
            file = Forward(source)
        except (soundfile.LibsndfileError, TypeError):
            if damaged:
                raise _make_truncated_error(name) from None
            raise errors.NotAudioError(
                name, "is not audio that libsndfile can read", "convert it to WAV or FLAC"
            ) from None
        with file:
            _check_header(name, file)
            if damaged:
                raise _make_truncated_error(name)
            yield file


def _check_header(name: str, file: Any) -> None:
    """Raise an error if a header states an impossible number of channels or rate."""
    low, high = SAMPLING_RATES
    if not 0 < file.channels <= MAX_CHANNELS or not low <= file.samplerate <= high:
        raise errors.NotAudioError(
            name,
            f"its header states {file.channels} channels at {file.samplerate} Hz",
            "the header is damaged: export the recording again",
        )


def _read_segment(
    name: str, first: tuple[Part, Any], others: Iterator[Part], start: float, stop: float
) -> Iterator[NDArray[np.float32]]:
    """Yield the samples between two times, of all parts of a file.

    Args:
        name: the file.
        first: its first part, and that part open.
        others: the other parts.
        start: in seconds.
        stop: in seconds, perhaps infinite.
    """
    rate = first[1].samplerate
    begin, last = (round(min(time * rate, _UNKNOWN)) for time in (start, stop))
    if begin == last < _UNKNOWN:
        raise errors.SignalFormatError(
            name,
            f"a segment from {start} to {stop} s has less than one sample at {rate} Hz",
            "correct the segment's times",
        )
    end = yield from _read_part(name, first[1], first[0], begin, last)
    while end < last and (part := next(others, None)) is not None:
        with _open_part(name, part, part.damaged) as file:
            if file.samplerate != rate:
                raise errors.SignalFormatError(
                    name,
                    f"joins recordings of {rate} and {file.samplerate} Hz",
                    "divide it into files of one sampling rate",
                )
            end += yield from _read_part(name, file, part, max(0, begin - end), last - end)
    if begin and end <= begin:
        raise errors.SignalFormatError(
            name,
            f"a segment from {start} s, but it lasts {end / rate:.2f} s",
            "correct the segment's times",
        )


def _read_part(
    name: str, file: Any, part: Part, first: int, last: int
) -> Generator[NDArray[np.float32], None, int]:
    """Yield the samples of a part between two positions, and return its length.

    Returns:
        The number of samples of the part, or of those that were read if `last` is reached first.
    """
    import soundfile

    length = file.frames if file.frames < _UNKNOWN else None
    if length is not None and 0 < length <= first:
        return int(length)
    place = part.skip + first
    try:
        if place and (reached := file.seek(place)) < place:
            return int(reached)
    except soundfile.LibsndfileError:
        # A seek fails beyond the last sample.
        return _count_after(name, file, part.skip)
    place = first
    # libFLAC takes a tag behind the stated samples for damage.
    count = last if length is None or not part.exact else min(last, int(length))
    for block in _decode(name, file, count - first):
        place += len(block)
        yield block
    if part.exact and length is not None and place < min(length, last):
        raise _make_truncated_error(name)
    return place


def _decode(name: str, file: Any, count: int) -> Iterator[NDArray[np.float32]]:
    """Yield up to a number of samples, or all that follow."""
    import soundfile

    size = max(1, _BLOCK // file.channels)
    try:
        while count > 0 and len(
            block := file.read(min(count, size), dtype="float32", always_2d=True)
        ):
            count -= len(block)
            yield block
    except soundfile.LibsndfileError:
        raise _make_truncated_error(name) from None


def _make_truncated_error(name: str) -> errors.TruncatedAudioError:
    return errors.TruncatedAudioError(
        name,
        "is cut off or damaged (its header states more samples than it holds)",
        "copy it again",
    )
