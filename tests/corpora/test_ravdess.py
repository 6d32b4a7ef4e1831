from __future__ import annotations

import shutil

import pytest

from serenade import corpora

STEREO = {
    "Actor_01/03-01-02-01-01-02-01",
    "Actor_01/03-01-08-01-02-02-01",
    "Actor_05/03-01-02-01-02-02-05",
    "Actor_20/03-01-03-01-02-01-20",
    "Actor_20/03-01-06-01-01-02-20",
}
TWINS = ("Actor_07/03-01-03-01-02-01-07", "Actor_07/03-01-03-01-02-02-07")


@pytest.fixture(scope="module")
def ravdess(corpora_root):
    return corpora.open("ravdess", corpora_root)


def by_kind(corpus):
    return {problem.kind: problem.files for problem in corpus.problems}


def test_ravdess_has_the_published_counts(ravdess):
    corpus = ravdess
    assert len(corpus) == 1440
    assert len(corpus.speakers) == 24
    counts = corpus.table["emotion"].value_counts()
    assert counts["neutral"] == 96
    assert set(counts.drop("neutral")) == {192}
    assert corpus.labels == corpus.info.labels


def test_ravdess_lists_its_known_problems_only(ravdess):
    problems = by_kind(ravdess)
    assert problems.keys() == {"stereo", "duplicate"}
    assert {file.rsplit(".", 1)[0] for file in problems["stereo"]} == STEREO
    assert tuple(file.rsplit(".", 1)[0] for file in problems["duplicate"]) == TWINS


def test_ravdess_columns_agree_with_names(ravdess):
    table = ravdess.table
    assert table.groupby("gender")["speaker"].nunique().to_dict() == {"female": 12, "male": 12}
    grid = ["speaker", "emotion", "intensity", "statement", "repetition"]
    assert not table.duplicated(grid).any()
    assert set(table.loc[table["emotion"] == "neutral", "intensity"]) == {"normal"}
    assert table.groupby("text")["statement"].unique().map(list).to_dict() == {
        "Kids are talking by the door": [1],
        "Dogs are sitting by the door": [2],
    }


def test_ravdess_drop_duplicates_keeps_the_first_copy(corpora_root):
    corpus = corpora.open("ravdess", corpora_root / "ravdess", drop_duplicates=True)
    assert len(corpus) == 1439
    files = " ".join(corpus.table.index.get_level_values("file"))
    assert TWINS[0] in files
    assert TWINS[1] not in files
    assert "duplicate" in by_kind(corpus)


def test_ravdess_parses_names(tmp_path, record):
    path = record(tmp_path / "Actor_08" / "03-01-06-02-02-01-08.wav")
    corpus = corpora.open("ravdess", tmp_path)
    assert corpus.table.iloc[0].to_dict() == {
        "speaker": "08",
        "emotion": "fear",
        "gender": "female",
        "text": "Dogs are sitting by the door",
        "language": "en",
        "intensity": "strong",
        "statement": 2,
        "repetition": 1,
    }
    assert corpus.table.index[0][0] == str(path)
    (absent,) = (problem for problem in corpus.problems if problem.kind == "missing")
    assert len(absent.files) == 1439
    assert "Actor_08/03-01-06-02-02-02-08" in absent.files
    assert "Actor_08/03-01-01-02-01-01-08" not in absent.files, "neutral is never strong"


def test_ravdess_leaves_out_song_and_video(tmp_path, record):
    folder = tmp_path / "Actor_01"
    good = record(folder / "03-01-05-01-01-01-01.wav")
    shutil.copy(good, folder / "._03-01-05-01-01-01-01.wav")
    record(folder / "03-01-05-01-01-01-01.flac")
    shutil.copy(good, folder / "01-01-05-01-01-01-01.wav")
    record(folder / "03-02-05-01-01-01-01.wav")
    record(folder / "03-01-01-02-01-01-01.wav")  # strong neutral
    record(folder / "03-01-09-01-01-01-01.wav")
    record(folder / "03-01-05-01-01-01-25.wav")
    record(folder / "noise.wav")
    (folder / "02-01-05-01-01-01-01.mp4").write_bytes(b"video")
    corpus = corpora.open("ravdess", tmp_path)
    assert [file for file, *_ in corpus.table.index] == [str(good)]
    files = {}
    for problem in corpus.problems:
        files.setdefault(problem.kind, []).extend(
            name.removeprefix("Actor_01/") for name in problem.files
        )
    assert files["twice"] == ["03-01-05-01-01-01-01.flac"]
    assert files["mac"] == ["._03-01-05-01-01-01-01.wav"]
    assert sorted(files["excluded"]) == [
        "01-01-05-01-01-01-01.wav",
        "02-01-05-01-01-01-01.mp4",
        "03-02-05-01-01-01-01.wav",
    ]
    assert sorted(files["name"]) == [
        "03-01-01-02-01-01-01.wav",
        "03-01-05-01-01-01-25.wav",
        "03-01-09-01-01-01-01.wav",
        "noise.wav",
    ]


def test_ravdess_finds_speech_next_to_song(tmp_path, record):
    record(tmp_path / "Audio_Song_Actors_01-24" / "Actor_01" / "03-02-05-01-01-01-01.wav")
    record(tmp_path / "speech" / "Actor_01" / "03-01-05-01-01-01-01.wav")
    assert corpora.open("ravdess", tmp_path).root == tmp_path / "speech"
