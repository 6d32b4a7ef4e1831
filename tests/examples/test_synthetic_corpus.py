"""The corpus: made once, found again, refused where something else lies."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import soundfile
import synthetic_corpus
from support.small_corpora import SYNTHETIC

from serenade import corpora
from serenade.corpora import parse_words
from serenade.errors import CorpusError

SMALL = {"speakers": 2, "sentences": 1}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return synthetic_corpus.load(tmp_path_factory.mktemp("corpus") / "new", **SMALL)


def contents(root):
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_every_speaker_says_every_sentence_in_every_emotion(small):
    assert len(small) == 2 * 7
    assert small.labels == synthetic_corpus.LABELS
    assert small.speakers == ("01", "02")
    assert (small.table.groupby(["speaker", "emotion"]).size() == 1).all()
    assert dict(zip(small.table["speaker"], small.table["gender"], strict=True)) == {
        "01": "female",
        "02": "male",
    }
    assert set(small.table["session"]) == {"1"}
    assert set(small.table["language"]) == {"en"}


def test_the_only_problem_is_that_it_is_synthetic(small):
    assert [problem.kind for problem in small.problems] == ["synthetic"]
    assert "never for a reported number" in small.problems[0].message
    assert "never for a reported number" in small.info.title
    assert small.info.warning
    assert small.info.licence.startswith("CC0")


def test_files_hold_exactly_what_is_synthesised(small):
    for (file, _, _), row in small.table.iterrows():
        voice = synthetic_corpus.speaker(int(row["speaker"]))
        utterance = synthetic_corpus.synthesise(
            row["text"], voice, row["emotion"], seed=int(row["repetition"])
        )
        signal, rate = soundfile.read(file, dtype="float32")
        assert rate == utterance.sampling_rate
        np.testing.assert_array_equal(signal, utterance.signal)
        said = parse_words(row["words"])
        assert [word for word, _, _ in said] == row["text"].split()
        np.testing.assert_allclose(
            [times for _, *times in said], [times for _, *times in utterance.words], atol=1e-4
        )
    assert soundfile.info(file).subtype == "PCM_16"


def test_sessions_share_no_speaker_and_the_last_is_the_test_split(tmp_path):
    table = synthetic_corpus.load(tmp_path, speakers=3, sentences=1, sampling_rate=8000).table
    pairs = table.groupby("session")["speaker"].agg(lambda names: sorted(set(names)))
    assert pairs.to_dict() == {"1": ["01", "02"], "2": ["03"]}
    assert set(table.loc[table["split"] == "test", "session"]) == {"2"}
    assert set(table.loc[table["split"] == "train", "session"]) == {"1"}


def test_repetitions_are_other_takes_and_seeds_other_speakers(tmp_path):
    twice = synthetic_corpus.load(tmp_path / "a", speakers=1, sentences=1, repetitions=2)
    assert len(twice) == 14
    assert not any(problem.kind == "duplicate" for problem in twice.problems)
    assert synthetic_corpus.speaker(1, seed=1) != synthetic_corpus.speaker(1, seed=2)
    other = synthetic_corpus.load(tmp_path / "b", speakers=1, sentences=1, seed=1)
    first = [soundfile.read(corpus.table.index[0][0])[0] for corpus in (twice, other)]
    assert first[0].shape != first[1].shape or not np.array_equal(*first)


def test_labels_are_kept_and_strange_ones_refused_before_anything_is_made(small, tmp_path):
    chosen = synthetic_corpus.load(small.root, **SMALL, labels=["sad", "angry"])
    assert chosen.labels == ("angry", "sad")
    assert len(chosen) == 4
    with pytest.raises(CorpusError, match="no label 'bored'"):
        synthetic_corpus.load(tmp_path / "new", labels=["bored"])
    assert not (tmp_path / "new").exists()


def test_what_is_there_is_opened_and_not_made_again(small, monkeypatch):
    def fail(*_):
        raise AssertionError("made again")

    monkeypatch.setattr("synthetic_speech.store.render", fail)
    again = corpora.open(SYNTHETIC, small.root, **SMALL)
    assert again.table.equals(small.table)
    assert again.info == small.info
    (small.root / "manifest.csv").rename(small.root / "hidden")
    with pytest.raises(AssertionError, match="made again"):
        synthetic_corpus.load(small.root, **SMALL)
    (small.root / "hidden").rename(small.root / "manifest.csv")


def test_the_manifest_opens_by_itself(small):
    read = corpora.open(small.root / "manifest.csv")
    assert read.table.equals(small.table)
    assert read.problems == ()


@pytest.mark.parametrize("lost", [("manifest.csv",), ("wav/01-sad-01-1.wav", "manifest.csv")])
def test_an_interrupted_run_is_taken_up(small, lost):
    before = contents(small.root)
    for name in lost:
        (small.root / name).unlink()
    assert synthetic_corpus.load(small.root, **SMALL).table.equals(small.table)
    assert contents(small.root) == before


def test_a_lost_recording_is_made_again(small):
    before = contents(small.root)
    (small.root / "wav" / "02-fear-01-1.wav").unlink()
    synthetic_corpus.load(small.root, **SMALL)
    assert contents(small.root) == before


def test_another_process_makes_the_same_bytes(small, tmp_path):
    code = (
        "import synthetic_corpus\n"
        f"synthetic_corpus.load({str(tmp_path / 'there')!r}, speakers=2, sentences=1)"
    )
    environment = {"PYTHONHASHSEED": "77", "PYTHONPATH": ":".join(sys.path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert contents(tmp_path / "there") == contents(small.root)


def test_other_settings_and_other_things_in_the_folder_are_refused(small, tmp_path):
    with pytest.raises(CorpusError, match="other settings or another version"):
        synthetic_corpus.load(small.root, speakers=2, sentences=1, seed=5)
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(CorpusError, match="not empty and holds no synthetic corpus"):
        synthetic_corpus.load(tmp_path, **SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(CorpusError, match="is a file"):
        synthetic_corpus.load(tmp_path / "thesis.txt", **SMALL)


@pytest.mark.parametrize(
    "options",
    [{"speakers": 0}, {"sentences": 13}, {"repetitions": 0}, {"sampling_rate": 4000}],
)
def test_numbers_out_of_range_name_the_range(tmp_path, options):
    with pytest.raises(CorpusError, match=rf"{next(iter(options))}=.*give a number from"):
        synthetic_corpus.load(tmp_path, **options)


def test_without_a_folder_it_lies_in_the_cache_by_its_settings(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / name)
    options = {"speakers": 1, "sentences": 1, "sampling_rate": 8000}
    first = corpora.open(SYNTHETIC, **options)
    assert first.root.parent == tmp_path / "serenade"
    assert corpora.open(SYNTHETIC, **options).root == first.root
    assert corpora.open(SYNTHETIC, **options, repetitions=2).root != first.root


def test_describing_it_imports_nothing_heavy():
    code = (
        f"import sys; from serenade import corpora; corpora.describe({SYNTHETIC!r})\n"
        "print(sorted({'pandas', 'numpy', 'scipy', 'soundfile'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
