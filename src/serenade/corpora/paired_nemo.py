"""Speech of nEMO paired with MELD's texts of the same label; see `serenade.corpora._paired`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from serenade.corpora import _paired, nemo

if TYPE_CHECKING:
    import os

    from serenade.corpora._corpus import Corpus

INFO = _paired.describe(nemo.INFO)


def load(root: str | os.PathLike[str] | None, **options: Any) -> Corpus:
    """Open nEMO and pair it; options as of `paired.load`. The text is English."""
    return _paired.load(nemo, root, **options)
