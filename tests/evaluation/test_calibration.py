"""Tests of calibration, by hand and on simulated probabilities."""

import numpy as np
import pytest

from serenade.evaluation import LabelledPrediction, calibration_error
from serenade.evaluation._calibration import compute_reliability, get_confidence


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
