"""The model of places of `benchmarks/adaptation.py`."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.adaptation_study.heads import balance, fit_means_and_offsets
from benchmarks.adaptation_study.places import Expectation, Places, fit_places, log_normalise
from benchmarks.adaptation_study.trials import Kind, draw_groups

LABELS = ("angry", "neutral", "sad")
MIXED = Expectation(50, softness=0.5, weight=0.6)
CAREFUL = Expectation(2, 0.7, shares=0.5)


@pytest.fixture
def places() -> Places:
    rng = np.random.default_rng(0)
    spread = rng.standard_normal((4, 4))
    return Places(
        rng.standard_normal(4), 3 * rng.standard_normal((3, 4)), np.eye(4), spread @ spread.T
    )


def draw(places: Places, count: int, seed: int = 1, shift: float = 0.0):
    rng = np.random.default_rng(seed)
    kind = rng.integers(3, size=(2, count))
    x = places.centre + places.means[kind] + rng.standard_normal((2, count, 4)) + shift
    basis, _ = places.axes(speaker=True)
    z, means = (x - places.centre) @ basis, places.means @ basis
    return kind, x, log_normalise(z @ means.T - 0.5 * (means**2).sum(axis=1))


@pytest.mark.parametrize("expectation", [MIXED, CAREFUL])
def test_adapt_of_one_recording_is_the_plain_posterior(places, expectation):
    _, x, plain = draw(places, 1)
    found = places.adapt(x, plain, LABELS, expectation, speaker=True)
    np.testing.assert_allclose(found, plain)


@pytest.mark.parametrize("expectation", [MIXED, CAREFUL])
def test_adapt_does_not_depend_on_the_order_of_recordings(places, expectation):
    _, x, plain = draw(places, 9)
    order = np.random.default_rng(2).permutation(9)
    found = places.adapt(x, plain, LABELS, expectation, speaker=True)
    other = places.adapt(x[:, order], plain[:, order], LABELS, expectation, speaker=True)
    np.testing.assert_allclose(other, found[:, order])


def test_adapt_gives_normalised_posteriors(places):
    _, x, plain = draw(places, 7)
    found = places.adapt(x, plain, LABELS, MIXED, speaker=False)
    np.testing.assert_allclose(np.exp(found).sum(axis=-1), 1)


def test_adapt_finds_the_shift_of_a_place(places):
    kind, x, plain = draw(places, 40, shift=2.0)
    found = places.adapt(x, plain, LABELS, MIXED, speaker=True)
    before, after = ((each.argmax(axis=-1) == kind).mean() for each in (plain, found))
    assert after > before


def test_adapt_keeps_known_classes_whatever_the_posteriors_say(places):
    kind, x, plain = draw(places, 12, shift=2.0)
    soft, sure = Expectation(50, softness=0.1), Expectation(1, 0.9, softness=1.0)
    one, other = (
        places.adapt(x, plain, LABELS, each, speaker=True, known=kind) for each in (soft, sure)
    )
    np.testing.assert_allclose(one, other)


def test_fit_places_recovers_means_and_covariances():
    rng = np.random.default_rng(0)
    speakers = np.repeat([f"{i:03}" for i in range(200)], 30)
    corpora = np.where(speakers < "100", "one", "two")
    kind = np.tile(np.arange(3), 2000)
    means = 3 * rng.standard_normal((3, 2))
    offsets = np.repeat(2 * rng.standard_normal((200, 2)), 30, axis=0)
    x = means[kind] + offsets + rng.standard_normal((6000, 2))
    y = np.array(LABELS)[kind]
    found = fit_places(x, y, speakers, corpora, LABELS, balance(y, corpora))
    np.testing.assert_allclose(found.means - found.means[0], means - means[0], atol=0.1)
    np.testing.assert_allclose(found.within, np.eye(2), atol=0.1)
    np.testing.assert_allclose(np.diag(found.between), 4, rtol=0.3)


def test_fit_means_and_offsets_separates_a_class_that_only_one_place_has():
    y = np.array(["angry", "neutral", "neutral", "sad"])
    places = np.array(["one", "one", "two", "two"])
    X = np.array([[1.0], [0.0], [5.0], [7.0]])
    means, offsets, _ = fit_means_and_offsets(X, y, places, LABELS, np.ones(4))
    assert means[0] - means[1] == pytest.approx(1, abs=0.05)
    assert means[2] - means[1] == pytest.approx(2, abs=0.05)
    assert offsets[1] - offsets[0] == pytest.approx(5, abs=0.05)


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
