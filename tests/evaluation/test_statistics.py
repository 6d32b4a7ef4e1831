"""Intervals that cover what they say, and tests that reject as often as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from serenade._concordance import VALUE_SCORES, list_moments
from serenade.errors import EvaluationError
from serenade.evaluation import (
    _metrics,
    _statistics,
    adjust_p_values,
    compute_intervals,
    mcnemar,
    paired_permutation,
)
from serenade.evaluation._statistics import (
    Answers,
    bootstrap_scores,
    compute_difference,
    describe_limits,
    sum_by_speaker,
)

CLASSES = 4
BASE = np.linspace(-0.5, 1.5, CLASSES)
SPREAD = 0.6  # of speakers, and of a speaker's classes, on the logit scale


def _corpus(rng, speakers, per_class=8):
    """Draw predictions whose recalls differ by speaker; return reference, predicted and speaker."""
    logit = BASE + rng.normal(0, SPREAD, (speakers, 1)) + rng.normal(0, SPREAD, (speakers, CLASSES))
    recall = 1 / (1 + np.exp(-logit))[..., None]
    shape = (speakers, CLASSES, per_class)
    reference = np.broadcast_to(np.arange(CLASSES)[:, None], shape)
    wrong = (reference + rng.integers(1, CLASSES, shape)) % CLASSES
    predicted = np.where(rng.random(shape) < recall, reference, wrong)
    who = np.broadcast_to(np.arange(speakers)[:, None, None], shape)
    return reference.ravel(), predicted.ravel(), who.ravel()


def _true_ua():
    """Compute the UA over all possible speakers, by quadrature over the normal."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    logit = BASE[:, None] + SPREAD * math.sqrt(2) * nodes
    return float(((1 / (1 + np.exp(-logit))) @ weights / weights.sum()).mean())


def _coverage(speakers, method, trials=400):
    rng, truth = np.random.default_rng(speakers), _true_ua()
    hits = 0
    for _ in range(trials):
        reference, predicted, who = _corpus(rng, speakers)
        by = None if method == "items" else who
        kind = "percentile" if method == "items" else method
        one = compute_intervals(
            reference,
            predicted,
            by,
            labels=range(CLASSES),
            scores=("ua",),
            method=kind,
            resamples=600,
        )["ua"]
        hits += one.low <= truth <= one.high
    return hits / trials


# 400 trials of a true 0.95 lie within 0.95 ± 0.033 (three standard errors).
@pytest.mark.parametrize("speakers", [10, 24])
def test_compute_intervals_reaches_its_nominal_coverage(speakers):
    assert 0.917 <= _coverage(speakers, "expanded") <= 0.983


def test_compute_intervals_over_items_is_too_narrow():
    assert _coverage(24, "items", trials=150) < 0.85


def test_compute_intervals_widens_percentiles_for_few_speakers():
    assert _coverage(6, "percentile", 200) < _coverage(6, "expanded", 200)


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_compute_intervals_equals_scipy_bootstrap_for_equal_speakers(method):
    # With equal speakers WA is the mean of the speakers' accuracies, which SciPy can resample.
    # Two bad speakers make the scores skew, so that BCa is far from percentiles.
    right = np.arange(20) < np.array([20, 20, 19, 20, 18, 20, 19, 20, 20, 19, 9, 4])[:, None]
    reference = np.ones(right.size, int)
    one = compute_intervals(
        reference,
        right.ravel().astype(int),
        np.repeat(np.arange(12), 20),
        labels=(0, 1),
        scores=("wa",),
        method=method,
        resamples=20_000,
    )["wa"]
    theirs = stats.bootstrap(
        (right.mean(axis=1),),
        np.mean,
        n_resamples=20_000,
        method="BCa" if method == "bca" else method,
        random_state=np.random.default_rng(0),
    ).confidence_interval
    assert (one.low, one.high) == pytest.approx((theirs.low, theirs.high), abs=0.0075)
    assert one.value == pytest.approx(right.mean())


def test_compute_intervals_keeps_the_scores_of_all_items():
    rng = np.random.default_rng(0)
    reference, who = rng.integers(0, 8, 1440), np.repeat(np.arange(24), 60)
    predicted = np.where(rng.random(1440) < 0.7, reference, rng.integers(0, 8, 1440))
    found = compute_intervals(reference, predicted, who)
    for name, score in _metrics.SCORES.items():
        assert found[name].value == pytest.approx(
            float(score(_metrics.confusion(reference, predicted)))
        )
        assert found[name].low < found[name].value < found[name].high
    assert found == compute_intervals(reference, predicted, who)
    assert found != compute_intervals(reference, predicted, who, seed=1)


