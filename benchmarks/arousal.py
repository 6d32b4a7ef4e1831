"""Measure whether a bundled dimension, arousal, is better than loudness and pitch.

    python -m benchmarks.arousal --root CORPORA --features FOLDER --output PAGE

No open corpus at hand has ratings of arousal, so labels are derived: the mean arousal of the word
for the category (Russell & Mehrabian 1977), and for RAVDESS a part of it where the actor was asked
for normal instead of strong intensity. A ridge regression learns them from the means of
Whisper-base's hidden states, those of the bundled model, or from the baseline: level, loudness and
pitch. FOLDER holds the features of `benchmarks/adaptation.py`.

Each corpus is predicted by models of the other two, and the speakers of all corpora by models of
other speakers. The penalty of both regressions is chosen on held-out training speakers; corpora
have equal weights. Intervals resample speakers; the difference is tested by exchanging the two
regressions' predictions of whole speakers. The order of normal and strong recordings of RAVDESS,
with the same actor, emotion, sentence and repetition, tests what the categories do not say.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.model_selection import GroupKFold

from benchmarks.adaptation_study.features import CORPORA, RATE, list_clips, load
from benchmarks.runner import format_interval, format_page, format_versions, run_benchmark
from serenade._concordance import VALUE_SCORES, compute_concordance, list_moments
from serenade._printable import format_table
from serenade.audio import read
from serenade.evaluation import list_versions
from serenade.evaluation._paired_tests import permute_clusters
from serenade.evaluation._statistics import bootstrap_scores, sum_by_speaker
from serenade.features import AcousticSet

if TYPE_CHECKING:
    import argparse

    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

AROUSAL = {
    "angry": 0.59,
    "happy": 0.51,
    "neutral": 0.0,
    "sad": -0.27,
    "fear": 0.60,
    "disgust": 0.35,
    "surprise": 0.67,
    "calm": -0.46,  # of "relaxed"
    "boredom": -0.62,
}
"""Mean arousal of the word for a category (Russell & Mehrabian 1977), from -1 to 1."""

NORMAL = 0.7  # share of the arousal in recordings of normal intensity; ours
PENALTIES = (1e2, 1e3, 1e4, 1e5)
FOLDS = 6
SYSTEMS = ("Whisper states", "loudness and pitch")
_PREFIXES = ("loudness", "energy_db", "f0_", "pitch")


def derive_arousal(table: pd.DataFrame) -> Floats:
    """Return the derived arousal of recordings."""
    arousal = table["emotion"].map(AROUSAL).to_numpy(dtype=np.float64)
    normal = [
        corpus == "ravdess" and Path(file).stem.split("-")[3] == "01"
        for corpus, file in zip(table["corpus"], table["file"], strict=True)
    ]
    return arousal * np.where(normal, NORMAL, 1.0)


def measure_levels(files: pd.Series[str]) -> Floats:
    """Return the level of recordings as they are, in dB of full scale."""
    signals = (read(file, sampling_rate=RATE).signal for file in files)
    return np.array([10 * np.log10(np.mean(signal**2) + 1e-12) for signal in signals])


def fit_ridge(
    X: Floats, y: Floats, weights: Floats, penalties: tuple[float, ...]
) -> tuple[Floats, Floats]:
    """Fit ridge regressions on standardised columns, one for each penalty.

    Returns:
        Coefficients of the columns as they are, `(penalties, columns)`, and the constants.
    """
    weights = weights / weights.mean()
    mean, deviation = X.mean(axis=0), np.maximum(X.std(axis=0), 1e-9)
    Z = (X - mean) / deviation
    centre, middle = np.average(Z, axis=0, weights=weights), np.average(y, weights=weights)
    weighted = (Z - centre) * weights[:, None]
    gram, moments = weighted.T @ (Z - centre), weighted.T @ (y - middle)
    found = np.stack(
        [np.linalg.solve(gram + penalty * np.eye(len(gram)), moments) for penalty in penalties]
    )
    found /= deviation
    return found, middle - found @ (mean + centre * deviation)


def weigh_corpora(corpora: NDArray[Any]) -> Floats:
    """Return weights that give each corpus the same total."""
    _, number, counts = np.unique(corpora, return_inverse=True, return_counts=True)
    weights: Floats = 1.0 / counts[number]
    return weights


def fit(X: Floats, y: Floats, table: pd.DataFrame, train: Any) -> tuple[Floats, float, float]:
    """Fit a regression whose penalty is chosen on held-out training speakers.

    Returns:
        Coefficients of the columns, the constant and the penalty.
    """
    speakers = table["speaker"].to_numpy(dtype=str)[train]
    weights = weigh_corpora(table["corpus"].to_numpy(dtype=str)[train])
    scores = np.zeros(len(PENALTIES))
    for inner, held in GroupKFold(3).split(train, groups=speakers):
        found, constants = fit_ridge(X[train[inner]], y[train[inner]], weights[inner], PENALTIES)
        rows, truth = X[train[held]] @ found.T + constants, y[train[held]][:, None]
        scores += [compute_concordance(truth, row[:, None]) for row in rows.T]
    best = PENALTIES[int(scores.argmax())]
    found, constants = fit_ridge(X[train], y[train], weights, (best,))
    return found[0], float(constants[0]), best


def predict(X: Floats, y: Floats, table: pd.DataFrame, train: Any, test: Any) -> Floats:
    """Predict test rows by a regression on training rows; see `fit`."""
    found, constant, _ = fit(X, y, table, train)
    return X[test] @ found + constant


def score(y: Floats, found: dict[str, Floats], speakers: NDArray[Any]) -> dict[str, Any]:
    """Score both regressions on the same rows, and test the difference of their CCC."""
    sums = {
        name: sum_by_speaker(list_moments(y[:, None], row[:, None]), speakers)
        for name, row in found.items()
    }
    result: dict[str, Any] = {"recordings": len(y), "speakers": len(set(speakers.tolist()))}
    for name, one in sums.items():
        intervals = bootstrap_scores(one, VALUE_SCORES)
        result[name] = {key: each.to_dict() for key, each in intervals.items()}
    test = permute_clusters(*(sums[name] for name in SYSTEMS), VALUE_SCORES["ccc"])
    return result | {"difference": test.difference, "p": test.p}


def order_intensities(table: pd.DataFrame, found: Floats) -> dict[str, float]:
    """Return the share of pairs of RAVDESS in which the strong recording has more arousal."""
    codes = [Path(file).stem.split("-") for file in table["file"]]
    values = {tuple(code[2:]): value for code, value in zip(codes, found, strict=True)}
    pairs = [
        (key[-1], value > values[key[0], "01", *key[2:]])
        for key, value in values.items()
        if key[1] == "02" and (key[0], "01", *key[2:]) in values
    ]
    right = np.array([[1.0, float(more)] for _, more in pairs])
    sums = sum_by_speaker(right, [actor for actor, _ in pairs])
    one = bootstrap_scores(sums, {"share": lambda s: s[..., 1] / s[..., 0]})["share"]
    return {**one.to_dict(), "pairs": len(pairs)}


def measure(chosen: argparse.Namespace) -> dict[str, Any]:
    """Predict each corpus and all speakers, and score both regressions."""
    table, data = list_clips(chosen.root), load(chosen.features)
    y = derive_arousal(table)
    names = AcousticSet().names
    columns = [place for place, name in enumerate(names) if name.startswith(_PREFIXES)]
    levels = measure_levels(table["file"])[:, None]
    inputs = {
        SYSTEMS[0]: data.states[:, 0].astype(np.float64),
        SYSTEMS[1]: np.hstack([levels, np.nan_to_num(data.acoustic[:, columns])]).astype(float),
    }
    speakers = table["speaker"].to_numpy(dtype=str)
    corpora = table["corpus"].to_numpy(dtype=str)
    result: dict[str, Any] = {"columns": {name: X.shape[1] for name, X in inputs.items()}}
    for corpus in CORPORA:
        train, test = np.flatnonzero(corpora != corpus), np.flatnonzero(corpora == corpus)
        found = {name: predict(X, y, table, train, test) for name, X in inputs.items()}
        result[corpus] = score(y[test], found, speakers[test])
        print(corpus, result[corpus], flush=True)
        if corpus == "ravdess":
            own = table.iloc[test]
            result["order"] = {name: order_intensities(own, row) for name, row in found.items()}
    pooled = {name: np.zeros(len(y)) for name in inputs}
    for train, test in GroupKFold(FOLDS).split(y, groups=speakers):
        for name, X in inputs.items():
            pooled[name][test] = predict(X, y, table, train, test)
    result["speakers"] = score(y, pooled, speakers)
    return result | {"versions": list_versions()}


def tabulate_scores(result: dict[str, Any]) -> str:
    """Lay out the scores of both regressions on each corpus and on all speakers."""
    words = {**{name: f"{name}, left out" for name in CORPORA}, "speakers": "unseen speakers"}
    rows = [
        [
            title,
            f"{result[key]['recordings']} ({result[key]['speakers']})",
            *(format_interval(result[key][name]["ccc"]) for name in SYSTEMS),
            f"{result[key]['difference']:+.3f} ({_format_p(result[key]['p'])})",
            *(f"{result[key][name]['pearson']['value']:.2f}" for name in SYSTEMS),
            *(f"{result[key][name]['mae']['value']:.2f}" for name in SYSTEMS),
        ]
        for key, title in words.items()
    ]
    head = ["", "recordings (speakers)", *(f"CCC, {name}" for name in SYSTEMS), "difference"]
    head += [f"{score}, {name}" for score in ("correlation", "MAE") for name in SYSTEMS]
    return format_table(head, rows, "lr")


def describe_order(result: dict[str, Any]) -> str:
    """State how often the strong recording of a pair has more arousal."""
    order = "; ".join(f"{name} {format_interval(result['order'][name])}" for name in SYSTEMS)
    return (
        f"In {result['order'][SYSTEMS[0]]['pairs']} pairs of RAVDESS, which was left out, the "
        "strong recording has more arousal than the normal one of the same actor, emotion, "
        f"sentence and repetition: {order}."
    )


def list_labels() -> str:
    """List the derived arousal of each emotion."""
    return ", ".join(f"{name} {value:g}" for name, value in AROUSAL.items())


def format_result(result: dict[str, Any]) -> str:
    """Format the page."""
    return format_page(
        "Arousal from derived labels",
        "Can the encoder of the bundled model give arousal, and does it say more than loudness and "
        "pitch? Made by `benchmarks/arousal.py`, which says how; intervals are 95%, over speakers.",
        "**The labels are derived, not rated.** Each category has the mean arousal of the word "
        f"that names it: {list_labels()} (Russell & Mehrabian 1977, Journal of Research in "
        "Personality 11, 273-294). Recordings "
        f"of RAVDESS with normal intensity have {NORMAL:g} of it, which is our choice. The labels "
        "state the meaning of acted categories on average, and not how a recording was heard.",
        f"Ridge regressions learn them from {result['columns'][SYSTEMS[0]]} means of "
        f"Whisper-base's hidden states, or from {result['columns'][SYSTEMS[1]]} statistics of "
        "level, loudness and pitch. CCC, unlike correlation, also counts shifts by another "
        "microphone, which are large for level and loudness.",
        tabulate_scores(result),
        describe_order(result),
        "The states are better than loudness and pitch on the unseen speakers and on each unseen "
        'corpus. The package has such a model, `arousal`: `serenade.load("arousal")` loads it. '
        "`scripts/make_arousal_model.py` fits it on all three corpora. Its `model.json`, its card, "
        "`serenade models` and `serenade predict` say that the labels are derived. `serenade train "
        "SYSTEM CORPUS --target arousal` makes a model of rated recordings.",
        format_versions(result["versions"]),
    )


def _format_p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


if __name__ == "__main__":
    run_benchmark(
        str(__doc__),
        measure,
        format_result,
        {"--features": {"type": Path, "required": True, "help": "kept features"}},
    )
