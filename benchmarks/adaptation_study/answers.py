"""Answers of a trained model about a tested corpus, and their figures."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.adaptation_study.trials import Kind, by_size, draw_groups
from serenade.adaptation import Expectation, Places, log_normalise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benchmarks.adaptation_study.heads import Floats, Labels

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
