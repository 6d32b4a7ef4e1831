from __future__ import annotations

import unicodedata

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serenade import corpora
from serenade.corpora import Corpus, _manifest, load_manifest, write_manifest
from serenade.corpora._rows import to_nanoseconds
from serenade.errors import CorpusError


@pytest.fixture
def folder(tmp_path, record):
    for name in ("a", "b", "c"):
        record(tmp_path / "audio" / f"{name}.wav", seconds=1.0)
    return tmp_path


def load(folder, text, name="all.csv", **options):
    (folder / name).write_text(text, encoding=options.pop("encoding", "utf-8"))
    return _manifest.load_manifest(folder / name, **options)


def bad(corpus, line):
    return [p for p in corpus.problems if f"line {line}: " in p.message]


def test_load_manifest_reads_columns_and_times_in_order(folder):
    corpus = load(
        folder,
        "emotion,file,start,end,speaker,session,rating\n"
        "sad,audio/b.wav,0.25,0 days 00:00:00.75,07,1,4\n"
        "angry,audio/a.wav,,,08,2,5\n",
    )
    assert corpus.problems == ()
    assert [(f.rsplit("/", 1)[1], s, e) for f, s, e in corpus.table.index] == [
        ("b.wav", pd.Timedelta("250ms"), pd.Timedelta("750ms")),
        ("a.wav", pd.Timedelta(0), pd.NaT),
    ]
    assert list(corpus.table["speaker"]) == ["07", "08"]
    assert list(corpus.table["session"]) == ["1", "2"]
    assert list(corpus.table["rating"]) == [4, 5]
    assert corpus.info.labels == ("angry", "sad")
    assert corpus.root == folder


def test_load_manifest_takes_labels_from_any_column(folder):
    text = "file,emotion,style\naudio/a.wav,sad,read\naudio/b.wav,sad,spoken\naudio/c.wav,,read\n"
    corpus = load(folder, text, label_column="style")
    assert corpus.info.name == "all-style"
    assert corpus.info.labels == ("read", "spoken")
    assert list(corpus.table["emotion"]) == ["read", "spoken", "read"]
    (folder / "bare.csv").write_text("file,style\naudio/a.wav,read\naudio/b.wav,spoken\n")
    bare = corpora.open(folder / "bare.csv", label_column="style", labels=["read"])
    assert list(bare.table["emotion"]) == ["read"]
    with pytest.raises(CorpusError, match="no column mood"):
        corpora.open(folder / "bare.csv", label_column="mood")


def test_label_by_takes_labels_from_a_column_of_any_corpus(folder):
    text = "file,emotion,gender\naudio/a.wav,sad,male\naudio/b.wav,sad,female\naudio/c.wav,sad,\n"
    corpus = load(folder, text).label_by("gender")
    assert (corpus.info.name, corpus.labels) == ("all-gender", ("female", "male"))
    assert list(corpus.table["emotion"]) == ["male", "female"]
    with pytest.raises(CorpusError, match=r"no column session with labels; it has .*gender"):
        load(folder, text).label_by("session")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_load_manifest_finds_names_in_the_other_normal_form(folder, record, form):
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    names = ["é/Zoë.wav", "だ.wav", "한국어.wav", "高兴.wav"]
    for name in names:
        path = folder / unicodedata.normalize(form, name)
        path.parent.mkdir(exist_ok=True)
        record(path, seconds=1.0)
    rows = [f"{unicodedata.normalize(other, name)},高兴,{n}" for n, name in enumerate(names)]
    corpus = load(folder, "\n".join(["file,emotion,speaker", *rows]))
    assert corpus.problems == ()
    assert corpus.labels == ("高兴",)
    written = [folder / unicodedata.normalize(form, name) for name in names]
    assert list(corpus.table.index.get_level_values("file")) == [str(path) for path in written]
    # The manifest that this corpus writes opens again.
    write_manifest(corpus, folder / "again.csv")
    assert load_manifest(folder / "again.csv").table.index.equals(corpus.table.index)


