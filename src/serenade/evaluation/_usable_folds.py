"""Leave recordings that cannot be used out of folds."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from serenade.corpora import list_items
from serenade.errors import EvaluationError
from serenade.extraction import find_unusable, list_clips, require_usable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from serenade.corpora import Corpus
    from serenade.protocols import Fold


def leave_out_unusable(
    folds: Sequence[Fold], corpus: Corpus, limit: float, jobs: int | None = None
) -> tuple[list[Fold], tuple[str, ...]]:
    """Read all recordings of folds, and leave out those that cannot be used.

    Args:
        folds: folds of the corpus.
        corpus: corpus of the folds.
        limit: largest share of the recordings that may be left out.
        jobs: number of processes; None for one per core.

    Returns:
        The folds without these rows, and a line for each row: the file and the problem. A fold
        without a test row is left out.

    Raises:
        CorpusError: more recordings cannot be used.
        EvaluationError: no test row is left.
    """
    parts = [part for fold in folds for part in (fold.train, fold.validation, fold.test)]
    rows = np.unique(np.concatenate(parts))
    table = corpus.table.iloc[rows]
    clips = list_clips(table.index)
    found = find_unusable(clips, jobs=jobs)
    names = [item.file for item in list_items(table, corpus.root)]
    lines = require_usable(names, found, limit)
    gone = rows[sorted(found)]
    kept = [
        dataclasses.replace(
            fold,
            train=np.setdiff1d(fold.train, gone),
            validation=np.setdiff1d(fold.validation, gone),
            test=np.setdiff1d(fold.test, gone),
        )
        for fold in folds
    ]
    kept = [fold for fold in kept if len(fold.test)]
    if not kept:
        raise EvaluationError(f"no test recording can be used: {'; '.join(lines[:5])}")
    return kept, lines
