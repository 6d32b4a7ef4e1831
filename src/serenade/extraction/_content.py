"""Hash the content of files, and notice whether a file has changed since."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
from pathlib import Path
from typing import Self


def hash_content(file: str | os.PathLike[str]) -> str:
    """Hash the bytes of a file; an unchanged file is read only once per process.

    Raises:
        OSError: the file cannot be read.
    """
    return FileContent.take(file).digest


@dataclasses.dataclass(frozen=True)
class FileContent:
    """Content of a file at one moment.

    Args:
        file: path of the file.
        digest: hash of its bytes.
        state: numbers of the file from before its bytes were hashed.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.txt"
    >>> _ = path.write_text("one")
    >>> content = FileContent.take(path)
    >>> _ = path.write_text("changed")
    >>> content.is_current()
    False
    """

    file: str
    digest: str
    state: tuple[int, ...]

    @classmethod
    def take(cls, file: str | os.PathLike[str]) -> Self:
        """Hash the bytes of a file as it is now; see `hash_content`."""
        path = os.fspath(file)
        state = get_file_state(path)
        return cls(path, _hash_file(path, state), state)

    def is_current(self) -> bool:
        """Return whether the file has not changed since: what was read from it has this hash."""
        try:
            return get_file_state(self.file) == self.state
        except OSError:
            return False


def get_file_state(file: str | os.PathLike[str]) -> tuple[int, ...]:
    """Return numbers of a file that differ after a change of its content.

    Raises:
        OSError: the file cannot be read.
    """
    found = Path(file).stat()
    # Size and modification time can be set back, but not the time of the last change of any kind.
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


@functools.lru_cache(maxsize=1 << 16)
def _hash_file(file: str, state: tuple[int, ...]) -> str:  # noqa: ARG001 - the state is part of the memory's key
    with Path(file).open("rb") as opened:
        return hashlib.file_digest(opened, "blake2b").hexdigest()[:40]
