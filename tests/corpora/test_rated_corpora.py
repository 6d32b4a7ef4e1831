"""CREMA-D, IEMOCAP and MSP-Podcast: ratings and votes, on trees in their published layouts."""

from __future__ import annotations

import pytest

from serenade import corpora
from serenade.errors import CorpusError

CONSENSUS = """FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set
MSP-PODCAST_0001_0008.wav,N,2.6,4.2,4.0,127,Male,Train
MSP-PODCAST_0001_0019.wav,H,5.0,5.8,4.8,Unknown,Female,Development
MSP-PODCAST_0002_0033.wav,X,4.6,2.2,5.0,128,Female,Test1
MSP-PODCAST_0002_0034.wav,A,6.0,1.4,6.2,128,Female,Test2
MSP-PODCAST_0002_0035.wav,C,4.0,2.0,5.0,128,Female,Train
"""
NEW = """FileName,Worker,EmoClass_Major,EmoClass_Second,EmoAct,EmoVal,EmoDom
MSP-PODCAST_0001_0008.wav,W1,Neutral,Neutral,3,4,4
MSP-PODCAST_0001_0008.wav,W2,Neutral,Concerned,2,4,4
MSP-PODCAST_0001_0008.wav,W3,Other-Tired,,3,4,4
MSP-PODCAST_0001_0019.wav,W1,Happy,Amused,5,6,5
MSP-PODCAST_0001_0019.wav,W2,Surprise,,5,5,5
"""
OLD = """file,answer
MSP-PODCAST_0001_0008.wav,WORKER00000001; Neutral; Neutral; A:3.0; V:4.0; D:4.0;
MSP-PODCAST_0001_0019.wav,WORKER00000002; Surprise; A:5.0; V:5.0; D:5.0;
"""


@pytest.fixture
def podcast(record, tmp_path):
    for line in CONSENSUS.splitlines()[1:]:
        name = line.split(",")[0]
        if not name.endswith("0035.wav"):
            record(tmp_path / "MSP-Podcast" / "Audios" / name)
    (tmp_path / "MSP-Podcast" / "Labels").mkdir()
    (tmp_path / "MSP-Podcast" / "Labels" / "labels_consensus.csv").write_text(CONSENSUS)
    (tmp_path / "MSP-Podcast" / "Labels" / "labels_detailed.csv").write_text(NEW)
    return tmp_path


def test_msp_podcast_reads_ratings_splits_and_votes(podcast):
    corpus = corpora.open("msp-podcast", podcast)
    table = corpus.table.reset_index(drop=True)
    assert table["emotion"].tolist() == ["neutral", "happy"]
    assert table["speaker"].tolist() == ["127", None]
    assert table["split"].tolist() == ["train", "validation"]
    assert table[["arousal", "valence", "dominance"]].to_numpy().tolist() == [
        [2.6, 4.2, 4.0],
        [5.0, 5.8, 4.8],
    ]
    assert table[["votes_neutral", "votes_happy", "votes_surprise"]].to_numpy().tolist() == [
        [2, 0, 0],
        [0, 1, 1],
    ]
    every = corpora.open("msp-podcast", podcast, labels=["happy", "contempt"])
    said = {problem.kind: str(problem) for problem in every.problems}
    assert "1 segments of the table whose recordings are missing" in said["missing"]
    assert (corpus.incomplete, every.incomplete) == ("", "incomplete MSP-Podcast, 1 of 2")
    rated = corpora.open("msp-podcast", podcast, target="arousal,valence")
    assert rated.table["arousal"].tolist() == [2.6, 5.0, 4.6]
    assert rated.labels == ("arousal", "valence")
    assert rated.incomplete == "incomplete MSP-Podcast, 3 of 4"
    assert corpora.open("msp-podcast", podcast, test="Test2").table["split"].tolist()[-1] == "test"