@pytest.mark.parametrize(
    ("name", "delimiter", "encoding"),
    [("m.csv", ",", "utf-8"), ("m.csv", ";", "utf-8-sig"), ("m.tsv", "\t", "utf-8")],
)
def test_load_manifest_reads_delimiters_and_byte_order_marks(folder, name, delimiter, encoding):
    cells = ["audio/a.wav", "sad", "03", '"więc, tak; no"']
    head = delimiter.join(["file", "emotion", "speaker", "text"])
    body = f"{head}\r\n{delimiter.join(cells)}\r\n\r\n"
    corpus = load(folder, body, name, encoding=encoding)
    assert corpus.table["text"].iloc[0] == "więc, tak; no"
    assert corpus.problems == ()


def test_load_manifest_takes_a_root_and_absolute_paths(folder):
    text = f"file,emotion,speaker\na.wav,sad,1\n{folder}/audio/b.wav,sad,1\n"
    corpus = load(folder, text, root=folder / "audio")
    assert len(corpus) == 2
    assert corpus.root == folder / "audio"


def test_load_manifest_identifies_differently_written_paths(folder):
    corpus = load(folder, "file,emotion,speaker\naudio/a.wav,sad,1\n./audio/../audio/a.wav,sad,1\n")
    assert len(corpus) == 1
    assert "same segment as line 2" in bad(corpus, 3)[0].message


def test_load_manifest_keeps_white_space_in_file_names(folder, record):
    record(folder / "two  blanks.wav")
    assert len(load(folder, "file,emotion,speaker\ntwo  blanks.wav ,sad,1\n")) == 1


@pytest.mark.parametrize(
    ("row", "kind", "why"),
    [
        ("audio/gone.wav,,,sad", "missing", "no file .*gone.wav; correct the path"),
        (",,,sad", "row", "no file; fill"),
        ("audio/b.wav,,,", "label", "no emotion; fill"),
        ("audio/b.wav,0.5,0.5,sad", "time", r"start 0\.5 s is not before end 0\.5 s"),
        ("audio/b.wav,-1,,sad", "time", 'start "-1" is not a time; write seconds'),
        ("audio/b.wav,soon,,sad", "time", 'start "soon" is not a time'),
        ("audio/b.wav,0,nan,sad", "time", 'end "nan" is not a time'),
        ("audio/b.wav,0,1e300,sad", "time", "is not a time"),
        ("audio/b.wav,0,1.01,sad", "time", r"1\.01 s is beyond the end of the recording, 1 s"),
        ("audio/b.wav,1.0,,sad", "time", "beyond the end"),
        ("audio/b.wav,250,750,sad", "time", "write times in seconds"),
        ("audio/b.wav,0,sad", "row", "3 cells under 4 columns"),
        ("audio/b.wav,0,1,sad,really", "row", "5 cells under 4 columns; quote"),
        (("x" * 5000) + ",,,sad", "missing", "no file"),
    ],
)
def test_load_manifest_names_invalid_rows_and_keeps_others(folder, row, kind, why):
    corpus = load(folder, f"file,start,end,emotion\naudio/a.wav,,,sad\n{row}\naudio/c.wav,,,sad\n")
    assert [f.rsplit("/", 1)[1] for f, *_ in corpus.table.index] == ["a.wav", "c.wav"]
    (problem,) = bad(corpus, 3)
    assert problem.kind == kind
    assert problem.message.startswith(str(folder / "all.csv"))
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(problem.message)


def test_load_manifest_accepts_a_rounded_end(folder):
    assert len(load(folder, "file,end,emotion\naudio/a.wav,1.0005,sad\n")) == 1


def test_load_manifest_counts_line_breaks_in_cells(folder):
    corpus = load(folder, 'file,emotion,text\naudio/a.wav,sad,"one\ntwo"\naudio/gone.wav,sad,x\n')
    assert corpus.table["text"].iloc[0] == "one two"
    assert len(bad(corpus, 4)) == 1


def test_load_manifest_leaves_out_contradicting_rows(folder):
    corpus = load(folder, "file,emotion\naudio/a.wav,sad\naudio/b.wav,sad\naudio/a.wav,happy\n")
    assert [f.rsplit("/", 1)[1] for f, *_ in corpus.table.index] == ["b.wav"]
    (problem,) = bad(corpus, 4)
    assert problem.kind == "contradiction"
    assert 'line 2 says "sad"' in problem.message


