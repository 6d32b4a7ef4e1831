"""Divide a file into the recordings that were joined in it, each as libsndfile can read it.

libsndfile stops where the first header of a file ends its recording. Here a stated length is only
a hint: what follows it is another part.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import re
import struct
from typing import TYPE_CHECKING

from serenade.audio import _mp3, _ogg
from serenade.audio._container import Replacement, check_part_count, find_chunk_recordings
from serenade.audio._file_view import FileView

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path
    from typing import BinaryIO

_FLAC = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")  # with its first block, which is of 34 bytes
_BUFFER = 1 << 16
_SEARCH = 1 << 22  # bytes searched at once


@dataclasses.dataclass(frozen=True)
class Part:
    """Recording in a file.

    Args:
        start: position of its first byte.
        end: position after its last byte.
        prefix: bytes to read before them.
        replaced: bytes to read in the place of others.
        skip: samples at its beginning that the part before contains.
        exact: whether fewer samples than libsndfile states mean that it is damaged.
        damaged: whether its container shows that something is missing.
    """

    start: int
    end: int
    prefix: bytes = b""
    replaced: tuple[Replacement, ...] = ()
    skip: int = 0
    exact: bool = True
    damaged: bool = False

    @contextlib.contextmanager
    def open(self, path: Path) -> Iterator[bytes | str | io.BufferedReader[FileView]]:
        """Open the part as a file of its own; a whole file is named, which is faster."""
        whole = not (self.start or self.prefix or self.replaced) and self.end == path.stat().st_size
        # A suffix ".raw" states that there is no header.
        if whole and path.suffix.lower() != ".raw":
            # Bytes, since soundfile cannot encode every name that a POSIX system may have.
            yield str(path) if os.name == "nt" else os.fsencode(path)
            return
        window = FileView(path, self.start, self.end, self.prefix, self.replaced)
        with io.BufferedReader(window, _BUFFER) as file:
            yield file


def find_parts(path: Path) -> Generator[Part, None, None]:
    """Find the recordings that a file contains, one after the other.

    Args:
        path: a file of any kind that is not empty.

    Yields:
        At least one part. The rest of the file is examined when the next part is wanted.

    Raises:
        OSError: the file cannot be read.
        SignalFormatError: it holds too many recordings, streams or tags.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        start = _mp3.skip_tags(file, 0)
        file.seek(start)
        magic = file.read(4)
        if magic == _ogg.MAGIC:
            yield from _find_ogg_parts(file, size)
        elif magic == b"fLaC":
            yield from _find_flac_parts(file, start, size)
        elif magic[:1] == b"\xff":
            yield from _find_mp3_parts(file, size)
        else:
            for first, end, replaced in find_chunk_recordings(file, size):
                yield Part(first, end, replaced=tuple(replaced))


def _find_ogg_parts(file: BinaryIO, size: int) -> Iterator[Part]:
    """Divide an Ogg file; lost pages show that it is damaged, gaps in its time stamps do not."""
    starts, damaged = _ogg.find_streams(file, size)
    starts = starts or [0]
    for first, end in zip(starts, [*starts[1:], size], strict=True):
        yield Part(first, end, exact=False, damaged=damaged)


def _find_flac_parts(file: BinaryIO, start: int, size: int) -> Iterator[Part]:
    """Divide a FLAC file; each part is followed by the samples beyond its stated number."""
    yield Part(start, size)
    starts = _search_flac(file, start)
    for number, (first, end) in enumerate(zip(starts, [*starts[1:], size], strict=True)):
        if number:
            yield Part(first, end)
        file.seek(first + 21)
        # 36 bits; the four before them belong to another number.
        high, low = struct.unpack(">BI", file.read(5).ljust(5, b"\0"))
        if stated := (high & 0x0F) << 32 | low:
            unknown = Replacement(first + 21, bytes([high & 0xF0, 0, 0, 0, 0]))
            yield Part(first, end, replaced=(unknown,), skip=stated)


def _search_flac(file: BinaryIO, start: int) -> list[int]:
    """Return the positions of the headers in a FLAC file, at least `start`."""
    starts = [start]
    file.seek(start + 4)
    position, rest = start + 4, b""
    while block := file.read(_SEARCH):
        searched = rest + block
        first = position - len(rest)
        starts += [first + match.start() for match in _FLAC.finditer(searched)]
        check_part_count(file, len(starts))
        position += len(block)
        rest = searched[-7:]
    return starts


def _find_mp3_parts(file: BinaryIO, size: int) -> Iterator[Part]:
    """Divide an MP3 file; the number of frames that each part states is replaced by a count."""
    found = _mp3.find_recordings(file, size)
    if not found:
        yield Part(0, size)
    for recording, after in zip(found, [*found[1:], None], strict=False):
        end = after.start if after else size
        if recording.stated == recording.frames or recording.is_cut:
            yield Part(recording.start, end, damaged=recording.is_cut)
        elif recording.counter:
            counted = Replacement(recording.counter, struct.pack(">I", recording.frames))
            yield Part(recording.start, end, replaced=(counted,), exact=False)
        else:
            frame = _mp3.make_information_frame(recording.head, recording.frames)
            yield Part(recording.start, end, prefix=frame, exact=False)
