"""Keep uploads in a folder of their own, and remove those that a killed server left."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from serenade.server._refusals import Refused

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be removed either
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX = "serenade-serve-"
_LOCK = "lock"
_RETRY = 5.0  # seconds after which a client may try again when the disk refuses


class Storage:
    """Folder for the uploads of one server, below the folder for temporary files.

    It holds a file that the server locks. A folder whose lock is free belongs to a server that was
    killed.
    """

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._lock: BinaryIO | None = None
        with contextlib.suppress(OSError):
            remove_stale_folders(Path(tempfile.gettempdir()))

    def make_folder(self) -> Path:
        """Make a folder for the files of a request.

        Raises:
            Refused: 503, the disk refuses.
        """
        with refuse_on_disk_errors():
            if self._folder is None or not self._folder.is_dir():
                self._open()
            return Path(tempfile.mkdtemp(dir=self._folder))

    def close(self) -> None:
        """Remove the folder with all that it holds."""
        if self._lock is not None:
            self._lock.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = self._lock = None

    def _open(self) -> None:
        self.close()
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        try:
            self._lock = _lock_file(folder / _LOCK, os.O_CREAT)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._folder = folder


@contextlib.contextmanager
def refuse_on_disk_errors() -> Iterator[None]:
    """Refuse a request if the disk is full or its folder is missing.

    Raises:
        Refused: 503, with the reason.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise Refused(
            503, "Storage", f"the server cannot store files now ({reason}); try again", retry=_RETRY
        ) from None


def remove_stale_folders(parent: Path) -> None:
    """Remove the folders of this user's servers that were killed."""
    for entry in os.scandir(parent):
        if not entry.name.startswith(_PREFIX) or not entry.is_dir(follow_symlinks=False):
            continue
        if hasattr(os, "getuid") and entry.stat(follow_symlinks=False).st_uid != os.getuid():
            continue
        with contextlib.suppress(OSError), _lock_file(Path(entry, _LOCK)):
            shutil.rmtree(entry.path, ignore_errors=True)


def _lock_file(path: Path, flags: int = 0) -> BinaryIO:
    """Open and lock a file.

    Raises:
        OSError: another process has locked it, or it is missing or cannot be made.
    """
    flags |= os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)
    file = os.fdopen(os.open(path, flags, 0o600), "r+b")
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise
    return file
