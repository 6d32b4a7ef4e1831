"""Training of a model folder: held-out scores, calibration, loading in inference."""

import json

import numpy as np
import pytest
from support.small_corpora import SYNTHETIC

from serenade import corpora, load, systems
from serenade.errors import SerenadeError
from serenade.training import Estimator, train_model
from serenade.training._fit import predict_held_out
from serenade.training._pipeline_onnx import to_affine
from serenade.training._write_model import fit_temperature, write_model


@pytest.fixture(scope="module")
def data(corpus):
    return corpus.table.drop(columns="emotion"), corpus.table["emotion"].to_numpy(dtype=str)


def test_train_model_writes_a_folder_that_predicts_as_the_estimator(corpus, data, probe, tmp_path):
    X, _ = data
    lines = []
    estimator = Estimator(*probe, jobs=1)
    unseen = train_model(
        estimator,
        corpus.table,
        tmp_path / "model",
        corpus="synthetic",
        licence="CC0",
        citation="none",
        progress=lines.append,
    )
    assert lines == [
        f"held-out speakers: UA {unseen.ua:.3f}",
        "no enrolment: it needs 5 speakers or more with several recordings",
    ]
    assert unseen.speaker_independent
    model = load(tmp_path / "model")
    assert model.labels == ("angry", "happy", "neutral", "sad")
    temperature = model.description["temperature"]
    for (file, _, _), expected in list(zip(X.index, estimator.predict_proba(X), strict=True))[:5]:
        found = np.array(list(model.predict(file).probabilities.values()))
        scaled = expected ** (1 / temperature)
        np.testing.assert_allclose(found, scaled / scaled.sum(), atol=1e-3)
    card = (tmp_path / "model" / "MODEL_CARD.md").read_text("utf-8")
    for stated in (
        "CC0",
        f"{unseen.ua:.3f}",
        "synthetic",
        "(4 groups of speakers",
        "too few",
    ):
        assert stated in card


def test_train_model_adds_enrolment_with_enough_speakers(tmp_path, probe):
    labels = ("angry", "neutral", "sad")
    corpus = corpora.open(SYNTHETIC, tmp_path, speakers=5, sentences=2, labels=labels)
    lines = []
    estimator = Estimator(probe[0], probe[0].recipe("default", copies=0, layers=(1,)), jobs=1)
    facts = {"corpus": "synthetic", "licence": "CC0", "citation": "none"}
    train_model(estimator, corpus.table, tmp_path / "model", progress=lines.append, **facts)
    assert lines[1].startswith("the same, enrolled with some recordings each: UA ")
    model = load(tmp_path / "model")
    assert model.description["enrolment"]["temperature"] > 0
    file = corpus.table.index[0][0]
    enrolled = model.enrol([file]).predict(file)
    assert enrolled.enrolment == "neutral speech, 1 utterance"
    assert enrolled.probabilities != model.predict(file).probabilities
    assert lines[1].split()[-1] in (tmp_path / "model" / "MODEL_CARD.md").read_text("utf-8")


def test_train_model_writes_two_probabilities_for_two_classes(data, probe, tmp_path):
    X, y = data
    pair = np.isin(y, ["angry", "sad"])
    estimator = Estimator(*probe, jobs=1).fit(X[pair], y[pair])
    weights, bias = to_affine(estimator.classifier_)
    features = np.concatenate(estimator._extract(X[pair], estimator.features[0]))
    logits = features @ weights + bias
    odds = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(odds, estimator.predict_proba(X[pair]), atol=1e-5)
    write_model(estimator, tmp_path, card="")
    assert load(tmp_path).labels == ("angry", "sad")


def test_predict_held_out_never_divides_a_group(data, probe):
    """Each group holds one class only, so that a model of the other groups cannot predict it."""
    X, y = data
    groups = np.where(np.isin(y, ["angry", "happy"]), "one", "other")
    found = predict_held_out(Estimator(*probe, jobs=1), X, y, groups)
    chosen = np.array(found.classes)[found.probabilities.argmax(axis=1)]
    assert not (chosen == y).any()
    assert found.ua == 0


def test_predict_held_out_reports_unknown_speakers(data, probe):
    X, y = data
    found = predict_held_out(Estimator(*probe, jobs=1), X.drop(columns="speaker"), y)
    assert not found.speaker_independent


def test_predict_held_out_refuses_too_little_data(data, probe):
    X, y = data
    alone = y == "angry"
    with pytest.raises(SerenadeError, match=r"at least two emotions.*angry"):
        predict_held_out(Estimator(*probe, jobs=1), X[alone], y[alone])


def test_write_model_refuses_speaker_standardisation(data, probe, tmp_path):
    estimator = Estimator(*probe, speaker_standardisation=True, jobs=1).fit(*data)
    with pytest.raises(SerenadeError, match="single recording"):
        write_model(estimator, tmp_path, card="")
    assert not list(tmp_path.iterdir())


def test_train_model_refuses_before_training(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(Estimator, "fit", None)
    estimator = Estimator(systems.get("stser"))
    with pytest.raises(SerenadeError, match="stser: uses transcripts"):
        train_model(estimator, corpus.table, tmp_path, corpus="x", licence="x", citation="x")
    assert not list(tmp_path.iterdir())


def test_fit_temperature_recovers_a_known_factor():
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((20000, 4)) * 2
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    drawn = (shares.cumsum(axis=1) < rng.random((20000, 1))).sum(axis=1)
    assert fit_temperature(3 * logits, drawn, np.ones(20000)) == pytest.approx(3, rel=0.05)


def test_write_model_describes_the_model_in_json(data, probe, tmp_path):
    estimator = Estimator(*probe, jobs=1).fit(*data)
    write_model(estimator, tmp_path, card="card", temperature=1.5, facts={"licence": "x"})
    stated = json.loads((tmp_path / "model.json").read_text("utf-8"))
    assert stated["recipe"]["layers"] == [1, 2]
    assert stated["licence"] == "x"
    assert {file.name for file in tmp_path.iterdir()} == {
        "model.json",
        "head.onnx",
        "MODEL_CARD.md",
    }
