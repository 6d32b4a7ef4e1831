from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from serenade.audio import Augmentation, WhiteNoise, add_noise
from serenade.audio._augment import change_speed, filter_band, reverberate

RATE = 16000
NONE = {"speed": 0.0, "reverberation": 0.0, "filtering": 0.0, "noise": 0.0}


def sine(frequency: float, seconds: float = 1.0) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return (0.5 * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def level(signal: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(signal.astype(float) ** 2)))


@given(st.floats(-20, 60), st.floats(0, 2), st.integers(0, 1000), st.integers(1600, 20001))
def test_add_noise_has_the_given_ratio(snr: float, slope: float, seed: int, size: int) -> None:
    clean = sine(300, 2)[:size]
    noise = add_noise(clean, snr, np.random.default_rng(seed), slope).astype(float) - clean
    assert level(clean) - level(noise) == pytest.approx(snr, abs=0.02)


@pytest.mark.parametrize("slope", [0.0, 1.0, 2.0])
def test_add_noise_has_the_given_slope(slope: float) -> None:
    clean = sine(300, 20)
    noise = add_noise(clean, 0.0, np.random.default_rng(0), slope).astype(float) - clean
    frequencies, power = scipy.signal.welch(noise, RATE, nperseg=4096)
    band = (frequencies > 200) & (frequencies < 7000)
    found = np.polyfit(np.log(frequencies[band]), np.log(power[band]), 1)[0]
    assert -found == pytest.approx(slope, abs=0.1)


def test_add_noise_leaves_silence_unchanged() -> None:
    silent = np.zeros(1600, np.float32)
    assert not add_noise(silent, 10.0, np.random.default_rng(0)).any()


@pytest.mark.parametrize("factor", [0.9, 1.0, 1.12, 1.25])
def test_change_speed_changes_tempo_and_pitch(factor: float) -> None:
    changed = change_speed(sine(400, 2), RATE, factor)
    assert changed.dtype == np.float32
    assert changed.size == pytest.approx(2 * RATE / factor, abs=2)
    spectrum = np.abs(np.fft.rfft(changed[8000:24000] * np.hanning(changed[8000:24000].size)))
    frequency = spectrum.argmax() * RATE / changed[8000:24000].size
    assert frequency == pytest.approx(400 * factor, abs=2)
    assert level(changed[1000:-1000]) == pytest.approx(level(sine(400)), abs=0.05)


@pytest.mark.parametrize("time", [0.1, 0.4, 0.7])
def test_reverberate_falls_by_60_db_in_its_time(time: float) -> None:
    click = np.zeros(2 * RATE, np.float32)
    click[0] = 1.0
    response = reverberate(click, RATE, time, 0.0, np.random.default_rng(0))
    assert response.shape == click.shape
    tail = response[1 : round(time * RATE)].astype(float)
    # Schroeder's backward integral, its middle part as ISO 3382 has it.
    decay = 10 * np.log10(np.cumsum(tail[::-1] ** 2)[::-1] / np.sum(tail**2))
    middle = (decay < -5) & (decay > -25)
    slope = np.polyfit(np.flatnonzero(middle) / RATE, decay[middle], 1)[0]
    assert -60 / slope == pytest.approx(time, rel=0.1)
    assert not response[round(time * RATE) + 1 :].any() or level(response[-100:]) < -120


@pytest.mark.parametrize("direct", [0.0, 12.0])
def test_reverberate_has_the_given_direct_sound(direct: float) -> None:
    click = np.zeros(RATE, np.float32)
    click[0] = 1.0
    response = reverberate(click, RATE, 0.3, direct, np.random.default_rng(0)).astype(float)
    response[0] -= 1.0
    assert level(response) + 10 * np.log10(RATE) == pytest.approx(-direct, abs=0.1)


