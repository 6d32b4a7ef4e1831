"""EmoBox' lists, written in their layout."""

from __future__ import annotations

import json

import numpy as np
import pytest

from serenade.errors import EvaluationError
from serenade.protocols import read_emobox


@pytest.fixture
def lists(tmp_path, make_corpus):
    """Write lists of two folds of a corpus: one form of list each."""
    corpus = make_corpus(4)
    folder = tmp_path / "data" / "small"
    names = [
        (path[0].split("/")[-2], "downloads/small/wav/" + "/".join(path[0].split("/")[-2:]))
        for path in corpus.table.index
    ]
    for number, tested in ((1, "s1"), (2, "s2")):
        place = folder / f"fold_{number}"
        place.mkdir(parents=True)
        for part in ("train", "test"):
            entries = [
                {"key": wav, "wav": wav, "emo": "sad"}
                for speaker, wav in names
                if (speaker == tested) == (part == "test")
            ]
            entries.append({"key": "other", "wav": "downloads/small/wav/x/other.wav"})
            stem = place / f"small_{part}_fold_{number}"
            if number == 1:
                lines = "".join(json.dumps(entry) + "\n" for entry in entries)
                stem.with_suffix(".jsonl").write_text(lines)
            else:
                by_key = {entry["key"]: entry for entry in entries}
                stem.with_suffix(".json").write_text(json.dumps(by_key))
    return corpus, folder


def test_read_emobox_matches_the_end_of_paths(lists):
    corpus, folder = lists
    folds = read_emobox(folder, corpus.table, corpus.root)
    speakers = corpus.table["speaker"].to_numpy()
    assert [fold.name for fold in folds] == ["fold 1", "fold 2"]
    for fold, tested in zip(folds, ("s1", "s2"), strict=True):
        np.testing.assert_array_equal(fold.test, np.flatnonzero(speakers == tested))
        np.testing.assert_array_equal(fold.train, np.flatnonzero(speakers != tested))
        assert len(fold.validation) == 0


def test_read_emobox_keeps_validation_lists(lists):
    corpus, folder = lists
    train = folder / "fold_1" / "small_train_fold_1.jsonl"
    kept = train.read_text().splitlines(keepends=True)
    train.write_text("".join(kept[3:]))
    (folder / "fold_1" / "small_valid_fold_1.jsonl").write_text("".join(kept[:3]))
    fold = read_emobox(folder, corpus.table, corpus.root)[0]
    assert (len(fold.train), len(fold.validation), len(fold.test)) == (24, 3, 9)


def test_read_emobox_names_invalid_lists(lists):
    corpus, folder = lists
    with pytest.raises(EvaluationError, match=r"data: no folders fold_1"):
        read_emobox(folder.parent, corpus.table, corpus.root)
    elsewhere = corpus.select(corpus.table["speaker"] == "s3")
    with pytest.raises(EvaluationError, match=r"none of its test recordings \(downloads/small"):
        read_emobox(folder, elsewhere.table, corpus.root)
    (folder / "fold_2" / "small_train_fold_2.json").write_text("{")
    with pytest.raises(EvaluationError, match=r"small_train_fold_2.json: damaged"):
        read_emobox(folder, corpus.table, corpus.root)
    (folder / "fold_2" / "small_train_fold_2.json").unlink()
    with pytest.raises(EvaluationError, match=r"fold_2: no lists of train and test"):
        read_emobox(folder, corpus.table, corpus.root)
