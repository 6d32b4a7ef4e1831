"""`Places` on simulated places."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest

from serenade.adaptation import (
    Expectation,
    Places,
    fit_means_and_offsets,
    log_normalise,
    make_contrasts,
)

LABELS = ("angry", "neutral", "sad")
MIXED = Expectation(50, softness=0.5, weight=0.6)
CAREFUL = Expectation(2, 0.7, shares=0.5, drift=1.0, trust=0.9)


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
def test_places_adapt_of_one_recording_is_the_plain_posterior(places, expectation):
    _, x, plain = draw(places, 1)
    found = places.adapt(x, plain, LABELS, expectation, speaker=True)
    np.testing.assert_allclose(found, plain)


@pytest.mark.parametrize("expectation", [MIXED, CAREFUL])
def test_places_adapt_does_not_depend_on_the_order_of_recordings(places, expectation):
    _, x, plain = draw(places, 9)
    order = np.random.default_rng(2).permutation(9)
    found = places.adapt(x, plain, LABELS, expectation, speaker=True)
    other = places.adapt(x[:, order], plain[:, order], LABELS, expectation, speaker=True)
    np.testing.assert_allclose(other, found[:, order])


def test_places_adapt_gives_normalised_posteriors(places):
    _, x, plain = draw(places, 7)
    found = places.adapt(x, plain, LABELS, MIXED, speaker=False)
    np.testing.assert_allclose(np.exp(found).sum(axis=-1), 1)


def test_places_adapt_finds_the_shift_of_a_place(places):
    kind, x, plain = draw(places, 40, shift=2.0)
    found = places.adapt(x, plain, LABELS, MIXED, speaker=True)
    before, after = ((each.argmax(axis=-1) == kind).mean() for each in (plain, found))
    assert after > before


def test_places_adapt_finds_the_drift_of_a_class(places):
    kind, x, plain = draw(places, 40)
    drift = 2.5 * np.random.default_rng(3).standard_normal((3, 4))
    x = x + drift[kind]
    still, moved = (
        places.adapt(x, plain, LABELS, Expectation(10, drift=each), speaker=True, known=known)
        for each, known in ((0.0, None), (4.0, np.where(np.arange(40) < 30, kind, -1)))
    )
    before, after = ((each.argmax(axis=-1) == kind)[:, 30:].mean() for each in (still, moved))
    assert after > before


def test_expectation_find_trust_doubts_recordings_of_another_content():
    posteriors = np.full((1, 20, 3), 0.1)
    posteriors[..., LABELS.index("neutral")] = 0.8
    neutral = Expectation(2, 0.7, trust=0.9).find_trust(posteriors, LABELS)
    mixed = Expectation(2, trust=0.9).find_trust(posteriors, LABELS)
    assert neutral.min() > 0.9
    assert mixed.max() < 0.5
    np.testing.assert_allclose(Expectation(2).find_trust(posteriors, LABELS), 1)
    np.testing.assert_allclose(Expectation(2, trust=0.9).find_trust(posteriors[:, :1], LABELS), 0.9)


@pytest.mark.parametrize(
    "changes",
    [
        {"counts": 0},
        {"neutral": 1.0},
        {"weight": 1.5},
        {"drift": -1},
        {"trust": 2},
        {"softness": np.nan},
    ],
)
def test_expectation_refuses_values_out_of_range(changes):
    with pytest.raises(ValueError, match=r"expectation|share"):
        Expectation(**{"counts": 1.0, **changes})


def test_places_adapt_keeps_known_classes_whatever_the_posteriors_say(places):
    kind, x, plain = draw(places, 12, shift=2.0)
    soft, sure = Expectation(50, softness=0.1), Expectation(1, 0.9, softness=1.0)
    one, other = (
        places.adapt(x, plain, LABELS, each, speaker=True, known=kind) for each in (soft, sure)
    )
    np.testing.assert_allclose(one, other)


def test_places_learn_recovers_means_and_covariances():
    rng = np.random.default_rng(0)
    speakers = np.repeat([f"{i:03}" for i in range(200)], 30)
    corpora = np.where(speakers < "100", "one", "two")
    kind = np.tile(np.arange(3), 2000)
    means = 3 * rng.standard_normal((3, 2))
    offsets = np.repeat(2 * rng.standard_normal((200, 2)), 30, axis=0)
    x = means[kind] + offsets + rng.standard_normal((6000, 2))
    y = np.array(LABELS)[kind]
    found = Places.learn(x, y, speakers, corpora, LABELS, np.ones(6000))
    np.testing.assert_allclose(found.means - found.means[0], means - means[0], atol=0.1)
    np.testing.assert_allclose(found.within, np.eye(2), atol=0.1)
    np.testing.assert_allclose(np.diag(found.between), 4, rtol=0.3)


def test_places_learn_is_finite_for_corpora_of_one_speaker():
    rng = np.random.default_rng(0)
    speakers = np.repeat(["a", "b"], 30)
    y = np.tile(np.array(LABELS), 20)
    found = Places.learn(rng.standard_normal((60, 2)), y, speakers, speakers, LABELS, np.ones(60))
    assert np.isfinite(found.between).all()
    assert (np.linalg.eigvalsh(found.between) > 0).all()


def test_fit_means_and_offsets_separates_a_class_that_only_one_place_has():
    y = np.array(["angry", "neutral", "neutral", "sad"])
    places = np.array(["one", "one", "two", "two"])
    X = np.array([[1.0], [0.0], [5.0], [7.0]])
    means, offsets, _ = fit_means_and_offsets(X, y, places, LABELS, np.ones(4))
    assert means[0] - means[1] == pytest.approx(1, abs=0.05)
    assert means[2] - means[1] == pytest.approx(2, abs=0.05)
    assert offsets[1] - offsets[0] == pytest.approx(5, abs=0.05)


def test_places_adapt_changes_almost_nothing_for_one_other_recording(places):
    _, x, plain = draw(places, 2)
    found = places.adapt(x, plain, LABELS, Expectation(0.1, weight=0.3), speaker=False)
    assert np.abs(np.exp(found) - np.exp(plain)).max() < 0.1


def test_places_save_can_be_loaded(places):
    square = dataclasses.replace(
        places,
        centre=places.centre[:2],
        means=places.means[:, :2],
        within=places.within[:2, :2],
        between=places.between[:2, :2],
    )
    file = io.BytesIO()
    square.save(file)
    file.seek(0)
    found = Places.load(file)
    for field in dataclasses.fields(Places):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(square, field.name))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"centre": np.zeros(3)}, "shape"),
        ({"means": np.full((3, 2), np.nan)}, "finite"),
        ({"within": np.zeros((2, 2))}, "within is not a covariance"),
        ({"between": -np.eye(2)}, "between is not a covariance"),
        ({"within": np.array([[1.0, 2.0], [0.0, 1.0]])}, "within is not a covariance"),
        ({"centre": np.zeros(2, np.float32)}, "float64"),
    ],
)
def test_places_load_refuses_damaged_arrays(changes, message):
    sound = {
        "centre": np.zeros(2),
        "means": np.zeros((3, 2)),
        "within": np.eye(2),
        "between": np.eye(2),
    }
    file = io.BytesIO()
    np.savez(file, **(sound | changes))
    file.seek(0)
    with pytest.raises(ValueError, match=message):
        Places.load(file)


def test_make_contrasts_are_orthonormal_and_free_of_a_constant():
    basis = make_contrasts(5)
    np.testing.assert_allclose(basis.T @ basis, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(np.ones(5) @ basis, 0, atol=1e-12)
