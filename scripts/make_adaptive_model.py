"""Make the bundled model again: head, model of places, description, card and figures.

    python -m scripts.make_adaptive_model --root CORPORA --features FOLDER [--encoder WEIGHTS]
    python -m scripts.make_adaptive_model --root CORPORA --record-only

CORPORA contains `ravdess`, `emodb` and `nemo`. FOLDER holds the features of
`benchmarks/adaptation.py`. They are extracted on the first call, which needs the weights of
openai/whisper-base. The same features and library versions give the same model. The second command
writes only the record of the training recordings into the folder of the model.

The card states what each corpus in turn gives to a model of the other two, with the settings of the
model. The temperatures and the threshold are measured on corpora that had no part in the training:
those of the tested corpus come from the other two.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from benchmarks.adaptation import (
    C_STATES,
    DRAWS,
    KINDS,
    NEUTRAL_KIND,
    SPEAKER_20,
    calibrate_case,
    make_task,
    train,
)
from benchmarks.adaptation_study import features as kept_features
from benchmarks.adaptation_study.answers import (
    Answers,
    Task,
    plain,
    pooled,
    temperature_of,
)
from benchmarks.adaptation_study.heads import balance
from benchmarks.adaptation_study.report import CALIBRATION, CALIBRATION_HEADER
from benchmarks.recordings import LABELS

from serenade._model_files import read_description, read_model_file, write_model_files
from serenade._printable import format_table
from serenade.adaptation import (
    EXPECTATIONS,
    NEUTRAL_SPEECH,
    Places,
    make_contrasts,
    read_expectations,
)
from serenade.encoders import WhisperPooled
from serenade.runtime import Graph
from serenade.systems import feature_to_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.adaptation_study.answers import Kind
    from benchmarks.adaptation_study.features import Features
    from benchmarks.adaptation_study.heads import Head
    from numpy.typing import NDArray

OUT = Path(__file__).parents[1] / "src" / "serenade" / "inference" / "adaptive"
CARDS = Path(__file__).with_name("model_cards.md")
"""Templates of the model cards. A comment names each one; all of them end with `shared`."""

TARGET = 0.7
"""Share of right answers that the threshold of uncertain answers aims at."""

ALONE = "nothing"
CALIBRATED = {ALONE: None, "mixed": SPEAKER_20, "neutral": NEUTRAL_KIND, "unknown": SPEAKER_20}
"""Kind of groups on which the temperature of each expectation is fitted."""

ENROLLED = 5
"""Known neutral recordings of a speaker in the row about enrolment."""


def answer(task: Task, name: str, kind: Kind | None) -> Answers:
    """Answer the recordings of a task, adapted to groups of a kind under an expectation."""
    if kind is None:
        return plain(task)
    return pooled(task.adapted(kind, EXPECTATIONS[name], DRAWS))


def enrol(task: Task) -> Answers:
    """Answer each recording with neutral recordings of its speaker known."""
    rng = np.random.default_rng(0)
    number = task.labels.index("neutral")
    rows, found = [], []
    for speaker in np.unique(task.speakers[task.rows]):
        mine = task.rows[task.speakers[task.rows] == speaker]
        calm = rng.permutation(mine[task.y[mine] == "neutral"])[:ENROLLED]
        others = np.setdiff1d(mine, calm)
        if not len(calm):
            continue
        group = np.stack([np.append(calm, one) for one in others])
        known = np.full(group.shape, number)
        known[:, -1] = -1
        answers = task.places.adapt(
            task.contrasts[group],
            task.plain[group],
            task.labels,
            read_expectations({})[NEUTRAL_SPEECH],
            speaker=True,
            known=known,
        )
        rows.append(others)
        found.append(answers[:, -1])
    return Answers(task, np.concatenate(rows), np.concatenate(found))


def find_threshold(answers: Sequence[Answers], temperature: float) -> float:
    """Find the least probability from which the target is met, as a mean of corpora."""
    confidences = [each.confidence(temperature) for each in answers]
    for threshold in np.arange(0.2, 0.95, 0.01):
        right = [
            each.correct[sure >= threshold].mean()
            for each, sure in zip(answers, confidences, strict=True)
            if np.any(sure >= threshold)
        ]
        if np.mean(right) >= TARGET:
            return round(float(threshold), 2)
    raise ValueError("no threshold meets the target")


def tabulate_recalls(tasks: Mapping[str, Task]) -> str:
    """Lay out the UA of each corpus for all kinds of groups and expectations."""
    lines = []
    cases: list[tuple[str, str, Kind | None]] = [(ALONE, "", None)]
    cases += [(str(kind), name, kind) for name in EXPECTATIONS for kind in KINDS]
    for words, name, kind in cases:
        found = [answer(task, name, kind) for task in tasks.values()]
        lines.append(_tabulate_row(f"{words} / {name}" if name else words, found))
        print(*lines[-1], flush=True)
    found = [enrol(task) for task in tasks.values()]
    lines.append(_tabulate_row(f"an enrolled voice, {ENROLLED} neutral recordings", found))
    header = ["adapted to / expected", *(f"{name}: UA" for name in tasks)]
    return format_table([*header, "mean gain in UA", "mean gain in right answers"], lines)


def _tabulate_row(words: str, found: Sequence[Answers]) -> list[str]:
    before = [plain(each.task, each.rows) for each in found]
    pairs = list(zip(found, before, strict=True))
    cells = [
        f"{each.ua:.3f} [{low:.3f}, {high:.3f}]"
        for each in found
        for low, high in [each.interval()]
    ]
    gains = [
        np.mean([each.ua - other.ua for each, other in pairs]),
        np.mean([each.right - other.right for each, other in pairs]),
    ]
    return [words, *cells, *(f"{gain:+.3f}" for gain in gains)]


def tabulate_calibration(tasks: Mapping[str, Task]) -> str:
    """Lay out calibration and uncertain answers, with settings from the other corpora."""
    alone = {tested: plain(task) for tested, task in tasks.items()}
    lines = []
    for name, kind in CALIBRATED.items():
        answers = {tested: answer(task, name, kind) for tested, task in tasks.items()}
        key = name if kind is None else f"{kind} / {name}"
        found = calibrate_case({one: {"": each} for one, each in answers.items()}, "", "")
        kept = []
        for tested, each in answers.items():
            rest = [other for name, other in alone.items() if name != tested]
            threshold = find_threshold(rest, temperature_of(rest))
            sure = each.confidence(found[tested]["temperature"]) >= threshold
            kept.append((sure.mean(), each.correct[sure].mean()))
        kept.append(tuple(np.mean(kept, axis=0)))
        lines += [
            [key, tested, *(f"{case[field]:.{digits}f}" for field, digits in CALIBRATION),
             f"{share:.2f}", f"{right:.3f}"]
            for (tested, case), (share, right) in zip(found.items(), kept, strict=True)
        ]  # fmt: skip
    return format_table([*CALIBRATION_HEADER, "answered", "right of these"], lines)


def order_labels(labels: tuple[str, ...]) -> list[str]:
    """Return labels in the order of `LABELS`."""
    return [label for label in LABELS if label in labels]


def make_head(head: Head, labels: tuple[str, ...], temperature: float) -> bytes:
    """Write a head as a graph from features to probabilities in the order of `LABELS`."""
    order = order_labels(labels)
    spread = make_contrasts(len(labels)).T[:, [labels.index(label) for label in order]]
    weights = (head.rotation @ head.weight / head.scale[:, None]) @ spread
    bias = head.bias @ spread - head.mean @ weights
    graph = Graph()
    arrays = (graph.add_array(values / temperature) for values in (weights, bias))
    logits = graph.add_node("Gemm", "features", *arrays)
    graph.name_output(graph.add_node("Softmax", logits, axis=1), "probabilities")
    inputs: dict[str, list[int | str]] = {"features": ["rows", len(weights)]}
    outputs: dict[str, list[int | str]] = {"probabilities": ["rows", len(order)]}
    content: bytes = graph.build_model("head", inputs, outputs).SerializeToString()
    return content


def make_places(places: Places, labels: tuple[str, ...]) -> Places:
    """Express a model of places in the contrasts of labels in the order of `LABELS`."""
    order = [labels.index(label) for label in order_labels(labels)]
    turn = make_contrasts(len(labels)).T[:, order] @ make_contrasts(len(labels))
    return Places(
        places.centre @ turn,
        (places.means @ turn)[order],
        turn.T @ places.within @ turn,
        turn.T @ places.between @ turn,
    )


def read_card(name: str) -> str:
    """Return the template of a model's card."""
    _, *parts = re.split(r"^<!-- (\w+) -->\n", CARDS.read_text("utf-8"), flags=re.MULTILINE)
    cards = dict(zip(parts[::2], parts[1::2], strict=True))
    return cards[name] + cards["shared"]


