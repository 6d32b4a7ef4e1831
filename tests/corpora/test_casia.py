from __future__ import annotations

import pytest

from serenade import corpora
from serenade.errors import CorpusError


@pytest.fixture
def tree(tmp_path, record):
    for speaker in ("liuchanhg", "ZhaoZuoxiang"):
        for emotion in ("angry", "surprise"):
            for number in (201, 202):
                record(tmp_path / "CASIA" / speaker / emotion / f"{number}.wav")
    return tmp_path / "CASIA"


def test_layout_becomes_columns(tree):
    corpus = corpora.open("casia", tree.parent)
    assert corpus.root == tree
    assert len(corpus) == 8
    assert corpus.speakers == ("ZhaoZuoxiang", "liuchanhg")
    assert corpus.labels == ("angry", "surprise")
    assert corpus.table.iloc[0].to_dict() == {
        "speaker": "ZhaoZuoxiang",
        "emotion": "angry",
        "gender": "male",
        "language": "zh",
        "sentence": 201,
    }
    assert corpus.table.groupby("sentence")["speaker"].nunique().to_dict() == {201: 2, 202: 2}


def test_gaps_in_the_grid_are_named(tree):
    (absent,) = (p for p in corpora.open("casia", tree).problems if p.kind == "missing")
    assert len(absent.files) == 1200 - 8
    assert "liuchanhg/angry/203" in absent.files
    assert "liuchanhg/angry/202" not in absent.files


def test_strange_folders_names_and_speakers_are_listed(tree, record):
    record(tree / "wangzhe" / "joy" / "201.wav")
    record(tree / "wangzhe" / "sad" / "two.wav")
    record(tree / "stray.wav")
    record(tree / "somebody" / "Sad" / "201.wav")
    corpus = corpora.open("casia", tree)
    (names,) = (p for p in corpus.problems if p.kind == "name")
    assert names.files == ("stray.wav", "wangzhe/joy/201.wav", "wangzhe/sad/two.wav")
    (speaker,) = (p for p in corpus.problems if p.kind == "speaker")
    assert "somebody" in speaker.message
    assert "sad" in corpus.labels
    assert corpus.table.loc[corpus.table["speaker"] == "somebody", "gender"].isna().all()


def test_same_number_in_other_folders_is_no_copy(tree, record):
    assert "twice" not in {p.kind for p in corpora.open("casia", tree).problems}
    record(tree / "liuchanhg" / "angry" / "201.flac")
    (twice,) = (p for p in corpora.open("casia", tree).problems if p.kind == "twice")
    assert twice.files == ("liuchanhg/angry/201.flac",)


def test_another_corpus_is_not_taken_for_it(tmp_path, record):
    record(tmp_path / "Actor_01" / "03-01-05-01-01-01-01.wav")
    with pytest.raises(CorpusError, match=r"no audio of CASIA.*<speaker>/<emotion>"):
        corpora.open("casia", tmp_path)
