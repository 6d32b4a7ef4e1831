"""Answers of a trained model about a tested corpus, and their figures."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from serenade.adaptation import Expectation, Places, log_normalise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benchmarks.adaptation_study.heads import Floats, Labels

    Group = tuple[NDArray[np.intp], NDArray[np.bool_]]

SIZE = 20
NEUTRAL, OTHERS = 10, 4


@dataclasses.dataclass(frozen=True)
class Kind:
    """Describe groups.

    Args:
        name: `corpus` (any speakers), `speaker` (one), `neutral` (one, mostly neutral) or
            `dominated` (any speakers, mostly one emotion).
        size: recordings in a group.
        percent: recordings of the one emotion in `dominated` groups.
    """

    name: str
    size: int = SIZE
    percent: int = 0

    @property
    def of_one_speaker(self) -> bool:
        """Whether a group is of one speaker."""
        return self.name in {"speaker", "neutral"}

    def __str__(self) -> str:
        """Return the name that tables show."""
        if self.name == "neutral":
            return "speaker, mostly neutral"
        if self.name == "dominated":
            return f"{self.percent}% one emotion"
        return f"{self.name}, {self.size}"


def draw_groups(
    kind: Kind, rows: NDArray[np.intp], y: Labels, speakers: Labels, seed: int
) -> list[Group]:
    """Draw groups: numbers of rows, and which of them are scored.

    In `corpus` and `speaker` groups every row is scored once; rows that fill up the last group are
    not scored again.
    """
    rng = np.random.default_rng(seed)
    if kind.name == "corpus":
        return _chunks(rows, kind.size, rng)
    if kind.name == "dominated":
        return _dominated(kind, rows, y, rng)
    groups: list[Group] = []
    for speaker in np.unique(speakers[rows]):
        mine = rows[speakers[rows] == speaker]
        if kind.name == "speaker":
            groups += _chunks(mine, kind.size, rng)
        else:
            neutral, others = mine[y[mine] == "neutral"], mine[y[mine] != "neutral"]
            few = min(NEUTRAL, len(neutral))
            rest = max(1, round(few * OTHERS / NEUTRAL))
            groups += [_whole(rng, (neutral, few), (others, rest)) for _ in range(4)]
    return groups


def _dominated(
    kind: Kind, rows: NDArray[np.intp], y: Labels, rng: np.random.Generator
) -> list[Group]:
    many = kind.size * kind.percent // 100
    return [
        _whole(rng, (rows[y[rows] == label], many), (rows[y[rows] != label], kind.size - many))
        for label in np.unique(y[rows])
        for _ in range(6)
    ]


def _whole(rng: np.random.Generator, *parts: tuple[NDArray[np.intp], int]) -> Group:
    drawn = np.concatenate([rng.choice(part, count, replace=False) for part, count in parts])
    return drawn, np.ones(len(drawn), bool)


def _chunks(rows: NDArray[np.intp], size: int, rng: np.random.Generator) -> list[Group]:
    rows = rng.permutation(rows)
    groups: list[Group] = []
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        missing = min(size, len(rows)) - len(part)
        filling = rng.choice(rows[:start], missing, replace=False) if missing else part[:0]
        scored = np.arange(len(part) + missing) < len(part)
        groups.append((np.concatenate([part, filling]), scored))
    return groups


def by_size(groups: Sequence[Group]) -> list[Group]:
    """Stack groups of one size: `(groups, recordings)` arrays."""
    sizes = sorted({len(rows) for rows, _ in groups})
    return [
        (
            np.stack([rows for rows, _ in groups if len(rows) == size]),
            np.stack([scored for rows, scored in groups if len(rows) == size]),
        )
        for size in sizes
    ]


BINS = 15
SAMPLES = 1000


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

    def number(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the class numbers of recordings."""
        order = {label: number for number, label in enumerate(self.labels)}
        found: NDArray[np.intp] = np.vectorize(order.__getitem__, otypes=[np.intp])(self.y[rows])
        return found

    def adapted(
        self, kind: Kind, expectation: Expectation, draws: int, *, oracle: bool = False
    ) -> list[Answers]:
        """Adapt to groups of a kind, and return the answers of each draw.

        Args:
            kind: what the groups contain.
            expectation: assumed content.
            draws: number of draws.
            oracle: whether the true classes of the other recordings are known.
        """
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
                    known=self.number(group) if oracle else None,
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

    def confidence(self, temperature: float) -> Floats:
        """Return the probability of each answer."""
        logs = log_normalise(self.log_posteriors / temperature)
        result: Floats = np.exp(logs).max(axis=1)
        return result

    def interval(self) -> list[float]:
        """Bootstrap a 95% interval of UA over speakers."""
        speakers = self.task.speakers[self.rows]
        names, speaker = np.unique(speakers, return_inverse=True)
        kind = self.task.number(self.rows)
        hits, totals = np.zeros((2, len(names), len(self.task.labels)))
        np.add.at(hits, (speaker, kind), self.correct)
        np.add.at(totals, (speaker, kind), 1)
        drawn = np.random.default_rng(0).integers(len(names), size=(SAMPLES, len(names)))
        with np.errstate(invalid="ignore"):
            recalls = hits[drawn].sum(axis=1) / totals[drawn].sum(axis=1)
        return [float(v) for v in np.quantile(np.nanmean(recalls, axis=1), (0.025, 0.975))]


def plain(task: Task, rows: NDArray[np.intp] | None = None) -> Answers:
    """Return the answers without adaptation."""
    rows = task.rows if rows is None else rows
    return Answers(task, rows, task.plain[rows])


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
            index = one.task.number(one.rows)
            logs = log_normalise(one.log_posteriors / temperature)
            per_task.append(-logs[np.arange(len(index)), index].mean())
        losses.append(np.mean(per_task))
    return float(grid[int(np.argmin(losses))])


def calibrate(answers: Sequence[Answers], temperatures: Sequence[float]) -> dict[str, float]:
    """Compute the calibration error, and what the surer half gains in right answers.

    Args:
        answers: those of each corpus; all corpora have the same weight.
        temperatures: that of each corpus.
    """
    pairs = zip(answers, temperatures, strict=True)
    confidence = np.concatenate([one.confidence(temperature) for one, temperature in pairs])
    correct = np.concatenate([one.correct for one in answers])
    weight = np.concatenate([np.full(len(one.rows), 1 / len(one.rows)) for one in answers])
    weight /= weight.sum()
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(place, weight * (correct - confidence))
    order = np.argsort(-confidence, kind="stable")
    surest = order[np.cumsum(weight[order]) <= 0.5 + 1e-9]
    half = float(weight[surest] @ correct[surest] / weight[surest].sum())
    return {
        "ece": float(np.abs(gaps).sum()),
        "surest_half_gain": half - float(weight @ correct),
    }
