from __future__ import annotations

import shutil

import pytest

from serenade import corpora
from serenade.corpora import iemocap
from serenade.errors import CorpusError

CODES = ("ang", "hap", "exc", "neu", "sad", "fru", "xxx", "oth")
DIALOGUE = "Ses01F_impro01"
VOTED = ("angry", "happy", "neutral", "sad", "frustrated", "surprise", "fear", "disgust")


@pytest.fixture(scope="module")
def tree(write_iemocap, tmp_path_factory):
    return write_iemocap(tmp_path_factory.mktemp("whole") / "IEMOCAP_full_release", CODES)


@pytest.fixture
def one(write_iemocap, tmp_path):
    """Write a single session, for a test to damage."""
    return write_iemocap(tmp_path, CODES, sessions=[1])


def problems(corpus, kind):
    return {problem.message: problem.files for problem in corpus.problems if problem.kind == kind}


def test_iemocap_has_the_published_selection():
    expected = corpora.describe("iemocap").expected
    assert expected.files == 5531
    assert expected.per_label == {"angry": 1103, "happy": 1636, "neutral": 1708, "sad": 1084}
    assert sum(iemocap._PER_SESSION.values()) == 5531
    # All that was labelled with an emotion; with 2507 "xxx" and 3 "oth" 10039.
    assert sum(iemocap._PUBLISHED.values()) == 10039 - 2507 - 3


def test_iemocap_opens_four_classes_with_excited_as_happy(tree):
    corpus = corpora.open("iemocap", tree.parent)
    counts = corpus.table["emotion"].value_counts().to_dict()
    assert counts == {"happy": 40, "angry": 20, "neutral": 20, "sad": 20}
    assert corpus.speakers == tuple(f"Ses0{n}{letter}" for n in range(1, 6) for letter in "FM")
    row = corpus.table.xs(
        str(tree / f"Session1/sentences/wav/{DIALOGUE}/{DIALOGUE}_F000.wav"), level="file"
    ).iloc[0]
    assert row.to_dict() == {
        "speaker": "Ses01F",
        "emotion": "angry",
        "session": "1",
        "gender": "female",
        "text": "I don't want to hear it! [LAUGHTER] Leave me alone.",
        "language": "en",
        "dialogue": DIALOGUE,
        "kind": "improvised",
        "valence": 2.5,
        "arousal": 3.0,
        "dominance": 3.5,
        # The only rater of the written evaluations chose neutral.
        **{f"votes_{label}": float(label == "neutral") for label in VOTED},
    }
    scripted = corpus.table["kind"] == "scripted"
    assert scripted.sum() == 50
    assert corpus.table.loc[scripted, "dialogue"].str.contains("script").all()
    assert {key[:4] for key in corpus.table["dialogue"]} == {"Ses0"}
    # Who wears the markers (the dialogue's letter) is not who speaks.
    both = corpus.table.groupby("dialogue")["speaker"].nunique()
    assert set(both) == {2}


def test_iemocap_counts_missing_recordings_by_class_and_session(tree):
    messages = problems(corpora.open("iemocap", tree), "count")
    assert "100 files where 5531 are published; 5431 missing" in messages
    assert '40 files of "happy" where 1636 are published; 1596 missing' in messages
    assert "20 files of session 5 where 1241 are published" in messages


def test_iemocap_without_problems_if_complete(tree, monkeypatch):
    counts = {"angry": 20, "happy": 20, "excited": 20, "neutral": 20, "sad": 20}
    monkeypatch.setattr(
        iemocap,
        "_get_counts",
        lambda _, merged: iemocap.Counts(
            100, 10, {"angry": 20, "happy": 40 if merged else 20, "neutral": 20, "sad": 20}
        ),
    )
    monkeypatch.setattr(iemocap, "_PER_SESSION", dict.fromkeys("12345", 20))
    assert sum(counts.values()) == 100
    assert not problems(corpora.open("iemocap", tree), "count")


def test_iemocap_opens_other_labels(tree):
    corpus = corpora.open("iemocap", tree, labels=("frustrated", "angry"))
    assert corpus.labels == ("frustrated", "angry")
    assert '20 files of "frustrated" where 1849 are published; 1829 missing' in problems(
        corpus, "count"
    )
    apart = corpora.open("iemocap", tree, labels=("happy", "excited"), excited_as_happy=False)
    assert apart.table["emotion"].value_counts().to_dict() == {"happy": 20, "excited": 20}
    with pytest.raises(CorpusError, match="no label 'excited'; it has angry, happy"):
        corpora.open("iemocap", tree, labels=("excited",))
    with pytest.raises(CorpusError, match="no label 'bored'"):
        corpora.open("iemocap", tree, labels=("bored",))


