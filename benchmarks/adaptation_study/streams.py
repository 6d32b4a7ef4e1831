"""Long recordings that adapt to themselves: answers by the place in the recording.

A long recording is a sequence of a speaker's recordings in random order. Each is one utterance,
which is adapted to the utterances before it, as timelines and streams do
(`serenade.inference._own_adaptation`); the latest `MOST_OWN` are remembered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.adaptation_study.answers import Answers, plain
from serenade.inference._own_adaptation import MOST_OWN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from benchmarks.adaptation_study.answers import Task
    from benchmarks.adaptation_study.heads import Floats
    from serenade.adaptation import Expectation

    Rows = NDArray[np.intp]

LENGTH = 42
"""Most recordings of a sequence."""

NEUTRAL_SHARE = 10, 4
"""Neutral recordings and others in sequences that are mostly neutral."""

FIRST = 4
"""Recordings at the beginning that are counted apart."""

DRAWS = 5
PARTS = (f"first {FIRST}", "first third", "second third", "last third")


def draw_sequences(task: Task, content: str, draw: int) -> list[Rows]:
    """Draw a sequence of recordings of each tested speaker.

    Args:
        task: the tested recordings.
        content: `neutral` for mostly neutral ones, `mixed` for as many of each class as there are.
        draw: number of the draw.
    """
    rng = np.random.default_rng([draw, len(content)])
    found = []
    for speaker in np.unique(task.speakers[task.rows]):
        mine = rng.permutation(task.rows[task.speakers[task.rows] == speaker])
        calm = task.y[mine] == "neutral"
        if content == "neutral":
            neutral, others = NEUTRAL_SHARE
            times = min(calm.sum() / neutral, (~calm).sum() / others, LENGTH / sum(NEUTRAL_SHARE))
            kept = [mine[calm][: int(times * neutral)], mine[~calm][: int(times * others)]]
            mine = rng.permutation(np.concatenate(kept))
        else:
            # Of each class in turn, so that a sequence that ends early has equal shares.
            turn = np.empty(len(mine), np.intp)
            for label in task.labels:
                turn[task.y[mine] == label] = np.arange(np.sum(task.y[mine] == label))
            mine = rng.permutation(mine[np.argsort(turn, kind="stable")][:LENGTH])
        found.append(mine)
    return found


def adapt_sequences(task: Task, sequences: list[Rows], expectation: Expectation) -> list[Floats]:
    """Return the log posteriors of each recording of sequences, given the ones before it."""
    found = [task.plain[rows].copy() for rows in sequences]
    for place in range(1, max(map(len, sequences))):
        known = [number for number, rows in enumerate(sequences) if len(rows) > place]
        latest = slice(max(0, place - MOST_OWN), place + 1)
        group = np.stack([sequences[number][latest] for number in known])
        answers = task.places.adapt(
            task.contrasts[group], task.plain[group], task.labels, expectation, speaker=False
        )
        for number, answer in zip(known, answers[:, -1], strict=True):
            found[number][place] = answer
    return found


def find_parts(sequences: list[Rows]) -> dict[str, NDArray[np.bool_]]:
    """Mark for each part of `PARTS` the recordings of the joined sequences that lie in it."""
    place = np.concatenate([np.arange(len(rows)) for rows in sequences])
    third = np.concatenate([np.arange(len(rows)) * 3 // len(rows) for rows in sequences])
    return dict(zip(PARTS, (place < FIRST, third == 0, third == 1, third == 2), strict=True))


def measure_streams(task: Task, settings: Mapping[str, Expectation]) -> dict[str, Any]:
    """Measure sequences without adaptation and under each expectation, by part and content.

    Args:
        task: the tested recordings, by a model that did not hear the corpus.
        settings: setting of each expectation, chosen without the corpus.
    """
    result: dict[str, Any] = {}
    for content in ("neutral", "mixed"):
        drawn = [draw_sequences(task, content, draw) for draw in range(DRAWS)]
        every = [rows for sequences in drawn for rows in sequences]
        joined, parts = np.concatenate(every), find_parts(every)
        for name in ("nothing", *dict.fromkeys((content, "unknown"))):
            if name == "nothing":
                answers = plain(task, joined)
            else:
                found = adapt_sequences(task, every, settings[name])
                answers = Answers(task, joined, np.concatenate(found))
            result[f"{content} / {name}"] = {
                part: {"ua": some.ua, "right": some.right}
                for part, chosen in parts.items()
                for some in [Answers(task, joined[chosen], answers.log_posteriors[chosen])]
            }
    return result
