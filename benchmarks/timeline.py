"""Timelines: how windows are laid and smoothed, measured on joined clips of unseen speakers.

    python -m benchmarks.timeline --root CORPORA --output docs/benchmarks/timeline.md

Clips of one speaker are joined with white noise at 30 dB, in four ways: the emotion changes with
every clip or with every two to four, silences are long (0.5 to 2 s) or short (0.05 to 0.3 s). The
recipe `transfer` of `whisper-probe` predicts them, trained on other speakers of the three corpora
(five groups). The measure is unweighted average recall over stretches of 50 ms in which the clip
speaks and speech was found, the mean of RAVDESS, EMO-DB and nEMO, five speakers each; classes with
fewer than 20 recordings in a corpus are left out of the joined recordings.
"""

from __future__ import annotations

import collections
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import GroupKFold

from benchmarks.recordings import FEW, LEVEL, RATE, SOURCES, join, load_rows, name_probe
from benchmarks.runner import format_page, format_versions, run_benchmark
from serenade import systems
from serenade._printable import format_table
from serenade.evaluation import list_versions
from serenade.inference._windows import Window, Windower
from serenade.training import Estimator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    Judge = Callable[[NDArray[np.float32]], NDArray[np.float64]]

TRANSFER = "transfer"  # recipe for other corpora
CELL = 800  # samples
SPEAKERS, CLIPS = 5, 16
MATERIALS = {
    "changing, long pauses": ((0.5, 2.0), (1, 1)),
    "lasting, long pauses": ((0.5, 2.0), (2, 4)),
    "changing, short pauses": ((0.05, 0.3), (1, 1)),
    "lasting, short pauses": ((0.05, 0.3), (2, 4)),
}
LAYOUTS = [
    ("utterance", 2.0, 0.5),
    ("utterance", 2.0, 1.0),
    ("utterance", 3.0, 1.0),
    ("utterance", 4.0, 1.0),
    ("grid", 2.0, 1.0),
    ("grid", 3.0, 1.0),
]


def judges(table: pd.DataFrame) -> dict[str, Judge]:
    """Return a predictor for each speaker, trained on the others."""
    system = systems.get("whisper-probe")
    estimator = Estimator(system, system.recipe(TRANSFER))
    X, y = table.drop(columns="emotion"), table["emotion"].to_numpy(dtype=str)
    speakers = table["speaker"].to_numpy(dtype=str)
    found: dict[str, Judge] = {}
    for train, test in GroupKFold(5).split(X, y, speakers):
        fitted = clone(estimator).fit(X.iloc[train], y[train])
        (feature,) = fitted.features

        def judge(signal: Any, fitted: Any = fitted, feature: Any = feature) -> Any:
            return fitted.classifier_.predict_proba(feature(signal, RATE))[0]

        found |= dict.fromkeys(np.unique(speakers[test]), judge)
    return found


def recording(
    rows: pd.DataFrame, gaps: tuple[float, float], runs: tuple[int, int], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.str_]]:
    """Join a speaker's clips; also return the emotion of each cell, empty between clips."""
    files, emotions = [], []
    while len(files) < CLIPS:
        others = [label for label in rows["emotion"].unique() if label not in emotions[-1:]]
        chosen = rng.choice(sorted(others))
        mine = rows.index.get_level_values("file")[rows["emotion"] == chosen].to_numpy(dtype=str)
        taken = rng.permutation(mine)[: rng.integers(runs[0], runs[1] + 1)].tolist()
        files += taken
        emotions += [chosen] * len(taken)
    made = join(files, gaps, rng)
    noise = rng.standard_normal(made.signal.size) * LEVEL * 10**-1.5
    names = np.array([*emotions, ""])
    return (made.signal + noise).astype(np.float32), names[made.clip[::CELL]]


def looks(signal: NDArray[np.float32], layout: str, window: float, hop: float) -> Iterator[Window]:
    """Lay windows inside utterances, or on a fixed grid over the recording."""
    length, step = round(window * RATE), round(hop * RATE)
    if layout == "utterance":
        laid = Windower(length, step)
        yield from laid.push(signal)
        yield from laid.finish()
        return
    for start in range(0, max(1, signal.size - length + step), step):
        place = max(0, min(start, signal.size - length))
        yield Window(place, signal[place : place + length], 0, True, False)


