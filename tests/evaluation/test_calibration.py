"""Calibration by hand, and of probabilities that are right as often as they say."""

import numpy as np
import pytest

from serenade.evaluation import Prediction
from serenade.evaluation._calibration import calibration_error, compute_reliability


def prediction(confidence, right):
    return Prediction(
        "a.wav", 0.0, None, "s", "angry" if right else "sad", "angry", (confidence, 1 - confidence)
    )


def test_by_hand():
    found = [prediction(0.9, True), prediction(0.9, False), prediction(0.6, True)]
    low, high = compute_reliability(found, bins=10)
    assert (low.count, low.confidence, low.accuracy) == (1, 0.6, 1.0)
    assert (high.count, high.confidence, high.accuracy) == (2, 0.9, 0.5)
    assert calibration_error(found, bins=10) == pytest.approx((0.4 + 2 * 0.4) / 3)


def test_edges_belong_to_the_bin_below():
    assert [
        one.count for one in compute_reliability([prediction(1.0, True), prediction(0.5, True)], 2)
    ] == [1, 1]


def test_honest_probabilities_have_no_error():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 20_000)
    right = rng.random(20_000) < confidence
    honest = [prediction(*pair) for pair in zip(confidence, right, strict=True)]
    assert calibration_error(honest) < 0.015
    boasting = [prediction(min(1.0, c + 0.2), r) for c, r in zip(confidence, right, strict=True)]
    assert calibration_error(boasting) > 0.1
