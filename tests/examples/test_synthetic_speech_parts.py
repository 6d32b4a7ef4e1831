"""The pieces of the synthesiser against theory and against SciPy's filters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter
from synthetic_corpus import LABELS as OURS
from synthetic_speech import glottis, vocal_tract
from synthetic_speech.emotions import STYLES
from synthetic_speech.lexicon import PHONEMES, SENTENCES, UNSTRESSED, WORDS, words_of
from synthetic_speech.speakers import generator
from synthetic_speech.tracks import smooth

from serenade.corpora._labels import LABELS
from serenade.errors import CorpusError

PERIOD = 4000


@settings(max_examples=40, deadline=None)
@given(rd=st.floats(*glottis.RD))
def test_every_pulse_closes_the_glottis_and_brings_the_flow_back(rd):
    points = 20 * PERIOD  # fine enough for the jump at the closure
    derivative, openness = glottis.pulses(np.arange(points) / points, np.array([rd]))
    flow = np.cumsum(derivative) / points
    assert derivative.min() == pytest.approx(-1, abs=0.02)
    # Between two shapes of the table the flow returns almost, not wholly.
    assert abs(flow[-1]) < 2e-3 * flow.max()
    assert flow.min() > -2e-3 * flow.max()
    assert openness.min() >= 0
    assert openness.max() == pytest.approx(1, abs=1e-3)
    assert openness[-1] == 0


@pytest.mark.parametrize("rd", [0.4, 0.7, 1.0, 1.5, 2.0])
def test_first_harmonics_follow_fant(rd):
    """H1* - H2* = -7.6 + 11.1 Rd in dB: Fant (1995), "The LF-model revisited"."""
    derivative, _ = glottis.pulses(np.arange(PERIOD) / PERIOD, np.array([rd]))
    first, second = 20 * np.log10(np.abs(np.fft.rfft(derivative))[1:3])
    assert first - second == pytest.approx(-7.6 + 11.1 * rd, abs=1.2)


def test_a_steady_tract_equals_resonators_in_a_row():
    rng = np.random.default_rng(0)
    rate, samples = 16000, 4000
    source = rng.standard_normal(samples)
    blocks = samples // vocal_tract.hop_of(rate) + 1
    formants = np.tile([500.0, 1500.0, 2500.0], (blocks, 1))
    nasal = np.full(blocks, vocal_tract.NASAL_POLE)
    responses = vocal_tract.cascade(formants, 1.0, nasal, 1.0, rate)
    ours = vocal_tract.run([(source, responses)], rate)
    expected = source
    frequencies = [500, 1500, 2500, 3500, 4500, 5500, 6500]  # 7500 Hz is too near half the rate
    for frequency, width in zip(frequencies, [65, 90, 150, 220, 300, 400, 500], strict=True):
        radius = np.exp(-np.pi * width / rate)
        denominator = [1, -2 * radius * np.cos(2 * np.pi * frequency / rate), radius**2]
        expected = lfilter([sum(denominator)], denominator, expected)
    error = np.sqrt(np.mean((ours - expected) ** 2) / np.mean(expected**2))
    assert 20 * np.log10(error) < -70


def test_a_nasal_zero_takes_away_its_frequency():
    closed, open_ = (
        np.abs(
            vocal_tract.cascade(np.array([[480.0, 1270, 2130]]), 1.0, np.array([zero]), 1.0, 16000)[
                0
            ]
        )
        for zero in (vocal_tract.NASAL_POLE, 1000.0)
    )
    place = round(1000 / 16000 * vocal_tract.fft_size(16000))
    assert 20 * np.log10(open_[place] / closed[place]) < -10


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize(("centre", "width"), [(1200.0, 1800.0), (5600.0, 1800.0)])
def test_frication_is_as_loud_as_asked_and_in_its_band(rate, centre, width):
    source = np.random.default_rng(0).standard_normal(rate)
    blocks = rate // vocal_tract.hop_of(rate) + 1
    responses = vocal_tract.band(np.full(blocks, centre), np.full(blocks, width), rate)
    noise = vocal_tract.run([(source, responses)], rate)
    assert 0.5 < noise.std() < 1.5
    power = np.abs(np.fft.rfft(noise)) ** 2
    frequency = np.fft.rfftfreq(len(noise), 1 / rate)
    mean = (power * frequency).sum() / power.sum()
    assert mean == pytest.approx(min(centre, 0.44 * rate), abs=0.5 * width)


def test_smoothing_keeps_levels_and_spreads_steps():
    step = np.repeat([0.0, 1.0], 100)
    smoothed = smooth(step, 0.02)
    assert smoothed[0] == 0
    assert smoothed[-1] == pytest.approx(1)
    assert (np.diff(smoothed) >= -1e-12).all()
    assert 10 <= np.count_nonzero((smoothed > 1e-6) & (smoothed < 1 - 1e-6)) <= 21


def test_all_words_can_be_said_and_all_sentences_are_of_them():
    assert {sound for sounds in WORDS.values() for sound in sounds} <= set(PHONEMES)
    assert set(WORDS) >= UNSTRESSED
    assert {word for sentence in SENTENCES for word in words_of(sentence)} <= set(WORDS)
    assert len(set(SENTENCES)) == len(SENTENCES)
    for sounds in WORDS.values():
        for sound, follower in zip(sounds, [*sounds[1:], None], strict=True):
            if PHONEMES[sound].kind == "aspirate":
                assert PHONEMES[follower].kind == "vowel"


@pytest.mark.parametrize("text", ["the elephant leaves", "", " ?! "])
def test_a_text_that_cannot_be_said_lists_what_can(text):
    with pytest.raises(CorpusError, match=r"cannot say .*; it knows again, all"):
        words_of(text)


def test_labels_are_the_toolkits_and_each_has_a_pattern():
    assert tuple(STYLES) == OURS
    assert LABELS[: len(OURS)] == OURS


def test_generators_depend_on_every_part_of_their_key():
    keys = [("a", 1), ("a", 2), ("b", 1), ("a", "1"), ("a1",)]
    assert len({generator(*key).integers(2**60) for key in keys}) == len(keys)
