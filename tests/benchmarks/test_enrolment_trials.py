"""Enrolment curves, on features made so that the answer is known."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from benchmarks.enrolment_trials import Condition, Trials, enrolment_trials
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from serenade.errors import EvaluationError
from serenade.systems import get
from serenade.training import Estimator
from serenade.training._clips import Clips

CONDITIONS = [Condition("none", 0), Condition("neutral", 3), Condition("mixed", 10)]


class Made(Estimator):
    """An estimator whose features are columns of the table: speakers differ more than emotions."""

    def clips(self, rows, y, copies):  # noqa: ARG002
        matrix = rows[["a", "b"]].to_numpy(np.float32)
        labels = np.asarray(y, dtype=str)
        streams = ([row[None] for row in matrix],)
        return Clips(streams, labels, np.ones(len(labels)), rows["speaker"].to_numpy(dtype=str))


@dataclasses.dataclass(frozen=True)
class Recipe:
    copies: int = 0


class Plain(type(get("whisper-probe"))):
    def classifiers(self, recipe, seed):  # noqa: ARG002
        return [make_pipeline(StandardScaler(), LogisticRegression())]


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    labels = np.tile(["angry", "neutral", "sad"], 160)
    speakers = np.repeat(np.arange(12), 40).astype(str)
    centres = np.repeat(6 * rng.standard_normal((12, 2)), 40, axis=0)
    offsets = {"angry": (2, 0), "neutral": (0, 0), "sad": (0, 2)}
    rows = centres + np.array([offsets[label] for label in labels])
    rows += 0.7 * rng.standard_normal(rows.shape)
    files = [f"{number}.wav" for number in range(480)]
    index = pd.MultiIndex.from_product(
        [files, [pd.Timedelta(0)], [pd.NaT]], names=["file", "start", "end"]
    )
    columns = {"a": rows[:, 0], "b": rows[:, 1], "speaker": speakers}
    frame = pd.DataFrame(columns, index=index)
    return frame, labels


@pytest.fixture(scope="module")
def trials(table):
    X, y = table
    number = X["speaker"].astype(int).to_numpy()
    folds = [(np.flatnonzero(number % 3 != f), np.flatnonzero(number % 3 == f)) for f in range(3)]
    return enrolment_trials(Made(Plain(), Recipe()), X, y, folds, CONDITIONS, draws=3)


def test_enrolment_finds_what_speakers_hide(trials):
    none, neutral, mixed = (trials[condition].ua() for condition in CONDITIONS)
    assert none[0] == none[1]
    assert none[2].difference == 0
    assert neutral[0].value > neutral[1].value + 0.1
    assert mixed[0].value > mixed[1].value + 0.2
    assert mixed[2].p < 0.01
    assert mixed[0].clusters == 12


def test_who_was_enrolled_is_not_tested(trials):
    counts = {condition: len(trials[condition].reference) for condition in CONDITIONS}
    assert counts[CONDITIONS[0]] == 12 * 40
    assert counts[CONDITIONS[1]] == 12 * 3 * 37
    assert counts[CONDITIONS[2]] == 12 * 3 * 30
    left = trials[CONDITIONS[1]]
    neutral = (left.reference == "neutral").sum()
    assert neutral == 3 * (160 - 12 * 3)


def test_the_choice_can_be_among_fewer_classes(trials):
    found = trials[CONDITIONS[2]]
    enrolled, _, _ = found.ua(["angry", "sad"])
    assert enrolled.value > found.ua()[0].value
    flat = Trials(found.reference, found.speakers, found.plain, found.plain, found.classes)
    assert flat.ua()[0] == flat.ua()[1]


def test_a_speaker_on_both_sides_is_refused(table):
    X, y = table
    rows = np.arange(len(y))
    with pytest.raises(EvaluationError, match="both sides"):
        enrolment_trials(Made(Plain(), Recipe()), X, y, [(rows, rows[:40])], CONDITIONS)
