"""Find the streams of an Ogg file, and pages that are damaged or missing between others.

The time stamps of pages do not show a loss: a recorder that misses a packet, or that sends nothing
while it is muted, leaves a gap in them although every page is there.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

from serenade.audio._container import check_part_count

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

MAGIC = b"OggS"
_HEADER = 27
_FIRST, _SEARCH = 2, 1 << 16  # flag of a stream's first page; bytes searched at once
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class _Page(NamedTuple):
    """Header of a page."""

    start: int
    end: int
    first: bool  # whether a stream begins with it
    stamp: int
    stream: int
    number: int
    sound: bool  # whether its checksum is right


def find_streams(file: BinaryIO, size: int) -> tuple[list[int], bool]:
    """Find where the recordings of an Ogg file begin; joined files contain several.

    Args:
        file: the file, at any position.
        size: of the file in bytes.

    Returns:
        The position of the first byte of each, and whether a page before the last one is damaged
        or missing.

    Raises:
        SignalFormatError: the file holds too many streams.
    """
    starts: list[int] = []
    damaged = previous_first = False
    last: dict[int, _Page] = {}
    end = 0
    for page in _read_pages(file, size):
        if page.first and not previous_first:
            starts.append(page.start)
            last = {}
        before = last.get(page.stream)
        # A recording of a live stream has its headers, and then the pages from the time it began.
        jumped = before is not None and before.stamp > 0 and page.number != before.number + 1
        damaged |= not page.sound or jumped or (page.start > end and not page.first and end > 0)
        last[page.stream], end, previous_first = page, page.end, page.first
        check_part_count(file, max(len(starts), len(last)))
    return starts, damaged


def _read_pages(file: BinaryIO, size: int) -> Iterator[_Page]:
    """Yield the complete pages of a file."""
    position = 0
    while position + _HEADER <= size:
        file.seek(position)
        head = file.read(_HEADER + 255)
        table = head[_HEADER : _HEADER + head[26]]
        if head[:4] != MAGIC or head[4] != 0 or head[5] > 7:
            position = _find_magic(file, position + 1)
            continue
        length = _HEADER + len(table) + sum(table)
        if position + length > size:
            return
        file.seek(position)
        _, stamp, stream, number, checksum = struct.unpack("<5sx qIII", head[:26])
        content = bytearray(file.read(length))
        content[22:26] = bytes(4)
        right = _compute_checksum(content) == checksum
        first = bool(head[5] & _FIRST)
        yield _Page(position, position + length, first, stamp, stream, number, right)
        position += length


def _find_magic(file: BinaryIO, position: int) -> int:
    """Return the position of the next page, or a large one if there is none."""
    file.seek(position)
    rest = b""
    while block := file.read(_SEARCH):
        found = (rest + block).find(MAGIC)
        if found >= 0:
            return position - len(rest) + found
        position += len(block)
        rest = (rest + block)[-3:]
    return 1 << 62


def _compute_checksum(content: bytes | bytearray) -> int:
    """Compute the CRC of a page: zlib's polynomial with the bits in the other order."""
    found = zlib.crc32(content.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(found.to_bytes(4, "little").translate(_REVERSED), "big")
