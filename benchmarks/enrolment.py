"""Enrolment curve: unseen speakers, known by 0 to 20 of their recordings.

    python -m benchmarks.enrolment --root CORPORA --output docs/benchmarks/enrolment.md

- RAVDESS, 8 classes, `whisper-probe` with its default recipe: six groups of four speakers, each
  group predicted by models that never heard it.
- Its recipe `transfer` on a corpus it never heard: RAVDESS, EMO-DB and nEMO in turn, trained
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
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut

from benchmarks.recordings import FEW, LABELS, SOURCES, list_incomplete, load_rows, name_probe
from benchmarks.runner import format_interval, format_page, format_versions, run_benchmark
from serenade import corpora, systems
from serenade._printable import format_table
from serenade.adaptation import NEUTRAL
from serenade.corpora._corpus import mark_incomplete
from serenade.errors import EvaluationError
from serenade.evaluation import (
    Difference,
    Interval,
    compute_intervals,
    list_versions,
    paired_permutation,
)
from serenade.training import EnrolledProbe, Estimator

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    Fold = tuple[NDArray[np.int_], NDArray[np.int_]]


class Condition(NamedTuple):
    """What a speaker is enrolled with.

    Args:
        speech: `neutral` for recordings of neutral or calm speech, `mixed` for any.
        recordings: how many; a draw takes fewer where the speaker has no more, but never all.
    """

    speech: str
    recordings: int


@dataclasses.dataclass(frozen=True, eq=False)
class Trials:
    """Test recordings, predicted with enrolment and without, under one condition.

    A recording that a speaker was enrolled with is not among the test recordings of that draw, on
    neither side.

    Args:
        reference: true labels, `(trials,)`.
        speakers: `(trials,)`.
        enrolled: posteriors with enrolment, `(trials, classes)`; with none, those of `plain`.
        plain: posteriors of the ordinary model for the same, `(trials, classes)`.
        classes: names of the columns.
    """

    reference: NDArray[np.str_]
    speakers: NDArray[np.str_]
    enrolled: NDArray[np.float32]
    plain: NDArray[np.float32]
    classes: tuple[str, ...]

    def ua(self, allowed: Sequence[str] | None = None) -> tuple[Interval, Interval, Difference]:
        """Compute the UA with enrolment and without, and their difference.

        Args:
            allowed: classes the choice is among; trials of others are left out. None for all.

        Returns:
            Both with 95% intervals over speakers, and a permutation test over speakers.
        """
        names = list(self.classes if allowed is None else allowed)
        columns = np.array([self.classes.index(name) for name in names])
        rows = np.flatnonzero(np.isin(self.reference, names))
        truth, who = self.reference[rows], self.speakers[rows]
        enrolled, plain = (
            np.array(names)[found[np.ix_(rows, columns)].argmax(axis=1)]
            for found in (self.enrolled, self.plain)
        )
        scored = [
            compute_intervals(truth, found, who, labels=names, scores=("ua",))["ua"]
            for found in (enrolled, plain)
        ]
        test = paired_permutation(truth, enrolled, plain, who, labels=names)
        return scored[0], scored[1], test


def enrolment_trials(
    estimator: Estimator,
    X: pd.DataFrame,
    y: NDArray[np.str_],
    folds: Iterable[Fold],
    conditions: Sequence[Condition],
    *,
    draws: int = 20,
    seed: int = 0,
) -> dict[Condition, Trials]:
    """Predict speakers that no model heard, enrolled at random again and again.

    Args:
        estimator: copied for each fold, itself left as it is.
        X: table of recordings with the column `speaker`.
        y: their emotions, shape `(rows,)`.
        folds: rows to train and to test on, no speaker on both sides.
        conditions: to try.
        draws: of enrolment recordings, for each speaker and condition.
        seed: of the draws.

    Raises:
        EvaluationError: a speaker on both sides.
    """
    speakers, classes = X["speaker"].to_numpy(dtype=str), np.unique(y)
    found: dict[Condition, list[Trials]] = {condition: [] for condition in conditions}
    for train, test in folds:
        if np.isin(speakers[test], speakers[train]).any():
            raise EvaluationError("a speaker is on both sides; leave speakers out whole")
        ordinary = clone(estimator).fit(X.iloc[train], y[train])
        probe = EnrolledProbe(clone(estimator)).fit(X.iloc[train], y[train])
        features = np.concatenate(ordinary.clips(X.iloc[test], y[test], 0).streams[0])
        plain = _placed(ordinary.classifier_.predict_proba(features), ordinary.classes_, classes)
        for number, speaker in enumerate(np.unique(speakers[test])):
            own = np.flatnonzero(speakers[test] == speaker)
            for place, condition in enumerate(conditions):
                for draw in range(draws if condition.recordings else 1):
                    rng = np.random.default_rng([seed, number, place, draw])
                    known = _chosen(condition, own, y[test], rng)
                    rest = np.setdiff1d(own, known)
                    posteriors = plain[rest]
                    if known.size:
                        shifted = _shifted(probe, features, known, rest, condition)
                        raw = probe.classifier_.predict_proba(shifted)
                        posteriors = _placed(raw, probe.classes_, classes)
                    found[condition].append(
                        Trials(
                            y[test][rest],
                            np.full(len(rest), speaker),
                            posteriors,
                            plain[rest],
                            tuple(classes.tolist()),
                        )
                    )
    return {condition: _joined(parts) for condition, parts in found.items()}


def _joined(parts: Sequence[Trials]) -> Trials:
    return Trials(
        np.concatenate([part.reference for part in parts]),
        np.concatenate([part.speakers for part in parts]),
        np.concatenate([part.enrolled for part in parts]),
        np.concatenate([part.plain for part in parts]),
        parts[0].classes,
    )


def _chosen(
    condition: Condition, own: NDArray[np.int_], labels: NDArray[np.str_], rng: np.random.Generator
) -> NDArray[np.int_]:
    pool = own[np.isin(labels[own], NEUTRAL)] if condition.speech == "neutral" else own
    return rng.permutation(pool)[: min(condition.recordings, len(own) - 1)]


def _shifted(
    probe: EnrolledProbe,
    features: NDArray[np.float32],
    known: NDArray[np.int_],
    rest: NDArray[np.int_],
    condition: Condition,
) -> NDArray[np.float32]:
    """Features of the rest, with what the known ones tell of the speaker taken away."""
    mean = features[known].mean(axis=0, dtype=np.float64)
    neutral = condition.speech == "neutral"
    shift = probe.population_.shift(mean, known.size, neutral=neutral)
    return np.asarray(features[rest] - shift, dtype=np.float32)


def _placed(
    posteriors: NDArray[np.float64], have: NDArray[np.str_], want: NDArray[np.str_]
) -> NDArray[np.float32]:
    """Order columns as all classes; classes that training did not have get zeros."""
    result = np.zeros((len(posteriors), len(want)), dtype=np.float32)
    result[:, np.searchsorted(want, have)] = posteriors
    return result


TRANSFER = "transfer"  # recipe for other corpora
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
    trials = curve(TRANSFER, table, table["corpus"].to_numpy(dtype=str), LeaveOneGroupOut())
    for corpus in SOURCES:
        result[f"{corpus}, never heard"] = of_corpus(trials, table, corpus)
    return {
        "curves": result,
        "incomplete": list_incomplete(root),
        "versions": list_versions() | name_probe(TRANSFER),
    }


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
        "another recipe of the system, which the line of versions names. The card of the\n"
        "present model has its own figures. Made by `benchmarks/enrolment.py`, which says how.",
        *parts,
        format_versions(result["versions"]),
    )


if __name__ == "__main__":
    run_benchmark(__doc__, lambda options: measure(options.root), format_result)
