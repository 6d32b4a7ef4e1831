"""Parts of `benchmarks/adaptation.py`, and the curves of `benchmarks/enrolment.py`."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from benchmarks.adaptation_study.answers import Answers, Kind, Task, calibrate, draw_groups
from benchmarks.adaptation_study.heads import balance, fit_logistic
from benchmarks.enrolment import Condition, Trials, enrolment_trials
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from serenade.adaptation import Places
from serenade.errors import EvaluationError
from serenade.systems import get
from serenade.training import Estimator
from serenade.training._clips import Clips


def test_balance_gives_classes_equal_totals():
    y = np.array(["angry", "angry", "angry", "neutral", "neutral"])
    weights = balance(y, np.array(["one", "one", "two", "two", "two"]))
    assert weights[y == "angry"].sum() == pytest.approx(weights[y == "neutral"].sum())


@pytest.mark.parametrize("kind", [Kind("corpus", 7), Kind("speaker", 7)])
def test_draw_groups_scores_every_recording_once(kind):
    speakers = np.repeat(["one", "two"], 12)
    groups = draw_groups(kind, np.arange(24), np.full(24, "sad"), speakers, 0)
    scored = np.concatenate([rows[mask] for rows, mask in groups])
    assert sorted(scored) == list(range(24))
    assert all(len(set(rows)) == len(rows) == 7 for rows, _ in groups)


def test_fit_logistic_agrees_with_scikit_learn():
    rng = np.random.default_rng(0)
    Z, weights = rng.standard_normal((150, 4)) * [1, 2, 3, 10], rng.uniform(0.5, 2, 150)
    y = np.array(["angry", "happy", "sad"])[rng.integers(3, size=150)]
    W, bias = fit_logistic(Z, y, ("angry", "happy", "sad"), weights, 0.1)
    other = LogisticRegression(C=0.1, tol=1e-8, max_iter=1000).fit(Z, y, sample_weight=weights)
    np.testing.assert_allclose(W, other.coef_.T, atol=1e-3)
    np.testing.assert_allclose(bias - bias.mean(), other.intercept_, atol=1e-3)


def test_calibrate_gives_corpora_equal_weight():
    places = Places(np.zeros(1), np.zeros((2, 1)), np.eye(1), np.eye(1))
    y, labels = np.array(["angry", "angry", "angry", "sad"]), ("angry", "sad")
    logs = np.log(np.tile([0.8, 0.2], (4, 1)))
    task = Task(np.arange(4), y, np.full(4, "one"), labels, logs, logs[:, :1], places)
    right, wrong = (Answers(task, np.array(rows), logs[rows]) for rows in ([0, 1, 2], [3]))
    assert calibrate([right], [1.0])["ece"] == pytest.approx(0.2)
    assert calibrate([right, wrong], [1.0, 1.0])["ece"] == pytest.approx(0.3)
    assert calibrate([right, wrong], [1.0, 1.0])["surest_half_gain"] == pytest.approx(0.5)


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
