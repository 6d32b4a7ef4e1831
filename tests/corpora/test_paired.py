from __future__ import annotations

import dataclasses

import pytest

from serenade import corpora
from serenade.corpora import Corpus, CorpusInfo, _paired, build_table, write_manifest
from serenade.corpora import _meld as meld
from serenade.errors import CorpusError

EMOTIONS = {"angry": "anger", "happy": "joy", "neutral": "neutral", "sad": "sadness"}
HEADER = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID\n"


@pytest.fixture(scope="module")
def real(corpora_root):
    return corpora.open("paired-ravdess", corpora_root)


@pytest.fixture
def speech(tmp_path, record):
    """Make a corpus of so many speakers, of two genders, with so many clips of each emotion."""

    def make(speakers=6, each=2, **columns):
        rows = [
            {
                "file": str(record(tmp_path / "speech" / f"{speaker}_{emotion}_{take}.wav", 0.1)),
                "speaker": f"s{speaker}",
                "gender": ("female", "male")[speaker % 2],
                "emotion": emotion,
                "text": "ba",
            }
            | columns
            for speaker in range(speakers)
            for emotion in EMOTIONS
            for take in range(each)
        ]
        info = CorpusInfo("toy", "Toy", "CC0", "none", "", ("en",), tuple(EMOTIONS))
        return Corpus(info, tmp_path / "speech", build_table(rows))

    return make


@pytest.fixture
def tables(tmp_path):
    """Write MELD's tables with so many dialogues each, each with a line of every emotion."""

    def write(train=12, dev=2, test=4, text="{part} {dialogue} {emotion}"):
        folder = tmp_path / "meld-text"
        folder.mkdir(exist_ok=True)
        for part, count in zip(meld.PARTS, (train, dev, test), strict=True):
            rows = [
                f"1,{text.format(part=part, dialogue=d, emotion=name)},Joey,{name},x,{d},{i}\n"
                for d in range(count)
                for i, name in enumerate(EMOTIONS.values())
            ]
            (folder / f"{part}_sent_emo.csv").write_text(HEADER + "".join(rows))
        return folder

    return write


def test_pair_gives_every_clip_a_text_of_its_label(real, corpora_root):
    assert real.table["emotion"].value_counts().to_dict() == real.info.expected.per_label
    assert len(real) == 672
    said = {(line.text, line.dialogue): line.emotion for line in meld.read_lines(corpora_root)[0]}
    found = zip(real.table["text"], real.table["dialogue"], strict=True)
    assert [said[pair] for pair in found] == list(real.table["emotion"])
    assert set(real.table["spoken_text"]) == {
        "Kids are talking by the door",
        "Dogs are sitting by the door",
    }


def test_pair_gives_no_dialogue_or_text_to_two_speakers(real):
    table = real.table.assign(text=real.table["text"].str.lower().str.findall(r"\w+").str.join(" "))
    for column in ("dialogue", "text"):
        assert table.groupby(column)["speaker"].nunique().max() == 1
    assert table.groupby("speaker")["split"].nunique().max() == 1
    assert (table["dialogue"].str.split("-").str[0] == table["split"]).all()
    assert table.groupby("split")["speaker"].nunique().to_dict() == {
        "train": 17,
        "dev": 2,
        "test": 5,
    }
    assert table.groupby("split")["gender"].nunique().min() == 2


def test_pair_separates_dialogues_in_speaker_independent_folds(real):
    from serenade.protocols import get

    for name in ("speaker-independent", "fixed"):
        for fold in get(name, **({} if name == "fixed" else {"validation_speakers": 2})).split(
            real.table, seed=1
        ):
            parts = [real.table.iloc[rows] for rows in (fold.train, fold.validation, fold.test)]
            for column in ("speaker", "dialogue", "text"):
                train, validation, test = (set(part[column]) for part in parts)
                assert train
                assert test
                assert not train & test
                assert not train & validation
                assert not validation & test


def test_pair_marks_title_and_warning(real):
    for text in (real.info.name, real.info.title, real.info.warning, str(real.problems[0])):
        assert "paired" in text
    assert real.problems[0].kind == "paired"
    assert "GPL-3.0" in real.info.licence
    assert "CC BY-NC-SA" in real.info.licence


