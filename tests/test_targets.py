"""Values and votes as targets, on every path from a corpus to the answer of a server."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import audformat
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from matplotlib.image import imread
from starlette.testclient import TestClient
from support.small_corpora import SYNTHETIC
from support.small_system import SmallSystem

from serenade import corpora, load
from serenade._targets import Targets
from serenade.audio import read
from serenade.cli._main import cli
from serenade.errors import CorpusError, EvaluationError, InputError, SerenadeError
from serenade.evaluation import (
    Report,
    ValueReport,
    compare_runs,
    evaluate,
    evaluate_model,
    format_comparison,
    list_entrants,
    stress_model,
)
from serenade.protocols import join_corpora
from serenade.server import Settings, make_server
from serenade.training import Estimator
from serenade.training._fit import HeldOut, predict_held_out
from serenade.training._write_model import write_model

TARGET = ("--target", "arousal", "--set", "copies=0", "--set", "layers=(1,2)", "--set", "C=0.001")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("synthetic")


@pytest.fixture(scope="module")
def corpus(root):
    return corpora.open(SYNTHETIC, root, sentences=2, target="arousal")


@pytest.fixture(scope="module")
def valence(root):
    return corpora.open(SYNTHETIC, root, sentences=2, target="valence")


@pytest.fixture(scope="module")
def voted(root):
    """Return the corpus with votes: four for its emotion, one for neutral."""
    plain = corpora.open(SYNTHETIC, root, sentences=2)
    table = plain.table
    for label in plain.labels:
        table[f"votes_{label}"] = 4 * (table["emotion"] == label) + (label == "neutral")
    return plain.select_targets("votes")


def run(*arguments):
    result = CliRunner().invoke(cli, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def folder(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    run("train", "whisper-probe", corpus.root / "manifest.csv", *TARGET, "--out", folder)
    return folder


def test_evaluate_reaches_the_concordance_of_the_issue_on_unseen_speakers(corpus, tmp_path):
    manifest = corpus.root / "manifest.csv"
    printed = run("evaluate", "whisper-probe", manifest, *TARGET, "--out", tmp_path)
    report = Report.from_json(tmp_path / "report.json")
    assert isinstance(report, ValueReport)
    assert report.speaker_independent
    assert report.metrics["ccc"].value >= 0.6
    assert report.metrics["ccc"].low < report.metrics["ccc"].value < report.metrics["ccc"].high
    assert "| CCC | " in printed
    assert "MAE" in printed
    data = json.loads((tmp_path / "report.json").read_bytes())
    assert data["target"] == "values"
    assert data["confusion"] == []
    assert "ua" not in data["metrics"]
    assert "UA" not in printed
    assert "calibration" not in printed
    one = data["predictions"][0]
    assert set(one) == {"file", "start", "end", "speaker", "gender", "probabilities", "truth"}
    assert (tmp_path / "scatter.png").stat().st_size
    assert (tmp_path / "scatter.pdf").stat().st_size
    assert "<svg" in report._repr_html_()


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # audformat with the newest pandas
def test_predictions_timelines_and_exports_carry_the_value(folder, corpus, tmp_path):
    file, truth = corpus.table.index[0][0], corpus.table["arousal"].iloc[0]
    model = load(folder)
    assert (model.labels, model.dimensions) == ((), ("arousal",))
    assert "Concordance correlation (CCC, Lin 1989): 0." in (folder / "MODEL_CARD.md").read_text()
    found = model.predict(file)
    assert found.values["arousal"] == pytest.approx(truth, abs=0.4)
    assert found.to_dict() == {
        "file": file,
        "duration": round(found.duration, 3),
        "values": {"arousal": round(found.values["arousal"], 4)},
        "speech": round(found.speech, 3),
    }
    timeline = model.timeline(file, window=1, hop=0.5)
    assert len(timeline.segments) == np.ceil(timeline.speech / 0.5)
    assert "<path" in timeline._repr_html_()
    options = ("--model", folder, "--window", 1, "--hop", 0.5)
    texts = {}
    for format_ in ("json", "csv", "textgrid", "webvtt", "srt", "rttm", "audacity", "elan",
                    "label-studio"):  # fmt: skip
        out = tmp_path / format_
        run("predict", file, *options, "--format", format_, "--out", out, "--plot",
            tmp_path / "plot.png")  # fmt: skip
        texts[format_] = out.read_text()
        assert "arousal" in texts[format_]
        assert "emotion" not in texts[format_]
        assert "nan" not in texts[format_]
    rows = list(csv.DictReader(texts["csv"].splitlines()))
    assert [float(row["arousal"]) for row in rows] == pytest.approx(
        [part.values["arousal"] for part in timeline.segments], abs=1e-4
    )
    assert imread(tmp_path / "plot.png").size
    run("predict", file, *options, "--format", "audformat", "--out", tmp_path / "database")
    database = audformat.Database.load(tmp_path / "database")
    assert database["segments"].get()["arousal"].dtype == float
    table = model.predict_many([file, tmp_path / "no.wav"])
    assert list(table) == ["file", "start", "end", "speaker", "arousal", "adapted_to", "error"]
    assert table["arousal"][0] == found.values["arousal"]
    assert table["error"][1]
    run("export", folder, "--precision", "int8", "--features-inside", "--out", tmp_path / "small")
    smaller = load(tmp_path / "small").predict(file)
    assert smaller.values["arousal"] == pytest.approx(found.values["arousal"], abs=0.05)


def test_a_server_and_a_stream_answer_with_the_value(folder, corpus, example):
    model = load(folder)
    file = corpus.table.index[0][0]
    expected = model.predict(file).to_dict()["values"]
    with TestClient(make_server(model, Settings()).config.app, "http://127.0.0.1") as client:
        sent = {"file": ("a.wav", Path(file).read_bytes())}
        assert client.post("/v1/predict", files=sent).json()["values"] == expected
        timeline = client.post("/v1/timeline", files=sent).json()
        assert timeline["segments"][0]["values"].keys() == {"arousal"}
        converted = client.post("/v1/convert?format=csv", json=timeline)
        assert converted.text.splitlines()[0] == "file,duration,start,end,arousal"
        mixed = {**timeline, "emotion": "sad", "probability": 1.0}
        assert client.post("/v1/convert", json=mixed).status_code == 422
    updates = model.stream(16000).push(read(example).signal)
    assert updates
    assert all(update.to_dict()["values"].keys() == {"arousal"} for update in updates)


def test_evaluate_model_compares_values_and_compare_tests_them(folder, corpus, valence):
    manifest = corpus.root / "manifest.csv"
    assert "| CCC | " in run("evaluate", "--model", folder, manifest, "--target", "arousal")
    for option in (("--labels", "sad"), ("--label-column", "gender"), ("--map", "sad=")):
        given = ["evaluate", "--model", str(folder), str(manifest), "--target", "arousal", *option]
        refusal = CliRunner().invoke(cli, given).output
        assert "--target arousal: leave out --labels, --map and --label-column" in refusal
    given = ["evaluate", "--model", str(folder), str(manifest), "--target", "arousal"]
    refusal = CliRunner().invoke(cli, [*given, "--classes", "all"]).output
    assert "--classes chooses emotions" in refusal
    own = evaluate_model(load(folder), corpus)
    assert "heard" in own.protocol
    assert own.metrics["ccc"].value > 0.7
    with pytest.raises(EvaluationError, match="its valence are not among what the model"):
        evaluate_model(load(folder), valence)
    plain = dataclasses.replace(corpus, targets=())
    for refused in (evaluate_model, lambda model, one: stress_model(model, [one])):
        with pytest.raises(EvaluationError, match="the model predicts arousal, not emotions"):
            refused(load(folder), plain)
    with pytest.raises(EvaluationError, match="a stress test needs emotions"):
        stress_model(load(folder), [corpus])
    with pytest.raises(EvaluationError, match="only predictions of emotions can be adapted"):
        evaluate(Estimator(), corpus, conditions={"noise": None})
    reports = [
        evaluate(Estimator("whisper-probe", copies=0, layers=(1, 2), C=C), corpus)
        for C in (1e-3, 1e-6)
    ]
    entrants = list_entrants(reports)
    (test,) = compare_runs(entrants)
    text = format_comparison(entrants, [test])
    assert "CCC" in text
    assert "MAE" in text
    assert "UA" not in text
    assert "McNemar" not in text
    assert test.difference > 0.2


def test_votes_are_learnt_as_shares_by_a_probe_and_a_network(voted, tmp_path):
    assert voted.info.name == "synthetic-votes"
    assert voted.table[list(voted.targets)].sum(axis=1).to_numpy() == pytest.approx(1)
    hard = voted.table["emotion"].to_numpy(dtype=str)
    X, y = voted.table[["speaker"]], voted.table[list(voted.targets)]
    probe = Estimator("whisper-probe", copies=0, layers=(1,), deviation=False, C=0.1, balance=0.0)
    soft, sharp = (probe.fit(X, given).predict_proba(X) for given in (y, hard))
    neutral = list(probe.classes_).index("neutral")
    others = hard != "neutral"
    # One vote of five is for neutral; a classifier of hard labels knows nothing of it.
    assert soft[others, neutral].mean() == pytest.approx(0.2, abs=0.06)
    assert sharp[others, neutral].mean() < 0.1
    report = evaluate(probe, voted)
    report.to_json(tmp_path / "report.json")
    again = Report.from_json(tmp_path / "report.json")
    assert again.metrics == report.metrics
    assert 0 < report.metrics["divergence"].value < 0.4
    assert report.metrics["ua"].value > 0.3
    network = Estimator(SmallSystem(), epochs=2, holdout=0.2, smoothing=0.1, mixup=0.2).fit(X, y)
    assert network.predict_proba(X).sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_networks_learn_values_in_their_units_and_join_corpora(corpus, valence, tmp_path):
    table = corpus.table.assign(arousal=10 * corpus.table["arousal"] + 100)
    X, y = table[["speaker"]], table[["arousal", "valence"]]
    estimator = Estimator(SmallSystem(), epochs=15, learning_rate=0.05, holdout=0.2).fit(X, y)
    assert "valid_ccc" in estimator.curve_[0]
    found = estimator.predict(X)
    assert found.mean(axis=0) == pytest.approx(y.to_numpy().mean(axis=0), abs=3)
    assert np.corrcoef(found[:, 0], y["arousal"])[0, 1] > 0.6
    large = Estimator(SmallSystem(), epochs=1).fit(X, 1000 * y)
    write_model(large, tmp_path / "large", card="")  # float32 has few digits after the point
    with pytest.raises(EvaluationError, match="other targets: arousal; valence"):
        join_corpora([corpus], valence)


def test_joined_corpora_warn_of_values_on_other_scales(corpus):
    table = corpus.table
    other = dataclasses.replace(corpus, info=dataclasses.replace(corpus.info, name="other"))
    assert "scale" not in join_corpora([corpus], other)[0].info.warning
    for changed in (1 + 6 * table["arousal"], 5 + table["arousal"]):
        shifted = dataclasses.replace(other, table=table.assign(arousal=changed))
        warning = join_corpora([corpus], shifted)[0].info.warning
        ranges = f"{changed.min():g} to {changed.max():g} in other"
        assert "arousal has other scales (" in warning
        assert ranges in warning


def test_targets_that_are_missing_are_named(corpus, voted, tmp_path):
    with pytest.raises(CorpusError, match="no column of numbers mood; it has repetition, arousal"):
        corpus.select_targets("mood")
    X = voted.table[["speaker"]]
    with pytest.raises(InputError, match="give only columns of votes"):
        Estimator().fit(X, pd.DataFrame({"votes_sad": np.ones(len(X)), "arousal": 0.0}))
    with pytest.raises(InputError, match="without gaps"):
        Estimator().fit(X, pd.DataFrame({"arousal": np.full(len(X), np.nan)}))
    assert Targets.of(pd.DataFrame([[0.5], [0.1]]), 2).names == ("0",)
    with pytest.raises(InputError, match="y: mood: no numbers"):
        Estimator().fit(X, pd.DataFrame({"mood": ["good"] * len(X)}))
    with pytest.raises(CorpusError, match="votes_sad are votes for one emotion"):
        voted.select_targets("votes_sad")
    assert corpus.select_targets("arousal", "arousal").targets == ("arousal",)
    endless = dataclasses.replace(corpus, table=corpus.table.assign(mood=np.inf))
    with pytest.raises(CorpusError, match="no row has mood"):
        endless.select_targets("mood")
    file = corpus.table.index[0][0]
    (tmp_path / "rated.csv").write_text(
        f"file,Arousal,Votes_happy,votes_sad\n{file},0.5,3,1\n{corpus.table.index[1][0]},,0,0\n"
    )
    rated = corpora.open(tmp_path / "rated.csv", target="arousal")
    assert rated.table["arousal"].tolist() == [0.5]
    votes = corpora.open(tmp_path / "rated.csv", target="votes")
    assert votes.table[["votes_happy", "votes_sad"]].to_numpy().tolist() == [[0.75, 0.25]]
    assert votes.table["emotion"].tolist() == ["happy"]


def test_predict_held_out_takes_an_emotion_with_most_votes_of_one_recording(voted):
    table = voted.table.iloc[:: len(voted) // 12].copy()
    shares = pd.DataFrame(0.5, table.index, ["votes_sad", "votes_happy"])
    shares.iloc[::2, 0], shares["votes_disgust"] = 0.4, 0.1
    shares.iloc[0, 2] = 2.0
    probe = Estimator("whisper-probe", copies=0, layers=(1,), deviation=False, C=0.1)
    held = predict_held_out(probe, table[["gender"]], shares)
    assert held.classes == ("sad", "happy", "disgust")
    assert held.labels.tolist().count("disgust") == 1
    with pytest.raises(SerenadeError, match="at least two recordings with values"):
        predict_held_out(probe, table[["gender"]][:1], pd.DataFrame({"arousal": [0.5]}))


def test_temperature_calibrates_to_the_shares_of_votes():
    shares = np.random.default_rng(0).dirichlet([1, 1, 1], 50)
    votes = pd.DataFrame(shares, columns=[f"votes_{label}" for label in ("a", "b", "c")])
    sharper = shares**2 / (shares**2).sum(axis=1, keepdims=True)
    for found, temperature in ((shares, 1.0), (sharper, 2.0)):
        held = HeldOut(found, ("a", "b", "c"), votes, speaker_independent=True)
        assert held.temperature() == pytest.approx(temperature, rel=0.02)
