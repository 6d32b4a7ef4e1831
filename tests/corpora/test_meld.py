from __future__ import annotations

import pytest

from serenade.corpora import _meld as meld
from serenade.errors import CorpusError

HEADER = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID\n"


def write(folder, rows, encoding="utf-8", part="train"):
    for name in meld.PARTS:
        (folder / f"{name}_sent_emo.csv").write_text(HEADER)
    path = folder / f"{part}_sent_emo.csv"
    path.write_bytes((HEADER + rows).encode(encoding))
    return folder


def texts(folder):
    return [line.text for line in meld.read_lines(folder)[0]]


def test_meld_has_the_published_counts_and_disjoint_dialogues(corpora_root):
    lines, problems = meld.read_lines(corpora_root)
    counts = {part: sum(line.part == part for line in lines) for part in meld.PARTS}
    assert counts == {"train": 9988, "dev": 1109, "test": 2610}
    # One of the 1432 dialogues has that row only.
    assert len({line.dialogue for line in lines}) == 1037 + 114 + 280
    (only,) = problems
    assert "line 3515: no words" in only.message
    assert sum(line.emotion == "sad" for line in lines) == 683 + 111 + 208
    assert not [line for line in lines if set(line.text) & set("\u2019\u201c\u2026\x92")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_meld_reads_plain_quotes_in_every_encoding(tmp_path, encoding):
    row = "1,\u201cHe\u2019s\u201d here\u2026 caf\u00e9,Joey,joy,positive,0,0\n"
    assert texts(write(tmp_path, row, encoding)) == ['"He\'s" here... café']


@pytest.mark.parametrize("spoilt", ["He\x92s here\x85", "Heâ€™s hereâ€¦"])
def test_repair_text_repairs_a_wrong_encoding(tmp_path, spoilt):
    # U+0085 ends a line for str.splitlines: it must not end a row.
    assert texts(write(tmp_path, f"1,{spoilt},Joey,joy,positive,0,0\n")) == ["He's here..."]


def test_meld_names_rows_that_cannot_be_used(tmp_path):
    rows = (
        "1,Hi,Joey,joy,positive,0,0\n"
        "2,Hi there,Joey,joy,positive,0,0\n"
        "3,!,Joey,joy,positive,0,1\n"
        "4,So,Joey,bliss,positive,0,2\n"
        "5,So,Joey,joy,positive,,3\n"
    )
    lines, problems = meld.read_lines(write(tmp_path, rows))
    assert [line.text for line in lines] == ["Hi"]
    messages = [problem.message for problem in problems]
    assert [f"line {n}:" in m for n, m in zip((3, 4, 5, 6), messages, strict=True)] == [True] * 4
    for clause, message in zip(("twice", "no words", "'bliss'", "number"), messages, strict=True):
        assert clause in message


def test_meld_refuses_a_missing_table_or_column(tmp_path):
    write(tmp_path, "")
    (tmp_path / "dev_sent_emo.csv").write_text("Utterance,Speaker\n")
    with pytest.raises(CorpusError, match=r"dev_sent_emo\.csv, line 1: no column Emotion"):
        meld.read_lines(tmp_path)
    (tmp_path / "dev_sent_emo.csv").unlink()
    with pytest.raises(CorpusError, match=r"dev_sent_emo\.csv: No such file"):
        meld.read_lines(tmp_path)
    with pytest.raises(CorpusError, match=r"expected train_sent_emo\.csv"):
        meld.read_lines(tmp_path / "nowhere")
