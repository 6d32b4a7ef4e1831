"""What the Speech2Vec benchmark measures."""

import numpy as np
import pytest

pytest.importorskip("torch")
metrics = pytest.importorskip("sklearn.metrics")

from benchmarks.speech2vec import same_different  # noqa: E402


def test_the_area_is_scikit_learns_over_pairs_of_different_groups():
    rng = np.random.default_rng(0)
    words, groups = rng.choice(list("abc"), 40), rng.choice(list("xyz"), 40)
    vectors = rng.standard_normal((40, 5)) + (words == "a")[:, None]
    found = same_different(vectors, words, groups)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    pairs = [(i, j) for i in range(40) for j in range(i) if groups[i] != groups[j]]
    expected = metrics.roc_auc_score(
        [words[i] == words[j] for i, j in pairs], [unit[i] @ unit[j] for i, j in pairs]
    )
    assert found["auc"] == pytest.approx(expected, abs=1e-9)
    assert found["pairs"] == len(pairs)
    assert found["low"] < found["auc"] < found["high"]
