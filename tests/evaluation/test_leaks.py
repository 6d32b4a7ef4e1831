"""The audit finds copies however they were made, and calls nothing a copy that is none."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import soundfile
from support.small_corpora import SYNTHETIC

from serenade import corpora
from serenade.audio import WhiteNoise, read
from serenade.evaluation import audit_folds
from serenade.evaluation._leaks import Finding
from serenade.protocols import _protocols


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    return corpora.open(
        SYNTHETIC,
        tmp_path_factory.mktemp("speech"),
        speakers=3,
        sentences=3,
        labels=("angry", "sad"),
    )


def changed(signal, kind):
    rng = np.random.default_rng(0)
    return {
        "noise": lambda: WhiteNoise((15.0, 15.0))(signal, 16000, rng),
        "level": lambda: 0.2 * signal,
        "start": lambda: np.concatenate([np.zeros(3000, np.float32), signal]),
        "codec": lambda: signal,
    }[kind]()


@pytest.mark.parametrize("kind", ["noise", "level", "start", "codec"])
def test_audit_folds_finds_a_copy_of_another_speaker(speech, tmp_path, kind):
    source = speech.table.index[0][0]
    copy = tmp_path / ("copy.ogg" if kind == "codec" else "copy.wav")
    soundfile.write(copy, changed(read(source).signal, kind), 16000)
    table = speech.table.copy()
    index = table.index.to_frame(index=False)
    victim = int(np.flatnonzero(table["speaker"] != table["speaker"].iloc[0])[0])
    index.loc[victim, "file"] = str(copy)
    table.index = table.index.from_frame(index)
    folds = _protocols.get("loso").split(table)
    found = [one for one in audit_folds(folds, table, speech.root) if one.kind == "alike"]
    (alike,) = found
    assert alike.leak
    assert len(alike.files) == 2
    assert any("copy" in name for name in alike.files)


def test_audit_folds_finds_no_leak_in_a_clean_corpus(speech):
    folds = _protocols.get("loso").split(speech.table)
    assert [one.kind for one in audit_folds(folds, speech.table, speech.root)] == ["text"]
    dependent = _protocols.get("random", test=0.4).split(speech.table)
    kinds = {one.kind: one for one in audit_folds(dependent, speech.table, speech.root)}
    assert kinds["speakers"].leak
    assert not kinds["text"].leak
    assert "alike" not in kinds


def test_audit_folds_counts_validation_rows_as_training(speech):
    table = speech.table
    fold = _protocols.get("loso", validation_speakers=1).split(table)[0]
    mixed = dataclasses.replace(fold, validation=np.append(fold.validation, fold.test[0]))
    kinds = {one.kind for one in audit_folds([mixed], table, speech.root)}
    assert {"speakers", "segments"} <= kinds


def test_audit_folds_of_real_corpora(corpora_root):
    ravdess = corpora.open("ravdess", corpora_root)
    independent = audit_folds(_protocols.get().split(ravdess.table), ravdess.table, ravdess.root)
    assert [one.kind for one in independent if one.leak] == []
    random = [
        one
        for seed in range(4)
        for one in audit_folds(
            _protocols.get("random").split(ravdess.table, seed), ravdess.table, ravdess.root
        )
        if one.kind == "identical"
    ]
    assert {file for one in random for file in one.files} <= {
        *("Actor_07/03-01-03-01-02-01-07.flac", "Actor_07/03-01-03-01-02-02-07.flac"),
    }
    assert random
    emodb = corpora.open("emodb", corpora_root)
    leaks = audit_folds(_protocols.get("random").split(emodb.table), emodb.table, emodb.root)
    assert "speakers" in {one.kind for one in leaks if one.leak}


def test_finding_counts_many_files():
    assert str(Finding("x", False, "m", tuple("abcdefg"))) == "m: a, b, c, d, e and 2 more"
