from __future__ import annotations

import math

import pytest

from serenade import corpora
from serenade.corpora import iemocap, list_word_times, read_words, write_words
from serenade.corpora._word_times import read_wdseg
from serenade.errors import CorpusError


def test_read_wdseg_uses_frames_of_ten_milliseconds(tmp_path):
    path = tmp_path / "a.wdseg"
    path.write_text(
        "\t SFrm\t EFrm\t   SegAScr Word\n"
        "\t     0\t    45\t   -33456 <s>\n"
        "\t    46\t    80\t  -123456 EXCUSE\n"
        "\t    81\t    90\t     -456 A(2)\n"
        "\t    91\t    99\t     -456 ++BREATHING++\n"
        "Total score:   -1234567\n"
    )
    assert read_wdseg(path) == (("excuse", 0.46, 0.81), ("a", 0.81, 0.91))
    assert [word for word, _, _ in read_wdseg(path, fillers=True)] == [
        *("<s>", "excuse", "a", "++BREATHING++")
    ]


@pytest.mark.parametrize("text", ["", "SFrm EFrm SegAScr Word\n", "a b c\n"])
def test_read_wdseg_refuses_other_files(tmp_path, text):
    path = tmp_path / "a.wdseg"
    path.write_text(text)
    with pytest.raises(CorpusError, match=r"a\.wdseg: not a \.wdseg file; expected lines of SFrm"):
        read_wdseg(path)


def test_write_words_reads_back(tmp_path):
    file, other = str(tmp_path / "clips" / "a.wav"), "/elsewhere/b.wav"
    write_words(
        tmp_path / "words.csv",
        [
            (file, "one,", 0.1, 0.25, 0.9),
            (file, 'two "2"', 0.25, 0.5, math.nan),
            (other, "łódź", 0.0, 1.0, 1.0),
        ],
    )
    text = (tmp_path / "words.csv").read_text("utf-8")
    assert text.splitlines()[:2] == [
        "file,word,start,end,probability",
        'clips/a.wav,"one,",0.100,0.250,0.9000',
    ]
    assert read_words(tmp_path / "words.csv") == {
        file: (("one,", 0.1, 0.25), ('two "2"', 0.25, 0.5)),
        other: (("łódź", 0.0, 1.0),),
    }


@pytest.mark.parametrize(
    "row", ["a.wav,x,one,2", "a.wav,x,2,1", "a.wav,,1,2", "a.wav,x,1", "a.wav,x,-1,2", ",x,1,2"]
)
def test_read_words_names_a_damaged_row_by_line(tmp_path, row):
    path = tmp_path / "words.csv"
    path.write_text(f"file,word,start,end\na.wav,x,0,1\n{row}\n")
    with pytest.raises(CorpusError, match=r"words\.csv, line 3: not a word with a start"):
        read_words(path)


def test_read_words_names_a_missing_column(tmp_path):
    path = tmp_path / "words.csv"
    path.write_text("file,word,begin,end\n")
    with pytest.raises(CorpusError, match=r"line 1: no column start"):
        read_words(path)


def test_list_word_times_reads_the_alignment_of_the_corpus(write_iemocap, tmp_path):
    corpus = corpora.open("iemocap", write_iemocap(tmp_path, sessions=[2]))
    files = list(corpus.table.index.get_level_values("file"))
    iemocap.locate_alignment(files[0]).unlink()
    found = list_word_times(corpus)
    assert found[0] == ()
    assert found[1:] == [iemocap.read_alignment(file) for file in files[1:]]
    assert all(found[1:])


def test_list_word_times_reads_a_table(tmp_path, record):
    file = str(record(tmp_path / "a.wav", 1.0))
    (tmp_path / "rows.csv").write_text(
        "file,start,end,emotion\na.wav,0,0.5,sad\na.wav,0.5,,sad\na.wav,0.9,,sad\n"
    )
    words = [(file, "one", 0.1, 0.4, 1.0), (file, "two", 0.45, 0.6, 1.0)]
    write_words(tmp_path / "words.csv", words)
    corpus = corpora.open(tmp_path / "rows.csv")
    assert list_word_times(corpus, tmp_path / "words.csv") == [
        (("one", 0.1, 0.4),),
        (("two", 0.45, 0.6),),
        (),
    ]
    with pytest.raises(CorpusError, match="rows: has no times of words"):
        list_word_times(corpus)


def test_list_word_times_reads_the_column_words_and_names_a_damaged_cell(tmp_path, record):
    for name in ("a.wav", "b.wav"):
        record(tmp_path / name, 1.0)
    rows = 'file,emotion,words\na.wav,sad,"[[""one"", 0.1, 0.4]]"\nb.wav,sad,\n'
    (tmp_path / "rows.csv").write_text(rows)
    corpus = corpora.open(tmp_path / "rows.csv")
    assert list_word_times(corpus) == [(("one", 0.1, 0.4),), ()]
    for damaged in ("[[", "5", "[1]"):
        corpus.table["words"] = ["[]", damaged]
        with pytest.raises(CorpusError, match=r"b\.wav, row 2 of the table: its column"):
            list_word_times(corpus)