def describe_form(system: str, recipe: Mapping[str, Any], rows: int) -> dict[str, Any]:
    """Return the part of `model.json` that models of all three corpora share."""
    feature = WhisperPooled(
        encoder="whisper-base", dynamic_range=5.0, layers=(1, 2, 3, 4, 5), deviation=False
    )
    return {
        "format": 2,
        "serenade": importlib.metadata.version("serenade"),
        "system": system,
        "recipe": dict(recipe),
        "sampling_rate": 16000,
        "features": [feature_to_json(feature)],
        "trained_on": list(kept_features.CORPORA),
        "recordings": rows,
        "licence": "CC-BY-NC-SA-4.0",
    }


def describe(temperatures: Mapping[str, float], threshold: float, rows: int) -> dict[str, Any]:
    """Return the content of `model.json`."""
    rest = {name: round(each, 4) for name, each in temperatures.items() if name != ALONE}
    settings = {name: dataclasses.asdict(each) for name, each in read_expectations({}).items()}
    recipe = {"C": C_STATES, "copies": len(kept_features.COPIES)}
    return describe_form("whisper-places", recipe, rows) | {
        "labels": list(LABELS),
        "temperature": round(temperatures[ALONE], 4),
        "uncertain_below": threshold,
        "adaptation": {"temperature": rest, "settings": settings},
    }