def spoken(signal: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Find the cells with speech."""
    found = np.zeros(-(-signal.size // CELL), bool)
    for look in looks(signal, "utterance", 2.0, 1.0):
        found[look.start // CELL : -(-look.end // CELL)] = True
    return found


def cells(
    signal: NDArray[np.float32], speech: NDArray[np.bool_], layout: Any, judge: Judge
) -> NDArray[np.float64]:
    """Average the probabilities of the windows over each cell, weighted by their speech."""
    total: Any = 0
    weight = np.full(speech.size, 1e-9)
    for look in looks(signal, *layout):
        part = slice(look.start // CELL, -(-look.end // CELL))
        share = float(speech[part].mean())
        if share > 0.1:
            found = judge(look.signal)
            total = np.zeros((speech.size, found.size)) if isinstance(total, int) else total
            total[part] += share * found
            weight[part] += share
    return total / weight[:, None]


def box(posteriors: Any, speech: Any, back: float, ahead: float) -> Any:
    """Average the spoken cells from `back` seconds before to `ahead` after."""
    sums = np.cumsum(np.concatenate([posteriors[:1] * 0, posteriors * speech[:, None]]), axis=0)
    count = np.cumsum(np.concatenate([[0], speech]))
    place = np.arange(len(speech))
    low = np.maximum(0, place - round(back * RATE / CELL))
    high = np.minimum(len(speech), place + round(ahead * RATE / CELL) + 1)
    return (sums[high] - sums[low]) / np.maximum(count[high] - count[low], 1e-9)[:, None]


def leaky(posteriors: Any, speech: Any, seconds: float) -> Any:
    """Average the past with weights that fall with a time constant."""
    kept, total, weight = np.exp(-CELL / RATE / seconds), 0.0 * posteriors[0], 0.0
    result = np.zeros_like(posteriors)
    for place, talks in enumerate(speech):
        total, weight = kept * total, kept * weight
        if talks:
            total, weight = total + posteriors[place], weight + 1
        result[place] = total / max(weight, 1e-9)
    return result


SMOOTHING: dict[str, Callable[[Any, Any], Any]] = {
    "none": lambda posteriors, _: posteriors,
    "1 s both sides": lambda posteriors, speech: box(posteriors, speech, 1, 1),
    "2 s both sides": lambda posteriors, speech: box(posteriors, speech, 2, 2),
    "past 2 s": lambda posteriors, speech: box(posteriors, speech, 2, 0),
    "leaky, 2 s": lambda posteriors, speech: leaky(posteriors, speech, 2),
}


def measure(root: Path) -> dict[str, Any]:
    """Run the complete benchmark; the result is written to JSON."""
    table = load_rows(root)
    judged = judges(table)
    classes = np.unique(table["emotion"].to_numpy(dtype=str))
    hits: Any = collections.defaultdict(lambda: np.zeros((len(classes), 2)))
    for (material, (gaps, runs)), corpus in itertools.product(MATERIALS.items(), SOURCES):
        rows = table[table["corpus"] == corpus]
        counts = rows["emotion"].value_counts()
        rows = rows[rows["emotion"].isin(counts.index[counts >= FEW])]
        for number, speaker in enumerate(sorted(rows["speaker"].unique())[:SPEAKERS]):
            rng = np.random.default_rng([number, len(corpus)])
            signal, truth = recording(rows[rows["speaker"] == speaker], gaps, runs, rng)
            speech = spoken(signal)
            for layout in LAYOUTS:
                posteriors = cells(signal, speech, layout, judged[speaker])
                for smoothing, change in SMOOTHING.items():
                    found = classes[change(posteriors, speech).argmax(axis=1)]
                    for place, label in enumerate(classes):
                        mine = (truth == label) & speech
                        counted = [(found[mine] == label).sum(), mine.sum()]
                        hits[material, corpus, layout, smoothing][place] += counted
    results = []
    for layout, smoothing in itertools.product(LAYOUTS, SMOOTHING):
        row: dict[str, Any] = dict(zip(("layout", "window", "hop"), layout, strict=True))
        row["smoothing"] = smoothing
        for material in MATERIALS:
            recalls = [
                np.mean([right / all_ for right, all_ in table_ if all_])
                for table_ in (hits[material, c, layout, smoothing] for c in SOURCES)
            ]
            row[material] = float(np.mean(recalls))
        results.append(row)
    return {"rows": results, "versions": list_versions() | name_probe(TRANSFER)}


def format_result(result: dict[str, Any]) -> str:
    """Format the page of a result."""
    rows = []
    for row in result["rows"]:
        values = [row[material] for material in MATERIALS]
        name = f"{row['layout']}, {row['window']:g} s each {row['hop']:g} s"
        shown = [f"{value:.3f}" for value in (*values, np.mean(values))]
        rows.append([name, row["smoothing"], *shown])
    return format_page(
        "Timelines",
        "UA (mean recall) over time on joined clips of unseen speakers, mean of three corpora.\n"
        "The models were trained on other speakers of these corpora. In columns `changing`, the\n"
        "emotion changes with every clip; in `lasting`, with every two to four. The line of\n"
        "versions names the recipe of `whisper-probe` that predicts them. Windows are laid over\n"
        "each utterance that was found, or on a fixed grid; overlapping ones are averaged, then\n"
        "smoothed. Made by `benchmarks/timeline.py`, which says how.",
        format_table(["windows", "smoothing", *MATERIALS, "mean"], rows),
        format_versions(result["versions"]),
    )


if __name__ == "__main__":
    run_benchmark(__doc__, lambda options: measure(options.root), format_result)
