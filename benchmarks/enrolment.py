"""Enrolment curve: unseen speakers, known by 0 to 20 of their recordings.

    python -m benchmarks.enrolment --root CORPORA --output docs/benchmarks/enrolment.md

- RAVDESS, 8 classes, `whisper-probe` with its default recipe: six groups of four speakers, each
  group predicted by models that never heard it.
- Its recipe `bundled` on a corpus it never heard: RAVDESS, EMO-DB and nEMO in turn, trained
  on the other two, seven classes (calm taken as neutral), the choice among those with at least 20
  recordings in the corpus.

A speaker is enrolled with some recordings, drawn twenty times, and tested on all others; the
ordinary model is tested on the same ones. `neutral`: recordings of neutral or calm speech, `mixed`:
of any emotion; no label of them is used. UA is unweighted average recall, intervals are
bootstrapped over speakers, p is of exchanging the two models' predictions of whole speakers. A
table is written next to the JSON.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut

from benchmarks.enrolment_trials import Condition, enrolment_trials
from benchmarks.runner import format_interval, format_page, format_versions, run_benchmark
from benchmarks.three_corpora import FEW, LABELS, SOURCES, list_incomplete, load_rows
from serenade import corpora, systems
from serenade._markdown_table import format_table
from serenade.corpora._corpus import mark_incomplete
from serenade.evaluation import list_versions
from serenade.training import Estimator

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from benchmarks.enrolment_trials import Trials

CONDITIONS = [
    Condition("none", 0),
    *(Condition("neutral", count) for count in (1, 3, 5, 10)),
    *(Condition("mixed", count) for count in (1, 3, 5, 10, 20)),
]


def curve(recipe: str, table: pd.DataFrame, groups: Any, splitter: Any) -> dict[Condition, Trials]:
    """Return the trials of a recipe over the folds of a splitter."""
    system = systems.get("whisper-probe")
    X, y = table.drop(columns="emotion"), table["emotion"].to_numpy(dtype=str)
    folds = splitter.split(X, y, groups)
    return enrolment_trials(Estimator(system, system.recipe(recipe)), X, y, folds, CONDITIONS)


def scored(trials: dict[Condition, Trials], allowed: list[str] | None) -> list[dict[str, Any]]:
    """Return a row for each condition."""
    rows = []
    for condition, trial in trials.items():
        enrolled, plain, test = trial.ua(allowed)
        rows.append(
            {
                **condition._asdict(),
                "enrolled": dataclasses.asdict(enrolled),
                "plain": dataclasses.asdict(plain),
                "difference": test.difference,
                "p": test.p,
            }
        )
    return rows


def of_corpus(trials: dict[Condition, Trials], table: pd.DataFrame, corpus: str) -> Any:
    """Select the rows of one corpus of a pooled table."""
    counts = table.loc[table["corpus"] == corpus, "emotion"].value_counts()
    allowed = [label for label in LABELS if counts.get(label, 0) >= FEW]
    mine = {}
    for condition, trial in trials.items():
        rows = np.char.startswith(trial.speakers, corpus + "/")
        parts = (trial.reference, trial.speakers, trial.enrolled, trial.plain)
        mine[condition] = type(trial)(*(part[rows] for part in parts), trial.classes)
    return scored(mine, allowed)


def measure(root: Path) -> dict[str, Any]:
    """Run the complete benchmark; the result is written to JSON."""
    ravdess = corpora.open("ravdess", root, drop_duplicates=True).table
    speakers = ravdess["speaker"].to_numpy(dtype=str)
    result = {
        "ravdess, 8 classes": scored(curve("default", ravdess, speakers, GroupKFold(6)), None)
    }
    table = load_rows(root)
    trials = curve("bundled", table, table["corpus"].to_numpy(dtype=str), LeaveOneGroupOut())
    for corpus in SOURCES:
        result[f"{corpus}, never heard"] = of_corpus(trials, table, corpus)
    return {"curves": result, "incomplete": list_incomplete(root), "versions": list_versions()}


def format_result(result: dict[str, Any]) -> str:
    """Format the page of a result."""
    parts = []
    for name, found in result["curves"].items():
        corpus, comma, rest = name.partition(",")
        rows = [
            [
                f"{row['recordings']} {row['speech']}" if row["recordings"] else "nothing",
                *(format_interval(row[side]) for side in ("enrolled", "plain")),
                f"{row['difference']:+.3f}",
                f"{row['p']:.4f}",
            ]
            for row in found
        ]
        head = ["enrolled with", "UA enrolled", "UA ordinary", "difference", "p"]
        parts += [
            f"## {mark_incomplete(corpus, result['incomplete'][corpus])}{comma}{rest}",
            format_table(head, rows),
        ]
    return format_page(
        "Enrolment",
        "UA of `whisper-probe` on unseen speakers, enrolled with some of their recordings, and of\n"
        "the ordinary model on the same test recordings; 95% intervals bootstrapped over speakers;"
        "\np by exchanging speakers' predictions. Corpora that were never heard are predicted by\n"
        "the recipe `bundled`, the form of the bundled model of version 0.1. The card of the\n"
        "present model has its own figures. Made by `benchmarks/enrolment.py`, which says how.",
        *parts,
        format_versions(result["versions"]),
    )


if __name__ == "__main__":
    run_benchmark(__doc__, lambda options: measure(options.root), format_result)
