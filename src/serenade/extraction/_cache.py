"""Keep extracted features on disk under a hash of their input, so that none can be stale.

The key of an entry is a hash of the audio's bytes and the part that was read (or of a text), and of
the feature's class, version and parameters. Any number of processes can write entries at once;
each is written atomically. The least recently used entries are removed when the cache exceeds its
limit.

An entry is an array in NumPy's format, followed by a checksum of it and of its key. The checksum
finds damage. It is no signature: users who share a cache folder trust each other.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import io
import json
import os
import stat
import time
import warnings
from typing import TYPE_CHECKING

import numpy as np

from serenade._atomic import replace_atomically
from serenade._cache_folder import FOLDER_VARIABLE, get_cache_folder
from serenade.errors import SerenadeError
from serenade.features import find_unidentified

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

SIZE_VARIABLE = "SERENADE_CACHE_GB"

_READER = 2  # increase when `serenade.audio` returns other samples
_DEFAULT_GB = 10.0
_ABANDONED = 3600.0  # seconds after which an unfinished file belongs to a dead process
_CHECKSUM = 16  # bytes


def get_size_limit() -> int:
    """Return the limit of the cache in bytes: `SERENADE_CACHE_GB` gigabytes, or ten.

    Raises:
        SerenadeError: the variable is not a positive number.
    """
    stated = os.environ.get(SIZE_VARIABLE, "")
    try:
        gigabytes = float(stated) if stated else _DEFAULT_GB
    except ValueError:
        gigabytes = -1.0
    if not 0 < gigabytes < 1e6:
        raise SerenadeError(
            f"{SIZE_VARIABLE}={stated}: not a size; give a number of gigabytes, such as 10"
        )
    return round(gigabytes * 1e9)


def make_entry_key(
    content: str,
    start: float,
    end: float | None,
    sampling_rate: int,
    identity: Mapping[str, object],
) -> str | None:
    """Make the key of a feature of a clip; None, and a warning, if its code cannot be identified.

    Args:
        content: hash of the file from `hash_content`.
        start: start in seconds.
        end: end in seconds; None for the end of the file.
        sampling_rate: rate in Hz at which the file is read.
        identity: `identity()` of the feature.
    """
    return _hash([_READER, content, float(start), end, sampling_rate, identity], identity)


def make_text_key(text: str, identity: Mapping[str, object]) -> str | None:
    """Make the key of a feature of a text, as `make_entry_key` does.

    Args:
        text: text that the feature is extracted from.
        identity: `identity()` of the feature.
    """
    return _hash(["text", text, identity], identity)


def _hash(stated: list[object], identity: Mapping[str, object]) -> str | None:
    if unknown := find_unidentified(identity):
        _warn_unidentified(unknown)
        return None
    text = json.dumps(stated, sort_keys=True, allow_nan=False)
    return hashlib.blake2b(text.encode(), digest_size=20).hexdigest()


class CacheWarning(UserWarning):
    """Warning that results cannot be cached and are computed each time."""


@functools.cache
def _warn(folder: Path, problem: str) -> None:
    """Warn once about a problem of a folder."""
    message = (
        f"{folder}: {problem}; features cannot be cached and are computed each time; free some "
        f"space, or set {FOLDER_VARIABLE} to a writable folder"
    )
    warnings.warn(message, CacheWarning, stacklevel=4)


@functools.cache
def _warn_unidentified(name: str) -> None:
    """Warn once about a class whose code is unknown."""
    message = (
        f"{name}: its code cannot be identified, so features are computed each time; define it in "
        "a file, not in a notebook or a function, and start Python again after each change"
    )
    warnings.warn(message, CacheWarning, stacklevel=4)


@dataclasses.dataclass
class Cache:
    """Folder of feature matrices.

    Args:
        folder: folder of the entries; created with the first one.
        limit: limit in bytes; None for `get_size_limit()`.

    >>> import tempfile
    >>> from pathlib import Path
    >>> cache = Cache(Path(tempfile.mkdtemp()))
    >>> cache.put("0123", np.ones((2, 3), np.float32))
    >>> cache.get("0123").shape, cache.get("4567")
    ((2, 3), None)
    """

    folder: Path = dataclasses.field(default_factory=lambda: get_cache_folder() / "features")
    limit: int | None = None
    _unchecked: int = dataclasses.field(default=0, init=False, repr=False)

    def get(self, key: str) -> NDArray[np.float32] | None:
        """Return the entry of a key, `(frames, dims)`, or None; remove a damaged entry."""
        path = self._path(key)
        try:
            content = _read_entry(path)
        except OSError:  # missing; or there are too many open files, or no permission to read
            return None
        try:
            matrix = _parse_entry(key, content)
        except (ValueError, EOFError, MemoryError):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)  # for example a partial file after a power cut
            return None
        with contextlib.suppress(OSError):  # a read-only cache can be used
            os.utime(path)
        return matrix

    def put(self, key: str, matrix: NDArray[np.float32]) -> None:
        """Write a matrix atomically.

        If the folder is not writable or the disk is full, nothing is written, and a `CacheWarning`
        is given once per process and folder.
        """
        try:
            self._put(key, matrix)
        except OSError as error:
            _warn(self.folder, error.strerror or str(error))

    def _put(self, key: str, matrix: NDArray[np.float32]) -> None:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replace_atomically(path) as unfinished:
            unfinished.write_bytes(_format_entry(key, matrix))
        self._unchecked += matrix.nbytes
        if self._unchecked > self._bound() // 16:
            self.trim()

    def trim(self, limit: int | None = None) -> int:
        """Remove the least recently used entries above a limit; return their number.

        Args:
            limit: limit in bytes; None for the limit of the cache.
        """
        bound = self._bound() if limit is None else limit
        self._unchecked = 0
        entries = sorted(self._entries(), key=lambda entry: entry[1])
        total, removed = sum(size for _, _, size in entries), 0
        for path, _, size in entries:
            if total <= bound:
                break
            # In a shared folder, the entries of other users may not be removed.
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
                total, removed = total - size, removed + 1
        return removed

    def clear(self) -> int:
        """Remove every entry; return their number."""
        return self.trim(limit=0)

    def usage(self) -> tuple[int, int]:
        """Return the number of entries and their size in bytes."""
        sizes = [size for _, _, size in self._entries()]
        return len(sizes), sum(sizes)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.npy"

    def _bound(self) -> int:
        return get_size_limit() if self.limit is None else self.limit

    def _entries(self) -> Iterator[tuple[Path, float, int]]:
        """Iterate over path, time of last use and size of entries; remove abandoned files."""
        for path in self.folder.glob("??/*"):
            try:
                stated = path.lstat()
            except OSError:  # another process removed it
                continue
            if path.suffix == ".npy":
                yield path, stated.st_mtime, stated.st_size
            elif path.suffix == ".tmp" and time.time() - stated.st_mtime > _ABANDONED:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)


def _format_entry(key: str, matrix: NDArray[np.float32]) -> bytes:
    """Return the content of an entry's file."""
    file = io.BytesIO()
    np.save(file, matrix, allow_pickle=False)
    content = file.getvalue()
    return content + _sum_entry(key, content)


def _read_entry(path: Path) -> bytes:
    """Read the file of an entry; raise an OSError for anything but a regular file."""
    # Opening a pipe would wait for a writer.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(handle, "rb") as file:  # noqa: PTH123 - a handle is not a path
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(f"{path}: not a file")
        return file.read()


def _parse_entry(key: str, content: bytes) -> NDArray[np.float32]:
    """Return the matrix in an entry's file; raise a ValueError for a damaged one."""
    array, checksum = content[:-_CHECKSUM], content[-_CHECKSUM:]
    if checksum != _sum_entry(key, array):
        raise ValueError("another checksum")
    matrix: NDArray[np.float32] = np.load(io.BytesIO(array), allow_pickle=False)
    if matrix.ndim != 2 or matrix.dtype != np.float32:
        raise ValueError("not a matrix of floats")
    return matrix


def _sum_entry(key: str, content: bytes) -> bytes:
    """Return the checksum of an entry's array and key."""
    return hashlib.blake2b(content, digest_size=_CHECKSUM, key=key.encode()[:64]).digest()
