"""Compare the length of a file with the length that its container states.

libsndfile reads a truncated file without an error. Most containers state their sizes, so a
truncated file is found without decoding it.
"""

from __future__ import annotations

import io
import os
import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO


class _Chunks(NamedTuple):
    """Layout of the chunks of a family of containers."""

    first: int  # position of the first chunk
    name: int  # bytes of a chunk's name
    length: str  # layout of a chunk's length
    align: int  # chunks start at multiples of this
    samples: bytes  # first bytes of the name of the chunk with the samples


_LAYOUTS = {
    b"RIFF": _Chunks(12, 4, "<I", 2, b"data"),
    b"RIFX": _Chunks(12, 4, ">I", 2, b"data"),
    b"RF64": _Chunks(12, 4, "<I", 2, b"data"),
    b"FORM": _Chunks(12, 4, ">I", 2, b"SSND"),
    b"caff": _Chunks(8, 4, ">q", 1, b"data"),
    b"riff": _Chunks(40, 16, "<q", 8, b"data"),  # Wave64: its lengths count their own header
}
_MOST_CHUNKS = 1000  # a header of zeros would have millions

_STREAMED = 0x7FFFF000
"""Streaming writers store placeholder lengths of at least this value; they are ignored."""

_SLOPPY = 64
"""Some writers count the header as samples: this many missing bytes are accepted."""

_OGG_TAIL = 1 << 17  # the largest Ogg page is 65,307 bytes


def count_missing_bytes(path: Path) -> int:
    """Count the bytes that are missing at the end of a file, if its container states its length.

    WAV, RF64, Wave64, AIFF, CAF, AU and Ogg state it; a FLAC or MP3 file must be decoded.

    Args:
        path: a file of any kind.

    Returns:
        The number of bytes; 0 if the container does not state a length.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        magic = file.read(4)
        if magic == b"OggS":
            return _count_missing_ogg(file, size)
        if magic == b".snd":
            start, length = _unpack(file, 4, ">II")
        elif magic in _LAYOUTS:
            start, length = _find_samples(file, size, _LAYOUTS[magic])
        else:
            return 0
        if magic == b"RF64" and length == 0xFFFFFFFF:
            (length,) = _unpack(file, 28, "<q")  # of the chunk "ds64", always the first
        elif magic not in {b"caff", b"riff"} and length >= _STREAMED:
            return 0
    missing = start + length - size
    return missing if length > 0 and missing > _SLOPPY else 0


def open_unfinished_wav(path: Path) -> BinaryIO | None:
    """Open a WAV file whose header has a length of zero, with the length filled in.

    Recorders that crash, and some that write to a pipe, leave this zero; libsndfile then finds no
    sample.

    Returns:
        The file, which the caller closes; None if the file is not such a file.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        if file.read(4) != b"RIFF":
            return None
        start, length = _find_samples(file, size, _LAYOUTS[b"RIFF"])
        file.seek(start)
        # Another chunk follows the zero: the file is complete and empty.
        if length or size - start < 8 or file.read(4).isalpha():
            return None
    patch = struct.pack("<I", min(size - start, 0xFFFFFFFF))
    return io.BufferedReader(_Patched(path, start - 4, patch))


class _Patched(io.RawIOBase):
    """Read-only view of a file with some of its bytes replaced; it is not held in memory.

    Args:
        path: the file.
        position: of the first replaced byte.
        patch: the bytes that are read there.
    """

    def __init__(self, path: Path, position: int, patch: bytes) -> None:
        super().__init__()
        self._file = path.open("rb", buffering=0)
        self._position = position
        self._patch = patch

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        start = self._file.tell()
        count = self._file.readinto(buffer) or 0
        first = max(self._position, start)
        last = min(self._position + len(self._patch), start + count)
        if first < last:
            patch = self._patch[first - self._position : last - self._position]
            buffer[first - start : last - start] = patch
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def has_mp3_length(path: Path) -> bool:
    """Return whether an MP3 file states its length; otherwise its length is an estimate."""
    with path.open("rb") as file:
        start = 0
        if file.read(3) == b"ID3":
            digits = _unpack(file, 6, "4B")  # of the length of the tag, seven bits each
            start = 10 + sum((digit & 127) << 7 * (3 - i) for i, digit in enumerate(digits))
        file.seek(start)
        frame = file.read(200)
    return any(name in frame for name in (b"Xing", b"Info", b"VBRI"))


def _unpack(file: BinaryIO, position: int, layout: str) -> tuple[int, ...]:
    """Read integers at a position; they are zero beyond the end of the file."""
    file.seek(position)
    size = struct.calcsize(layout)
    return struct.unpack(layout, file.read(size).ljust(size, b"\0"))


def _find_samples(file: BinaryIO, size: int, chunks: _Chunks) -> tuple[int, int]:
    """Find the first byte and the number of bytes of the samples, or else of the last chunk."""
    header = chunks.name + struct.calcsize(chunks.length)
    position = start = chunks.first
    length = 0
    for _ in range(_MOST_CHUNKS):
        if position + header > size:
            break
        file.seek(position)
        name = file.read(chunks.name)
        (length,) = _unpack(file, position + chunks.name, chunks.length)
        length -= header if chunks.align == 8 else 0
        start = position + header
        if name.startswith(chunks.samples) or length < 0:
            break
        position = start + length
        padding = -position % chunks.align
        # Padding is zeros, and no name begins with a zero: some writers do not pad.
        if padding and _unpack(file, position, "B") == (0,):
            position += padding
    return start, length


def _count_missing_ogg(file: BinaryIO, size: int) -> int:
    """Count the bytes that are missing from the last page of an Ogg stream."""
    start = max(0, size - _OGG_TAIL)
    file.seek(start)
    tail = file.read()
    # The capture pattern may occur inside a packet by chance: a real page has version 0 and
    # flags below 8.
    found = tail.rfind(b"OggS")
    while found >= 0 and (
        tail[found + 4 : found + 5] > b"\0" or tail[found + 5 : found + 6] > b"\7"
    ):
        found = tail.rfind(b"OggS", 0, found)
    if found < 0:
        return 0
    page = tail[found:]
    if len(page) < 27 or len(page) < 27 + page[26]:
        return 1
    length = 27 + page[26] + sum(page[27 : 27 + page[26]])
    return max(0, length - len(page))
