"""Leaks: what each kind of leak between training and test adds to a score.

    python -m benchmarks.leaks --root CORPORA --output docs/benchmarks/leaks.md

A system is trained and tested on EMO-DB under protocols that each leak one thing. Every protocol
has ten folds, and every clip is tested once, so that training sets are of equal size. Noisy copies
have white noise at 15 to 30 dB, two for each clip. UA is over all clips, with a 95% interval over
speakers; random divisions are drawn with several seeds, whose predictions are pooled. Intervals of
differences draw the same speakers for both protocols.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from sklearn.model_selection import LeaveOneGroupOut, StratifiedKFold

from benchmarks.runner import format_interval, format_page, format_versions, run_benchmark
from serenade import corpora, systems
from serenade._printable import format_table
from serenade.audio import WhiteNoise
from serenade.evaluation import (
    compute_intervals,
    draw_figure,
    list_versions,
    unweighted_accuracy,
)
from serenade.evaluation._statistics import Answers, compute_difference
from serenade.extraction import extract, list_clips
from serenade.features import Augmented

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Rows = NDArray[np.int64]
    Folds = list[tuple[Rows, Rows]]
    Labels = NDArray[np.str_]

COPIES = 2
FACTORS = (0.2, 1.0, 5.0)
"""Values of C that are tried on test data, as multiples of the recipe's."""


@dataclasses.dataclass(frozen=True, eq=False)
class Data:
    """Features of a corpus.

    Args:
        clean: features of the clips, `(clips, dims)`.
        noisy: features of the noisy copies, `(copies, clips, dims)`.
        emotion: emotion of each clip.
        speaker: speaker of each clip.
        make: makes an unfitted classifier for a multiple of the recipe's last C.
        balance: weight of a clip: the number of clips of its emotion to the power of minus this.
    """

    clean: NDArray[np.float32]
    noisy: NDArray[np.float32]
    emotion: Labels
    speaker: Labels
    make: Callable[[float], Any]
    balance: float


def read_data(name: str, root: Path) -> Data:
    """Extract the features of a system from EMO-DB and from noisy copies of it."""
    system = systems.get(name)
    recipe = system.recipe()
    table = corpora.open("emodb", root).table
    (feature,) = system.features(recipe)
    clips, rate = list_clips(table.index), system.sampling_rate

    def read(wanted: Any) -> NDArray[np.float32]:
        return np.concatenate(extract(clips, wanted, sampling_rate=rate, jobs=1))

    noisy = [read(Augmented(feature, WhiteNoise(), number)) for number in range(COPIES)]

    def make(factor: float) -> Any:
        value = recipe.C[-1]
        changed = system.recipe(recipe, C=(value * factor,))
        return system.classifiers(changed, 0)[0]

    columns = (table[column].to_numpy(dtype=str) for column in ("emotion", "speaker"))
    return Data(read(feature), np.stack(noisy), *columns, make, recipe.balance)


def list_speaker_folds(data: Data) -> Folds:
    """Return a fold for each speaker: training rows and test rows."""
    return list(LeaveOneGroupOut().split(data.clean, data.emotion, data.speaker))


def list_random_folds(data: Data, seed: int) -> Folds:
    """Return ten folds of rows drawn at random by emotion."""
    drawn = StratifiedKFold(10, shuffle=True, random_state=seed)
    return list(drawn.split(data.clean, data.emotion))


def fit(data: Data, X: NDArray[np.float32], y: Labels, factor: float = 1.0) -> Any:
    """Fit a classifier with the weights of the system's recipe."""
    counts = dict(zip(*np.unique(y, return_counts=True), strict=True))
    weights = np.array([float(counts[one]) ** -data.balance for one in y])
    weights /= weights.mean()
    model = data.make(factor)
    return model.fit(X, y, **{f"{model.steps[-1][0]}__sample_weight": weights})


def predict_plainly(data: Data, folds: Folds) -> Labels:
    """Train and test on clean clips; return a prediction for each clip."""
    found = np.empty_like(data.emotion)
    for train, test in folds:
        found[test] = fit(data, data.clean[train], data.emotion[train]).predict(data.clean[test])
    return found


