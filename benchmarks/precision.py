"""Precisions of model folders: accuracy of eight bits and half precision on unseen speakers.

    python -m benchmarks.precision --root CORPORA --output docs/benchmarks/precision.md

`whisper-probe` with its default recipe on RAVDESS (8 classes, six groups of four speakers) and
EMO-DB (7 classes, leave one speaker out). In each fold the system is fitted on the other
speakers, written as a model folder, exported in each precision, loaded back and run on the unseen
speakers. Scores are of all folds' predictions together; the interval of a difference in UA is
bootstrapped over speakers, the same draws for both precisions. Speed is that of one thread, the
precisions in turn on each recording. A table is written next to the JSON.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.runner import format_page, format_versions, run_benchmark
from serenade import corpora, systems
from serenade._printable import format_table
from serenade._progress import show_progress
from serenade.audio import read
from serenade.corpora import mark_incomplete
from serenade.evaluation import list_versions, unweighted_accuracy
from serenade.extraction import list_clips
from serenade.inference import Model, convert_precision, measure_size
from serenade.inference._comparison import choose_labels, predict_in_turn
from serenade.inference._precision import PRECISIONS
from serenade.protocols._protocols import SpeakerIndependent
from serenade.training import Estimator
from serenade.training._write_model import write_model

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from serenade.systems import System

CORPORA = {"ravdess": {"drop_duplicates": True}, "emodb": {}}
FEW = 20  # recordings; a class with fewer is left out
DRAWS = 10_000


def folds_of(system: System, table: pd.DataFrame) -> dict[str, Any]:
    """Measure each precision on a corpus whose speakers were not trained on."""
    counts = table["emotion"].value_counts()
    table = table[table["emotion"].isin(counts.index[counts >= FEW])]
    X, y = table.drop(columns="emotion"), table["emotion"].to_numpy(dtype=str)
    estimator = Estimator(system, system.recipe())
    folds = SpeakerIndependent().split(table)
    found: dict[str, list[Any]] = {name: [] for name in PRECISIONS}
    tested, sizes = [], {}
    for fold in show_progress(folds, len(folds), "folds"):
        estimator.fit(X.iloc[fold.train], y[fold.train])
        with tempfile.TemporaryDirectory() as scratch:
            root = Path(scratch)
            write_model(estimator, root / "trained", card="")
            for name in PRECISIONS:
                convert_precision(root / "trained", root / name, name)
            models = {name: Model.load(root / name) for name in PRECISIONS}
            sizes = {name: measure_size(root / name) for name in PRECISIONS}
            labels = models["fp32"].labels
            recordings = (
                read(part.file, sampling_rate=system.sampling_rate, start=part.start, end=part.end)
                for part in list_clips(X.iloc[fold.test].index)
            )
            for name, predicted in predict_in_turn(models, recordings).items():
                found[name].append(predicted)
        tested.extend(fold.test)
    reference, speakers = y[tested], X["speaker"].to_numpy(dtype=str)[tested]
    posteriors = {
        name: np.concatenate([part.posteriors for part in parts]) for name, parts in found.items()
    }
    predicted = {name: choose_labels(each, labels, list(y)) for name, each in posteriors.items()}
    rows = {}
    for name, parts in found.items():
        away = np.abs(posteriors[name] - posteriors["fp32"])
        low, high = difference(reference, predicted[name], predicted["fp32"], speakers)
        rows[name] = {
            "megabytes": sizes[name] / 1e6,
            "times_real": sum(each.seconds for each in parts) / sum(each.spent for each in parts),
            "ua": unweighted_accuracy(reference, predicted[name]),
            "difference_low": low,
            "difference_high": high,
            "agreement": float(np.mean(predicted[name] == predicted["fp32"])),
            "mean": float(away.mean()),
            "largest": float(away.max()),
        }
    return {"recordings": len(tested), "folds": len(folds), "precisions": rows}


def difference(
    reference: NDArray[Any], one: NDArray[Any], other: NDArray[Any], speakers: NDArray[Any]
) -> tuple[float, float]:
    """Bootstrap the 95% interval of `one`'s UA minus `other`'s over speakers."""
    classes, column = np.unique(reference, return_inverse=True)
    names, owner = np.unique(speakers, return_inverse=True)
    counts = np.zeros((len(names), 3, len(classes)))  # of each speaker: items, right, right
    for place, right in enumerate((np.ones(len(reference)), one == reference, other == reference)):
        np.add.at(counts, (owner, place, column), right)
    rng = np.random.default_rng(0)
    drawn = counts[rng.integers(len(names), size=(DRAWS, len(names)))].sum(axis=1)
    with np.errstate(invalid="ignore"):  # a class that a draw lacks does not count in it
        gained = np.nanmean((drawn[:, 1] - drawn[:, 2]) / drawn[:, 0], axis=1)
    low, high = np.percentile(gained, [2.5, 97.5])
    return float(low), float(high)


def measure(root: Path) -> dict[str, Any]:
    """Run the complete benchmark; the result is written to JSON."""
    system = systems.get("whisper-probe")
    return {
        "corpora": {
            name: {**folds_of(system, corpus.table), "incomplete": corpus.incomplete}
            for name, facts in CORPORA.items()
            for corpus in [corpora.open(name, root, **facts)]
        },
        "versions": list_versions() | {"encoder": system.recipe().encoder},
    }


def format_result(result: dict[str, Any]) -> str:
    """Format the page of a result."""
    head = ["", "MB", "times real time", "UA", "difference", "agreement"]
    head += ["mean distance", "largest distance"]
    parts = []
    for name, corpus in result["corpora"].items():
        exact = corpus["precisions"]["fp32"]["ua"]
        rows = [
            [
                precision,
                f"{row['megabytes']:.1f}",
                f"{row['times_real']:.0f}",
                f"{row['ua']:.4f}",
                "-" if precision == "fp32" else format_difference(row, exact),
                f"{row['agreement']:.1%}",
                f"{row['mean']:.5f}",
                f"{row['largest']:.3f}",
            ]
            for precision, row in corpus["precisions"].items()
        ]
        title = mark_incomplete(name, corpus["incomplete"])
        parts += [
            f"## {title}: {corpus['recordings']} recordings, {corpus['folds']} folds",
            format_table(head, rows),
        ]
    return format_page(
        "Precisions",
        "`whisper-probe` on unseen speakers, trained once per fold and exported in each precision\n"
        "(`serenade export`); 95% intervals of the difference in UA bootstrapped over speakers.\n"
        "Made by `benchmarks/precision.py`, which says how. Sizes include the encoder, whose\n"
        "weights are in half precision unless they are in eight bits. Times real time: one thread,"
        "\non a machine with other work. Distance: of a probability from the one in fp32.",
        *parts,
        format_versions(result["versions"]),
    )


def format_difference(row: dict[str, float], exact: float) -> str:
    """Format the UA of a precision minus the exact one, with its interval."""
    span = f"[{row['difference_low']:+.4f}, {row['difference_high']:+.4f}]"
    return f"{row['ua'] - exact:+.4f} {span}"


if __name__ == "__main__":
    run_benchmark(__doc__, lambda options: measure(options.root), format_result)
