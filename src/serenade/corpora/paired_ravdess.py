"""Speech of RAVDESS paired with MELD's texts of the same label; see `serenade.corpora._paired`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from serenade.corpora import _paired, ravdess

if TYPE_CHECKING:
    import os

    from serenade.corpora._corpus import Corpus

INFO = _paired.describe(ravdess.INFO)


def load(root: str | os.PathLike[str] | None, **options: Any) -> Corpus:
    """Open RAVDESS and pair it; options as of `paired.load`."""
    return _paired.load(ravdess, root, **options)
