"""Evaluation of trained models on labelled recordings, and the audit of their training data."""

from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import pytest
import soundfile
from support.small_corpora import SYNTHETIC

from serenade import corpora
from serenade.audio import Babble
from serenade.audio._conditions import Level
from serenade.errors import CorpusError, EvaluationError, ModelError
from serenade.evaluation import (
    AdaptationPlan,
    Report,
    audit_training,
    evaluate_model,
    stress_model,
)
from serenade.evaluation._stress import choose_clips
from serenade.evaluation._trained_model import match_labels
from serenade.extraction import TrainingRecord
from serenade.inference import Model


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    """Return three speakers of the corpus of synthetic speech."""
    corpus = corpora.open(SYNTHETIC, tmp_path_factory.mktemp("speech"), labels=("angry", "sad"))
    return corpus.select(corpus.table["speaker"].isin(corpus.speakers[:3]))


def _rename(corpus, name, **labels):
    corpus = corpus.map_labels(labels)
    return dataclasses.replace(corpus, info=dataclasses.replace(corpus.info, name=name))


def test_evaluate_model_reports_what_a_model_predicts(model, speech, tmp_path):
    report = evaluate_model(model, speech, name="bundled", command="serenade evaluate")
    heard = "not heard in training, but perhaps other recordings of the speakers"
    assert report.label == f"trained model, {heard}, speaker-dependent"
    assert report.labels == ("angry", "sad")
    assert report.metrics["ua"].clusters == 3
    assert report.recipe["trained_on"] == ["ravdess", "emodb", "nemo"]
    first = report.predictions[0]
    found = model.predict(speech.root / first.file).probabilities
    both = np.array([found["angry"], found["sad"]])
    assert first.probabilities == pytest.approx(both / both.sum(), abs=1e-5)
    assert "not offered as answers: happy, neutral, fear, disgust, surprise" in " ".join(
        report.notes
    )
    every = evaluate_model(model, speech, classes="all")
    assert set(every.labels) == set(model.labels)
    assert every.predictions[0].probabilities[0] == pytest.approx(found["angry"], abs=1e-5)
    assert Report.from_json(report.to_json(tmp_path / "report.json")) == report
    assert "area under the risk-coverage curve" in report.to_markdown()


def test_evaluate_model_matches_emotions_to_those_of_the_model(model, speech):
    calm = evaluate_model(model, _rename(speech, "mine", sad="calm"))
    assert calm.labels == ("angry", "neutral")
    assert any(note.startswith("calm recordings count as neutral") for note in calm.notes)
    odd = _rename(speech, "mine", sad="boredom")
    with pytest.raises(EvaluationError, match="mine: its emotions furious are none of the model's"):
        evaluate_model(model, _rename(odd, "mine", angry="furious", boredom=None))
    shared = evaluate_model(model, odd)
    half = len(speech) // 2
    assert len(shared.predictions) == half
    assert f"left out: {half} recordings of boredom, unknown to the model" in shared.notes
    every = evaluate_model(model, odd, classes="all")
    assert every.metrics["ua"].value <= 0.5
    assert "always wrong: boredom, which the model does not know" in every.notes


def test_match_labels_notes_votes_that_only_one_side_has(model, speech):
    table = speech.table.assign(votes_sad=1, votes_boredom=1)
    voted = dataclasses.replace(speech, table=table).select_targets("votes")
    kept, (unknown, others) = match_labels(model, voted, "shared")
    assert kept is voted
    assert unknown == "probability 0: boredom, which the model does not know"
    assert others.startswith("not offered as answers: angry, happy, neutral, fear")


def test_evaluate_model_adapts_to_speakers_and_leaves_out_unusable_recordings(speech):
    model = Model.load("adaptive")
    report = evaluate_model(model, speech, adapt=AdaptationPlan("mixed", "speaker"))
    assert "adapted to the unlabelled test recordings of each speaker" in report.to_markdown()
    rows = speech.table["speaker"] == speech.speakers[0]
    files = [str(file) for file in speech.table.index.get_level_values("file")[rows]]
    adapted = model.adapt(files, expect="mixed", one_speaker=True)
    found = adapted.predict(files[0]).probabilities
    place = int(np.flatnonzero(rows)[0])
    expected = np.array([found[label] for label in report.labels])
    assert report.adapted.probabilities[place] == pytest.approx(expected / expected.sum(), abs=1e-4)


