"""Formants and linear prediction against filters whose resonances are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from serenade.errors import SignalFormatError
from serenade.features import Formants, power_spectrogram
from serenade.features.voice._formants import find_formants, make_selection, make_speech_framing
from serenade.features.voice._lpc import find_prediction_roots, levinson

RATE = 16000
VOWELS = {
    "a": ((730, 1090, 2440, 3500, 4500), (80, 90, 120, 150, 200)),
    "i": ((270, 2290, 3010, 3700, 4700), (60, 90, 140, 180, 220)),
    "u": ((300, 870, 2240, 3400, 4400), (60, 90, 120, 150, 200)),
    "open e": ((530, 1840, 2480, 3600, 4600), (70, 90, 120, 160, 200)),
}


def all_pole(frequencies, bandwidths, rate: int) -> np.ndarray:
    """Return the denominator of resonances at these frequencies and bandwidths in Hz."""
    radius = np.exp(-np.pi * np.asarray(bandwidths) / rate)
    pairs = radius * np.exp(2j * np.pi * np.asarray(frequencies) / rate)
    return np.poly(np.concatenate([pairs, pairs.conj()])).real


def vowel(name: str, f0: float, rate: int = RATE) -> np.ndarray:
    """Filter a pulse train that falls by 6 dB per octave through a vowel's resonances."""
    from scipy.signal import lfilter

    pulses = np.zeros(rate)
    pulses[(np.arange(0, 1, 1 / f0) * rate).astype(int)] = 1
    pulses += 1e-4 * np.random.default_rng(0).standard_normal(rate)
    source = lfilter([1], [1, -0.98], pulses)
    signal = lfilter([1], all_pole(*VOWELS[name], rate), source)
    return (0.3 * signal / np.abs(signal).max()).astype(np.float32)


@pytest.mark.parametrize("name", VOWELS)
@pytest.mark.parametrize("f0", [90, 120])
def test_vowels(name, f0):
    found = np.median(Formants()(vowel(name, f0), RATE)[10:-10], axis=0)
    np.testing.assert_allclose(found[:3], VOWELS[name][0][:3], rtol=0.08)
    assert np.all((found[3:] > 10) & (found[3:] < 400))