def predict_with_copies(data: Data, folds: Folds) -> Labels:
    """Train with noisy copies of the training clips, made after the split."""
    found = np.empty_like(data.emotion)
    for train, test in folds:
        X = np.concatenate([data.clean[train], *data.noisy[:, train]])
        y = np.tile(data.emotion[train], COPIES + 1)
        found[test] = fit(data, X, y).predict(data.clean[test])
    return found


def predict_copies_before_split(data: Data, seed: int) -> Labels:
    """Split clips and copies together, so that copies of a test clip are trained on."""
    X = np.concatenate([data.clean, *data.noisy])
    y = np.tile(data.emotion, COPIES + 1)
    found = np.empty_like(y)
    for train, test in StratifiedKFold(10, shuffle=True, random_state=seed).split(X, y):
        found[test] = fit(data, X[train], y[train]).predict(X[test])
    return found[: len(data.emotion)]


def predict_common_scaler(data: Data, folds: Folds) -> Labels:
    """Scale all clips before the split, test clips included, in place of the training clips."""
    X = data.make(1.0)[:-1].fit(data.clean, data.emotion).transform(data.clean)

    def make(factor: float) -> Any:
        return data.make(factor)[-1:]

    return predict_plainly(dataclasses.replace(data, clean=X, make=make), folds)


def predict_chosen_setting(data: Data, folds: Folds) -> Labels:
    """Choose C by the score on the test clips of each fold."""
    found = np.empty_like(data.emotion)
    for train, test in folds:
        tried = [
            fit(data, data.clean[train], data.emotion[train], factor).predict(data.clean[test])
            for factor in FACTORS
        ]
        scores = [unweighted_accuracy(data.emotion[test], one) for one in tried]
        found[test] = tried[int(np.argmax(scores))]
    return found


def predict_enlarged(data: Data, folds: Folds) -> Labels:
    """Test clean clips and their noisy copies; return predictions of clips, then of copies."""
    found = np.empty((COPIES + 1, len(data.emotion)), dtype=data.emotion.dtype)
    for train, test in folds:
        model = fit(data, data.clean[train], data.emotion[train])
        for place, X in enumerate([data.clean, *data.noisy]):
            found[place, test] = model.predict(X[test])
    return found.ravel()


def list_protocols(
    data: Data, seeds: int
) -> Iterator[tuple[str, str, Callable[[], Sequence[Labels]]]]:
    """Yield each protocol, the one that it is compared with, and its predictions by seed."""
    speakers = list_speaker_folds(data)
    none, split, copies = "no leak", "random split", "random split, noisy copies in training"
    yield none, "", lambda: [predict_plainly(data, speakers)]
    yield "scaler fitted on all clips", none, lambda: [predict_common_scaler(data, speakers)]
    yield "C chosen on test clips", none, lambda: [predict_chosen_setting(data, speakers)]
    yield "test set with noisy copies", none, lambda: [predict_enlarged(data, speakers)]
    random = [list_random_folds(data, seed) for seed in range(seeds)]
    yield split, none, lambda: [predict_plainly(data, folds) for folds in random]
    yield copies, split, lambda: [predict_with_copies(data, folds) for folds in random]
    before = "random split, noisy copies made before it"
    yield before, copies, lambda: [predict_copies_before_split(data, seed) for seed in range(seeds)]


