"""Compare AcousticSet with openSMILE's ComParE 2016: accuracy of a linear classifier, and speed.

    python -m benchmarks.acoustic_set --root CORPORA --output docs/benchmarks/acoustic_set.md

Accuracy is unweighted average recall (UA) of a linear support vector machine, on

- RAVDESS, 8 classes, six groups of four speakers, each group tested once;
- EMO-DB, the four classes angry, happy, neutral and sad, leaving one speaker out.

Test speakers are unseen. Each speaker's values are standardised by that speaker's own mean and
deviation, which needs their recordings but no label of them. C is chosen for each test group
by cross-validation over the training speakers. Intervals are bootstrapped over speakers; the
difference is tested by exchanging the two sets' predictions of whole speakers. Speed is of one
thread, by processor time, the two sets taking turns on the same recordings. A table is written
next to the JSON. Needs the extras "train" and "opensmile" (openSMILE's licence allows research).
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import itertools
import time
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import opensmile
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from benchmarks.runner import format_interval, format_page, format_versions, run_benchmark
from serenade import audio, corpora
from serenade._printable import format_table
from serenade.corpora._corpus import mark_incomplete
from serenade.evaluation import compute_intervals, list_versions, paired_permutation
from serenade.features import AcousticSet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Sets = dict[str, Callable[[NDArray[np.float32]], NDArray[np.float32]]]

RATE = 16000
OURS, THEIRS = "AcousticSet", "ComParE_2016"
PROTOCOLS: dict[str, tuple[tuple[str, ...] | None, int]] = {
    "ravdess": (None, 6),
    "emodb": (("angry", "happy", "neutral", "sad"), 10),
}
GRID = {"C": [1e-4, 3e-4, 1e-3, 3e-3, 1e-2]}
TIMED_CLIPS = 24
REPEATS = 20


def standardise(values: NDArray[Any], speakers: NDArray[Any]) -> NDArray[np.float64]:
    """Standardise each speaker's columns to mean 0 and deviation 1; constant columns become 0."""
    result = np.zeros(values.shape, dtype=np.float64)
    for speaker in np.unique(speakers):
        own = speakers == speaker
        rows = values[own].astype(np.float64)
        spread = rows.std(axis=0)
        varies = spread > 1e-9 * np.abs(rows).max(axis=0) + 1e-12
        result[own] = (rows - rows.mean(axis=0)) / np.where(varies, spread, np.inf)
    return result


def predict(
    values: NDArray[Any], labels: NDArray[Any], speakers: NDArray[Any], folds: int
) -> tuple[NDArray[Any], list[float]]:
    """Predict all recordings by models of other speakers; also return every fold's C."""
    rows = standardise(values, speakers)
    kernel = rows @ rows.T
    predicted = np.empty_like(labels)
    chosen = []
    for train, test in GroupKFold(folds).split(rows, labels, speakers):
        search = GridSearchCV(
            SVC(kernel="precomputed"), GRID, cv=GroupKFold(5), scoring="recall_macro"
        )
        search.fit(kernel[np.ix_(train, train)], labels[train], groups=speakers[train])
        predicted[test] = search.predict(kernel[np.ix_(test, train)])
        chosen.append(search.best_params_["C"])
    return predicted, chosen


def accuracy(
    sets: Sets,
    clips: list[NDArray[np.float32]],
    labels: NDArray[Any],
    speakers: NDArray[Any],
    folds: int,
) -> dict[str, Any]:
    """Compute the UA of each set with its interval, and their difference with its p-value."""
    result: dict[str, Any] = {"recordings": len(clips), "speakers": len(set(speakers.tolist()))}
    predictions = {}
    for name, extract in sets.items():
        values = np.array([extract(clip) for clip in clips])
        predictions[name], chosen = predict(values, labels, speakers, folds)
        interval = compute_intervals(labels, predictions[name], speakers, scores=("ua",))["ua"]
        result[name] = {"dimensions": values.shape[1], "c": chosen, **dataclasses.asdict(interval)}
    test = paired_permutation(labels, predictions[OURS], predictions[THEIRS], speakers)
    return {**result, "difference": test._asdict()}


