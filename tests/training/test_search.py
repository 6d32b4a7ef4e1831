"""Choice on held-out speakers, and importance of groups of features."""

import dataclasses
from typing import ClassVar

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from serenade.errors import SerenadeError
from serenade.features import MFCC40, Feature
from serenade.systems import System
from serenade.training import Estimator, measure_importance
from serenade.training._search import choose_on_held_out, fit_copies


class Nearest(KNeighborsClassifier):
    """Classifier that takes weights and ignores them."""

    def fit(self, X, y, sample_weight=None):  # noqa: ARG002
        return super().fit(X, y)


@pytest.fixture
def voices():
    """Return clips with the emotion in one weak direction and the speaker in strong ones."""
    rng = np.random.default_rng(0)
    speakers = np.repeat(np.arange(8).astype(str), 20)
    labels = np.where(rng.random(160) < 0.5, "angry", "sad")
    X = rng.standard_normal((160, 2)).astype(np.float32)
    X[:, 0] += 3 * (labels == "sad")
    X[:, 1] = 100 * speakers.astype(int)
    return X, labels, speakers


def test_choose_on_held_out_rejects_memorised_speakers(voices):
    X, labels, speakers = voices
    memory = make_pipeline(StandardScaler(), Nearest(1))
    linear = make_pipeline(StandardScaler(), LogisticRegression())
    weights = np.ones(len(labels))
    # Only the speakers' own column is scaled up enough for the nearest neighbour to see it alone.
    best = choose_on_held_out([memory, linear], [X], labels, speakers, weights)
    assert isinstance(best[-1], LogisticRegression)
    assert not hasattr(best[-1], "coef_")


def test_choose_on_held_out_refuses_a_single_speaker(voices):
    X, labels, _ = voices
    linear = make_pipeline(StandardScaler(), LogisticRegression())
    alone = np.full(len(labels), "s1")
    with pytest.raises(SerenadeError, match=r"two training speakers .*; give more speakers"):
        choose_on_held_out([linear, linear], [X], labels, alone, np.ones(len(labels)))


def test_choose_on_held_out_holds_out_copies_with_their_clips(voices):
    """Copies that contain the label do not help, because they are never scored."""
    X, labels, speakers = voices
    told = X.copy()
    told[:, 0] = 100.0 * (labels == "sad")
    sizes = []

    class Counting(LogisticRegression):
        def fit(self, X, y, sample_weight=None):
            sizes.append(len(y))
            return super().fit(X, y, sample_weight)

    candidates = [make_pipeline(StandardScaler(), Counting())] * 2
    choose_on_held_out(candidates, [X, told], labels, speakers, np.ones(len(labels)))
    assert max(sizes) <= 2 * 140
    assert len(sizes) == 10


def test_fit_copies_weighs_copies_as_their_clips(voices):
    X, labels, _ = voices
    weights = np.where(labels == "sad", 2.0, 1.0)
    both = fit_copies(make_pipeline(LogisticRegression(C=0.01)), [X, X], labels, weights)
    twice = LogisticRegression(C=0.02).fit(X, labels, sample_weight=weights)
    np.testing.assert_allclose(both[-1].coef_, twice.coef_, rtol=1e-3, atol=1e-5)


@dataclasses.dataclass(frozen=True)
class Named(Feature):
    """Two columns about the level of a voice, and two that say nothing."""

    names = ("level_mean", "level_again", "noise_one", "noise_two")

    def __call__(self, signal, sampling_rate):  # noqa: ARG002
        level = np.log(np.mean(signal**2))
        noise = np.random.default_rng(int(1e6 * abs(signal).sum())).standard_normal(2)
        return np.float32([[level, level, *noise]])


@dataclasses.dataclass(frozen=True)
class NamedRecipe:
    frames: bool = False
    copies: int = 0
    balance: float = 0.0


class NamedSystem(System):
    name = "named"
    recipes: ClassVar = {"default": NamedRecipe()}

    def features(self, recipe):
        return (MFCC40() if recipe.frames else Named(),)

    def classifiers(self, recipe, seed):  # noqa: ARG002
        return [make_pipeline(StandardScaler(), LogisticRegression(C=0.1))]


def test_measure_importance_exchanges_the_columns_of_a_group_together(corpus):
    part = corpus.select(labels=("angry", "sad"))
    X, y = part.table.drop(columns="emotion"), part.table["emotion"].to_numpy(dtype=str)
    estimator = Estimator(NamedSystem()).fit(X, y)
    found = measure_importance(estimator, X, y, repeats=20)
    assert list(found) == ["level", "noise"]
    assert found["level"].mean > 0.25
    assert abs(found["noise"].mean) < 0.15
    assert measure_importance(estimator, X, y, repeats=20) == found
    alone = measure_importance(estimator, X, y, group=str, repeats=20)
    assert set(alone) == set(Named.names)
    assert max(one.mean for one in alone.values()) < found["level"].mean  # the other replaces it
    frames = Estimator(NamedSystem(), NamedRecipe(frames=True))
    with pytest.raises(SerenadeError, match="named: its features have several rows"):
        measure_importance(frames, X, y)