def test_compute_intervals_leaves_absent_classes_out_of_ua():
    # One speaker says only "a" (all right), the other only "b" (all wrong): draws of one
    # speaker twice score 1 or 0, not halves of them.
    found = compute_intervals("aabb", "aaaa", [1, 1, 2, 2], method="percentile")["ua"]
    assert (found.low, found.value, found.high) == (0.0, 0.5, 1.0)


def test_describe_limits_warns_of_few_speakers():
    reference, predicted, who = _corpus(np.random.default_rng(0), 24)
    assert describe_limits(compute_intervals(reference, predicted, who)["ua"]) == ""
    four = who < 4
    assert "only 4 speakers" in describe_limits(
        compute_intervals(reference[four], predicted[four], who[four])["ua"]
    )
    alone = compute_intervals(reference[who == 0], predicted[who == 0], who[who == 0])["ua"]
    assert math.isnan(alone.low)
    assert math.isnan(alone.high)
    assert "one speaker" in describe_limits(alone)


@pytest.mark.parametrize("method", ["percentile", "expanded", "bca"])
def test_compute_intervals_of_a_perfect_system_has_no_width(method):
    one = compute_intervals("abab", "abab", [1, 1, 2, 2], method=method)["ua"]
    assert (one.low, one.value, one.high) == (1, 1, 1)


def test_compute_intervals_over_items_equals_the_binomial():
    rng = np.random.default_rng(0)
    right = (rng.random(2000) < 0.7).astype(int)
    one = compute_intervals(np.ones(2000, int), right, None, scores=("wa",), labels=(0, 1))["wa"]
    error = 1.96 * math.sqrt(right.mean() * (1 - right.mean()) / 2000)
    assert (one.low, one.high) == pytest.approx(
        (right.mean() - error, right.mean() + error), abs=0.003
    )
    assert one.clusters == 2000


@pytest.mark.parametrize(
    ("speakers", "settings", "says"),
    [
        ([1], {}, "1 speakers for 2 items"),
        (["x", None], {}, "speakers: no label at 1 of 2"),
        ([1, 2], {"scores": ("auc",)}, "choose from ua, wa"),
        ([1, 2], {"method": "basic"}, "choose from percentile"),
    ],
)
def test_compute_intervals_rejects_invalid_input(speakers, settings, says):
    with pytest.raises(EvaluationError, match=says):
        compute_intervals("ab", "ab", speakers, **settings)


def test_paired_permutation_counts_all_exchanges_of_few_speakers():
    rng = np.random.default_rng(2)
    reference, first, who = _corpus(rng, 6)
    second = np.where(rng.random(len(first)) < 0.1, reference, first)
    found = paired_permutation(reference, first, second, who)
    assert found.exact
    differences = []
    for number in range(2**6):
        swap = (number >> who) & 1 == 1
        one, other = np.where(swap, second, first), np.where(swap, first, second)
        differences.append(
            _metrics.unweighted_accuracy(reference, one)
            - _metrics.unweighted_accuracy(reference, other)
        )
    assert found.difference == pytest.approx(differences[0])
    expected = np.mean(np.abs(differences) >= abs(differences[0]) - 1e-9)
    assert found.p == pytest.approx(expected)
    sampled = paired_permutation(reference, first, second, who, permutations=50)
    assert not sampled.exact
    assert sampled.p == pytest.approx(found.p, abs=0.15)


def test_paired_permutation_rejects_equal_systems_one_time_in_twenty():
    rng, p = np.random.default_rng(4), []
    for _ in range(300):
        reference, first, who = _corpus(rng, 10, per_class=3)
        noise = rng.random(len(first)) < 0.3
        second = np.where(noise, rng.permutation(first), first)
        # Which is called first is chance, so neither is better.
        swap = rng.random(10)[who] < 0.5
        first, second = np.where(swap, second, first), np.where(swap, first, second)
        p.append(paired_permutation(reference, first, second, who).p)
    # Three standard errors of 0.05 in 300 trials.
    assert np.mean(np.array(p) <= 0.05) < 0.05 + 0.038
    assert 0.4 < np.mean(p) < 0.65