def test_load_manifest_accepts_several_segments_of_a_file(folder):
    corpus = load(
        folder,
        "file,start,end,emotion,speaker\naudio/a.wav,0,0.5,sad,1\naudio/a.wav,0.5,1,happy,1\n",
    )
    assert len(corpus) == 2
    assert corpus.problems == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "path,label\na.wav,sad\n",
            "line 1: no column file and no column emotion, found path, lab",
        ),
        ("file,start\na.wav,0\n", "no column emotion, found file, start"),
        ("", "no column file and no column emotion, found nothing"),
        ("file,emotion,emotion\na.wav,sad,sad\n", "emotion named twice"),
        ("file,emotion\n", "nothing usable"),
        ("file,emotion\ngone.wav,sad\n", r"nothing usable.*line 2: no file"),
    ],
)
def test_load_manifest_refuses_a_manifest_without_a_valid_row(folder, text, why):
    with pytest.raises(CorpusError, match=why):
        load(folder, text)


def test_load_manifest_refuses_unreadable_manifests(folder):
    with pytest.raises(CorpusError, match=r"No such file.*give the path"):
        _manifest.load_manifest(folder / "gone.csv")
    (folder / "latin.csv").write_bytes("file,emotion\né.wav,sad\n".encode("latin-1"))
    with pytest.raises(CorpusError, match="not UTF-8"):
        _manifest.load_manifest(folder / "latin.csv")


def test_load_manifest_lists_missing_speakers_and_other_labels(folder):
    corpus = load(
        folder, "file,emotion,speaker\naudio/a.wav,Anger,1\naudio/b.wav,tired,\naudio/c.wav,sad,2\n"
    )
    messages = {p.kind: p.message for p in corpus.problems}
    assert "1 recordings have no speaker" in messages["speaker"]
    assert "map_labels({'Anger': 'angry'})" in messages["label"]
    assert corpus.labels == ("sad", "Anger", "tired")
    assert corpus.map_labels({"Anger": "angry"}).labels == ("sad", "angry", "tired")


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("file,start,end\na.wav,0.5,2\n", "line 2: start and end name a part of a.wav"),
        (
            "file,speaker\na.wav,x\na.wav,y\n",
            "line 3: a.wav has two values in the column speaker, x and y",
        ),
    ],
)
def test_read_speakers_refuses_parts_and_two_speakers_of_a_file(tmp_path, rows, problem):
    manifest = tmp_path / "a.csv"
    manifest.write_text(rows)
    with pytest.raises(CorpusError, match=problem):
        _manifest.read_speakers(manifest)


def test_read_speakers_finds_files_that_are_spelt_in_another_way(folder):
    (folder / "caf\u00e9.wav").write_bytes((folder / "audio" / "a.wav").read_bytes())
    manifest = folder / "list.csv"
    rows = "cafe\u0301.wav,1\naudio\\a.wav,2\ngone.wav,3\n"
    manifest.write_text(f"file,speaker\n{rows}", encoding="utf-8")
    assert _manifest.read_speakers(manifest) == {
        str(folder / "caf\u00e9.wav"): "1",
        str(folder / "audio/a.wav"): "2",
        str(folder / "gone.wav"): "3",
    }


def test_load_manifest_checks_the_recordings(folder, record):
    record(folder / "two.wav", channels=2)
    (folder / "copy.wav").write_bytes((folder / "audio" / "a.wav").read_bytes())
    (folder / "zero.wav").touch()
    rows = "".join(f"{n}.wav,sad,1\n" for n in ("two", "copy", "audio/a", "zero"))
    corpus = load(folder, f"file,emotion,speaker\n{rows}", drop_duplicates=True)
    assert {p.kind: p.files for p in corpus.problems} == {
        "stereo": ("two.wav",),
        "duplicate": ("audio/a.wav", "copy.wav"),
        "empty": ("zero.wav",),
    }
    assert len(corpus) == 2


def test_load_manifest_selects_labels(folder):
    text = "file,emotion\naudio/a.wav,sad\naudio/b.wav,happy\n"
    assert load(folder, text, labels=["happy"]).labels == ("happy",)
    with pytest.raises(CorpusError, match="no label 'calm'"):
        load(folder, text, labels=["calm"])


