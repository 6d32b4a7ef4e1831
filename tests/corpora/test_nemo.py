from __future__ import annotations

import pytest

from serenade import corpora
from serenade.errors import CorpusError

HEADER = "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage\n"


@pytest.fixture(scope="module")
def nemo(corpora_root):
    return corpora.open("nemo", corpora_root)


def test_nemo_has_the_published_counts_and_no_problem(nemo):
    assert len(nemo) == 4481
    assert len(nemo.speakers) == 9
    assert nemo.table["emotion"].value_counts().to_dict() == nemo.info.expected.per_label
    assert nemo.problems == ()


def test_nemo_speakers_agree_with_names(nemo):
    names = [file.rsplit("/", 1)[1].split("_") for file, *_ in nemo.table.index]
    assert [name[0] for name in names] == list(nemo.table["speaker"])


def test_nemo_texts_do_not_depend_on_the_emotion(nemo):
    heard = nemo.table.groupby("text")["emotion"].nunique()
    assert len(heard) == 90
    assert set(heard) == {6}
    assert (nemo.table.groupby("sentence")["text"].nunique() == 1).all()


def write(root, record, rows, audio):
    for name in audio:
        record(root / "samples" / name)
    lines = ["\t".join(row) + "\n" for row in rows]
    (root / "data.tsv").write_text(HEADER + "".join(lines), encoding="utf-8")
    return root


def line(name, emotion="anger", speaker="  WR0"):
    return (name, emotion, 'Mówi "tak".', "mówi tak", speaker, "male", "23")


def test_nemo_names_rows_without_audio_and_audio_without_rows(tmp_path, record):
    rows = [line("WR0_anger_1.wav"), line("WR0_anger_2.wav")]
    write(tmp_path, record, rows, ["WR0_anger_1.flac", "WR0_anger_3.wav"])
    corpus = corpora.open("nemo", tmp_path)
    assert corpus.table.iloc[0].to_dict() == {
        "speaker": "WR0",
        "emotion": "angry",
        "gender": "male",
        "text": 'Mówi "tak".',
        "language": "pl",
        "age": 23,
        "sentence": 1,
        "normalized_text": "mówi tak",
    }
    files = {p.kind: p.files for p in corpus.problems}
    assert files["missing"] == ("samples/WR0_anger_2",)
    assert files["row"] == ("samples/WR0_anger_3.wav",)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (line("WR0_joy_2.wav", "joy"), 'unknown emotion "joy"'),
        (line("WR0_fear_2.wav"), "not that of the name"),
        (line("WR0_anger_2.wav", speaker="EB0"), "not that of the name"),
        (line("noise.wav"), "is not <speaker>"),
        (line("WR0_anger_1.wav"), "listed twice"),
    ],
)
def test_nemo_names_invalid_rows_by_line(tmp_path, record, bad, why):
    audio = {"WR0_anger_1.wav", bad[0]}
    write(tmp_path, record, [line("WR0_anger_1.wav"), bad], sorted(audio))
    corpus = corpora.open("nemo", tmp_path)
    assert len(corpus) == 1
    assert any(
        "data.tsv, line 3" in p.message and why in p.message and p.files == (bad[0],)
        for p in corpus.problems
    )


def test_nemo_refuses_missing_columns(tmp_path, record):
    write(tmp_path, record, [], ["WR0_anger_1.wav"])
    (tmp_path / "data.tsv").write_text("file_id\temotion\n")
    with pytest.raises(CorpusError, match=r"data\.tsv, line 1: no column raw_text"):
        corpora.open("nemo", tmp_path)


def test_nemo_refuses_audio_without_its_table(tmp_path, record):
    record(tmp_path / "samples" / "WR0_anger_1.wav")
    with pytest.raises(CorpusError, match=r"expected data\.tsv and samples"):
        corpora.open("nemo", tmp_path)
