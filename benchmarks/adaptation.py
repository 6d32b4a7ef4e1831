"""Adaptation of emotion recognition to places that a model never heard.

    python -m benchmarks.adaptation --root CORPORA --encoder WHISPER_BASE --features FOLDER \
        --output docs/benchmarks/adaptation.md

RAVDESS (calm counts as neutral), EMO-DB (without boredom) and nEMO are left out in turn. A linear
head on frozen features is trained on the other two (`adaptation_study.heads`), and adapts to groups
of unlabelled recordings of the tested corpus by a generative model (`serenade.adaptation.Places`).
Settings and temperatures are chosen on the two training corpora only: a model of each is tested on
the other. `within` tests unseen speakers of the training corpus itself. UA is over the classes that
the tested corpus has; intervals are bootstrapped over speakers. Results after adaptation are
transductive. Features are extracted on the first call and kept in FOLDER.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import dataclasses
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.adaptation_study import features as kept_features
from benchmarks.adaptation_study.answers import (
    Answers,
    Kind,
    Task,
    calibrate,
    plain,
    pooled,
    temperature_of,
)
from benchmarks.adaptation_study.heads import balance, fit_head
from benchmarks.adaptation_study.report import format_result
from benchmarks.adaptation_study.streams import measure_streams
from benchmarks.recordings import FEW, LABELS
from benchmarks.runner import run_benchmark
from serenade.adaptation import Expectation, Places, log_normalise, make_contrasts
from serenade.evaluation import list_versions

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from benchmarks.adaptation_study.features import Features
    from benchmarks.adaptation_study.heads import Floats, Head, Labels

DRAWS = 5
INNER_DRAWS = 2
AXES, AXES_WITHIN = 300, 400
C_STATES, C_WITHIN = 2e-4, 2e-3
SECOND = 0.2  # share of the second head without adaptation
NEUTRAL_KIND = Kind("neutral")
ONE_KINDS = (Kind("dominated", percent=80), Kind("dominated", percent=100))
KINDS = (
    *(Kind("corpus", size) for size in (5, 10, 20, 50)),
    *(Kind("speaker", size) for size in (3, 10, 20)),
    NEUTRAL_KIND,
    *ONE_KINDS,
)
CORPUS_20, SPEAKER_20 = Kind("corpus"), Kind("speaker")
CANDIDATES: dict[str, list[Expectation]] = {
    "mixed": [
        Expectation(50, softness=0.1, weight=weight, drift=drift, trust=0.99)
        for weight, drift in itertools.product((0.4, 0.6, 0.8), (0.0, 0.1, 0.3))
    ],
    "neutral": [
        Expectation(2, 0.7, softness=0.3, weight=weight, shares=shares, drift=drift, trust=0.9999)
        for weight, shares, drift in itertools.product((0.7, 1.0), (0.1, 0.25, 0.5), (1.0, 2.0))
    ],
    "unknown": [
        Expectation(0.1, weight=weight, shares=shares, drift=drift)
        for weight, shares, drift in itertools.product((0.3, 0.5), (0.0, 0.25), (0.3, 1.0))
    ],
}
NOTHING = "nothing"
CALIBRATED = {
    "mixed": (CORPUS_20, SPEAKER_20),
    "neutral": (NEUTRAL_KIND,),
    "unknown": (CORPUS_20, SPEAKER_20),
}
"""Groups after whose adaptation calibration is measured."""
ORACLES = ((SPEAKER_20, "mixed"), (NEUTRAL_KIND, "neutral"))
DRIFTS = (0.0, 0.3, 1.0)
"""Drifts with which adaptation is measured where the classes of the others are known."""


def train(
    data: Features,
    y: Labels,
    rows: NDArray[np.intp],
    labels: tuple[str, ...],
    *,
    within: bool = False,
) -> tuple[Head, Floats]:
    """Train the head on states of clips and of their copies.

    Args:
        data: features of all recordings.
        y: classes of all recordings.
        rows: numbers of the training recordings.
        labels: the classes.
        within: see `make_task`.

    Returns:
        The head, and contrasts of the rows by heads that did not hear their speakers.
    """
    corpus, speaker = (data.table[name].to_numpy(str) for name in ("corpus", "speaker"))
    chosen = np.zeros(len(y), bool)
    chosen[rows] = True
    parts = [(rows, data.states[rows], "")]
    for number, (clips, states) in enumerate(data.copies):
        parts.append((clips[chosen[clips]], states[chosen[clips]], f"/{number}"))
    clips = np.concatenate([one for one, _, _ in parts])
    X = np.concatenate([flatten(one, within=within) for _, one, _ in parts])
    copy = np.concatenate([np.full(len(one), mark) for one, _, mark in parts])
    head, held_out = fit_head(
        X, y[clips], np.char.add(corpus[clips], copy), speaker[clips], corpus[clips], labels,
        C=C_WITHIN if within else C_STATES, axes=AXES_WITHIN if within else AXES,
    )  # fmt: skip
    return head, held_out[: len(rows)]


def flatten(states: NDArray[np.float32], *, within: bool) -> NDArray[np.float32]:
    """Return the means of states, and `within` the deviations, as one row per recording."""
    return states.reshape(len(states), -1) if within else states[:, 0]


def make_task(
    data: Features,
    y: Labels,
    training: NDArray[np.intp],
    tested: NDArray[np.intp],
    *,
    within: bool = False,
) -> Task:
    """Train on some recordings, and prepare the test on others.

    Args:
        data: features of all recordings.
        y: classes of all recordings.
        training: numbers of the training recordings.
        tested: numbers of the tested recordings.
        within: whether both are of one corpus. Then all classes come into question, and there are
            standard deviations and a second head on the acoustic set. Otherwise only the classes
            that the tested recordings have come into question.
    """
    corpus, speaker = (data.table[name].to_numpy(str) for name in ("corpus", "speaker"))
    labels = tuple(label for label in np.unique(y[training]) if np.sum(y[training] == label) >= FEW)
    training = training[np.isin(y[training], labels)]
    head, held_out = train(data, y, training, labels, within=within)
    every = head(flatten(data.states, within=within))
    logits = every @ make_contrasts(len(labels)).T
    if within:
        names = speaker[training]
        second, held = fit_head(
            data.acoustic[training], y[training], names, names, corpus[training], labels,
            C=C_WITHIN, axes=AXES_WITHIN,
        )  # fmt: skip
        other = second(data.acoustic)
        logits += SECOND * other @ make_contrasts(len(labels)).T
        every = np.concatenate([every, other], axis=1)
        held_out = np.concatenate([held_out, held], axis=1)
    weights = balance(y[training], corpus[training])
    places = Places.learn(
        held_out, y[training], speaker[training], corpus[training], labels, weights
    )
    counts = {label: np.sum(y[tested] == label) for label in labels}
    allowed = tuple(label for label in labels if within or counts[label] >= FEW)
    column = [labels.index(label) for label in allowed]
    return Task(
        tested[np.isin(y[tested], allowed)],
        y,
        speaker,
        allowed,
        log_normalise(logits[:, column]),
        every,
        dataclasses.replace(places, means=places.means[column]),
    )


def gain(task: Task, kind: Kind, expectation: Expectation, draws: int) -> tuple[float, float]:
    """Compute what adaptation adds to UA and to the share of right answers."""
    after = task.adapted(kind, expectation, draws)
    pairs = [(one, plain(task, one.rows)) for one in after]
    gains = [(one.ua - other.ua, one.right - other.right) for one, other in pairs]
    ua, right = np.mean(gains, axis=0)
    return float(ua), float(right)


def worth(name: str, task: Task, expectation: Expectation) -> float:
    """Rate a setting on a corpus that was left out within training."""
    ordinary = [gain(task, kind, expectation, INNER_DRAWS)[0] for kind in (CORPUS_20, SPEAKER_20)]
    if name == "mixed":
        return sum(ordinary)
    if name == "neutral":
        return sum(gain(task, NEUTRAL_KIND, expectation, INNER_DRAWS))
    # A cautious setting must serve recordings of one emotion as well as mixed ones.
    dominated = [gain(task, kind, expectation, INNER_DRAWS)[1] for kind in ONE_KINDS]
    return sum(ordinary) + sum(dominated)


def choose(inner: Sequence[Task]) -> dict[str, Expectation]:
    """Choose the setting of each expectation on corpora left out within training."""
    return {
        name: max(settings, key=lambda one: sum(worth(name, task, one) for task in inner))
        for name, settings in CANDIDATES.items()
    }


def measure(task: Task, inner: Sequence[Task]) -> tuple[dict[str, Any], dict[str, Answers]]:
    """Measure a task without adaptation and under each expectation.

    Returns:
        The figures, and the answers of the cases whose calibration is measured.
    """
    settings = choose(inner)
    alone = plain(task)
    answers = {NOTHING: alone}
    result: dict[str, Any] = {
        "classes": list(task.labels),
        "settings": {name: dataclasses.asdict(one) for name, one in settings.items()},
        "alone": {"ua": alone.ua, "interval": alone.interval()},
        "adapted": {},
        "oracle": {},
        "streams": measure_streams(task, settings),
    }
    for name, setting in settings.items():
        for kind in KINDS:
            draws = task.adapted(kind, setting, DRAWS)
            result["adapted"][f"{kind} / {name}"] = compare(draws)
            if kind in CALIBRATED[name]:
                answers[f"{kind} / {name}"] = pooled(draws)
    for (kind, name), drift in itertools.product(ORACLES, DRIFTS):
        setting = dataclasses.replace(
            settings[name], weight=1.0, shares=0.0, drift=drift, trust=1.0
        )
        draws = task.adapted(kind, setting, DRAWS, oracle=True)
        result["oracle"][f"{kind} / {drift:g}"] = compare(draws)
    return result, answers


def compare(draws: Sequence[Answers]) -> dict[str, Any]:
    """Return the figures of adapted answers, and those of the same recordings without."""
    joined = pooled(draws)
    before = plain(draws[0].task, joined.rows)
    return {
        "ua": float(np.mean([one.ua for one in draws])),
        "interval": joined.interval(),
        "right": joined.right,
        "ua_alone": before.ua,
        "right_alone": before.right,
    }


def never_heard(data: Features, y: Labels) -> tuple[dict[str, Any], dict[str, Any]]:
    """Leave each corpus out in turn.

    Returns:
        The figures of each corpus, and the calibration of all.
    """
    corpus = data.table["corpus"].to_numpy(str)
    usable = np.isin(y, LABELS)
    rows = {name: np.flatnonzero(usable & (corpus == name)) for name in kept_features.CORPORA}
    pairs = {
        (one, other): make_task(data, y, rows[one], rows[other])
        for one, other in itertools.permutations(rows, 2)
    }
    result, answers = {}, {}
    for name, tested in rows.items():
        first, second = (one for one in rows if one != name)
        task = make_task(data, y, np.concatenate([rows[first], rows[second]]), tested)
        inner = [pairs[first, second], pairs[second, first]]
        result[name], answers[name] = measure(task, inner)
        print(name, {key: round(one["ua"], 3) for key, one in result[name]["adapted"].items()})
    calibration: dict[str, Any] = {NOTHING: calibrate_case(answers, NOTHING, NOTHING)}
    for name, kinds in CALIBRATED.items():
        for kind in kinds:
            key, fitted = f"{kind} / {name}", f"{kinds[-1]} / {name}"
            calibration[key] = calibrate_case(answers, key, fitted)
    return result, calibration


def calibrate_case(
    answers: Mapping[str, Mapping[str, Answers]], key: str, fitted: str
) -> dict[str, dict[str, float]]:
    """Calibrate each corpus by a temperature from the others, and all corpora together.

    Args:
        answers: by corpus and case.
        key: the case.
        fitted: the case that the temperature is chosen for.
    """
    temperatures = {
        name: temperature_of([found[fitted] for other, found in answers.items() if other != name])
        for name in answers
    }
    cases = {name: [name] for name in answers} | {"all": list(answers)}
    result = {}
    for case, names in cases.items():
        some, chosen = [answers[one][key] for one in names], [temperatures[one] for one in names]
        result[case] = {
            **calibrate(some, chosen),
            "right": float(np.mean([one.right for one in some])),
            "temperature": float(np.mean(chosen)),
        }
    return result


def within(data: Features, y: Labels, name: str, folds: int) -> Any:
    """Test unseen speakers of one corpus; the model of places and its settings stay as they are."""
    corpus, speaker = (data.table[one].to_numpy(str) for one in ("corpus", "speaker"))
    rows = np.flatnonzero(corpus == name)
    names = np.unique(speaker[rows])
    setting = Expectation(50, softness=0.6, weight=0.6, drift=0.5)
    tasks = []
    for fold in range(folds):
        tested = np.isin(speaker[rows], names[fold::folds])
        tasks.append(make_task(data, y, rows[~tested], rows[tested], within=True))
    scores: Mapping[str, list[list[Answers]]] = {
        "alone": [[plain(task)] for task in tasks],
        "speaker, 20": [task.adapted(SPEAKER_20, setting, DRAWS) for task in tasks],
        "all of the speaker": [
            task.adapted(Kind("speaker", len(rows)), setting, 1) for task in tasks
        ],
    }
    result = {}
    for key, folds_of in scores.items():
        joined = pooled([one for fold in folds_of for one in fold])
        result[key] = {"ua": joined.ua, "interval": joined.interval()}
    return result


def run(chosen: Namespace) -> dict[str, Any]:
    """Extract features where they are missing, and measure."""
    if not (chosen.features / "clips.csv").is_file():
        kept_features.extract(chosen.root, chosen.encoder, chosen.features)
    data = kept_features.load(chosen.features)
    emotion = data.table["emotion"].to_numpy(str)
    y = np.where(emotion == "calm", "neutral", emotion)
    found, calibration = never_heard(data, y)
    return {
        "never_heard": found,
        "calibration": calibration,
        "within": {
            "ravdess, 8 classes": within(data, emotion, "ravdess", 6),
            "emodb, 7 classes": within(data, y, "emodb", 10),
        },
        "versions": list_versions(),
    }


if __name__ == "__main__":
    run_benchmark(
        __doc__,
        run,
        format_result,
        {
            "--encoder": {"required": True, "help": "weights of Whisper-base's encoder"},
            "--features": {"type": Path, "required": True, "help": "folder to keep features in"},
        },
    )
