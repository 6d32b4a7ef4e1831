"""Read the folds that EmoBox publishes (Ma et al. 2024, Interspeech): lists for each corpus.

`data/<corpus>/fold_<n>/<corpus>_<train|valid|test>_fold_<n>.jsonl`, a recording per line with its
path under the key `wav`; older lists are JSON objects by key, or write `fold<n>`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from serenade.corpora import list_items
from serenade.errors import EvaluationError
from serenade.protocols._folds import Fold

if TYPE_CHECKING:
    import os

    import pandas as pd

_PARTS = ("train", "valid", "test")
_LIST = re.compile(rf".*_({'|'.join(_PARTS)})_fold_?\d+")


def read_emobox(
    folder: str | os.PathLike[str], table: pd.DataFrame, root: str | os.PathLike[str]
) -> list[Fold]:
    """Read the folds of a corpus and find their recordings in a table.

    Recordings are matched by the end of their path, so that their folder and container may differ.
    Recordings that are only in the lists or only in the table are left out, for example those of
    other emotions.

    Args:
        folder: folder of the lists, such as `data/emodb`.
        table: corpus table.
        root: folder of the corpus.

    Raises:
        EvaluationError: there are no lists, one is damaged, or its recordings are not in the table.
    """
    folder = Path(folder)
    known = list_items(table, root)
    here = {PurePosixPath(item.file).with_suffix(""): row for row, item in enumerate(known)}
    folds = []
    for place in sorted(folder.glob("fold_*"), key=lambda path: (len(path.name), path.name)):
        listed = {part: _read_list(place, part) for part in _PARTS}
        if not listed["train"] or not listed["test"]:
            raise EvaluationError(f"{place}: no lists of train and test; copy EmoBox' folder again")
        found = {part: {_find_row(here, wav) for wav in files} for part, files in listed.items()}
        rows = {
            part: np.array([row for row in numbers if row is not None], dtype=np.int64)
            for part, numbers in found.items()
        }
        for part in ("train", "test"):
            if len(rows[part]) == 0:
                raise EvaluationError(
                    f"{place}: none of its {part} recordings ({listed[part][0]} and so on) is in "
                    "this corpus; open the corpus the lists are of"
                )
        folds.append(Fold(place.name.replace("_", " "), rows["train"], rows["valid"], rows["test"]))
    if not folds:
        raise EvaluationError(f"{folder}: no folders fold_1, fold_2, … in it; give data/<corpus>")
    return folds


def _find_row(here: dict[PurePosixPath, int], wav: str) -> int | None:
    """Return the row whose path is the end of a listed path."""
    parts = PurePosixPath(wav).with_suffix("").parts
    ends = (PurePosixPath(*parts[start:]) for start in range(len(parts)))
    return next((here[end] for end in ends if end in here), None)


def _read_list(place: Path, part: str) -> list[str]:
    """Read the paths of a list, from its newest form if there are several."""
    found = [
        path
        for suffix in ("jsonl", "json")
        for path in sorted(place.glob(f"*.{suffix}"), reverse=True)
        if (name := _LIST.fullmatch(path.stem)) and name[1] == part
    ]
    if not found:
        return []
    text = found[0].read_text("utf-8")
    try:
        if found[0].suffix == ".jsonl":
            entries = [json.loads(line) for line in text.splitlines() if line.strip()]
        else:
            entries = list(json.loads(text).values())
        return [str(entry["wav"]) for entry in entries]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EvaluationError(
            f"{found[0]}: damaged ({type(error).__name__}: {error}); copy EmoBox' folder again"
        ) from None
