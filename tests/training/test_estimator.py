"""The estimator keeps scikit-learn's contract and leaks nothing."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, cross_val_predict

from serenade.errors import EmptyFileError
from serenade.training import Estimator
from serenade.training.estimator import cell_weights


@pytest.fixture(scope="module")
def data(corpus):
    return corpus.table.drop(columns="emotion"), corpus.table["emotion"].to_numpy(dtype=str)


def test_scikit_learns_tools_work_on_it(probe, data):
    X, y = data
    estimator = Estimator(*probe, jobs=1)
    copied = clone(estimator)
    assert copied.get_params() == estimator.get_params()
    found = cross_val_predict(
        estimator, X, y, groups=X["speaker"], cv=GroupKFold(4), method="predict_proba"
    )
    assert found.shape == (len(y), 4)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    chosen = np.unique(y)[found.argmax(axis=1)]
    # The synthesiser's emotions differ by design; a figure near chance is a broken pipeline.
    assert np.mean(chosen == y) > 0.5
    assert not hasattr(estimator, "classes_")


def test_the_same_seed_gives_the_same_model(probe, data):
    X, y = data
    one, two = (Estimator(*probe, seed=3, jobs=1).fit(X, y) for _ in range(2))
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))


def test_the_order_of_rows_does_not_matter_to_a_prediction(probe, data):
    X, y = data
    estimator = Estimator(*probe, jobs=1).fit(X, y)
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_allclose(
        estimator.predict_proba(X.iloc[order]), estimator.predict_proba(X)[order]
    )


def test_test_rows_are_not_looked_at_together(probe, data):
    """Without speaker standardisation a recording's posterior is its own affair."""
    X, y = data
    estimator = Estimator(*probe, jobs=1).fit(X, y)
    alone = np.concatenate([estimator.predict_proba(X.iloc[[row]]) for row in range(4)])
    np.testing.assert_allclose(alone, estimator.predict_proba(X)[:4], atol=1e-6)


def test_speaker_standardisation_removes_what_is_constant_of_a_speaker(probe, data):
    X, _ = data
    estimator = Estimator(*probe, speaker_standardisation=True, jobs=1)
    features = np.random.default_rng(0).standard_normal((len(X), 5)).astype(np.float32)
    shifted = features + 3 * pd.factorize(X["speaker"])[0][:, None].astype(np.float32)
    np.testing.assert_allclose(
        estimator._standardised(shifted, X), estimator._standardised(features, X), atol=1e-4
    )
    for speaker in X["speaker"].unique():
        own = estimator._standardised(shifted, X)[(X["speaker"] == speaker).to_numpy()]
        np.testing.assert_allclose(own.mean(axis=0), 0, atol=1e-5)


def test_several_penalties_are_chosen_between(probe, data):
    system, _ = probe
    grid = (1e-4, 1e-3)
    nested = system.recipe("default", copies=0, layers=(1,), C=grid)
    estimator = Estimator(system, nested, jobs=1).fit(*data)
    assert estimator.classifier_[-1].C in grid


def test_a_bad_recording_is_named(probe, data, tmp_path):
    X, y = data
    empty = tmp_path / "empty.wav"
    empty.touch()
    index = X.index.to_frame(index=False)
    index.loc[0, "file"] = str(empty)
    broken = X.set_axis(pd.MultiIndex.from_frame(index))
    with pytest.raises(EmptyFileError, match=r"empty\.wav"):
        Estimator(*probe, jobs=1).fit(broken, y)


def test_cells_of_equal_weight():
    rows = pd.DataFrame({"corpus": ["a", "a", "a", "b"]})
    labels = np.array(["sad", "sad", "angry", "sad"])
    weights = cell_weights(rows, labels, power=1.0)
    np.testing.assert_allclose(weights, np.array([0.5, 0.5, 1, 1]) / 0.75)
    np.testing.assert_allclose(cell_weights(rows, labels, power=0.0), 1)
    np.testing.assert_allclose(
        cell_weights(rows[[]], labels, power=1.0), np.array([1 / 3, 1 / 3, 1, 1 / 3]) * 2
    )
