from __future__ import annotations

import pytest

from serenade import corpora
from serenade.errors import CorpusError

COMPLETE = ["angry", "happy", "neutral", "sad"]


def kinds(corpus):
    return [problem.kind for problem in corpus.problems]


def test_incomplete_originals_load_with_the_gaps_named(corpora_root):
    corpus = corpora.open("emodb", corpora_root)
    assert corpus.root.name == "emodb"
    assert len(corpus) == 342
    assert len(corpus.speakers) == 10
    counts = corpus.table["emotion"].value_counts()
    assert counts[COMPLETE].to_dict() == {"angry": 127, "happy": 71, "neutral": 79, "sad": 62}
    gaps = {problem.message.split('"')[1] for problem in corpus.problems if '"' in problem.message}
    assert gaps == {"boredom", "disgust", "fear"}


def test_the_complete_classes_have_no_problem(corpora_root):
    corpus = corpora.open("emodb", corpora_root / "emodb", labels=COMPLETE)
    assert len(corpus) == 339
    assert corpus.labels == tuple(COMPLETE)
    assert corpus.problems == ()


def test_cut_copy_is_a_corpus_of_its_own_with_a_warning(corpora_root):
    corpus = corpora.open("emodb-cut2s", corpora_root)
    assert len(corpus) == 535
    assert len(corpus.labels) == 7
    assert kinds(corpus) == ["cut"]
    assert "not comparable" in corpus.problems[0].message
    as_original = corpora.open("emodb", corpora_root / "emodb-cut2s")
    assert kinds(as_original) == ["cut"]


def test_a_name_is_read_letter_by_letter(tmp_path, record):
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
def test_root_wav_folder_and_parent_are_accepted(tmp_path, record, root):
    record(tmp_path / "in" / "wav" / "03a01Fa.ogg", rate=16000)
    corpus = corpora.open("emodb", tmp_path / "in" / root)
    assert len(corpus) == 1
    assert "cut" not in kinds(corpus)


def test_strange_names_are_listed(tmp_path, record):
    for name in ("03a01Fa", "03a01Xa", "04a01Fa", "03a03Fa", "03a01F"):
        record(tmp_path / "wav" / f"{name}.wav")
    corpus = corpora.open("emodb", tmp_path)
    (problem,) = (problem for problem in corpus.problems if problem.kind == "name")
    assert problem.files == tuple(
        f"wav/{name}.wav" for name in ("03a01F", "03a01Xa", "03a03Fa", "04a01Fa")
    )
    assert len(corpus) == 1


def test_clips_cut_to_two_seconds_are_told_by_their_length(tmp_path, record):
    for name in ("03a01Fa", "03a01Nc"):
        record(tmp_path / "wav" / f"{name}.wav", seconds=2.0)
    assert "cut" in kinds(corpora.open("emodb", tmp_path))
    record(tmp_path / "wav" / "03a01Wa.wav", seconds=1.9)
    with pytest.raises(CorpusError, match=r"2 of 3 clips last exactly 2\.00 s.*mixed"):
        corpora.open("emodb", tmp_path)


def test_originals_are_not_opened_as_the_cut_copy(tmp_path, record):
    record(tmp_path / "wav" / "03a01Fa.wav", seconds=1.5)
    with pytest.raises(CorpusError, match=r'not cut to 2.00 s; open them as "emodb"'):
        corpora.open("emodb-cut2s", tmp_path)
