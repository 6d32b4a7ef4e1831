"""Training data that test data can be known from, in spite of disjoint rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from serenade.corpora.checks import AudioFacts, identical
from serenade.corpora.files import relative

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from serenade.evaluation.folds import Fold


def audit(folds: Sequence[Fold], table: pd.DataFrame, root: Path) -> list[str]:
    """Look for what training (or validation) and test rows of a fold have in common.

    Args:
        folds: of the table.
        table: indexed by `(file, start, end)`; `text` is looked at where it is there.
        root: paths in the notes are relative to it.

    Returns:
        Notes for a report: byte-identical files, several segments of one file, sentences that
        are said on both sides, and files that could not be looked at.
    """
    names = [str(file) for file in table.index.get_level_values("file")]
    here = {name: Path(name) for name in dict.fromkeys(names) if Path(name).is_file()}
    groups = identical({name: AudioFacts(path.stat().st_size) for name, path in here.items()})
    copy = {name: group[0] for group in groups for name in group}
    notes = []
    if absent := len(set(names)) - len(here):
        notes.append(f"not looked at for identical copies: {absent} files that are not here")
    twins: set[str] = set()
    same = 0
    files, contents = _codes(names), _codes([copy.get(name, name) for name in names])
    for fold in folds:
        known, heard = _is_trained(fold, files), _is_trained(fold, contents)
        same += int(known.sum())
        twins |= {names[row] for row in fold.test[heard & ~known]}
    if twins:
        listed = ", ".join(sorted(relative(name, root) for name in twins)[:5])
        more = f" and {len(twins) - 5} more" if len(twins) > 5 else ""
        notes.append(
            f"leak: {len(twins)} test files are byte-identical to training files: {listed}{more}"
        )
    if same:
        notes.append(f"leak: {same} test rows are segments of files that are also trained on")
    return notes + _shared_texts(folds, table)


def _shared_texts(folds: Sequence[Fold], table: pd.DataFrame) -> list[str]:
    """How many test rows say what a training row says; no leak for systems without text."""
    if "text" not in table:
        return []
    texts = [text.lower().strip() if isinstance(text, str) else "" for text in table["text"]]
    tested = sum(len(fold.test) for fold in folds)
    said, sentences = np.array([bool(text) for text in texts]), _codes(texts)
    shared = sum(int((_is_trained(fold, sentences) & said[fold.test]).sum()) for fold in folds)
    if not shared:
        return []
    return [f"{shared} of {tested} test rows say sentences that are also said in training"]


def _codes(values: Sequence[str]) -> NDArray[np.int64]:
    """A number for each value, equal where the values are."""
    codes: NDArray[np.int64] = np.unique(values, return_inverse=True)[1]
    return codes


def _is_trained(fold: Fold, codes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which test rows have the code of a row that trains or validates, `(test rows,)`."""
    trained: NDArray[np.bool_] = np.isin(
        codes[fold.test], codes[np.concatenate([fold.train, fold.validation])]
    )
    return trained
