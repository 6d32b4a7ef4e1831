"""Heads, groups and calibration of `benchmarks/adaptation.py`."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.adaptation_study.answers import Answers, Task, calibrate
from benchmarks.adaptation_study.heads import balance, fit_logistic
from benchmarks.adaptation_study.trials import Kind, draw_groups
from sklearn.linear_model import LogisticRegression

from serenade.adaptation import Places


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