def speed(sets: Sets, clips: list[NDArray[np.float32]]) -> dict[str, Any]:
    """Measure the processor time of each set over all clips, for each the quickest of `REPEATS`."""
    best = {name: np.full(len(clips), np.inf) for name in sets}
    with threadpool_limits(1):
        for _, (name, extract) in itertools.product(range(REPEATS), sets.items()):
            for index, clip in enumerate(clips):
                start = time.process_time()
                extract(clip)
                best[name][index] = min(best[name][index], time.process_time() - start)
    length = sum(map(len, clips)) / RATE
    total = {name: float(times.sum()) for name, times in best.items()}
    return {
        "clips": len(clips),
        "mean_clip_seconds": round(length / len(clips), 3),
        "times_real_time": {name: round(length / seconds) for name, seconds in total.items()},
        "ratio": round(total[THEIRS] / total[OURS], 1),
    }


def measure(root: Path) -> dict[str, Any]:
    """Measure the complete comparison; the result is written to JSON."""
    ours = AcousticSet()
    smile = opensmile.Smile(
        feature_set=opensmile.FeatureSet.ComParE_2016,
        feature_level=opensmile.FeatureLevel.Functionals,
        num_workers=1,
    )
    sets: Sets = {
        OURS: lambda clip: ours(clip, RATE)[0],
        THEIRS: lambda clip: smile.process_signal(clip, RATE).to_numpy()[0],
    }
    result: dict[str, Any] = {"accuracy": {}}
    for name, (kept, folds) in PROTOCOLS.items():
        corpus = corpora.open(name, root)
        if kept is not None:
            corpus = corpus.select(labels=kept)
        files = corpus.table.index.get_level_values("file")
        clips = [audio.read(file, sampling_rate=RATE).signal for file in files]
        if name == "ravdess":
            result["speed"] = speed(sets, clips[:: max(1, len(clips) // TIMED_CLIPS)])
        labels, speakers = (corpus.table[key].to_numpy(dtype=str) for key in ("emotion", "speaker"))
        scores = accuracy(sets, clips, labels, speakers, folds)
        result["accuracy"][name] = {**scores, "incomplete": corpus.incomplete}
    opensmile_version = importlib.metadata.version("opensmile")
    return {**result, "versions": {**list_versions(), "opensmile": opensmile_version}}


def format_result(result: dict[str, Any]) -> str:
    """Format the page of a result."""
    rows = []
    for corpus, found in result["accuracy"].items():
        shown = [format_interval(found[name]) for name in (OURS, THEIRS)]
        difference = found["difference"]
        name = mark_incomplete(corpus, found["incomplete"])
        cells = [name, str(found["recordings"]), str(found["speakers"]), *shown]
        rows.append([*cells, f"{difference['difference']:+.3f}", f"{difference['p']:.4f}"])
    measured, dimensions = result["speed"], result["accuracy"]["ravdess"]
    times = measured["times_real_time"]
    return format_page(
        "AcousticSet and ComParE 2016",
        "UA (mean recall) of a linear support vector machine on unseen speakers, values\n"
        "standardised per speaker; 95% intervals bootstrapped over speakers; p by exchanging\n"
        "speakers' predictions. RAVDESS has eight classes; of EMO-DB, the classes are angry,\n"
        "happy, neutral and sad. Made by `benchmarks/acoustic_set.py`, which says how.",
        format_table(["corpus", "recordings", "speakers", OURS, THEIRS, "difference", "p"], rows),
        f"Values: {dimensions[OURS]['dimensions']} and {dimensions[THEIRS]['dimensions']}.\n"
        f"Speed on {measured['clips']} RAVDESS recordings at {RATE // 1000} kHz, one thread:\n"
        f"{times[OURS]} and {times[THEIRS]} times real time, a ratio of {measured['ratio']}.",
        format_versions(result["versions"]),
    )


if __name__ == "__main__":
    warnings.simplefilter("ignore", UserWarning)
    run_benchmark(__doc__, lambda options: measure(options.root), format_result)