def test_filter_band_has_the_given_edges() -> None:
    def change(frequency: float, tilt: float = 0.0) -> float:
        signal = sine(frequency, 2)
        return level(filter_band(signal, RATE, 200, 4000, tilt)[4000:-4000]) - level(signal)

    assert change(900) == pytest.approx(0, abs=0.05)
    assert change(200) == pytest.approx(-3, abs=0.1)
    assert change(4000) == pytest.approx(-3, abs=0.1)
    assert change(50) == pytest.approx(-24, abs=0.5)
    assert change(7500) < -40
    assert change(2000, tilt=3) == pytest.approx(3, abs=0.1)
    assert change(500, tilt=3) == pytest.approx(-3, abs=0.3)


@pytest.mark.parametrize("size", [1600, 1601, 15991])
def test_filter_band_keeps_length_and_type(size: int) -> None:
    changed = filter_band(np.ones(size, np.float32), RATE, 100, 5000)
    assert changed.shape == (size,)
    assert changed.dtype == np.float32
    np.testing.assert_allclose(changed, 0, atol=1e-6)  # a constant lies below any band


@given(st.integers(0, 2**32))
def test_augmentation_repeats_with_the_same_state(seed: int) -> None:
    signal = sine(500, 0.2)
    first, second = (Augmentation()(signal, RATE, np.random.default_rng(seed)) for _ in "ab")
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(signal, sine(500, 0.2))  # left as it was


@given(st.integers(0, 2**32))
def test_augmentation_returns_valid_signals(seed: int) -> None:
    signal = (2 * sine(220, 0.3)).astype(np.float32)  # full scale
    changed = Augmentation()(signal, RATE, np.random.default_rng(seed))
    assert changed.dtype == np.float32
    assert changed.ndim == 1
    assert np.isfinite(changed).all()
    assert 0.05 < np.abs(changed).max() <= 1.0
    assert signal.size / 1.13 < changed.size < signal.size / 0.89


def test_augmentation_differs_between_states() -> None:
    copies = [Augmentation()(sine(220), RATE, np.random.default_rng(seed)) for seed in range(20)]
    assert len({copy.tobytes() for copy in copies}) == 20


def test_augmentation_with_probabilities_of_zero_changes_nothing() -> None:
    signal = sine(220)
    changed = Augmentation(**NONE)(signal, RATE, np.random.default_rng(0))
    np.testing.assert_array_equal(changed, signal)


@pytest.mark.parametrize("change", sorted(NONE))
def test_augmentation_with_a_probability_of_one_always_changes(change: str) -> None:
    signal = sine(220)
    for seed in range(10):
        changed = Augmentation(**NONE | {change: 1.0})(signal, RATE, np.random.default_rng(seed))
        assert changed.shape != signal.shape or not np.allclose(changed, signal, atol=1e-4)
        assert (changed.shape != signal.shape) == (change == "speed")


def test_augmentation_does_not_clip() -> None:
    """A copy that would be too loud is quieter as a whole, its noise included."""
    signal = (2 * sine(220)).astype(np.float32)
    loud = Augmentation(**NONE | {"noise": 1.0}, noise_range=(0.0, 0.0))
    changed = loud(signal, RATE, np.random.default_rng(0)).astype(float)
    assert np.abs(changed).max() == pytest.approx(1.0)
    assert np.count_nonzero(np.abs(changed) > 0.999) == 1
    scale = changed @ signal / (signal @ signal.astype(float))
    assert level(scale * signal) - level(changed - scale * signal) == pytest.approx(0, abs=0.3)


def test_white_noise_has_the_given_ratio_and_a_flat_spectrum() -> None:
    signal = np.sin(np.arange(96000, dtype=np.float32))
    ratios = []
    for seed in range(20):
        noise = WhiteNoise((15.0, 30.0))(signal, 48000, np.random.default_rng(seed)) - signal
        ratios.append(10 * np.log10(np.mean(signal**2) / np.mean(noise**2)))
        power = np.abs(np.fft.rfft(noise)) ** 2
        low, high = power[1:16000].mean(), power[32000:-1].mean()
        assert abs(10 * np.log10(low / high)) < 0.3
    assert 15 <= min(ratios) < 19
    assert 26 < max(ratios) <= 30
