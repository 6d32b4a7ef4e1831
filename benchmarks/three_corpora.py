"""Open the three corpora that models of seven emotions are trained and tested on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from serenade import corpora

if TYPE_CHECKING:
    from pathlib import Path

SOURCES = ("ravdess", "emodb", "nemo")
LABELS = ("angry", "happy", "neutral", "sad", "fear", "disgust", "surprise")
FEW = 20
"""Recordings of a class that a corpus needs for a result of this class."""


def load_rows(root: Path) -> pd.DataFrame:
    """Return the rows of all corpora, with a column `corpus`; calm is taken as neutral."""
    tables = []
    for name in SOURCES:
        corpus = corpora.open(name, root, drop_duplicates=True)
        table = corpus.table.assign(
            emotion=corpus.table["emotion"].replace("calm", "neutral"),
            speaker=name + "/" + corpus.table["speaker"].astype(str),
            corpus=name,
        )
        tables.append(table[table["emotion"].isin(LABELS)])
    return pd.concat(tables, join="inner")


def list_incomplete(root: Path) -> dict[str, str]:
    """Return the label of each corpus of which recordings are missing, by its name."""
    return {name: corpora.open(name, root).incomplete for name in SOURCES}
