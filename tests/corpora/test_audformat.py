from __future__ import annotations

import sys

import pandas as pd
import pytest

from serenade import corpora
from serenade.corpora import from_audformat, to_audformat
from serenade.errors import CorpusError, MissingExtraError

audformat = pytest.importorskip("audformat")

# audformat itself still asks pandas 3.1 for it.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")


@pytest.fixture
def corpus(tmp_path, record):
    for name in ("a", "b"):
        record(tmp_path / "sub" / f"{name}.wav", seconds=1.0)
    (tmp_path / "all.csv").write_text(
        "file,start,end,speaker,emotion,arousal,turn,text\n"
        "sub/a.wav,0,0.25,03,sad,0.5,1,so it is\n"
        "sub/a.wav,0.25,,03,happy,,2,\n"
        "sub/b.wav,,,04,tired,1,3,no\n"
    )
    return corpora.open(tmp_path / "all.csv")


def test_there_and_back(corpus):
    database = to_audformat(corpus)
    assert isinstance(database, audformat.Database)
    assert list(database.files) == ["sub/a.wav", "sub/b.wav"]
    assert database.schemes["emotion"].labels == ["happy", "sad", "tired"]
    back = from_audformat(database, corpus.root)
    pd.testing.assert_frame_equal(back.table, corpus.table)


def test_through_audformat_on_disk(corpus, tmp_path):
    to_audformat(corpus).save(tmp_path / "db", storage_format="csv")
    loaded = audformat.Database.load(tmp_path / "db")
    pd.testing.assert_frame_equal(from_audformat(loaded, corpus.root).table, corpus.table)
    as_manifest = corpora.open(tmp_path / "db" / "db.segments.csv", corpus.root)
    pd.testing.assert_frame_equal(as_manifest.table, corpus.table)


def test_real_corpus_there_and_back(corpora_root):
    corpus = corpora.open("emodb", corpora_root)
    database = to_audformat(corpus)
    assert database.languages == ["deu"]
    assert database.license == corpus.info.licence
    back = from_audformat(database, corpus.root)
    pd.testing.assert_frame_equal(back.table, corpus.table)
    assert back.info.licence == corpus.info.licence
    assert corpus.info.citation in back.info.citation


def test_filewise_table_with_another_column_name(tmp_path, record):
    record(tmp_path / "a.wav")
    database = audformat.Database("theirs")
    database.schemes["label"] = audformat.Scheme(labels=["anger"])
    database["files"] = audformat.Table(audformat.filewise_index(["a.wav", "gone.wav"]))
    database["files"]["label"] = audformat.Column(scheme_id="label")
    database["files"]["label"].set(["anger", "anger"])
    with pytest.raises(CorpusError, match='no table "segments"; it has files'):
        from_audformat(database, tmp_path)
    with pytest.raises(CorpusError, match=r"no column emotion.*which has label"):
        from_audformat(database, tmp_path, table="files")
    corpus = from_audformat(database, tmp_path, table="files", columns={"emotion": "label"})
    assert list(corpus.table["emotion"]) == ["anger"]
    assert {p.kind for p in corpus.problems} == {"missing", "speaker", "label"}


def test_without_audformat_the_extra_is_named(corpus, monkeypatch):
    monkeypatch.setitem(sys.modules, "audformat", None)
    with pytest.raises(MissingExtraError, match=r"serenade\[audformat\]"):
        to_audformat(corpus)


def test_speakers_of_another_table_are_taken(corpus):
    wanted = corpus.table["speaker"].to_numpy()
    for filewise in (True, False):
        database = to_audformat(corpus)
        speakers = database["segments"]["speaker"].get()
        del database["segments"].columns["speaker"]
        index = speakers.index
        if filewise:
            speakers = speakers.groupby(level="file").first()
            index = audformat.filewise_index(speakers.index)
        database["people"] = audformat.Table(index)
        database["people"]["speaker"] = audformat.Column(scheme_id="speaker")
        database["people"]["speaker"].set(speakers.to_list())
        assert from_audformat(database, corpus.root).table["speaker"].tolist() == wanted.tolist()
