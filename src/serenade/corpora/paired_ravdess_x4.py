"""Speech of RAVDESS, each recording with four of MELD's texts; see `serenade.corpora._paired`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from serenade.corpora import _paired, ravdess

if TYPE_CHECKING:
    import os

    from serenade.corpora._corpus import Corpus

_TEXTS = 4
INFO = _paired.describe(ravdess.INFO, texts=_TEXTS)


def load(root: str | os.PathLike[str] | None, **options: Any) -> Corpus:
    """Open RAVDESS and pair it; options as of `paired.load`."""
    return _paired.load(ravdess, root, texts=_TEXTS, **options)