def test_iemocap_leaves_out_undecided_recordings(one):
    excluded = problems(corpora.open("iemocap", one), "excluded")
    assert len(excluded) == 2
    for code in ("xxx", "oth"):
        (message,) = [m for m in excluded if f'"{code}"' in m]
        assert message.startswith("4 recordings labelled")
        assert len(excluded[message]) == 4


def test_iemocap_names_missing_sessions(one):
    missing = problems(corpora.open("iemocap", one), "missing")
    assert missing["4 of the five sessions"] == ("Session2", "Session3", "Session4", "Session5")


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_iemocap_opens_without_a_transcription_line(one):
    path = one / "Session1/dialog/transcriptions" / f"{DIALOGUE}.txt"
    edit(path, f"{DIALOGUE}_F000 [", "Ses01F_impro01_FXX0 [")
    corpus = corpora.open("iemocap", one)
    assert len(corpus) == 20, "the recording itself is kept"
    assert corpus.table["text"].isna().sum() == 1
    (files,) = problems(corpus, "text").values()
    assert files == (f"Session1/sentences/wav/{DIALOGUE}/{DIALOGUE}_F000.wav",)
    path.unlink()
    (files,) = problems(corpora.open("iemocap", one), "text").values()
    assert len(files) == 10


def test_iemocap_leaves_out_a_dialogue_without_evaluation(one):
    (one / "Session1/dialog/EmoEvaluation" / f"{DIALOGUE}.txt").unlink()
    corpus = corpora.open("iemocap", one)
    assert set(corpus.table["dialogue"]) == {"Ses01M_script01_1"}
    named = f"Session1/dialog/EmoEvaluation/{DIALOGUE}.txt"
    assert (named,) in problems(corpus, "missing").values()


def test_iemocap_names_missing_and_unlabelled_recordings(one):
    folder = one / "Session1/sentences/wav" / DIALOGUE
    (folder / f"{DIALOGUE}_F000.wav").unlink()
    shutil.copy(folder / f"{DIALOGUE}_F001.wav", folder / f"{DIALOGUE}_F099.wav")
    shutil.copy(folder / f"{DIALOGUE}_F001.wav", folder / "noise.wav")
    corpus = corpora.open("iemocap", one)
    assert (f"{DIALOGUE}_F000",) in problems(corpus, "missing").values()
    assert any(files[0].endswith("_F099.wav") for files in problems(corpus, "label").values())
    assert any(files[0].endswith("noise.wav") for files in problems(corpus, "name").values())


def test_iemocap_leaves_out_files_of_macos(one):
    for path in (*sorted(one.rglob("*.wav"))[:3], *one.rglob("EmoEvaluation/*.txt")):
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\26\7Mac OS X")
    corpus = corpora.open("iemocap", one)
    assert len(corpus) == 20
    (files,) = problems(corpus, "mac").values()
    assert len(files) == 5


def test_iemocap_leaves_out_contradicting_and_unknown_labels(one):
    path = one / "Session1/dialog/EmoEvaluation" / f"{DIALOGUE}.txt"
    text = path.read_text()
    line = next(row for row in text.splitlines() if "_F000\tang" in row)
    path.write_text(text.replace("_M000\tang", "_M000\tjoy") + line.replace("ang", "sad") + "\n")
    corpus = corpora.open("iemocap", one)
    assert len(corpus) == 18
    assert (f"{DIALOGUE}_F000",) in problems(corpus, "contradiction").values()
    assert any('"joy"' in message for message in problems(corpus, "label"))


def test_iemocap_explains_the_expected_layout(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(CorpusError, match=r"Session1/sentences/wav/.*found a"):
        corpora.open("iemocap", tmp_path)


def test_read_alignment_reads_the_words_of_a_recording(one):
    file = one / "Session1/sentences/wav" / DIALOGUE / f"{DIALOGUE}_F000.wav"
    words = iemocap.read_alignment(file)
    assert [word for word, _, _ in words[:5]] == ["i", "don't", "want", "to", "hear"]
    assert words[0][1:] == pytest.approx((0.05, 0.10)), "both frames stated lie within the word"
    assert "++LAUGHTER++" in [word for word, _, _ in iemocap.read_alignment(file, fillers=True)]
    with pytest.raises(CorpusError, match=r"Ses01F_impro01_F900\.wdseg: No such file"):
        iemocap.read_alignment(file.with_name(f"{DIALOGUE}_F900.wav"))


def test_iemocap_sessions_share_no_speaker(tree):
    from serenade.protocols import get

    table = corpora.open("iemocap", tree).table
    folds = get("session").split(table)
    assert [fold.name for fold in folds] == [f"session {n}" for n in range(1, 6)]
    for fold in folds:
        train, test = (set(table["speaker"].iloc[rows]) for rows in (fold.train, fold.test))
        assert len(train) == 8
        assert len(test) == 2
        assert not train & test
