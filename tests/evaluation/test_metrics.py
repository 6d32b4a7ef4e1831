"""Scores against scikit-learn and audmetric, and what happens at the edges."""

from __future__ import annotations

import math

import audmetric
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from sklearn import metrics as sk

from serenade._concordance import (
    VALUE_SCORES,
    compute_concordance,
    list_divergences,
    list_moments,
)
from serenade.errors import EvaluationError
from serenade.evaluation import _metrics

LABELS = ("angry", "happy", "neutral", "sad")
PAIRS = st.lists(
    st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=1, max_size=60
)


@given(PAIRS)
def test_metrics_equal_scikit_learn(pairs):
    reference, predicted = map(list, zip(*pairs, strict=True))
    present = sorted(set(reference))
    expected = {
        # Recall over the classes of the reference is UA, whatever else was predicted.
        "unweighted_accuracy": sk.recall_score(
            reference, predicted, labels=present, average="macro", zero_division=0
        ),
        "weighted_accuracy": sk.accuracy_score(reference, predicted),
        "f1_macro": sk.f1_score(reference, predicted, average="macro", zero_division=0),
        "f1_weighted": sk.f1_score(reference, predicted, average="weighted", zero_division=0),
    }
    for name, value in expected.items():
        for labels in (None, LABELS):
            assert getattr(_metrics, name)(reference, predicted, labels) == pytest.approx(value)


@given(PAIRS)
def test_confusion_and_recalls_keep_the_order_of_labels(pairs):
    reference, predicted = map(list, zip(*pairs, strict=True))
    labels = LABELS[::-1]
    ours = _metrics.confusion(reference, predicted, labels)
    assert ours.dtype == np.int64
    np.testing.assert_array_equal(ours, sk.confusion_matrix(reference, predicted, labels=labels))
    for label, recall in zip(labels, _metrics.recalls(reference, predicted, labels), strict=True):
        if label in reference:
            right = [p == label for r, p in pairs if r == label]
            assert recall == pytest.approx(np.mean(right))
        else:
            assert math.isnan(recall)


def test_metrics_equal_audmetric():
    rng = np.random.default_rng(0)
    reference, predicted = rng.choice(LABELS, 200), rng.choice(LABELS, 200)
    assert _metrics.unweighted_accuracy(reference, predicted) == pytest.approx(
        audmetric.unweighted_average_recall(reference, predicted)
    )
    assert _metrics.weighted_accuracy(reference, predicted) == pytest.approx(
        audmetric.accuracy(reference, predicted)
    )
    assert _metrics.f1_macro(reference, predicted) == pytest.approx(
        audmetric.unweighted_average_fscore(reference, predicted)
    )


def test_metrics_accept_numbers_series_and_lists():
    expected = _metrics.weighted_accuracy([2, 10, 2], [2, 2, 2])
    assert expected == pytest.approx(2 / 3)
    assert _metrics.weighted_accuracy(np.array([2, 10, 2]), pd.Series([2, 2, 2])) == expected
    assert _metrics.list_labels([10, 2]) == (2, 10)


@pytest.mark.parametrize(
    ("reference", "predicted", "labels", "says"),
    [
        ([], [], None, "no items"),
        (["a"], ["a", "b"], None, "1 reference labels but 2 predicted"),
        (["a", None], ["a", "a"], None, "reference: no label at 1 of 2 items.* position 1"),
        (["a", "b"], ["a", math.nan], None, "predicted: no label at 1 of 2"),
        (["a"], ["tired"], ("a", "b"), "predicted: 'tired' not among the labels 'a', 'b'"),
        (["a"], ["a"], ("a", "a"), "give each once"),
    ],
)
def test_confusion_rejects_invalid_labels(reference, predicted, labels, says):
    with pytest.raises(EvaluationError, match=says):
        _metrics.unweighted_accuracy(reference, predicted, labels)


def test_scores_accept_many_matrices():
    rng = np.random.default_rng(1)
    many = rng.integers(0, 3, size=(50, 4, 4))
    many[0], many[1, 2] = 0, 0
    for name, score in _metrics.SCORES.items():
        together = score(many)
        assert together.shape == (50,)
        assert together[0] == 0, name
        np.testing.assert_allclose(together, [score(one) for one in many])


@given(st.integers(2, 30), st.floats(-3, 3), st.floats(0, 2), st.integers(0, 99))
def test_value_scores_are_audmetrics_and_concordance_is_bounded_by_pearson(n, shift, noise, seed):
    rng = np.random.default_rng(seed)
    truth = rng.normal(1000, 2, (n, 1))
    found = 0.7 * truth + shift + noise * rng.normal(size=(n, 1))
    sums = list_moments(truth, found).sum(axis=0)
    scores = {name: float(compute(sums)) for name, compute in VALUE_SCORES.items()}
    pair = truth.ravel(), found.ravel()
    assert scores["ccc"] == pytest.approx(audmetric.concordance_cc(*pair), abs=1e-6)
    assert scores["pearson"] == pytest.approx(audmetric.pearson_cc(*pair), abs=1e-6)
    assert scores["mae"] == pytest.approx(audmetric.mean_absolute_error(*pair), abs=1e-9)
    assert abs(scores["ccc"]) <= abs(scores["pearson"]) + 1e-9
    assert compute_concordance(found, truth) == pytest.approx(scores["ccc"], abs=1e-9)
    assert compute_concordance(truth, truth) == pytest.approx(1)


def test_concordance_is_that_of_a_worked_example_and_zero_without_variance():
    # Means 2 and 3, variances 2/3, covariance 2/3: 2 * 2/3 / (4/3 + 1).
    assert compute_concordance([[1], [2], [3]], [[2], [3], [4]]) == pytest.approx(4 / 7)
    assert compute_concordance([[1], [1]], [[1], [1]]) == 0


@given(st.integers(0, 99))
def test_list_divergences_gives_the_squared_distance_of_scipy_and_is_symmetric(seed):
    one, other = np.random.default_rng(seed).dirichlet([0.3] * 4, (2, 5))
    found = list_divergences(one, other)[:, 1]
    np.testing.assert_allclose(found, jensenshannon(one, other, base=2, axis=1) ** 2, atol=1e-9)
    np.testing.assert_allclose(found, list_divergences(other, one)[:, 1], atol=1e-12)
    np.testing.assert_allclose(list_divergences(one, one)[:, 1], 0, atol=1e-12)
