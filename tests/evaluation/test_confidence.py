import dataclasses
import warnings

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from serenade.evaluation import LabelledPrediction, calibration_error, evaluate
from serenade.evaluation._confidence import (
    compute_area,
    compute_reliability,
    compute_risk_coverage,
    draw_risk_coverage,
    get_confidence,
    list_accuracies,
)


def test_compute_reliability_and_calibration_error_equal_a_calculation_by_hand():
    found = [0.9, 0.9, 0.6], [True, False, True]
    low, high = compute_reliability(*found, bins=10)
    assert (low.count, low.confidence, low.accuracy) == (1, 0.6, 1.0)
    assert (high.count, high.confidence, high.accuracy) == (2, 0.9, 0.5)
    assert calibration_error(*found, bins=10) == pytest.approx((0.4 + 2 * 0.4) / 3)


def test_compute_reliability_puts_edges_into_the_lower_bin():
    assert [one.count for one in compute_reliability([1.0, 0.5], [True, True], 2)] == [1, 1]


def test_calibration_error_is_small_for_calibrated_probabilities_only():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 20_000)
    correct = rng.random(20_000) < confidence
    assert calibration_error(confidence, correct) < 0.015
    assert calibration_error(np.minimum(1, confidence + 0.2), correct) > 0.1


def test_get_confidence_returns_highest_probabilities_and_hits():
    label = ("a.wav", 0.0, None, "s", "angry")
    found = [
        LabelledPrediction(*label, "angry", (0.9, 0.1)),
        LabelledPrediction(*label, "sad", (0.2, 0.8)),
    ]
    assert get_confidence(found) == ([0.9, 0.8], [True, False])


@pytest.fixture
def report(make_corpus):
    return evaluate(
        lambda seed: DummyClassifier(strategy="stratified", random_state=seed),
        make_corpus(4),
        "loso",
    )


def test_compute_risk_coverage_counts_errors_of_the_most_confident():
    rng = np.random.default_rng(0)
    confidence, correct = rng.random(40), rng.random(40) < 0.6
    order = np.argsort(-confidence)
    expected = [1 - correct[order[:n]].mean() for n in range(1, 41)]
    risk = compute_risk_coverage(confidence, correct)
    np.testing.assert_allclose(risk, expected)
    assert compute_area(risk) == pytest.approx(np.mean(expected))
    assert list_accuracies(risk)[0] == (1.0, pytest.approx(correct.mean()))
    assert list_accuracies(risk)[2] == (0.5, pytest.approx(1 - expected[19]))


def test_equal_confidences_share_their_errors():
    one = compute_risk_coverage([0.5] * 4, [True, True, False, False])
    other = compute_risk_coverage([0.5] * 4, [False, True, False, True])
    np.testing.assert_allclose(one, 0.5)
    np.testing.assert_allclose(other, 0.5)


def test_reports_show_the_curve_and_its_area(report):
    risk = compute_risk_coverage(
        [max(one.probabilities) for one in report.predictions],
        [one.predicted == one.reference for one in report.predictions],
    )
    area = f"{compute_area(risk):.3f}"
    assert f"area under the risk-coverage curve {area}; accuracy" in report.to_markdown()
    assert report._repr_html_().count("<svg") == 2
    assert f"area {area}" in draw_risk_coverage(report).axes[0].get_title()


def test_figures_of_labels_in_any_script_give_no_warnings(report, tmp_path):
    names = dict(zip(report.labels, ("嬉しい", "슬픔", "愤怒", "neutral"), strict=False))
    renamed = dataclasses.replace(
        report,
        labels=tuple(names[label] for label in report.labels),
        predictions=tuple(
            dataclasses.replace(one, reference=names[one.reference], predicted=names[one.predicted])
            for one in report.predictions
        ),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        renamed.to_figures(tmp_path)
        renamed._repr_html_()