def test_evaluate_model_lists_recordings_without_an_answer(model, speech):
    silent = speech.root / "silent.wav"
    silent.write_bytes(b"no audio")
    table = speech.table.reset_index()
    table.loc[0, "file"] = str(silent)
    damaged = dataclasses.replace(speech, table=table.set_index(["file", "start", "end"]))
    report = evaluate_model(model, damaged)
    assert len(report.predictions) == len(speech) - 1
    left_out = "left out, because they cannot be used (1): silent.wav: "
    assert any(note.startswith(left_out) for note in report.notes)
    with pytest.raises(CorpusError, match="more than the limit"):
        evaluate_model(model, damaged, max_unusable=0.0)


def test_audit_training_compares_content_and_speakers(speech, tmp_path):
    first = speech.table["speaker"] == speech.speakers[0]
    half = np.arange(len(speech)) % 2 == 0
    trained = speech.table[first & half]
    heard = json.loads(json.dumps(TrainingRecord.of(trained, "synthetic").to_json()))
    description = {"trained_on": "synthetic", "heard": heard}
    again = TrainingRecord.of(speech.table[first], "synthetic").to_json()
    assert again["speakers"] != heard["speakers"]  # the same speaker with another salt
    found = audit_training(description, speech)
    assert found.by_content
    assert (found.heard, found.known_speakers) == (len(trained), int(first.sum()) - len(trained))
    assert found.verdict == "heard in training"
    assert str(found).startswith("leak: audit of the training data: ")
    # A copy under another name in another corpus is the same recording.
    table = trained.reset_index()
    for row, file in enumerate(table["file"]):
        copied = tmp_path / f"{row}.wav"
        shutil.copy(file, copied)
        table.loc[row, "file"] = str(copied)
    copies = dataclasses.replace(speech, table=table.set_index(["file", "start", "end"]))
    assert audit_training(description, _rename(copies, "other")).heard == len(trained)
    others = audit_training(description, speech.select(~first))
    assert others.is_clean
    assert others.verdict == "not heard in training"
    elsewhere = audit_training(description, _rename(speech.select(~first), "other"))
    assert elsewhere.verdict.endswith("but perhaps other recordings of the speakers")
    assert not elsewhere.is_clean
    known = audit_training(description, speech.select(first & ~half))
    assert known.verdict == "other recordings of the speakers heard in training"
    assert not known.is_clean
    with pytest.raises(ModelError, match="record of the training data: damaged"):
        audit_training({"heard": {"recordings": "?", "speakers": ""}}, speech)


def test_evaluate_model_finds_training_recordings_under_other_names(model, corpora_root, tmp_path):
    """The bundled model knows its training recordings by their samples, without their names."""
    heard = corpora.open("ravdess", corpora_root).table.index.get_level_values("file")[:2]
    new = corpora.open(SYNTHETIC, tmp_path / "synthetic").table.index.get_level_values("file")[0]
    for name, file in zip(("a.wav", "b.wav", "c.wav"), (*heard, new), strict=True):
        samples, rate = soundfile.read(file, dtype="int16")
        soundfile.write(tmp_path / name, samples, rate)
    manifest = tmp_path / "calls.csv"
    manifest.write_text("file,emotion\na.wav,neutral\nb.wav,neutral\nc.wav,sad\n", "utf-8")
    report = evaluate_model(model, corpora.open(manifest))
    assert report.protocol == "trained model, heard in training"
    assert not report.speaker_independent
    leak = "leak: audit of the training data: 2 of 3 recordings were heard in training"
    assert leak in report.to_markdown()
    assert audit_training(Model.load("commercial").description, corpora.open(manifest)).heard == 0


