"""Compare the length of a file with the length that its container states.

libsndfile reads a truncated file without an error, and ignores samples after the stated ones. Most
containers state their sizes, so both are found without decoding.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, NamedTuple

from serenade.errors import SignalFormatError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

RECORDING_SUFFIXES = (
    *(".wav", ".wave", ".flac", ".aiff", ".aif", ".aifc", ".au", ".snd", ".caf", ".w64", ".rf64"),
    *(".sph", ".nist", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".amr", ".awb", ".wma"),
    *(".weba", ".mka", ".spx"),
    *(".mp4", ".m4v", ".mov", ".3gp", ".3g2", ".webm", ".mkv", ".avi", ".wmv", ".flv", ".mpg"),
    ".mpeg",
)
"""Suffixes of recordings inside a folder; a file that is named itself may have any suffix.

If a recording has copies, the first suffix is taken: lossless, then lossy, then video."""


class Replacement(NamedTuple):
    """Bytes that are read in the place of others.

    Args:
        position: in the file.
        content: new bytes.
    """

    position: int
    content: bytes


class _Chunks(NamedTuple):
    """Layout of the chunks of a family of containers."""

    first: int  # position of the first chunk
    name: int  # bytes of a chunk's name
    length: str  # layout of a chunk's length
    align: int  # chunks start at multiples of this
    samples: bytes  # first bytes of the name of the chunk with the samples


class _Samples(NamedTuple):
    """Samples of a recording as its container states them."""

    start: int  # position of the first byte
    length: int  # in bytes
    field: int  # position of the length in the file
    layout: str  # of that field
    header: int  # bytes that the field counts before the samples
    known: bool  # False if the length is a placeholder


_LAYOUTS = {
    b"RIFF": _Chunks(12, 4, "<I", 2, b"data"),
    b"RIFX": _Chunks(12, 4, ">I", 2, b"data"),
    b"RF64": _Chunks(12, 4, "<I", 2, b"data"),
    b"FORM": _Chunks(12, 4, ">I", 2, b"SSND"),
    b"caff": _Chunks(8, 4, ">q", 1, b"data"),
    b"riff": _Chunks(40, 16, "<q", 8, b"data"),  # Wave64: its lengths count their own header
}
_MOST_CHUNKS = 1000  # a header of zeros would have millions

_MOST_PARTS = 1000
"""Most recordings, streams or tags of one file; a file of empty ones would have millions."""

_STREAMED = 0x7FFFF000
"""Streaming writers store placeholder lengths of at least this value; they are ignored."""

_SLOPPY = 64
"""Some writers count the header as samples: this many missing bytes are accepted."""

_AFTER = (b"LIST", b"ID3", b"id3 ", b"TAG", b"APETAGEX", b"bext", b"iXML", b"_PMX", b"JUNK")
"""Beginnings of what may follow the samples, even if it is cut."""

_WAVE64 = (b"\x2e\x91\xcf\x11", b"\xf3\xac\xd3\x11")  # after four letters, of Wave64's names

_OGG_TAIL = 1 << 17  # the largest Ogg page is 65,307 bytes


def check_part_count(file: BinaryIO, count: int) -> None:
    """Check the number of recordings, streams or tags that were found in a file so far.

    Raises:
        SignalFormatError: there are too many.
    """
    if count > _MOST_PARTS:
        raise SignalFormatError(
            os.fsdecode(file.name),
            f"joins more than {_MOST_PARTS} recordings, streams or tags",
            "divide it into several files",
        )


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
        if file.read(4) == b"OggS":
            return _count_missing_ogg(file, size)
        base = 0
        for _ in range(_MOST_CHUNKS):
            samples = _find_samples(file, base, size)
            if samples is None or not samples.known:
                return 0
            last = samples.start + samples.length
            base = _skip_chunks(file, last, size) or size
            if base >= size:
                return last - size if samples.length > 0 and last - size > _SLOPPY else 0
    return 0


def find_chunk_recordings(file: BinaryIO, size: int) -> list[tuple[int, int, list[Replacement]]]:
    """Find the recordings of a WAV, RF64, Wave64, AIFF, CAF or AU file; joined files hold several.

    A recorder that crashes leaves the length that it wrote first, often zero. If samples follow
    the stated ones, the length is replaced so that libsndfile reads to the end.

    Args:
        file: the file, at any position.
        size: of the file in bytes.

    Returns:
        For each its first byte, the position after its last byte, and what to replace.

    Raises:
        SignalFormatError: the file holds too many recordings.
    """
    found: list[tuple[int, int, list[Replacement]]] = []
    end = 0
    while end < size:
        check_part_count(file, len(found) + 1)
        start = end
        samples = _find_samples(file, start, size)
        last = size if samples is None or not samples.known else samples.start + samples.length
        if samples is None or last > size - _SLOPPY:
            return [*found, (start, size, [])]
        after = _skip_chunks(file, last, size)
        replaced = [] if after else [_state_length(samples, size)]
        end = after or size
        found.append((start, end, replaced))
    return found


def _find_samples(file: BinaryIO, base: int, size: int) -> _Samples | None:
    """Find the samples of the recording that begins at a position, if it has chunks."""
    file.seek(base)
    magic = file.read(4)
    if magic == b".snd":
        start, length = _unpack(file, base + 4, ">II")
        start = base + max(start, 24)  # the length of the header
        return _Samples(start, length, base + 8, ">I", 0, length < _STREAMED)
    if magic not in _LAYOUTS:
        return None
    chunks = _LAYOUTS[magic]
    start, length = _find_chunk(file, base, size, chunks)
    if magic == b"RF64" and length == 0xFFFFFFFF:
        # Of the chunk "ds64", which is always the first.
        (length,) = _unpack(file, base + 28, "<q")
        return _Samples(start, length, base + 28, "<q", 0, length >= 0)
    width = struct.calcsize(chunks.length)
    header = chunks.name + width if chunks.align == 8 else 0
    known = length >= 0 if width == 8 else length < _STREAMED
    return _Samples(start, length, start - width, chunks.length, header, known)


def _state_length(samples: _Samples, size: int) -> Replacement:
    """Return the length field of samples that continue to the end of the file."""
    length = size - samples.start + samples.header
    if samples.layout.endswith("I"):
        length = min(length, 0xFFFFFFFF)
    return Replacement(samples.field, struct.pack(samples.layout, length))


def _skip_chunks(file: BinaryIO, position: int, size: int) -> int | None:
    """Return the end of what follows the stated samples, or None if samples follow.

    The end is that of the file, or the beginning of a recording that was joined to this one.
    """
    if position >= size:
        return size
    file.seek(position)
    # Chunks begin at multiples of two or eight; some writers leave out the padding.
    head = file.read(8)
    padded = place = position + min(len(head) - len(head.lstrip(b"\0")), 7)
    for _ in range(_MOST_CHUNKS):
        file.seek(place)
        head = file.read(24)
        if len(head) < 16:
            break
        if head[:4] == b".snd" or (head[:4] in _LAYOUTS and head[8:12].strip().isalnum()):
            return place
        if head[4:8] in _WAVE64:
            if head[:4] == b"riff":
                return place
            place += max(24, int.from_bytes(head[16:], "little"))
            place += -place % 8
            continue
        lengths = {struct.unpack(layout, head[4:8])[0] for layout in ("<I", ">I")}
        fitting = [length for length in lengths if place + 8 + length <= size + _SLOPPY]
        named = all(32 <= byte < 127 for byte in head[:4])
        if not named or not fitting:
            broken = place == padded and not head.startswith(_AFTER) and size - place > _SLOPPY
            return None if broken else size
        place += 8 + min(fitting)
        place += place % 2
    return size


def _unpack(file: BinaryIO, position: int, layout: str) -> tuple[int, ...]:
    """Read integers at a position; they are zero beyond the end of the file."""
    file.seek(position)
    size = struct.calcsize(layout)
    return struct.unpack(layout, file.read(size).ljust(size, b"\0"))


def _find_chunk(file: BinaryIO, base: int, size: int, chunks: _Chunks) -> tuple[int, int]:
    """Find the first byte and the number of bytes of the samples, or else of the last chunk."""
    header = chunks.name + struct.calcsize(chunks.length)
    position = start = base + chunks.first
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
