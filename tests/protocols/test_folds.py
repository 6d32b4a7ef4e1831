"""Folds that are refused, and folds that are kept in a file."""

from __future__ import annotations

import dataclasses
import json
import unicodedata

import numpy as np
import pytest

from serenade.errors import EvaluationError
from serenade.protocols import (
    Fold,
    FoldOrigin,
    _protocols,
    check_folds,
    find_shared_speakers,
    read_fold_origin,
    read_folds,
    write_folds,
)
from serenade.protocols._folds import PARTS


def _fold(train, validation, test):
    return Fold("one", np.array(train), np.array(validation, int), np.array(test))


@pytest.mark.parametrize(
    ("fold", "says"),
    [
        (_fold([0, 1], [], [1, 20]), "1 rows are both in train and test"),
        (_fold([0, 1], [20], [20]), "both in validation and test"),
        (_fold([0, 1], [1], [20]), "both in train and validation"),
        (_fold([0, 0], [], [20]), "train has a duplicate row"),
        (_fold([], [], [20]), "no train rows"),
        (_fold([0], [], []), "no test rows"),
        (_fold([0], [], [36]), "beyond the table's 36"),
        (_fold([-1], [], [1]), "beyond the table's 36"),
        (_fold([0], [], [1]), "train and test share s1"),
        (_fold([0], [1], [20]), "train and validation share s1"),
    ],
)
def test_check_folds_rejects_invalid_folds(make_corpus, fold, says):
    with pytest.raises(EvaluationError, match=says):
        check_folds([fold], make_corpus().table, speaker_independent=True)


def test_check_folds_counts_unknown_speakers_as_shared(make_corpus):
    table = make_corpus().table
    assert find_shared_speakers(table, np.array([0]), np.array([20])) == []
    hidden = table.assign(speaker=[*table["speaker"][:-1], None])
    assert find_shared_speakers(hidden, np.array([0]), np.array([35])) == ["unknown"]
    bare = table.drop(columns="speaker")
    assert find_shared_speakers(bare, np.array([0]), np.array([35])) == ["unknown"]
    check_folds([_fold([0], [], [1])], bare, speaker_independent=False)
    with pytest.raises(EvaluationError, match="no folds"):
        check_folds([], table, speaker_independent=False)


def test_read_folds_finds_items_in_another_order_and_folder(make_corpus, tmp_path):
    corpus = make_corpus(5)
    folds = _protocols.get("random", repeats=2).split(corpus.table, seed=3)
    path = tmp_path / "new" / "folds.json"
    write_folds(path, folds, corpus.table, corpus.root)
    assert str(tmp_path) not in path.read_text()
    same = read_folds(path, corpus.table, corpus.root)
    turned = read_folds(path, corpus.table[::-1], corpus.root)
    last = len(corpus) - 1
    for fold, again, other in zip(folds, same, turned, strict=True):
        assert fold.name == again.name
        for part in PARTS:
            np.testing.assert_array_equal(getattr(fold, part), getattr(again, part))
            np.testing.assert_array_equal(getattr(fold, part), last - getattr(other, part)[::-1])
    assert _protocols.GivenFolds(tuple(same)).split(corpus.table) == same
    fewer = dataclasses.replace(corpus, table=corpus.table[1:])
    with pytest.raises(EvaluationError, match=r"lacks s1/angry0\.wav"):
        read_folds(path, fewer.table, corpus.root)


@pytest.mark.parametrize(("written", "here"), [("NFC", "NFD"), ("NFD", "NFC"), ("NFC", "NFC")])
def test_read_folds_finds_names_in_the_other_normal_form(make_corpus, tmp_path, written, here):
    corpus = make_corpus(5)

    def spell(form):
        index = corpus.table.index
        files = [unicodedata.normalize(form, f"{file[:-4]}é.wav") for file, _, _ in index]
        return corpus.table.set_axis(index.set_levels(files, level="file"))

    folds = _protocols.get("random").split(corpus.table, seed=3)
    write_folds(tmp_path / "folds.json", folds, spell(written), corpus.root)
    again = read_folds(tmp_path / "folds.json", spell(here), corpus.root)
    np.testing.assert_array_equal(folds[0].train, again[0].train)


def test_read_folds_keeps_the_order_of_repeated_items(make_corpus, tmp_path):
    corpus = make_corpus(5)
    table = corpus.table.iloc[np.repeat(np.arange(len(corpus)), 2)]  # two texts for each recording
    folds = _protocols.get("random").split(table, seed=3)
    write_folds(tmp_path / "folds.json", folds, table, corpus.root)
    again = read_folds(tmp_path / "folds.json", table, corpus.root)
    for part in PARTS:
        np.testing.assert_array_equal(getattr(folds[0], part), getattr(again[0], part))
    with pytest.raises(EvaluationError, match=r"lacks s1/angry0\.wav"):
        read_folds(tmp_path / "folds.json", corpus.table, corpus.root)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", json.dumps({"items": [], "folds": [{"name": "x"}]})]
)
def test_read_folds_names_an_invalid_file(make_corpus, tmp_path, content):
    path = tmp_path / "folds.json"
    path.write_text(content)
    corpus = make_corpus(2)
    with pytest.raises(EvaluationError, match=r"folds\.json: no folds in it"):
        read_folds(path, corpus.table, corpus.root)


def test_fold_sorts_its_rows_and_is_read_only():
    fold = _fold([3, 1], [], [2])
    assert fold.train.tolist() == [1, 3]
    with pytest.raises(ValueError, match="read-only"):
        fold.train[0] = 5


def test_read_fold_origin_names_the_protocol_of_unchanged_folds(make_corpus, tmp_path):
    corpus, protocol, path = make_corpus(5), _protocols.get("groups"), tmp_path / "folds.json"
    folds = protocol.split(corpus.table)
    origin = FoldOrigin(protocol.label, protocol.description)
    write_folds(path, folds, corpus.table, corpus.root, origin)
    assert read_fold_origin(path) == origin
    given = _protocols.GivenFolds(tuple(read_folds(path, corpus.table, corpus.root)), origin)
    assert (given.label, given.description) == ("groups", "5 groups of speakers")
    content = json.loads(path.read_bytes())
    content["folds"][0]["name"] = "another"
    path.write_text(json.dumps(content), "utf-8")
    assert read_fold_origin(path) is None
    write_folds(path, folds, corpus.table, corpus.root)
    assert read_fold_origin(path) is None
    assert _protocols.GivenFolds(tuple(folds)).label == "given"