def test_msp_podcast_reads_answers_of_older_releases(podcast):
    labels = podcast / "MSP-Podcast" / "Labels"
    (labels / "labels_detailed.csv").write_text(OLD.replace("file,answer", "FileName,Answer"))
    votes = corpora.open("msp-podcast", podcast, target="votes").table
    assert votes["emotion"].tolist() == ["neutral", "surprise"]
    (labels / "labels_detailed.csv").unlink()
    assert "votes_sad" not in corpora.open("msp-podcast", podcast).table
    (labels / "labels_consensus.csv").write_text("FileName,EmoAct\n")
    with pytest.raises(CorpusError, match="no column EmoClass, SpkrID, Split_Set"):
        corpora.open("msp-podcast", podcast)


def test_crema_d_reads_people_and_votes_on_the_voice(record, tmp_path):
    for name in ("1001_DFA_ANG_XX", "1002_IEO_HAP_HI", "1002_IEO_NEU_XX", "notes"):
        record(tmp_path / "AudioWAV" / f"{name}.wav")
    (tmp_path / "VideoDemographics.csv").write_text(
        "ActorID,Age,Sex,Race,Ethnicity\n1001,51,Male,Caucasian,Not Hispanic\n"
    )
    (tmp_path / "processedResults").mkdir()
    (tmp_path / "processedResults" / "tabulatedVotes.csv").write_text(
        '"","A","D","F","H","N","S","fileName","numResponses"\n'
        '"100062",6,2,0,0,1,0,"1001_DFA_ANG_XX",9\n'
        '"200062",9,0,0,0,0,0,"1001_DFA_ANG_XX",9\n'
        '"100086",0,0,0,3,3,0,"1002_IEO_HAP_HI",6\n'
    )
    corpus = corpora.open("crema-d", tmp_path)
    table = corpus.table.reset_index(drop=True)
    assert table["emotion"].tolist() == ["angry", "happy", "neutral"]
    assert table["intensity"].tolist() == [None, "high", None]
    assert table["gender"].tolist() == ["male", None, None]
    assert table["text"][0] == "Don't forget a jacket"
    assert table["votes_angry"].tolist()[0] == 6
    votes = corpora.open("crema-d", tmp_path, target="votes")
    assert votes.labels == ("angry", "happy", "neutral", "sad", "fear", "disgust")
    assert votes.table["votes_neutral"].tolist() == pytest.approx([1 / 9, 0.5])
    assert corpus.incomplete == "incomplete CREMA-D, 3 of 7442"
    assert votes.problems[-1].message == "1 of 3 rows without votes; left out"
    pointer = tmp_path / "processedResults" / "tabulatedVotes.csv"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(CorpusError, match=r"tabulatedVotes\.csv: no column '', fileName, A, D"):
        corpora.open("crema-d", tmp_path)


def test_iemocap_counts_the_choices_of_raters_and_keeps_rated_recordings(write_iemocap, tmp_path):
    root = write_iemocap(tmp_path, ("ang", "hap", "xxx", "fru"), sessions=[1])
    (path, *_) = (root / "Session1/dialog/EmoEvaluation").glob("*impro01.txt")
    first = path.stem + "_F000"
    lines = path.read_text().splitlines()
    (place,) = (number for number, line in enumerate(lines) if f"\t{first}\t" in line)
    lines[place + 1 : place + 3] = [
        "C-E2:\tAnger;\t()",
        "C-E4:\tAnger; Frustration;\t(loud)",
        "C-F1:\tSadness;\t()",
        "A-E3:\tval 2; act 4; dom  3;\t()",
    ]
    path.write_text("\n".join(lines))
    every = corpora.open("iemocap", root, target="arousal")
    assert every.incomplete == f"incomplete IEMOCAP, {len(every)} of 10039"
    rated = every.table
    assert {"undecided", "frustrated"} <= set(rated["emotion"])
    votes = corpora.open("iemocap", root, target="votes").table
    found = votes.xs(str(root / f"Session1/sentences/wav/{path.stem}/{first}.wav"), level="file")
    assert found[["votes_angry", "votes_frustrated", "votes_sad"]].to_numpy().tolist() == [
        [0.75, 0.25, 0.0]
    ]
    assert "votes_excited" not in votes
