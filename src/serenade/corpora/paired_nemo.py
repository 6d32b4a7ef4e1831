"""Speech of nEMO paired with MELD's texts of the same label; see `serenade.corpora.paired`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from serenade.corpora import nemo, paired

if TYPE_CHECKING:
    import os

    from serenade.corpora.base import Corpus

INFO = paired.describe(nemo.INFO)


def load(root: str | os.PathLike[str] | None, **options: Any) -> Corpus:
    """Open nEMO and pair it; options as of `paired.load`. The text is English."""
    return paired.load(nemo, root, **options)