@pytest.mark.parametrize(
    ("name", "trained_on", "verdict"),
    [
        ("ravdess", ["ravdess", "emodb"], "heard in training"),
        ("paired-ravdess-x4", ["ravdess"], "heard in training"),
        ("nemo", ["ravdess", "emodb"], "not heard in training"),
        ("mine", ["ravdess"], "unknown whether heard in training"),
        ("ravdess", "mine", "unknown whether heard in training"),
        ("ravdess", [], "unknown whether heard in training"),
    ],
)
def test_audit_training_compares_names_of_corpora_without_a_record(
    speech, name, trained_on, verdict
):
    found = audit_training({"trained_on": trained_on}, _rename(speech, name))
    assert (found.verdict, found.by_content) == (verdict, False)
    assert "compared by the name of the corpus" in str(found)


def test_stress_model_states_groups_conditions_and_what_was_heard(model, speech):
    table = speech.table.assign(
        gender=[
            "female" if name == speech.speakers[0] else "male" for name in speech.table.speaker
        ],
        age=[25 if name == speech.speakers[1] else 60 for name in speech.table.speaker],
        accent="none",
        school=[9 if name == speech.speakers[0] else 13 for name in speech.table.speaker],
        language="xx",
    )
    corpus = dataclasses.replace(speech, table=table)
    conditions = {"as it is": Level(0.0), "silent": Level(-200.0), "babble": Babble(0.0)}
    report = stress_model(
        model,
        [corpus, _rename(corpus, "other")],
        by=["accent", "school"],
        conditions=conditions,
        speakers=3,
        per_speaker=2,
        command="serenade stress",
    )
    first, second = report.corpora
    assert (first.clips, first.speakers, first.labels) == (6, 3, ("angry", "sad"))
    assert second.conditions[::2] == first.conditions[::2]  # the same seed
    same, silent, babble = first.conditions
    assert (same.change.value, same.unchanged, same.unanswered) == (0.0, 1.0, 0)
    assert same.probability == pytest.approx(0.0, abs=1e-5)
    assert (silent.ua.value, silent.unchanged, silent.unanswered) == (0.0, 0.0, 6)
    assert babble.probability != 0.0
    groups = [(one.attribute, one.group) for one in first.groups]
    assert groups == [
        *(("gender", "female"), ("gender", "male"), ("age", "50 and over"), ("age", "under 30")),
        *(("school", "13"), ("school", "9")),
    ]
    with pytest.raises(EvaluationError, match="by: no corpus has the column acent; choose from"):
        stress_model(model, [corpus], by=["acent"])
    missing = corpus.table.index.set_levels(
        ["missing.wav", *corpus.table.index.levels[0][1:]], level=0
    )
    damaged = dataclasses.replace(corpus, table=corpus.table.set_axis(missing))
    with pytest.raises(CorpusError, match=r"more than the limit of 1\.0%"):
        stress_model(model, [damaged], conditions={}, max_unusable=0.01)
    assert [one.group for one in report.languages] == ["xx (other)", f"xx ({first.corpus})"]
    page = report.to_markdown()
    assert first.heard == audit_training(model.description, speech).verdict
    assert page.count("- audit of the training data: 6 of 6 recordings ") == 2
    assert "UA falls by at most 0.05" in page
    (row,) = {line for line in page.splitlines() if line.startswith("| silent |")}
    assert row.split(" | ")[3:] == ["0%", "none", "6", "missed |"]
    data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert data["corpora"][0]["conditions"][1]["probability"] is None


def test_choose_clips_takes_turns_and_keeps_its_choice(make_corpus):
    corpus = make_corpus(6, 5, gender=lambda speaker: "female" if speaker > 4 else "male")
    chosen = choose_clips(corpus, 4, 5, 0)
    assert len(chosen) == 20
    assert chosen.table.groupby("gender")["speaker"].nunique().to_dict() == {"female": 2, "male": 2}
    assert set(chosen.table.groupby(["speaker", "emotion"]).size()) == {1, 2}
    some = choose_clips(corpus.select(labels=("angry", "sad")), 4, 5, 0)
    assert set(chosen.select(labels=("angry", "sad")).table.index) <= set(some.table.index)
    assert len(choose_clips(corpus, 9, 99, 0)) == len(corpus)