def test_pair_warning_survives_a_manifest(speech, tables, tmp_path):
    from sklearn.dummy import DummyClassifier

    from serenade.evaluation import evaluate
    from serenade.protocols import get

    corpus = _paired.pair(speech(), tables())
    write_manifest(corpus, tmp_path / "innocent.csv")
    again = corpora.open(tmp_path / "innocent.csv", corpus.root)
    assert again.table["text"].tolist() == corpus.table["text"].tolist()
    for each in (corpus, again):
        report = evaluate(lambda _: DummyClassifier(), each, get("groups", groups=2), seed=0)
        assert "paired corpus: speech and text are of different people" in report.to_markdown()
        assert not [note for note in report.notes if "say sentences" in note]  # none on both sides


def test_pair_gives_several_texts_to_each_recording(speech, tables, tmp_path):
    corpus = _paired.pair(speech(), tables(train=24, dev=6, test=12), texts=3)
    assert len(corpus) == 3 * len(speech())
    assert corpus.info.name == "paired-toy-x3"
    assert corpus.table.groupby(level="file")["text"].nunique().eq(3).all()
    assert corpus.table.groupby(level="file")["emotion"].nunique().eq(1).all()
    assert corpus.table.groupby("text")["speaker"].nunique().max() == 1
    write_manifest(corpus, tmp_path / "manifest.csv")
    again = corpora.open(tmp_path / "manifest.csv", corpus.root)
    assert len(again) == len(speech())
    assert any("the same segment as line" in problem.message for problem in again.problems)


def test_paired_ravdess_x4_has_four_texts_of_each_label(corpora_root):
    corpus = corpora.open("paired-ravdess-x4", corpora_root)
    assert corpus.table["emotion"].value_counts().to_dict() == corpus.info.expected.per_label
    assert len(corpus) == 4 * 672
    assert corpus.table["text"].nunique() > 0.99 * len(corpus)


def test_pair_repeats_with_the_same_seed(speech, tables):
    corpus, folder = speech(), tables()
    first, same = (_paired.pair(corpus, folder, seed=3).table for _ in range(2))
    assert first.equals(same)
    other = _paired.pair(corpus, folder, seed=4).table
    assert list(first["dialogue"]) != list(other["dialogue"])


def test_pair_repeats_scarce_text_for_one_speaker_only(speech, tables):
    corpus = _paired.pair(speech(speakers=3, each=5), tables(train=2, dev=2, test=2))
    assert corpus.table.groupby("text")["speaker"].nunique().max() == 1
    assert any("36 recordings share their text with another" in p.message for p in corpus.problems)


def test_pair_keeps_a_shared_text_in_one_dialogue(speech, tables):
    folder = tables(text="{emotion}!")  # the same four texts in every dialogue
    with pytest.raises(CorpusError, match=r"no .* text is left for speaker s"):
        _paired.pair(speech(), folder)
    tables(train=2, dev=1, test=1)
    corpus = _paired.pair(speech(speakers=3, each=1), folder)
    assert len(set(corpus.table["text"])) == 12


def test_pair_takes_other_emotions(corpora_root):
    corpus = corpora.open("paired-ravdess", corpora_root, labels=("fear", "disgust"))
    assert corpus.labels == ("fear", "disgust")
    assert corpus.info.expected.files == len(corpus) == 384
    with pytest.raises(CorpusError, match="no label 'calm'"):
        _paired.pair(corpora.open("ravdess", corpora_root), corpora_root, labels=("calm",))


def test_paired_nemo_pairs_polish_speech(corpora_root):
    corpus = corpora.open("paired-nemo", corpora_root)
    assert len(corpus) == 3076 == corpus.info.expected.files
    assert corpus.table.groupby("split")["speaker"].nunique().min() == 1
    assert corpus.table.groupby("dialogue")["speaker"].nunique().max() == 1


def test_pair_needs_three_named_speakers(speech, tables):
    corpus, folder = speech(), tables()
    with pytest.raises(CorpusError, match="at least 3 of them; found 2"):
        _paired.pair(corpus.select(corpus.table["speaker"].isin(["s0", "s1"])), folder)
    unnamed = corpus.table.assign(speaker=[None, *corpus.table["speaker"][1:]])
    with pytest.raises(CorpusError, match="needs a speaker for every recording"):
        _paired.pair(dataclasses.replace(corpus, table=unnamed), folder)
    with pytest.raises(CorpusError, match=r"expected train_sent_emo\.csv"):
        _paired.pair(corpus, folder.parent / "speech")
