"""Training a model to keep: held-out figures, calibration, a folder inference can load."""

import json

import numpy as np
import pytest
from support.synthetic import SYNTHETIC

from serenade import corpora, load, systems
from serenade.errors import SerenadeError
from serenade.training import Estimator, train_model
from serenade.training._fit import predict_held_out
from serenade.training._pipeline_onnx import to_affine
from serenade.training._write_model import fit_temperature, write_model


@pytest.fixture(scope="module")
def data(corpus):
    return corpus.table.drop(columns="emotion"), corpus.table["emotion"].to_numpy(dtype=str)


def test_a_trained_folder_predicts_as_the_estimator_did(corpus, data, probe, tmp_path):
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
        "no enrolment: it needs 5 speakers or more",
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
    for stated in ("CC0", f"{unseen.ua:.3f}", "synthetic", "five groups of speakers", "too few"):
        assert stated in card


def test_with_enough_speakers_the_folder_can_be_enrolled(tmp_path, probe):
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


def test_two_classes_are_a_head_of_two(data, probe, tmp_path):
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


def test_no_group_is_on_both_sides(data, probe):
    """Groups that each hold one class only: who was trained on the rest cannot know it."""
    X, y = data
    groups = np.where(np.isin(y, ["angry", "happy"]), "one", "other")
    found = predict_held_out(Estimator(*probe, jobs=1), X, y, groups)
    chosen = np.array(found.classes)[found.probabilities.argmax(axis=1)]
    assert not (chosen == y).any()
    assert found.ua == 0


def test_unknown_speakers_are_said(data, probe):
    X, y = data
    found = predict_held_out(Estimator(*probe, jobs=1), X.drop(columns="speaker"), y)
    assert not found.speaker_independent


def test_too_little_data_is_refused_before_the_work(data, probe):
    X, y = data
    alone = y == "angry"
    with pytest.raises(SerenadeError, match=r"at least two emotions.*angry"):
        predict_held_out(Estimator(*probe, jobs=1), X[alone], y[alone])


def test_standardised_by_speaker_cannot_be_saved(data, probe, tmp_path):
    estimator = Estimator(*probe, speaker_standardisation=True, jobs=1).fit(*data)
    with pytest.raises(SerenadeError, match="single recording"):
        write_model(estimator, tmp_path, card="")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_is_refused_before_training(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(Estimator, "fit", None)
    estimator = Estimator(systems.get("stser"))
    with pytest.raises(SerenadeError, match="stser: uses transcripts"):
        train_model(estimator, corpus.table, tmp_path, corpus="x", licence="x", citation="x")
    assert not list(tmp_path.iterdir())


def test_temperature_finds_back_what_was_multiplied():
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((20000, 4)) * 2
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    drawn = (shares.cumsum(axis=1) < rng.random((20000, 1))).sum(axis=1)
    assert fit_temperature(3 * logits, drawn, np.ones(20000)) == pytest.approx(3, rel=0.05)


def test_the_description_is_plain_json(data, probe, tmp_path):
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
