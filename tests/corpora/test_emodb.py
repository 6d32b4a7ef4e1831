from __future__ import annotations

import pytest

from serenade import corpora

COUNTS = {
    "angry": 127,
    "boredom": 81,
    "disgust": 46,
    "fear": 69,
    "happy": 71,
    "neutral": 79,
    "sad": 62,
}


def test_emodb_without_problems_if_complete(corpora_root):
    corpus = corpora.open("emodb", corpora_root)
    assert corpus.root.name == "emodb"
    assert len(corpus) == 535
    assert len(corpus.speakers) == 10
    assert corpus.table["emotion"].value_counts().to_dict() == COUNTS
    assert corpus.problems == ()
    assert corpus.incomplete == ""


def test_emodb_has_the_published_counts():
    expected = corpora.describe("emodb").expected
    assert (expected.files, expected.speakers) == (535, 10)
    assert expected.per_label == COUNTS


def test_emodb_without_problems_for_some_emotions(corpora_root):
    corpus = corpora.open("emodb", corpora_root / "emodb", labels=["angry", "sad"])
    assert len(corpus) == 127 + 62
    assert corpus.labels == ("angry", "sad")
    assert corpus.problems == ()


def test_emodb_counts_missing_recordings_of_each_emotion(tmp_path, record):
    for name in ("03a01Fa", "08a01Fa", "03a01Wa"):
        record(tmp_path / "wav" / f"{name}.wav")
    corpus = corpora.open("emodb", tmp_path)
    assert len(corpus) == 3
    assert corpus.incomplete == "incomplete EMO-DB, 3 of 535"
    assert {problem.kind for problem in corpus.problems} == {"count"}
    assert [problem.message for problem in corpus.problems] == [
        "3 files where 535 are published; 532 missing",
        "2 speakers where 10 are published; 8 missing",
        '1 files of "angry" where 127 are published; 126 missing',
        '0 files of "boredom" where 81 are published; 81 missing',
        '0 files of "disgust" where 46 are published; 46 missing',
        '0 files of "fear" where 69 are published; 69 missing',
        '2 files of "happy" where 71 are published; 69 missing',
        '0 files of "sad" where 62 are published; 62 missing',
        '0 files of "neutral" where 79 are published; 79 missing',
    ]


def test_emodb_parses_names(tmp_path, record):
    record(tmp_path / "wav" / "13b02Lc.wav")
    row = corpora.open("emodb", tmp_path).table.iloc[0].to_dict()
    assert row == {
        "speaker": "13",
        "emotion": "boredom",
        "gender": "female",
        "text": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
        "language": "de",
        "age": 32,
        "text_code": "b02",
        "version": "c",
    }


@pytest.mark.parametrize("root", [".", "wav", ".."])
def test_emodb_opens_its_root_wav_folder_and_parent(tmp_path, record, root):
    record(tmp_path / "in" / "wav" / "03a01Fa.ogg", rate=16000)
    corpus = corpora.open("emodb", tmp_path / "in" / root)
    assert len(corpus) == 1


def test_emodb_lists_other_names(tmp_path, record):
    for name in ("03a01Fa", "03a01Xa", "04a01Fa", "03a03Fa", "03a01F"):
        record(tmp_path / "wav" / f"{name}.wav")
    corpus = corpora.open("emodb", tmp_path)
    (problem,) = (problem for problem in corpus.problems if problem.kind == "name")
    assert problem.files == tuple(
        f"wav/{name}.wav" for name in ("03a01F", "03a01Xa", "03a03Fa", "04a01Fa")
    )
    assert len(corpus) == 1