def list_measured(answers: Mapping[str, Answers]) -> dict[str, dict[str, float]]:
    """Return the figures that `model.json` states, by what was tested."""
    return {
        name: {"classes": len(each.task.labels), "ua": round(each.ua, 3)}
        for name, each in answers.items()
    }


def write_record(folder: Path, heard: Mapping[str, str]) -> None:
    """Write the record of the training recordings into a model folder."""
    description = read_description(folder)
    names = (*description["files"], "MODEL_CARD.md")
    files = {name: read_model_file(folder, name, description) for name in names}
    write_model_files(folder, description | {"heard": dict(heard)}, files)


def write_folder(
    data: Features,
    y: NDArray[np.str_],
    tasks: Mapping[str, Task],
    heard: Mapping[str, str],
    out: Path,
) -> None:
    """Fit on all corpora, and write the model folder and its page of figures."""
    temperatures = {
        name: temperature_of([answer(task, name, kind) for task in tasks.values()])
        for name, kind in CALIBRATED.items()
    }
    threshold = find_threshold([plain(task) for task in tasks.values()], temperatures[ALONE])
    rows, labels = np.flatnonzero(np.isin(y, LABELS)), tuple(sorted(LABELS))
    head, held_out = train(data, y, rows, labels)
    corpus, speaker = (data.table[name].to_numpy(str)[rows] for name in ("corpus", "speaker"))
    weights = balance(y[rows], corpus)
    places = Places.learn(held_out, y[rows], speaker, corpus, labels, weights)
    arrays = io.BytesIO()
    make_places(places, labels).save(arrays)
    card = read_card("adaptive").format(
        recalls=tabulate_recalls(tasks),
        calibration=tabulate_calibration(tasks),
        recordings=len(rows),
        speakers=len(np.unique(speaker)),
        threshold=threshold,
        target=TARGET,
    )
    unheard = {f"{name}, never heard": plain(task) for name, task in tasks.items()}
    description = describe(temperatures, threshold, len(rows))
    description |= {"measured": list_measured(unheard), "heard": dict(heard)}
    files = {
        "head.onnx": make_head(head, labels, description["temperature"]),
        "places.npz": arrays.getvalue(),
        "MODEL_CARD.md": card.encode(),
    }
    write_model_files(out, description, files)


def main() -> None:
    """Extract features where they are missing, measure, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=Path, help="folder of kept features")
    parser.add_argument("--root", type=Path, required=True, help="folder of the three corpora")
    parser.add_argument("--record-only", action="store_true", help="do not train")
    parser.add_argument("--encoder", help="weights of openai/whisper-base")
    parser.add_argument("--out", type=Path, default=OUT, help="model folder to write")
    options = parser.parse_args()
    heard = kept_features.record_training(options.root, kept_features.CORPORA, LABELS)
    if options.record_only:
        write_record(options.out, heard)
        return
    if options.features is None:
        parser.error("give --features, or --record-only")
    if not (options.features / "clips.csv").is_file():
        kept_features.extract(options.root, options.encoder, options.features)
    data = kept_features.load(options.features)
    emotion, corpus = (data.table[name].to_numpy(str) for name in ("emotion", "corpus"))
    y = np.where(emotion == "calm", "neutral", emotion)
    usable = np.isin(y, LABELS)
    tasks = {
        name: make_task(
            data,
            y,
            np.flatnonzero(usable & (corpus != name)),
            np.flatnonzero(usable & (corpus == name)),
        )
        for name in kept_features.CORPORA
    }
    write_folder(data, y, tasks, heard, options.out)


if __name__ == "__main__":
    main()