def score(data: Data, joined: Labels, other: Labels | None) -> dict[str, Any]:
    """Score predictions, and their difference from those of another protocol.

    Args:
        data: features of the clips.
        joined: predictions of all clips, of each seed one after the other.
        other: predictions of the other protocol, of as many seeds or of one.
    """
    labels = sorted(set(data.emotion))
    answers = repeat_clips(data, joined)
    found = compute_intervals(*answers, labels=labels, scores=("ua",))["ua"]
    if other is None:
        return found.to_dict()
    before = repeat_clips(data, np.tile(other, len(joined) // len(other)))
    change = compute_difference(answers, before, labels, paired=True)
    return {**found.to_dict(), "difference": change.to_dict()}


def repeat_clips(data: Data, joined: Labels) -> Answers:
    """Return predictions of repeated clips with their emotions and speakers."""
    times = len(joined) // len(data.emotion)
    return Answers(np.tile(data.emotion, times), joined, np.tile(data.speaker, times))


def measure(chosen: argparse.Namespace) -> dict[str, Any]:
    """Run every protocol with every system; the result is written to JSON."""
    result: dict[str, Any] = {"systems": {}, "versions": dict(list_versions())}
    result["versions"]["encoder"] = systems.get("whisper-probe").recipe().encoder
    for name in chosen.systems:
        data = read_data(name, chosen.root)
        result["systems"][name] = rows = []
        known: dict[str, Labels] = {}
        for protocol, against, predict in list_protocols(data, chosen.seeds):
            predicted = predict()
            known[protocol] = np.concatenate(predicted)
            scores = score(data, known[protocol], known.get(against))
            row = {"protocol": protocol, "against": against, "seeds": len(predicted), **scores}
            rows.append(row)
            print(name, row, flush=True)
    return result


def draw(result: dict[str, Any], folder: Path) -> None:
    """Draw the scores of each system, with intervals, into `leaks-SYSTEM.svg`.

    Args:
        result: result of `measure`.
        folder: folder of the page.
    """
    for name, rows in result["systems"].items():
        make = functools.partial(_draw_rows, name, rows)
        draw_figure(make, folder / f"leaks-{name}", kinds=("svg",))


def _draw_rows(name: str, rows: Sequence[dict[str, Any]]) -> Figure:
    values = np.array([[row[end] for row in rows] for end in ("value", "low", "high")])
    places = range(len(rows))
    figure = Figure(figsize=(6.5, 3.0), layout="constrained")
    axes = figure.add_subplot()
    axes.errorbar(values[0], places, xerr=np.abs(values[1:] - values[0]), fmt="o", color="black")
    axes.axvline(values[0, 0], color="0.7", linewidth=0.8)
    axes.set_yticks(places, [row["protocol"] for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("UA with 95% interval over speakers")
    gains = {row["protocol"]: row["difference"]["value"] for row in rows if row["against"]}
    worst = max(gains, key=gains.__getitem__)
    axes.set_title(
        f"{name} on EMO-DB. The leak that adds most to UA (+{gains[worst]:.3f}):\n{worst}"
    )
    return figure


def format_result(result: dict[str, Any]) -> str:
    """Format the page: a table for each system."""
    parts = []
    for name, rows in result["systems"].items():
        lines = [
            [
                row["protocol"],
                str(row["seeds"]),
                format_interval(row),
                row["against"] or "",
                format_interval(row["difference"], sign="+") if row["against"] else "",
            ]
            for row in rows
        ]
        head = ["protocol", "seeds", "UA", "against", "difference"]
        parts += [f"## {name}", format_table(head, lines, "lrllr")]
    intro = (
        "The same system and corpus (EMO-DB, 535 clips of 10 speakers, seven emotions) under\n"
        "protocols that each leak one thing from test to training. UA (mean recall) has a 95%\n"
        "interval over speakers. The difference is to the protocol in the column `against`,\n"
        "which differs by one thing only; its interval draws the same speakers for both. Made\n"
        "by `benchmarks/leaks.py`.\n\n"
        "- Each protocol has ten folds and tests every clip once. Without a leak, each fold tests\n"
        "  one speaker with a model that is trained on the other nine.\n"
        "- Each clip has two noisy copies, with white noise at 15 to 30 dB. The recipes' own\n"
        "  augmentation is off, and C is the last of each recipe.\n"
        "- Noisy copies of training clips are no leak. They are the reference for copies that are\n"
        "  made before the split.\n"
        "- The scaler of lld-svm is fitted on neutral clips. If it is fitted on all clips, it\n"
        "  also reveals which test clips are neutral."
    )
    return format_page("What leaks are worth", intro, *parts, format_versions(result["versions"]))


OPTIONS = {
    "--systems": {
        "nargs": "+",
        "default": ["whisper-probe", "lld-svm"],
        "help": "names of systems",
    },
    "--seeds": {"type": int, "default": 3, "help": "draws of random splits"},
}


if __name__ == "__main__":
    run_benchmark(__doc__ or "", measure, format_result, OPTIONS)
