"""Tables of folds: speakers that training and test share."""

import gzip

import pytest

from serenade.errors import EvaluationError
from serenade.protocols import is_fold_table, list_fold_speakers

HEAD = "corpus,fold,split,file,emotion\n"
ROWS = """emodb,1,train,emodb/wav/03a01Fa.wav,happy
emodb,1,valid,emodb/wav/08a01Fa.wav,happy
emodb,1,test,emodb/wav/08a02Fa.wav,happy
emodb,2,train,emodb/wav/03a01Fa.wav,happy
emodb,2,test,emodb/wav/09a01Fa.wav,happy
iemocap,1,train,iemocap/Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav,sad
iemocap,1,test,iemocap/Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_M000.wav,sad
meld,1,train,meld/train/dia1_utt1.mp4,sad
"""


@pytest.fixture
def table(tmp_path):
    """Write a compressed table of three corpora."""
    path = tmp_path / "folds.csv.gz"
    path.write_bytes(gzip.compress((HEAD + ROWS).encode()))
    return path


def test_list_fold_speakers_knows_the_names_of_emobox(table):
    found = list_fold_speakers(table)
    assert [(one.corpus, one.fold, one.shared) for one in found] == [
        ("emodb", "1", ("08",)),
        ("emodb", "2", ()),
        ("iemocap", "1", ()),
    ]
    assert str(found[0]) == "leak: emodb, fold 1: 1 of 1 test speakers are also trained on: 08"
    assert str(found[1]) == "emodb, fold 2: 0 of 1 test speakers are also trained on"
    assert found[2].tested == {"Ses01M"}


def test_list_fold_speakers_takes_a_column_or_a_pattern(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("fold,split,file,speaker\n1,train,a/1.wav,x\n1,test,b/1.wav,x\n1,test,c.wav,\n")
    (found,) = list_fold_speakers(path)
    assert str(found) == (
        "leak: fold 1: 1 of 1 test speakers are also trained on: x; 1 files of unknown speakers"
    )
    path.write_text("fold,split,file\n1,train,a/1.wav\n1,test,b/1.wav\n")
    (found,) = list_fold_speakers(path, "^(.)/")
    assert (found.trained, found.tested, found.shared) == ({"a"}, {"b"}, ())
    for pattern in ("^(a)|^(b)", "^[ab]"):  # alternatives; no group
        (found,) = list_fold_speakers(path, pattern)
        assert (found.trained, found.tested) == ({"a"}, {"b"})


def test_list_fold_speakers_reads_parts_in_any_case_and_tables_of_excel(tmp_path):
    path = tmp_path / "excel.csv"
    text = (
        "fold,split,file,speaker\n1,Train,a.wav,x\n1,Dev,b.wav,y\n1,Test,c.wav,x\n1,eval,d.wav,z\n"
    )
    path.write_text(text, "utf-8-sig")
    assert is_fold_table(path)
    (found,) = list_fold_speakers(path)
    assert (found.trained, found.tested) == ({"x", "y"}, {"x", "z"})


@pytest.mark.parametrize(
    ("text", "pattern", "reason"),
    [
        ("file,split\na.wav,test\n", "", "no column fold"),
        ("fold,split,file\n1,test,a.wav\n", "", "no speaker is known; add a column speaker"),
        ("fold,split,file\n1,test,a.wav\n", "(", "cannot read folds"),
        ("fold,split,file\n1,held out,a.wav\n", "", "unknown values in the column split: held out"),
    ],
)
def test_list_fold_speakers_names_the_fix_of_mistakes(tmp_path, text, pattern, reason):
    path = tmp_path / "folds.csv"
    path.write_text(text)
    with pytest.raises(EvaluationError, match=reason):
        list_fold_speakers(path, pattern)


def test_is_fold_table_reads_the_header(table, tmp_path):
    other = tmp_path / "corpus.csv"
    other.write_text("file,emotion\na.wav,sad\n")
    assert is_fold_table(table)
    assert not is_fold_table(other)
    assert not is_fold_table(tmp_path / "none.csv")
    assert not is_fold_table("emodb")
