"""EMO-DB with every clip cut or padded to 2.00 s: a corpus of its own, never mixed with EMO-DB."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from serenade.corpora import emodb

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from serenade.corpora.base import Corpus

INFO = dataclasses.replace(
    emodb.INFO,
    name="emodb-cut2s",
    title="EMO-DB cut to 2.00 s",
    obtain="it is a derived copy without a home of its own; for results use emodb",
    folders=("emodb-cut2s",),
    warning=emodb.CUT_WARNING,
)


def load(
    root: str | os.PathLike[str] | None,
    *,
    labels: Sequence[str] | None = None,
    drop_duplicates: bool = False,
) -> Corpus:
    """Open the cut copy of EMO-DB; see `emodb.load`. Its first problem is the warning."""
    return emodb.load(root, labels=labels, drop_duplicates=drop_duplicates, info=INFO)
