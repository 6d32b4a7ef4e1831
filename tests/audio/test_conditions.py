"""Conditions do what their names say, and by how much."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serenade.audio import CONDITIONS, STRESS_CONDITIONS, Babble
from serenade.audio._conditions import (
    Coded,
    Excerpt,
    LateStart,
    Level,
    PinkNoise,
    Reverberation,
    Telephone,
    Tilt,
)

RATE = 16000


def spectrum(signal):
    return np.abs(np.fft.rfft(signal)) ** 2, np.fft.rfftfreq(len(signal), 1 / RATE)


@pytest.mark.parametrize("name", CONDITIONS | STRESS_CONDITIONS)
def test_conditions_keep_shape_and_type_and_repeat(name, tone):
    condition = (CONDITIONS | STRESS_CONDITIONS)[name]
    if isinstance(condition, Coded):
        pytest.importorskip("av")
    if isinstance(condition, Babble):
        condition = condition.among([tone[::-1], tone[:4000]])
    signal = np.concatenate([tone, tone, tone])
    one, two = (condition(signal, RATE, np.random.default_rng(1)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert one.shape == signal.shape or isinstance(condition, LateStart | Excerpt)
    assert one.dtype == np.float32
    assert np.isfinite(one).all()
    assert not np.array_equal(one, signal)


@given(snr=st.floats(-5, 40), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_pink_noise_has_its_ratio_and_slope(snr, seed):
    clean = np.sin(2 * np.pi * 500 * np.arange(2 * RATE) / RATE).astype(np.float32)
    noise = PinkNoise(snr)(clean, RATE, np.random.default_rng(seed)).astype(np.float64) - clean
    assert 10 * np.log10(np.mean(clean**2.0) / np.mean(noise**2)) == pytest.approx(snr, abs=0.05)
    power, frequency = spectrum(noise)
    low = power[(frequency > 200) & (frequency < 400)].mean()
    high = power[(frequency > 3200) & (frequency < 6400)].mean()
    assert 10 < low / high < 26  # sixteen times the frequency, a sixteenth of the power


def test_telephone_passes_its_band_only():
    noise = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    power, frequency = spectrum(Telephone()(noise, RATE, np.random.default_rng(0)))
    inside = power[(frequency > 500) & (frequency < 3000)].mean()
    assert power[frequency > 4500].mean() < inside / 100
    assert power[frequency < 100].mean() < inside / 10


def test_reverberation_has_the_given_time():
    click = np.zeros(2 * RATE, np.float32)
    click[100] = 1.0
    wet = Reverberation(0.5)(click, RATE, np.random.default_rng(0)).astype(np.float64)
    decay = np.cumsum(wet[::-1] ** 2)[::-1]
    level = 10 * np.log10(decay[: 100 + RATE // 2 : 1600] / decay[101])
    slope = np.polyfit(np.arange(len(level))[1:4] * 0.1, level[1:4], 1)[0]
    assert slope == pytest.approx(-120, rel=0.15)  # 60 dB in half a second


def test_level_clips_beyond_full_scale():
    signal = np.array([0.05, -0.5], np.float32)
    rng = np.random.default_rng(0)
    np.testing.assert_allclose(Level(20.0)(signal, RATE, rng), [0.5, -1.0])
    np.testing.assert_allclose(Level(20.0, clip=False)(signal, RATE, rng), [0.5, -5.0], rtol=1e-6)
    np.testing.assert_allclose(Level(-20.0)(signal, RATE, rng), [0.005, -0.05], rtol=1e-6)


def test_babble_has_its_ratio_and_tilt_its_slope(tone):
    rng = np.random.default_rng(0)
    voices = [rng.standard_normal(size).astype(np.float32) for size in (5000, 40000)]
    noise = Babble(10.0).among(voices)(tone, RATE, rng).astype(np.float64) - tone
    assert 10 * np.log10(np.mean(tone**2.0) / np.mean(noise**2)) == pytest.approx(10, abs=0.05)
    white = rng.standard_normal(2 * RATE).astype(np.float32)
    tilted = Tilt(-3.0)(white, RATE, rng)
    assert np.mean(tilted**2.0) == pytest.approx(np.mean(white**2.0), rel=1e-3)
    (before, frequency), (after, _) = spectrum(white), spectrum(tilted)
    low, high = ((frequency > edge) & (frequency < 1.2 * edge) for edge in (500, 4000))
    gained = 10 * np.log10([after[band].mean() / before[band].mean() for band in (low, high)])
    assert gained[1] - gained[0] == pytest.approx(-9, abs=0.2)  # three octaves


def test_late_start_and_excerpt_cut_speech_not_silence(tone):
    silence, rng = np.zeros(RATE, np.float32), np.random.default_rng(0)
    recording = np.concatenate([silence, tone, silence])
    late = LateStart(0.3)(recording, RATE, rng)
    assert late.size == pytest.approx(recording.size - 1.3 * RATE, abs=0.03 * RATE)
    assert LateStart(9.0)(recording, RATE, rng).size > RATE
    piece = Excerpt(0.5)(recording, RATE, rng)
    views = np.lib.stride_tricks.sliding_window_view(recording, piece.size)[RATE : 2 * RATE]
    (start,) = np.flatnonzero((views == piece).all(axis=1)) + RATE
    assert start == pytest.approx((recording.size - piece.size) / 2, abs=0.05 * RATE)
    assert piece.size == RATE // 2
    assert Excerpt(3.0)(recording, RATE, rng).size == pytest.approx(1.1 * RATE, abs=0.05 * RATE)


def test_coded_keeps_time_and_loses_more_at_lower_rates(tone):
    pytest.importorskip("av")
    swell = tone * np.hanning(tone.size).astype(np.float32)
    for codec, rates in (("opus", (8, 24)), ("mp3", (16, 64))):
        low, high = (
            np.corrcoef(Coded(codec, rate)(swell, RATE, np.random.default_rng(0)), swell)[0, 1]
            for rate in rates
        )
        assert 0.7 < low < high
    other = Coded("opus", 24)(swell[::2].copy(), RATE // 2, np.random.default_rng(0))
    assert np.corrcoef(other, swell[::2])[0, 1] > 0.9
