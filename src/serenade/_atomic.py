"""Write files atomically: a reader never sees an unfinished file."""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def replace_atomically(path: Path) -> Iterator[Path]:
    """Give a temporary file, and move it to `path` if the block ends without an error.

    Args:
        path: the file, in a folder that exists.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "a.txt"
    >>> with replace_atomically(file) as unfinished:
    ...     written = unfinished.write_text("all of it")
    >>> [path.name for path in file.parent.iterdir()]
    ['a.txt']
    """
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        yield unfinished
        os.replace(unfinished, path)  # noqa: PTH105 - the atomic call, by its name
    finally:
        unfinished.unlink(missing_ok=True)


@contextlib.contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, which one process has at a time; it ends with the process.

    Windows and some network drives have no such lock: there, the block runs without it.

    Args:
        folder: an existing folder.
    """
    try:
        import fcntl

        handle = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):
        yield
        return
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def write_atomically(path: str | os.PathLike[str], content: bytes) -> Path:
    """Write a file atomically.

    Args:
        path: the file; its folder is created if it is missing.
        content: all of its bytes.

    Returns:
        The path.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_atomically(path) as unfinished:
        unfinished.write_bytes(content)
    return path
