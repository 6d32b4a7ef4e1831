"""Check and write files atomically: a reader never sees an unfinished file."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from serenade._printable import to_printable
from serenade.errors import SerenadeError

if TYPE_CHECKING:
    from collections.abc import Iterator

# Versions before 0.2 put the name of the file before the digits.
_UNFINISHED = re.compile(r"\.(.+\.)?[0-9a-f]{32}\.tmp", re.DOTALL)


@contextlib.contextmanager
def replace_atomically(path: Path) -> Iterator[Path]:
    """Give a temporary file, and move it to `path` if the block ends without an error.

    A file that is replaced keeps its permissions.

    Args:
        path: the file, in a folder that exists.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "a.txt"
    >>> with replace_atomically(file) as unfinished:
    ...     written = unfinished.write_text("all of it")
    >>> [path.name for path in file.parent.iterdir()]
    ['a.txt']
    """
    # Without the file's name, because that can be as long as the file system allows.
    unfinished = path.with_name(f".{uuid.uuid4().hex}.tmp")
    mode = _get_mode(path)
    try:
        # The lock tells `remove_unfinished` that the process is alive.
        with _lock(unfinished, os.O_RDWR | os.O_CREAT):
            if mode is not None:  # private content is private also while it is written
                unfinished.touch()
                _set_mode(unfinished, mode | stat.S_IRUSR | stat.S_IWUSR)
            yield unfinished
            if mode is not None:
                _set_mode(unfinished, mode)
            os.replace(unfinished, path)  # noqa: PTH105 - the atomic call, by its name
    finally:
        unfinished.unlink(missing_ok=True)


def _get_mode(path: Path) -> int | None:
    """Return the permissions of a file; None if it does not exist."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return None


def _set_mode(path: Path, mode: int) -> None:
    """Set the permissions of a file, if its file system has any."""
    with contextlib.suppress(OSError):
        path.chmod(mode)


def remove_unfinished(folder: Path) -> int:
    """Remove temporary files of processes that were killed while they wrote into a folder.

    Files of running processes and of other programs are kept. Without file locks, as on Windows,
    all are kept.

    Args:
        folder: folder of the files; need not exist.

    Returns:
        The number of removed files.
    """
    try:
        import fcntl
    except ImportError:
        return 0
    removed = 0
    for path in folder.glob(".*.tmp"):
        if not _UNFINISHED.fullmatch(path.name):
            continue
        # Network drives lock only files that are open for writing.
        with contextlib.suppress(OSError), path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # If another process removed this file, its owner may have created it again.
            if os.fstat(file.fileno()).st_nlink:
                path.unlink()
                removed += 1
    return removed


@contextlib.contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, which one process has at a time; it ends with the process.

    Windows and some network drives have no such lock: there, the block runs without it.

    Args:
        folder: an existing folder.
    """
    with _lock(folder, os.O_RDONLY):
        yield


@contextlib.contextmanager
def _lock(path: Path, flags: int) -> Iterator[None]:
    """Hold the lock of a path that is opened with some flags, if the system has such locks."""
    try:
        handle = _open_locked(path, flags)
    except (ImportError, OSError):
        yield
        return
    try:
        yield
    finally:
        os.close(handle)


def _open_locked(path: Path, flags: int) -> int:
    """Open and lock a path; wait for the lock."""
    import fcntl

    while True:
        handle = os.open(path, flags, 0o666)
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        # `remove_unfinished` may remove a file between these two calls.
        if os.fstat(handle).st_nlink:
            return handle
        os.close(handle)


def write_atomically(path: str | os.PathLike[str], content: bytes) -> Path:
    """Write a file atomically, and remove what killed processes left in its folder.

    Args:
        path: the file; its folder is created if it is missing.
        content: all of its bytes.

    Returns:
        The path.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_unfinished(path.parent)
    with replace_atomically(path) as unfinished:
        unfinished.write_bytes(content)
    return path


def check_output(path: str | os.PathLike[str], *, folder: bool = False) -> Path:
    """Check that a file or folder can be created, before the work whose result it holds.

    Args:
        path: file or folder to write; nothing is created.
        folder: whether it is a folder.

    Returns:
        The path.

    Raises:
        SerenadeError: it cannot be written; the message says why.
    """
    target = Path(path)
    try:
        if "\0" in str(target):
            raise ValueError("a null character in its name")
        if target.exists() and not folder and not target.is_dir() and not target.is_file():
            return target  # a pipe or a device
        if target.is_dir() and not folder:
            raise IsADirectoryError(None, "is a folder")
        place = target if folder else target.parent
        while not place.exists():
            place = place.parent
        if not place.is_dir():
            raise NotADirectoryError(None, f"{place} is a file")
        with tempfile.TemporaryFile(dir=place):
            pass
    except (OSError, ValueError) as error:
        raise _explain(path, error) from None
    return target


def write_output(path: str | os.PathLike[str], text: str) -> Path:
    """Write a text file in UTF-8, completely or not at all.

    Args:
        path: the file; its folder is created if it is missing. A pipe or a device, such as
            `/dev/stdout`, is written directly.
        text: its content. Characters that UTF-8 cannot hold are escaped.

    Returns:
        The path.

    Raises:
        SerenadeError: the file cannot be written.
    """
    content = text.encode("utf-8", "backslashreplace")
    target = Path(path)
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(content)
        else:
            write_atomically(target.resolve(), content)  # a link stays a link
    except (OSError, ValueError) as error:
        raise _explain(path, error) from None
    return target


def _explain(path: str | os.PathLike[str], error: Exception) -> SerenadeError:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return SerenadeError(
        f"{to_printable(path)}: cannot be written ({reason}); name another file or folder"
    )
