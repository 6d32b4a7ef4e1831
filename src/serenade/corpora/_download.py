"""Download a corpus once: check the checksum, unpack safely, then mark it as complete."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath

from serenade._addresses import is_safe_url
from serenade.corpora._discovery import to_absolute
from serenade.errors import CorpusError, MissingExtraError

MARKER = ".serenade-complete.json"


def download_archive(url: str, checksum: str, destination: str | os.PathLike[str]) -> Path:
    """Download a zip file and unpack it, unless this was done before.

    The archive is stored and unpacked in a private folder next to the destination. The unpacked
    folder gets its final name when it is complete, so that an interrupted call can be repeated.

    Args:
        url: address of a zip file.
        checksum: `"md5:<hex>"` or `"sha256:<hex>"`; nothing is unpacked before it matches.
        destination: the folder to create, with its parents.

    Returns:
        The folder.

    Raises:
        CorpusError: the address is not https, the download fails, its checksum differs, its names
            lead out of the folder, or the destination holds other files.
        MissingExtraError: pooch is not installed.
    """
    target = to_absolute(destination)
    asked = {"url": url, "checksum": checksum}
    marker = target / MARKER
    if marker.is_file():
        with contextlib.suppress(ValueError):  # a damaged marker counts as another download
            if json.loads(marker.read_text(encoding="utf-8")) == asked:
                return target
        raise CorpusError(f"{target}: holds another download; choose another folder")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise CorpusError(f"{target}: exists and is not a download; choose a new folder")
    work = _make_work_folder(target)
    archive, partial = work / "archive.zip", work / "unpacked"
    try:
        _retrieve(url, checksum, archive)
        shutil.rmtree(partial, ignore_errors=True)
        unpack_archive(archive, partial)
        (partial / MARKER).write_text(json.dumps(asked), encoding="utf-8")
        if target.exists():
            target.rmdir()
        partial.rename(target)
        shutil.rmtree(work, ignore_errors=True)
    finally:
        with contextlib.suppress(OSError):  # it is kept if it holds the archive
            work.rmdir()
    return target


def _make_work_folder(target: Path) -> Path:
    """Return a folder next to `target` that no other user can write.

    The folder of an interrupted call is returned again.
    """
    prefix = f".{target.name}.download-"
    target.parent.mkdir(parents=True, exist_ok=True)
    for path in sorted(target.parent.iterdir()):
        if path.name.startswith(prefix) and _is_private(path):
            return path
    return Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))


def _is_private(path: Path) -> bool:
    """Return whether a path is a folder, not a link, that only this user can enter."""
    try:
        stated = path.lstat()
    except OSError:  # another process has finished with it
        return False
    if hasattr(os, "getuid") and (stated.st_uid != os.getuid() or stated.st_mode & 0o777 != 0o700):
        return False
    return stat.S_ISDIR(stated.st_mode)


def _retrieve(url: str, checksum: str, archive: Path) -> None:
    """Download to `archive`, unless a file with the checksum is there."""
    if not is_safe_url(url):
        raise CorpusError(f"{url}: not an https address, the download would not be protected")
    try:
        import pooch
        import requests
    except ImportError as error:
        raise MissingExtraError("downloading a corpus", "train") from error
    try:
        pooch.retrieve(url, known_hash=checksum, fname=archive.name, path=archive.parent)
    except requests.RequestException as error:
        raise CorpusError(f"{url}: download failed ({error}); try again later") from error
    except ValueError as error:
        raise CorpusError(
            f"{url}: the download does not have the checksum {checksum}; try again. If it "
            "fails again, the file was changed: do not use it"
        ) from error


def unpack_archive(archive: Path, folder: Path) -> None:
    """Unpack a zip file, if every name in it stays inside the folder.

    Args:
        archive: the zip file.
        folder: the destination, created if it is missing.

    Raises:
        CorpusError: the file is not a zip file, is damaged, or has a link, an absolute path or
            `..`.
    """
    try:
        with zipfile.ZipFile(archive) as packed:
            for entry in packed.infolist():
                _check_entry(archive, entry)
            packed.extractall(folder)
    # NotImplementedError and RuntimeError: unknown compression, or a password.
    except (zipfile.BadZipFile, EOFError, zlib.error, RuntimeError) as error:
        raise CorpusError(f"{archive}: a damaged zip file ({error}); download it again") from error


def _check_entry(archive: Path, entry: zipfile.ZipInfo) -> None:
    """Raise `CorpusError` if an entry is a link or leads out of the folder."""
    windows = PureWindowsPath(entry.filename)  # understands both separators, and drives
    outside = (
        windows.drive
        or windows.root
        or ".." in windows.parts
        or PurePosixPath(entry.filename).is_absolute()
    )
    if outside or stat.S_ISLNK(entry.external_attr >> 16):
        raise CorpusError(
            f"{archive}: {entry.filename} is a link or leads out of the folder; do not use it"
        )
