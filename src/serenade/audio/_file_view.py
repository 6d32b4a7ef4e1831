"""Show libsndfile a part of a file, with some bytes replaced; it is not held in memory."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class FileView(io.RawIOBase):
    """Read-only view of a part of a file.

    Args:
        path: the file.
        start: position of the first byte of the part.
        end: position after its last byte.
        prefix: bytes that come before the part.
        patches: positions in the file, with the bytes that are read there.
    """

    def __init__(
        self,
        path: Path,
        start: int,
        end: int,
        prefix: bytes = b"",
        patches: Sequence[tuple[int, bytes]] = (),
    ) -> None:
        super().__init__()
        self._file = path.open("rb", buffering=0)
        self._start, self._end = start, end
        self._prefix, self._patches = prefix, patches
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        size = len(self._prefix) + self._end - self._start
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: size}[whence]
        if base + offset < 0:
            raise OSError("a position before the first byte")
        self._place = base + offset
        return self._place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._place < len(self._prefix):
            found = self._prefix[self._place : self._place + len(buffer)]
            buffer[: len(found)] = found
            self._place += len(found)
            return len(found)
        first = self._start + self._place - len(self._prefix)
        size = max(0, min(len(buffer), self._end - first))
        self._file.seek(first)
        count = self._file.readinto(memoryview(buffer)[:size]) or 0
        for position, patch in self._patches:
            low, high = max(position, first), min(position + len(patch), first + count)
            if low < high:
                buffer[low - first : high - first] = patch[low - position : high - position]
        self._place += count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()
