"""Find the folder for files that the package can compute or download again."""

from __future__ import annotations

import os
from pathlib import Path

from serenade.errors import MissingExtraError

FOLDER_VARIABLE = "SERENADE_CACHE"


def get_cache_folder() -> Path:
    """Return the folder for files that the package can compute or download again.

    `SERENADE_CACHE` names the folder; otherwise it is in the platform's folder for caches.

    Raises:
        MissingExtraError: no variable, and the extra "train" is not installed.
    """
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named)
    try:
        import platformdirs
    except ImportError:
        raise MissingExtraError(
            f"finding the cache folder without the variable {FOLDER_VARIABLE}", "train"
        ) from None
    return Path(platformdirs.user_cache_dir("serenade", appauthor=False))