@pytest.mark.parametrize("name", VOWELS)
def test_resonances_of_noise_have_their_frequency_and_bandwidth(name):
    """From the exact spectrum of the model itself, so that only the method can err."""
    band = 5500.0
    frequencies, bandwidths = VOWELS[name]
    denominator = all_pole(frequencies, bandwidths, 2 * round(band))
    n_fft = 1024
    matrix, width = make_selection(2 * round(band), n_fft, band, 10)
    assert width == band
    unit = np.exp(1j * np.pi * np.arange(n_fft // 2 + 1) / (n_fft // 2))
    power = 1 / np.abs(np.polyval(denominator, unit)) ** 2
    emphasis = np.abs(1 - np.exp(-100 * np.pi / (2 * band)) * np.conj(unit)) ** 2
    found, widths = find_formants((power / emphasis @ matrix)[None].astype(np.float32), width, 5)
    np.testing.assert_allclose(found[0], frequencies, rtol=0.01)
    np.testing.assert_allclose(widths[0], bandwidths, rtol=0.08)


def test_levinson_solves_the_normal_equations():
    from scipy.linalg import solve_toeplitz

    rng = np.random.default_rng(1)
    spectra = rng.random((20, 65)) + 0.01
    lags = np.fft.irfft(spectra, axis=1)[:, :11]
    filters, error = levinson(lags)
    assert filters.shape == (20, 11)
    for row, filter_, power in zip(lags, filters, error, strict=True):
        expected = solve_toeplitz(row[:-1], -row[1:])
        np.testing.assert_allclose(filter_[1:], expected, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(power, row[0] + row[1:] @ expected, rtol=1e-8)


def test_a_root_on_the_grid_itself_is_found():
    """There the reciprocal, whose expansion leads to roots elsewhere, has none."""
    from serenade.features.voice._lpc import _GRID, _RADIUS

    for point in (5, 20, 40):
        pair = _RADIUS * np.exp(1j * np.linspace(0, np.pi, _GRID)[point])
        other = 0.97 * np.exp(1j * (np.angle(pair) + 0.4))
        polynomial = np.poly([pair, pair.conj(), other, other.conj()]).real
        _, roots = find_prediction_roots(polynomial[None].astype(np.float32))
        np.testing.assert_allclose(roots, [pair, other], atol=1e-4)


def test_roots_are_numpys_on_speech(corpora_root):
    """Nearly every narrow root of real voiced frames is found, and none is invented."""
    from serenade import audio
    from serenade.features import Pitch

    path = sorted((corpora_root / "emodb" / "wav").glob("*.flac"))[40]
    signal = audio.read(path).signal
    framing = make_speech_framing(RATE)
    matrix, band = make_selection(RATE, framing.n_fft)
    voiced = Pitch().track(signal, RATE).voiced
    lags = (power_spectrogram(signal, framing)[voiced, : len(matrix)] @ matrix).astype(float)
    filters = levinson(lags / lags[:, :1] * ([1 + 1e-9] + 10 * [1]))[0].astype(np.float32)
    frame, root = find_prediction_roots(filters)
    assert np.all(np.diff(frame) >= 0)
    found = wanted = 0
    distances = []
    for index, filter_ in enumerate(filters):
        exact = np.roots(filter_.astype(float))
        mine = root[frame == index]
        distances += [np.abs(exact - root_).min() for root_ in mine]
        narrow = exact[(np.angle(exact) > 0.05) & (np.abs(exact) > np.exp(-np.pi * 400 / band / 2))]
        narrow = narrow[np.angle(narrow) < 3.0]
        wanted += len(narrow)
        if len(mine):
            found += np.sum(np.abs(narrow[:, None] - mine).min(axis=1) < 5e-3)
    assert wanted > 200
    assert found / wanted > 0.97
    assert np.mean(np.array(distances) < 5e-3) > 0.97


def test_speech_agrees_with_praat(corpora_root):
    """Burg's method in Praat and selective prediction here see the same vowels."""
    parselmouth = pytest.importorskip("parselmouth")
    from serenade import audio
    from serenade.features import Pitch

    errors = []
    for path in sorted((corpora_root / "emodb" / "wav").glob("*.flac"))[::60]:
        signal = audio.read(path).signal
        praat = parselmouth.Sound(signal.astype(float), RATE).to_formant_burg(time_step=0.010)
        mine = Formants()(signal, RATE)
        for index in np.flatnonzero(Pitch().track(signal, RATE).voiced):
            reference = [praat.get_value_at_time(k, index * 0.010) for k in (1, 2, 3)]
            errors.append(np.abs(mine[index, :3] / reference - 1))
    assert len(errors) > 300
    assert np.all(np.nanmedian(errors, axis=0) < 0.03)


def test_level_does_not_matter(tone):
    np.testing.assert_array_equal(Formants()(tone / 256, RATE), Formants()(tone, RATE))


def test_silence_has_none():
    values = Formants()(np.zeros(RATE // 2, np.float32), RATE)
    assert values.shape == (51, 6)
    assert not values.any()


@settings(max_examples=40, deadline=None)
@given(
    hnp.arrays(np.float32, st.integers(1600, 4000), elements=st.floats(-1, 1, width=32)),
    st.sampled_from([8000, 16000, 22050, 44100]),
)
def test_any_signal_gives_ascending_finite_formants(signal, rate):
    feature = Formants()
    values = feature(signal, rate)
    assert values.shape == (1 + signal.size // round(rate * 0.010), len(feature.names))
    assert np.isfinite(values).all()
    frequency, bandwidth = values[:, :3], values[:, 3:]
    present = frequency > 0
    np.testing.assert_array_equal(present, bandwidth > 0)
    both = present[:, 1:] & present[:, :-1]
    assert np.all(frequency[:, 1:][both] > frequency[:, :-1][both])
    assert np.all(present[:, :-1] | ~present[:, 1:])  # zeros come last
    assert frequency.max(initial=0) < 5500


def test_frames_are_even_and_counted_alike_at_every_rate():
    for rate in (8000, 11025, 16000, 22050, 32000, 44100, 48000):
        framing = make_speech_framing(rate, 0.020)
        assert framing.length % 2 == 0
        assert framing.n_fft % 2 == 0
        assert framing.count(rate) == 1 + rate // framing.hop_length


def test_bad_settings_are_named():
    with pytest.raises(ValueError, match="count"):
        Formants(count=6)
    with pytest.raises(SignalFormatError):
        Formants()(np.zeros((10, 2), np.float32), RATE)