def test_paired_permutation_of_a_system_with_itself_has_p_one():
    reference, first, who = _corpus(np.random.default_rng(0), 5)
    assert paired_permutation(reference, first, first, who)[:2] == (0, 1)
    with pytest.raises(EvaluationError, match="choose from ua"):
        paired_permutation(reference, first, first, who, score="auc")


@pytest.mark.parametrize(("one", "other"), [(0, 0), (5, 0), (3, 9), (40, 70)])
def test_mcnemar_equals_the_binomial_tail(one, other):
    reference = ["a"] * (one + other + 7)
    first = ["a"] * one + ["b"] * other + ["a"] * 7
    second = ["b"] * one + ["a"] * other + ["a"] * 7
    tail = stats.binom.cdf(min(one, other), one + other, 0.5)
    assert mcnemar(reference, first, second) == (one, other, pytest.approx(min(1, 2 * tail)))


def test_mcnemar_rejects_unequal_numbers_of_labels():
    with pytest.raises(EvaluationError, match="2, 2, 1 labels"):
        mcnemar("aa", "aa", "a")


def test_adjust_p_values_equals_the_steps_of_holm():
    rng = np.random.default_rng(0)
    for _ in range(50):
        p = rng.random(rng.integers(1, 8)) ** 3
        for alpha in (0.01, 0.05, 0.2):
            rejected = np.zeros(len(p), bool)
            for step, place in enumerate(np.argsort(p)):
                if p[place] > alpha / (len(p) - step):
                    break
                rejected[place] = True
            np.testing.assert_array_equal(adjust_p_values(p) <= alpha, rejected)
    assert adjust_p_values([]).shape == (0,)
    # A comparison of values has no test of McNemar, and does not count among the others.
    np.testing.assert_allclose(adjust_p_values([math.nan, 0.01, 0.04]), [math.nan, 0.02, 0.04])


def test_compute_difference_draws_the_same_speakers_for_the_same_items():
    rng = np.random.default_rng(5)
    reference, predicted, who = _corpus(rng, 12)
    worse = np.where(rng.random(len(predicted)) < 0.2, (reference + 1) % CLASSES, predicted)
    one, other = Answers(reference, worse, who), Answers(reference, predicted, who)
    labels = range(CLASSES)
    paired, free = (compute_difference(one, other, labels, paired=same) for same in (True, False))
    ua = [compute_intervals(*each, labels=labels)["ua"] for each in (one, other)]
    assert paired.value == free.value == pytest.approx(ua[0].value - ua[1].value)
    assert paired.low < paired.value < paired.high < 0
    assert paired.high - paired.low < 0.7 * (free.high - free.low)
    spread = math.hypot(*(each.high - each.low for each in ua))
    assert free.high - free.low == pytest.approx(spread, rel=0.1)
    alone = Answers(reference[who == 0], predicted[who == 0], who[who == 0])
    assert math.isnan(compute_difference(one, alone, labels, paired=False).low)


def test_bootstrap_of_values_covers_the_concordance_of_the_population():
    rng = np.random.default_rng(0)
    hits, trials = 0, 120
    # Predictions are the truth less 0.5, plus the speaker's own shift and noise: 2 / (2 + 1.5).
    for _ in range(trials):
        who = np.repeat(np.arange(12), 20)
        truth = rng.normal(0, 1, (240, 1))
        found = truth - 0.5 + rng.normal(0, 0.5, (12, 1))[who] + rng.normal(0, 1, (240, 1))
        sums = sum_by_speaker(list_moments(truth, found), who)
        one = bootstrap_scores(sums, {"ccc": VALUE_SCORES["ccc"]}, resamples=500)["ccc"]
        hits += one.low <= 2 / (1 + 2.25 + 0.25) <= one.high
    assert 0.88 <= hits / trials <= 1


def test_single_items_are_drawn_in_blocks_with_the_same_result(monkeypatch):
    items = list_moments(np.arange(40.0)[:, None], np.arange(40.0)[:, None] % 7)
    given = {"mae": VALUE_SCORES["mae"]}
    whole = bootstrap_scores(items, given, resamples=300)
    monkeypatch.setattr(_statistics, "_DRAWN", 400)
    assert bootstrap_scores(items, given, resamples=300) == whole
