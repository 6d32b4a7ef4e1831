"""Adaptation of emotion recognition to places that a model never heard.

    python -m benchmarks.adaptation --root CORPORA --encoder WHISPER_BASE --features FOLDER \
        --output docs/benchmarks/adaptation.json

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
from benchmarks.adaptation_study.heads import balance, fit_head
from benchmarks.adaptation_study.report import format_result
from benchmarks.adaptation_study.trials import Kind, by_size, draw_groups
from benchmarks.runner import run_benchmark
from serenade.adaptation import Expectation, Places, log_normalise, make_contrasts
from serenade.evaluation import list_versions

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from benchmarks.adaptation_study.features import Features
    from benchmarks.adaptation_study.heads import Floats, Head, Labels

LABELS = ("angry", "happy", "neutral", "sad", "fear", "disgust", "surprise")
FEW = 20  # recordings: a class with fewer says nothing about a corpus
DRAWS = 5
INNER_DRAWS = 2
AXES = 300
C_STATES, C_ACOUSTIC = 2e-4, 1e-3
BINS = 15
SAMPLES = 1000
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
        Expectation(50, softness=softness, weight=weight)
        for softness, weight in itertools.product((0.1, 0.2, 0.4), (0.4, 0.6))
    ],
    "neutral": [
        Expectation(2, 0.7, softness=softness, weight=weight, shares=shares)
        for softness, weight, shares in itertools.product((0.3, 1.0), (0.4, 0.7), (0.0, 0.5))
    ],
    "unknown": [
        Expectation(counts, shares=shares, weight=weight)
        for counts, shares, weight in itertools.product((0.1, 0.3), (0.0, 0.25), (0.3, 0.5))
    ],
}


@dataclasses.dataclass(frozen=True)
class Task:
    """Hold what a trained model says about the recordings of a tested corpus.

    Args:
        rows: numbers of the recordings.
        y: classes, of all recordings of the study.
        speakers: of all recordings of the study.
        labels: the classes that come into question.
        plain: log posteriors without adaptation, of all recordings.
        contrasts: of all recordings.
        places: the model of places, with the means of `labels`.
    """

    rows: NDArray[np.intp]
    y: Labels
    speakers: Labels
    labels: tuple[str, ...]
    plain: Floats
    contrasts: Floats
    places: Places

    def adapted(self, kind: Kind, expectation: Expectation, draws: int) -> list[Answers]:
        """Adapt to groups of a kind, and return the answers of each draw."""
        found = []
        for draw in range(draws):
            parts = []
            for group, scored in by_size(draw_groups(kind, self.rows, self.y, self.speakers, draw)):
                answer = self.places.adapt(
                    self.contrasts[group],
                    self.plain[group],
                    self.labels,
                    expectation,
                    speaker=kind.of_one_speaker,
                )
                parts.append((group[scored], answer[scored]))
            rows = np.concatenate([one for one, _ in parts])
            found.append(Answers(self, rows, np.concatenate([one for _, one in parts])))
        return found


@dataclasses.dataclass(frozen=True)
class Answers:
    """Hold log posteriors of some recordings, each perhaps more than once.

    Args:
        task: whose recordings they are.
        rows: numbers of recordings.
        log_posteriors: a row each.
    """

    task: Task
    rows: NDArray[np.intp]
    log_posteriors: Floats

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether each answer is right."""
        chosen = np.array(self.task.labels)[self.log_posteriors.argmax(axis=1)]
        result: NDArray[np.bool_] = chosen == self.task.y[self.rows]
        return result

    @property
    def ua(self) -> float:
        """Unweighted average recall over the classes of the task."""
        y = self.task.y[self.rows]
        return float(np.mean([self.correct[y == label].mean() for label in self.task.labels]))

    @property
    def right(self) -> float:
        """Share of right answers."""
        return float(self.correct.mean())

    def interval(self) -> list[float]:
        """Bootstrap a 95% interval of UA over speakers."""
        y, speakers = self.task.y[self.rows], self.task.speakers[self.rows]
        names, speaker = np.unique(speakers, return_inverse=True)
        kind = np.array([self.task.labels.index(label) for label in y])
        hits, totals = np.zeros((2, len(names), len(self.task.labels)))
        np.add.at(hits, (speaker, kind), self.correct)
        np.add.at(totals, (speaker, kind), 1)
        drawn = np.random.default_rng(0).integers(len(names), size=(SAMPLES, len(names)))
        with np.errstate(invalid="ignore"):
            recalls = hits[drawn].sum(axis=1) / totals[drawn].sum(axis=1)
        return [float(v) for v in np.quantile(np.nanmean(recalls, axis=1), (0.025, 0.975))]

    def calibration(self, temperature: float) -> dict[str, float]:
        """Compute the calibration error, and what the surer half gains in right answers."""
        confidence = np.exp(log_normalise(self.log_posteriors / temperature)).max(axis=1)
        place = np.minimum((confidence * BINS).astype(int), BINS - 1)
        gaps = [
            abs(np.sum(self.correct[place == b] - confidence[place == b])) / len(place)
            for b in np.unique(place)
        ]
        surest = np.argsort(-confidence, kind="stable")[: len(confidence) // 2]
        return {
            "ece": float(np.sum(gaps)),
            "surest_half_gain": float(self.correct[surest].mean() - self.right),
        }


def pooled(draws: Sequence[Answers]) -> Answers:
    """Join the answers of several draws."""
    rows = np.concatenate([one.rows for one in draws])
    return Answers(draws[0].task, rows, np.concatenate([one.log_posteriors for one in draws]))


def temperature_of(answers: Sequence[Answers]) -> float:
    """Choose the temperature that makes the true classes of held-out answers most probable."""
    grid = np.exp(np.linspace(np.log(0.3), np.log(8), 60))
    losses = []
    for temperature in grid:
        per_task = []
        for one in answers:
            index = np.array([one.task.labels.index(label) for label in one.task.y[one.rows]])
            logs = log_normalise(one.log_posteriors / temperature)
            per_task.append(-logs[np.arange(len(index)), index].mean())
        losses.append(np.mean(per_task))
    return float(grid[int(np.argmin(losses))])


def train_on_states(
    data: Features, y: Labels, rows: NDArray[np.intp], labels: tuple[str, ...], C: float = C_STATES
) -> tuple[Head, Floats]:
    """Train the head on states of clips and of their copies.

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
    X = np.concatenate([one for _, one, _ in parts])
    copy = np.concatenate([np.full(len(one), mark) for one, _, mark in parts])
    head, held_out = fit_head(
        X, y[clips], np.char.add(corpus[clips], copy), speaker[clips], corpus[clips], labels,
        C=C, axes=AXES,
    )  # fmt: skip
    return head, held_out[: len(rows)]


def train(
    data: Features,
    y: Labels,
    rows: NDArray[np.intp],
    labels: tuple[str, ...],
    C: tuple[float, float | None],
) -> tuple[Floats, Floats]:
    """Train the heads on states and on the acoustic set, and join their contrasts.

    Args:
        data: features of all recordings.
        y: classes of all recordings.
        rows: numbers of the training recordings.
        labels: the classes.
        C: of the two heads; None to do without the second one.

    Returns:
        Contrasts of all recordings by the heads, and those of the training rows by heads that did
        not hear their speakers.
    """
    by_states, held_states = train_on_states(data, y, rows, labels, C[0])
    if C[1] is None:
        return by_states(data.states), held_states
    corpus, speaker = (data.table[name].to_numpy(str) for name in ("corpus", "speaker"))
    by_set, held_set = fit_head(
        data.acoustic[rows], y[rows], speaker[rows], speaker[rows], corpus[rows], labels,
        C=C[1], axes=AXES,
    )  # fmt: skip
    every = np.concatenate([by_states(data.states), by_set(data.acoustic)], axis=1)
    return every, np.concatenate([held_states, held_set], axis=1)


def make_task(
    data: Features,
    y: Labels,
    training: NDArray[np.intp],
    tested: NDArray[np.intp],
    C: tuple[float, float | None] = (C_STATES, C_ACOUSTIC),
    *,
    every_class: bool = False,
) -> Task:
    """Train on some recordings, and prepare the test on others.

    Args:
        data: features of all recordings.
        y: classes of all recordings.
        training: numbers of the training recordings.
        tested: numbers of the tested recordings.
        C: see `train`.
        every_class: whether all training classes come into question; otherwise those that the
            tested recordings have.
    """
    corpus, speaker = (data.table[name].to_numpy(str) for name in ("corpus", "speaker"))
    labels = tuple(label for label in np.unique(y[training]) if np.sum(y[training] == label) >= FEW)
    training = training[np.isin(y[training], labels)]
    every, held_out = train(data, y, training, labels, C)
    weights = balance(y[training], corpus[training])
    places = Places.learn(
        held_out, y[training], speaker[training], corpus[training], labels, weights
    )
    counts = {label: np.sum(y[tested] == label) for label in labels}
    allowed = tuple(label for label in labels if every_class or counts[label] >= FEW)
    column = [labels.index(label) for label in allowed]
    logits = every[:, : len(labels) - 1] @ make_contrasts(len(labels)).T
    return Task(
        tested[np.isin(y[tested], allowed)],
        y,
        speaker,
        allowed,
        log_normalise(logits[:, column]),
        every,
        dataclasses.replace(places, means=places.means[column]),
    )


def plain(task: Task, rows: NDArray[np.intp] | None = None) -> Answers:
    """Return the answers without adaptation."""
    rows = task.rows if rows is None else rows
    return Answers(task, rows, task.plain[rows])


def gain(task: Task, kind: Kind, expectation: Expectation, draws: int) -> tuple[float, float]:
    """Compute what adaptation adds to UA and to the share of right answers."""
    after = task.adapted(kind, expectation, draws)
    before = [plain(task, one.rows) for one in after]
    return (
        float(np.mean([one.ua - other.ua for one, other in zip(after, before, strict=True)])),
        float(np.mean([one.right - other.right for one, other in zip(after, before, strict=True)])),
    )


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


def measure(task: Task, inner: Sequence[Task], kinds: Sequence[Kind]) -> dict[str, Any]:
    """Measure a task without adaptation and under each expectation."""
    settings = choose(inner)
    alone = plain(task)
    temperature = temperature_of([plain(one) for one in inner])
    result: dict[str, Any] = {
        "classes": list(task.labels),
        "settings": {name: dataclasses.asdict(one) for name, one in settings.items()},
        "alone": {
            "ua": alone.ua,
            "interval": alone.interval(),
            "temperature": temperature,
            **alone.calibration(temperature),
        },
        "adapted": {},
    }
    for name, setting in settings.items():
        found = [pooled(one.adapted(SPEAKER_20, setting, INNER_DRAWS)) for one in inner]
        temperature = temperature_of(found)
        for kind in kinds:
            draws = task.adapted(kind, setting, DRAWS)
            joined = pooled(draws)
            before = plain(task, joined.rows)
            result["adapted"][f"{kind} / {name}"] = {
                "ua": float(np.mean([one.ua for one in draws])),
                "interval": joined.interval(),
                "right": joined.right,
                "ua_alone": before.ua,
                "right_alone": before.right,
                **joined.calibration(temperature),
            }
    return result


def never_heard(data: Features, y: Labels) -> dict[str, Any]:
    """Leave each corpus out in turn."""
    corpus = data.table["corpus"].to_numpy(str)
    usable = np.isin(y, LABELS)
    rows = {name: np.flatnonzero(usable & (corpus == name)) for name in kept_features.CORPORA}
    pairs = {
        (one, other): make_task(data, y, rows[one], rows[other])
        for one, other in itertools.permutations(rows, 2)
    }
    result = {}
    for name, tested in rows.items():
        first, second = (one for one in rows if one != name)
        task = make_task(data, y, np.concatenate([rows[first], rows[second]]), tested)
        result[name] = measure(task, [pairs[first, second], pairs[second, first]], KINDS)
        print(name, {key: round(one["ua"], 3) for key, one in result[name]["adapted"].items()})
    return result


def within(data: Features, y: Labels, name: str, folds: int, C: tuple[float, float]) -> Any:
    """Test unseen speakers of one corpus; the model of places and its settings stay as they are."""
    corpus, speaker = (data.table[one].to_numpy(str) for one in ("corpus", "speaker"))
    rows = np.flatnonzero(corpus == name)
    names = np.unique(speaker[rows])
    setting = Expectation(50, softness=0.2, weight=0.6)
    tasks = []
    for fold in range(folds):
        tested = np.isin(speaker[rows], names[fold::folds])
        tasks.append(make_task(data, y, rows[~tested], rows[tested], C, every_class=True))
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
    return {
        "never_heard": never_heard(data, y),
        "within": {
            "ravdess, 8 classes": within(data, emotion, "ravdess", 6, (2e-3, 2e-3)),
            "emodb, 7 classes": within(data, y, "emodb", 10, (2e-3, 2e-3)),
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
