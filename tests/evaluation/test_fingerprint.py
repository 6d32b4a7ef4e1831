"""Fingerprints tell recordings from their copies, and from all else."""

import numpy as np
import pytest
import synthetic_corpus
from hypothesis import given, settings
from hypothesis import strategies as st

from serenade.evaluation import _fingerprint
from serenade.evaluation._fingerprint import HOP, Fingerprint, find_matches

RATE = 16000
SAID = ("we go home", "go home we go home")


@pytest.fixture(scope="module")
def voices():
    return [
        synthetic_corpus.synthesise(text, synthetic_corpus.speaker(number), "neutral").signal
        for number in (1, 2)
        for text in SAID
    ]


def prints(signals):
    return [Fingerprint()(np.asarray(signal, np.float32), RATE) for signal in signals]


@given(
    seed=st.integers(0, 99),
    decibels=st.floats(18, 60),
    start=st.integers(0, 4000),
    level=st.floats(0.01, 1.0),
)
@settings(max_examples=25, deadline=None)
def test_find_matches_finds_copies_and_their_offset(seed, decibels, start, level):
    rng = np.random.default_rng(seed)
    voice = rng.standard_normal(3 * RATE) * np.sin(np.arange(3 * RATE) / 3000) ** 2
    noise = rng.standard_normal(voice.size) * voice.std() * 10 ** (-decibels / 20)
    copy = level * np.concatenate([np.zeros(start), voice + noise])
    other = rng.standard_normal(3 * RATE)
    found = find_matches(prints([voice, copy, other]))
    assert [(one.first, one.second) for one in found] == [(0, 1)]
    assert abs(found[0].offset + start / RATE) <= HOP


def test_find_matches_ignores_other_voices_and_words(voices):
    assert find_matches(prints(voices)) == []
    (found,) = find_matches(prints([*voices, voices[1]]))
    assert (found.first, found.second, found.offset, found.errors) == (1, len(voices), 0.0, 0.0)


def test_find_matches_finds_copies_among_many_recordings(voices, monkeypatch):
    monkeypatch.setattr(_fingerprint, "_LARGE", 10)
    assert find_matches(prints(voices)) == []
    (found,) = find_matches(prints([*voices, voices[1]]))
    assert (found.first, found.second, found.offset, found.errors) == (1, len(voices), 0.0, 0.0)


def test_find_matches_ignores_silence():
    silence = np.zeros(2 * RATE, np.float32)
    assert (prints([silence])[0] == -1).all()
    assert find_matches(prints([silence, silence])) == []
    assert find_matches([]) == []


def test_fingerprint_equals_the_definition_of_the_paper():
    rng = np.random.default_rng(0)
    words = Fingerprint()(rng.standard_normal(RATE).astype(np.float32), RATE)
    assert words.shape == (32, 2)
    assert words.dtype == np.float32
    assert (words == np.round(words)).all()
    assert 0 <= words.min() <= words.max() < 1 << 16
    assert (words[0] == 0).all()
