"""Check and write the files that a user asks for."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from serenade._atomic import write_atomically
from serenade._printable import to_printable
from serenade.errors import SerenadeError

if TYPE_CHECKING:
    import os


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
