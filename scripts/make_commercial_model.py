"""Make the model for commercial use again: head, model of places, description, card and figures.

    python -m scripts.make_commercial_model --root CORPORA --features FOLDER
    python -m scripts.make_commercial_model --root CORPORA --record-only

CORPORA and FOLDER are those of `make_adaptive_model.py`; the model is made in the same way, from
EMO-DB alone.
The other corpora, whose licences exclude commercial use, are only tested on: no number of the model
folder is fitted on them.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from benchmarks.adaptation import DRAWS, NEUTRAL_KIND, SPEAKER_20, make_task, train
from benchmarks.adaptation_study import features as kept_features
from benchmarks.adaptation_study.answers import Answers, Task, plain, pooled
from benchmarks.adaptation_study.heads import balance
from benchmarks.recordings import LABELS
from scripts.make_adaptive_model import (
    ALONE,
    describe,
    list_measured,
    make_head,
    make_places,
    order_labels,
    read_card,
    write_record,
)

from serenade._model_files import write_model_files
from serenade._printable import format_table
from serenade.adaptation import EXPECTATIONS, Places, log_normalise, make_contrasts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.adaptation_study.features import Features
    from benchmarks.adaptation_study.heads import Floats, Labels
    from numpy.typing import NDArray

OUT = Path(__file__).parents[1] / "src" / "serenade" / "inference" / "commercial"
CORPUS = "emodb"
LICENCE = "Apache-2.0"
THRESHOLD = 0.5
CASES = ((SPEAKER_20, "mixed"), (SPEAKER_20, "unknown"), (NEUTRAL_KIND, "neutral"))


def make_held_out_task(
    data: Features, y: Labels, training: NDArray[np.intp], tested: NDArray[np.intp]
) -> Task:
    """Answer training recordings by heads that did not hear their speakers.

    Args:
        data: features of all recordings.
        y: classes of all recordings.
        training: numbers of the training recordings.
        tested: numbers of those that are answered; their classes come into question.
    """
    corpus, speaker = (data.table[name].to_numpy(str) for name in ("corpus", "speaker"))
    labels = tuple(np.unique(y[training]))
    _, held_out = train(data, y, training, labels)
    places = Places.learn(
        held_out,
        y[training],
        speaker[training],
        corpus[training],
        labels,
        balance(y[training], corpus[training]),
    )
    allowed = tuple(label for label in labels if label in y[tested])
    column = [labels.index(label) for label in allowed]
    contrasts: Floats = np.zeros((len(y), len(labels) - 1))
    contrasts[training] = held_out
    logits = contrasts @ make_contrasts(len(labels)).T
    return Task(tested, y, speaker, allowed, log_normalise(logits[:, column]), contrasts, places)


def make_tasks(data: Features, y: Labels) -> dict[str, tuple[Task, Task]]:
    """Return for each corpus a task of this model, and one of the bundled model.

    Both choose among the same classes. EMO-DB is answered by heads that did not hear the speaker,
    the other corpora by heads that did not hear the corpus.
    """
    corpus = data.table["corpus"].to_numpy(str)
    usable = np.isin(y, LABELS)
    own = np.flatnonzero(usable & (corpus == CORPUS))
    known = np.isin(y, np.unique(y[own]))
    every = np.flatnonzero(usable)
    tasks = {CORPUS: tuple(make_held_out_task(data, y, rows, own) for rows in (own, every))}
    for name in kept_features.CORPORA:
        if name != CORPUS:
            tested = np.flatnonzero(usable & known & (corpus == name))
            rest = np.flatnonzero(usable & (corpus != name))
            tasks[name] = tuple(make_task(data, y, rows, tested) for rows in (own, rest))
    return tasks  # type: ignore[return-value]


def show(answers: Answers) -> str:
    """Return the UA of answers with its interval."""
    low, high = answers.interval()
    return f"{answers.ua:.3f} [{low:.3f}, {high:.3f}]"


def tabulate_recalls(tasks: dict[str, tuple[Task, Task]]) -> str:
    """Lay out the UA of this model and of the bundled one, and of this one after adaptation."""
    lines = []
    for name, (own, bundled) in tasks.items():
        heard = "other speakers of it" if name == CORPUS else "nothing of it"
        words = [name, str(len(own.labels)), heard, show(plain(own)), show(plain(bundled))]
        adapted = [pooled(own.adapted(kind, EXPECTATIONS[case], DRAWS)) for kind, case in CASES]
        lines.append([*words, *map(show, adapted)])
        print(*lines[-1], flush=True)
    header = ["tested on", "classes", "heard in training", "this model: UA", "bundled model: UA"]
    return format_table([*header, *(f"this model, {k} / {c}" for k, c in CASES)], lines)


def tabulate_calibration(tasks: dict[str, tuple[Task, Task]]) -> str:
    """Lay out the calibration of this model, whose temperature is 1."""
    lines = []
    for name, (own, _) in tasks.items():
        answers = plain(own)
        confidence = answers.confidence(1.0)
        sure = confidence >= THRESHOLD
        lines.append([
            name,
            f"{answers.right:.3f}",
            f"{confidence.mean():.3f}",
            f"{sure.mean():.2f}",
            f"{answers.correct[sure].mean():.3f}",
        ])  # fmt: skip
    header = ["tested on", "right answers", "mean probability of the answer", "answered"]
    return format_table([*header, "right of these"], lines)


def write_folder(
    data: Features,
    y: Labels,
    tasks: dict[str, tuple[Task, Task]],
    heard: Mapping[str, str],
    out: Path,
) -> None:
    """Fit on EMO-DB, and write the model folder and its card."""
    corpus, speaker = (data.table[name].to_numpy(str) for name in ("corpus", "speaker"))
    rows = np.flatnonzero(np.isin(y, LABELS) & (corpus == CORPUS))
    labels = tuple(np.unique(y[rows]))
    head, held_out = train(data, y, rows, labels)
    weights = balance(y[rows], corpus[rows])
    places = Places.learn(held_out, y[rows], speaker[rows], corpus[rows], labels, weights)
    arrays = io.BytesIO()
    make_places(places, labels).save(arrays)
    temperatures = dict.fromkeys((ALONE, *EXPECTATIONS), 1.0)
    measured = {
        f"{name}, {'unseen speakers' if name == CORPUS else 'never heard'}": plain(own)
        for name, (own, _) in tasks.items()
    }
    description = describe(temperatures, THRESHOLD, len(rows)) | {
        "labels": order_labels(labels),
        "trained_on": [CORPUS],
        "licence": LICENCE,
        "measured": list_measured(measured),
        "heard": dict(heard),
    }
    card = read_card("commercial").format(
        recalls=tabulate_recalls(tasks),
        calibration=tabulate_calibration(tasks),
        recordings=len(rows),
        speakers=len(np.unique(speaker[rows])),
        threshold=THRESHOLD,
    )
    files = {
        "head.onnx": make_head(head, labels, 1.0),
        "places.npz": arrays.getvalue(),
        "MODEL_CARD.md": card.encode(),
    }
    write_model_files(out, description, files)


def main() -> None:
    """Measure, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=Path, help="folder of kept features")
    parser.add_argument("--root", type=Path, required=True, help="folder of the corpora")
    parser.add_argument("--record-only", action="store_true", help="do not train")
    parser.add_argument("--out", type=Path, default=OUT, help="model folder to write")
    options = parser.parse_args()
    heard = kept_features.record_training(options.root, [CORPUS], LABELS)
    if options.record_only:
        write_record(options.out, heard)
        return
    if options.features is None:
        parser.error("give --features, or --record-only")
    data = kept_features.load(options.features)
    emotion = data.table["emotion"].to_numpy(str)
    y = np.where(emotion == "calm", "neutral", emotion)
    write_folder(data, y, make_tasks(data, y), heard, options.out)


if __name__ == "__main__":
    main()
