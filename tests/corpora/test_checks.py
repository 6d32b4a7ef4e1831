from __future__ import annotations

import dataclasses
import shutil

import pytest

from serenade.corpora import CorpusInfo, Counts, check_corpus, find_identical
from serenade.corpora._checks import find_missing, inspect_files
from serenade.errors import CorpusError

INFO = CorpusInfo(
    *("toy", "Toy", "none", "none", "", ("en",), ("angry", "sad")),
    expected=Counts(3, 1, {"angry": 1, "sad": 2}),
)


def row(path, emotion="sad", speaker="01"):
    return {"file": str(path), "emotion": emotion, "speaker": speaker}


def found(corpus, kind):
    return [problem for problem in corpus.problems if problem.kind == kind]


def test_a_good_corpus_has_no_problem(tmp_path, record):
    rows = [row(record(tmp_path / f"{n}.wav")) for n in "ab"]
    rows.append(row(record(tmp_path / "c.wav"), "angry"))
    corpus = check_corpus(INFO, tmp_path, rows)
    assert corpus.problems == ()
    assert len(corpus) == 3


def test_files_that_cannot_be_used_are_named_and_left_out(tmp_path, record):
    good = record(tmp_path / "good.wav")
    none = record(tmp_path / "none.wav", seconds=0)
    (tmp_path / "zero.wav").touch()
    (tmp_path / "text.wav").write_text("version https://git-lfs.github.com/spec/v1")
    names = (good, none, tmp_path / "zero.wav", tmp_path / "text.wav")
    corpus = check_corpus(INFO, tmp_path, [row(path) for path in names])
    assert [p.files for p in found(corpus, "empty")] == [("none.wav", "zero.wav")]
    assert [p.files for p in found(corpus, "unreadable")] == [("text.wav",)]
    assert list(corpus.table.index.get_level_values("file")) == [str(good)]


def test_nothing_usable_is_an_error_that_names_why(tmp_path):
    (tmp_path / "zero.wav").touch()
    with pytest.raises(CorpusError, match=r"nothing usable of Toy: empty: .*zero\.wav"):
        check_corpus(INFO, tmp_path, [row(tmp_path / "zero.wav")])


def test_stereo_is_named_and_kept(tmp_path, record):
    corpus = check_corpus(INFO, tmp_path, [row(record(tmp_path / "two.flac", channels=2))])
    assert [p.files for p in found(corpus, "stereo")] == [("two.flac",)]
    assert len(corpus) == 1


def test_duplicates_are_named_and_dropped_only_on_request(tmp_path, record):
    first = record(tmp_path / "b.wav")
    rows = [row(shutil.copy(first, tmp_path / "c.wav")), row(first)]
    rows.append(row(record(tmp_path / "a.wav")))  # as long, other samples
    corpus = check_corpus(INFO, tmp_path, rows)
    (problem,) = found(corpus, "duplicate")
    assert problem.files == ("b.wav", "c.wav")
    assert "different labels" not in problem.message
    assert len(corpus) == 3
    dropped = check_corpus(INFO, tmp_path, rows, drop_duplicates=True)
    assert [f.rsplit("/", 1)[1] for f, *_ in dropped.table.index] == ["b.wav", "a.wav"]
    assert len(found(dropped, "duplicate")) == 1


def test_duplicates_under_two_labels_say_so(tmp_path, record):
    first = record(tmp_path / "b.wav")
    copy = shutil.copy(first, tmp_path / "c.wav")
    corpus = check_corpus(INFO, tmp_path, [row(first, "sad"), row(copy, "angry")])
    assert "different labels" in found(corpus, "duplicate")[0].message


def test_identical_compares_content_not_size(tmp_path, record):
    files = [str(record(tmp_path / f"{name}.wav", seed=name[0])) for name in ("x1", "x2", "y1")]
    facts = inspect_files(files)
    assert find_identical(facts) == [files[:2]]
    unreadable = {str(tmp_path): facts[files[0]]}
    damaged = {files[0]: dataclasses.replace(facts[files[0]], trouble="unreadable")}
    assert find_identical(facts | unreadable) == [files[:2]]
    assert find_identical(facts | damaged) == []


def test_counts_are_compared_over_the_labels_asked_for(tmp_path, record):
    rows = [row(record(tmp_path / f"{n}.wav"), "angry", speaker=n) for n in "ab"]
    rows.append(row(record(tmp_path / "c.wav"), "sad"))
    messages = {problem.message for problem in found(check_corpus(INFO, tmp_path, rows), "count")}
    assert messages == {
        "3 speakers where 1 are published",
        '2 files of "angry" where 1 are published',
        '1 files of "sad" where 2 are published; 1 missing',
    }
    sad = check_corpus(INFO, tmp_path, rows, labels=["sad"])
    assert len(sad) == 1
    assert {p.message for p in found(sad, "count")} == {
        "1 files where 2 are published; 1 missing",
        '1 files of "sad" where 2 are published; 1 missing',
    }


def test_a_corpus_with_fewer_recordings_than_published_is_labelled(tmp_path, record):
    rows = [row(record(tmp_path / f"{n}.wav")) for n in "ab"]
    assert check_corpus(INFO, tmp_path, rows).incomplete == "incomplete Toy, 2 of 3"
    # Whatever emotions are kept: all of "sad" are there.
    assert check_corpus(INFO, tmp_path, rows, labels=["sad"]).incomplete == "incomplete Toy, 2 of 3"
    rows.append(row(record(tmp_path / "c.wav"), "angry"))
    assert check_corpus(INFO, tmp_path, rows, labels=["sad"]).incomplete == ""


def test_an_unknown_label_is_refused(tmp_path, record):
    with pytest.raises(CorpusError, match="no label 'happy'; it has angry, sad"):
        check_corpus(INFO, tmp_path, [row(record(tmp_path / "a.wav"))], labels=["happy"])


def test_missing_lists_every_name():
    assert find_missing(["a", "b", "c"], ["b"])[0].files == ("a", "c")
    assert find_missing(["a"], ["a", "x"]) == []
