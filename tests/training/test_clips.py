"""Clips: weights in the loss."""

import numpy as np
import pandas as pd

from serenade.training._clips import compute_weights


def test_compute_weights_balances_emotions_of_each_corpus():
    rows = pd.DataFrame({"corpus": ["a", "a", "a", "b"]})
    labels = np.array(["sad", "sad", "angry", "sad"])
    weights = compute_weights(rows, labels, power=1.0)
    np.testing.assert_allclose(weights, np.array([0.5, 0.5, 1, 1]) / 0.75)
    np.testing.assert_allclose(compute_weights(rows, labels, power=0.0), 1)
    np.testing.assert_allclose(
        compute_weights(rows[[]], labels, power=1.0), np.array([1 / 3, 1 / 3, 1, 1 / 3]) * 2
    )
