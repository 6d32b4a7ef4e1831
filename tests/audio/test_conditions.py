"""Conditions do what their names say, and by how much."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serenade.audio import CONDITIONS
from serenade.audio._conditions import Level, PinkNoise, Reverberation, Telephone

RATE = 16000


def spectrum(signal):
    return np.abs(np.fft.rfft(signal)) ** 2, np.fft.rfftfreq(len(signal), 1 / RATE)


@pytest.mark.parametrize("name", CONDITIONS)
def test_conditions_keep_shape_and_type_and_repeat(name, tone):
    one, two = (CONDITIONS[name](tone, RATE, np.random.default_rng(1)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert one.shape == tone.shape
    assert one.dtype == np.float32
    assert np.isfinite(one).all()
    assert not np.array_equal(one, tone)


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
    np.testing.assert_allclose(Level(-20.0)(signal, RATE, rng), [0.005, -0.05], rtol=1e-6)
