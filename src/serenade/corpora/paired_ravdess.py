"""Speech of RAVDESS paired with MELD's texts of the same label; see `serenade.corpora.paired`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from serenade.corpora import paired, ravdess

if TYPE_CHECKING:
    import os

    from serenade.corpora.base import Corpus

INFO = paired.describe(ravdess.INFO)


def load(root: str | os.PathLike[str] | None, **options: Any) -> Corpus:
    """Open RAVDESS and pair it; options as of `paired.load`."""
    return paired.load(ravdess, root, **options)
