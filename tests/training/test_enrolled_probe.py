"""Probe for enrolled speakers."""

import io

import numpy as np
import pytest
from sklearn.base import clone

from serenade import load
from serenade.adaptation import Population
from serenade.errors import SerenadeError
from serenade.training import EnrolledProbe, Estimator
from serenade.training._enrolled_probe import COUNTS, draw_shifts
from serenade.training._write_model import write_model


@pytest.fixture(scope="module")
def data(corpus):
    return corpus.table.drop(columns="emotion"), corpus.table["emotion"].to_numpy(dtype=str)


@pytest.fixture(scope="module")
def fitted(data, probe):
    return EnrolledProbe(Estimator(*probe, jobs=1)).fit(*data)


def made(seed=0, people=6, each=30):
    rng = np.random.default_rng(seed)
    centres = np.repeat(10 * rng.standard_normal((people, 4)), each, axis=0)
    rows = (centres + rng.standard_normal(centres.shape)).astype(np.float32)
    return (
        rows,
        np.repeat(np.arange(people).astype(str), each),
        np.tile(np.arange(each) % 5 == 0, people),
    )


def test_draw_shifts_never_enrols_a_clip_with_itself():
    rows, people, _ = made(each=2)  # with one other clip at most
    known = Population.learn(*made()[:2], np.full(180, "sad"))
    shifts = draw_shifts(rows, people, known, np.random.default_rng(0), None)
    for row in range(len(rows)):
        other = row + 1 - 2 * (row % 2)
        expected = known.shift(rows[other].astype(float), 1, neutral=False)
        assert np.allclose(shifts[row], expected, atol=1e-4) or not shifts[row].any()
    assert (shifts != 0).any()


def test_draw_shifts_uses_all_counts_of_the_same_speaker():
    rows, people, neutral = made(each=60)
    labels = np.where(neutral, "neutral", "angry")
    known = Population.learn(rows, people, labels)
    shifts = draw_shifts(rows, people, known, np.random.default_rng(0), neutral)
    nothing = ~shifts.any(axis=1)
    assert nothing.mean() == pytest.approx(1 / len(COUNTS), abs=0.06)
    means = np.stack([rows[people == person].mean(axis=0) for person in people])
    away = np.abs(rows - shifts - known.mean)[~nothing]
    assert away.mean() < 0.25 * np.abs(means - known.mean).mean()


def test_enrolled_probe_predicts_in_the_order_of_its_classes(fitted, data):
    X, _ = data
    posteriors = fitted.predict_proba(X)
    assert posteriors.shape == (len(X), len(fitted.classes_))
    np.testing.assert_allclose(posteriors.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(posteriors, fitted.predict_proba(X))  # the draws are seeded


def test_enrolled_probe_can_be_cloned(fitted):
    other = clone(fitted)
    assert not hasattr(other, "classifier_")
    assert other.estimator.describe() == fitted.estimator.describe()


def test_enrolled_probe_refuses_unknown_or_few_speakers(data, probe):
    X, y = data
    few = X["speaker"].isin(X["speaker"].unique()[:3]).to_numpy()
    for rows, labels in ((X.drop(columns="speaker"), y), (X[few], y[few])):
        with pytest.raises(SerenadeError, match="at least 4 training speakers"):
            EnrolledProbe(Estimator(*probe, jobs=1)).fit(rows, labels)


def test_model_folder_holds_the_enrolled_probe(fitted, data, probe, tmp_path):
    X, y = data
    estimator = Estimator(*probe, jobs=1).fit(X, y)
    write_model(estimator, tmp_path, card="", enrolled=(fitted, 1.0))
    model = load(tmp_path)
    again = model.folder.population()
    np.testing.assert_allclose(again.mean, fitted.population_.mean, rtol=1e-5, atol=1e-6)
    file = X.index[0][0]
    enrolled = model.enrol([file] * 3, speech="mixed")
    features = fitted.estimator.clips(X.iloc[:1], y[:1], 0).streams[0][0]
    shift = fitted.population_.shift(features[0].astype(float), 3, neutral=False)
    expected = fitted.classifier_.predict_proba(features - shift.astype(np.float32))[0]
    found = list(enrolled.predict(file).probabilities.values())
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_population_file_is_small(fitted):
    file = io.BytesIO()
    fitted.population_.save(file)
    assert len(file.getvalue()) < 6 * 4 * fitted.population_.mean.size + 3000