@pytest.mark.parametrize(
    ("name", "suffix"), [("ravdess", ".csv"), ("emodb", ".tsv"), ("nemo", ".csv")]
)
def test_write_manifest_of_a_real_corpus_reads_back_unchanged(corpora_root, tmp_path, name, suffix):
    corpus = corpora.open(name, corpora_root)
    path = tmp_path / f"{name}{suffix}"
    write_manifest(corpus, path)
    assert not path.read_text(encoding="utf-8").splitlines()[1].startswith("/")
    pd.testing.assert_frame_equal(load_manifest(path, corpus.root).table, corpus.table)


CELL = st.one_of(st.none(), st.text(max_size=8), st.integers(), st.floats())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    cells=st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=3),
    times=st.lists(st.integers(0, 10**9), min_size=2, max_size=2, unique=True).map(sorted),
    name=st.sampled_from(["h.csv", "h.tsv"]),
)
def test_write_manifest_reads_back_unchanged(folder, cells, times, name):
    from serenade.corpora import build_table

    rows = [
        {
            "file": str(folder / "audio" / f"{stem}.wav"),
            "start": times[0],
            "end": times[1],
            "emotion": "sad",
            "speaker": speaker,
            "text": text,
            "value": value,
        }
        for stem, (speaker, text, value) in zip("abc", cells, strict=False)
    ]
    table = build_table(rows)
    write_manifest(
        Corpus(_manifest.load_manifest(_plain(folder)).info, folder, table), folder / name
    )
    pd.testing.assert_frame_equal(_manifest.load_manifest(folder / name).table, table)


def _plain(folder):
    path = folder / "plain.csv"
    path.write_text("file,emotion\naudio/a.wav,sad\n")
    return path


@pytest.mark.parametrize(
    ("cell", "time"),
    [
        (None, None),
        ("NaT", None),
        ("0", 0),
        ("1.5", 1_500_000_000),
        ("0.123456789", 123_456_789),
        ("00:01:00", 60_000_000_000),
        ("0 days 00:00:00.000000001", 1),
        ("2s", 2_000_000_000),
    ],
)
def test_to_nanoseconds_converts_times(cell, time):
    assert to_nanoseconds(cell) == time


@pytest.mark.parametrize("cell", ["-0.1", "inf", "nan", "1,5", "one", "2 lightyears", "nat"])
def test_to_nanoseconds_refuses_other_text(cell):
    with pytest.raises(ValueError, match=r".*"):
        to_nanoseconds(cell)


def test_load_manifest_takes_columns_with_capitals_and_windows_paths(folder):
    corpus = load(folder, "File,Emotion,Speaker,F0\naudio\\a.wav,sad,1,100\n")
    assert corpus.problems == ()
    assert [file for file, _, _ in corpus.table.index] == [str(folder / "audio" / "a.wav")]
    assert {"speaker", "emotion", "F0"} <= set(corpus.table.columns)


def test_load_manifest_names_the_option_that_renames_labels(folder):
    corpus = load(folder, "file,emotion,speaker\naudio/a.wav,Anger,1\naudio/c.wav,sad,2\n")
    (message,) = (p.message for p in corpus.problems if p.kind == "label")
    assert "--map Anger=angry" in message
    assert [p for p in corpus.map_labels({"Anger": "angry"}).problems if p.kind == "label"] == []


def test_map_labels_keeps_what_is_still_true_of_the_labels(folder):
    rows = "audio/a.wav,Anger,1\naudio/b.wav,Joy,1\naudio/c.wav,nan,2\n"
    corpus = load(folder, f"file,emotion,speaker\n{rows}")
    (missing,) = corpus.map_labels({"Anger": "angry", "Joy": "happy"}).problems
    assert "look like missing values: nan" in missing.message
    (renamed,) = corpus.map_labels({"Anger": "anger", "nan": None}).problems
    assert renamed.message.endswith("map_labels({'Joy': 'happy'})")


def test_load_manifest_warns_of_labels_that_look_like_missing_values(folder, tmp_path):
    path = tmp_path / "m.csv"
    files = sorted((folder / "audio").glob("*.wav"))[:2]
    labels = ("nan", "None")
    rows = [f"{file},{label},a" for file, label in zip(files, labels, strict=False)]
    path.write_text("\n".join(["file,emotion,speaker", *rows]) + "\n", "utf-8")
    problems = [str(problem) for problem in load_manifest(path).problems]
    assert any("look like missing values" in problem for problem in problems)
