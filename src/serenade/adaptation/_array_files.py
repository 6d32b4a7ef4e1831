"""Read arrays from small `.npz` files of model folders, which others may have made."""

from __future__ import annotations

import lzma
import os
import tokenize
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

_BYTES = 1 << 26  # of all arrays in a file
_DAMAGES = (
    *(MemoryError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError),
    NotImplementedError,  # an unknown compression
    RuntimeError,  # encrypted
    tokenize.TokenError,  # NumPy parses the header of an array as Python
    OverflowError,  # the header states a length beyond NumPy's integers
)


def load_arrays(
    path: str | os.PathLike[str] | BinaryIO, names: Iterable[str]
) -> dict[str, NDArray[Any]]:
    """Read arrays by name.

    Args:
        path: the file.
        names: names of the arrays.

    Raises:
        OSError: the file cannot be read.
        ValueError: the content is damaged or unpacks to gigabytes.
        KeyError: an array is missing.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(part.file_size for part in archive.infolist()) > _BYTES:
                raise ValueError("its arrays are too large")
        if not isinstance(path, str | os.PathLike):
            path.seek(0)
        with np.load(path, allow_pickle=False) as file:
            return {name: np.asarray(file[name]) for name in names}
    except _DAMAGES as error:
        raise ValueError(f"not an archive of arrays ({error})") from None
