from __future__ import annotations

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serenade.errors import SignalFormatError
from serenade.features import Framing, Spectrum
from serenade.features.spectral import _shape

RATE = 16000


@pytest.fixture
def spectrum(tone: np.ndarray) -> Spectrum:
    noisy = tone.copy()
    noisy[8000:] += 0.1 * np.random.default_rng(0).standard_normal(8000).astype(np.float32)
    return Spectrum.of(noisy, RATE, Framing(1024, 256))


def test_shape_descriptors_equal_librosa(spectrum: Spectrum) -> None:
    magnitude = np.sqrt(spectrum.power.T.astype(np.float64))
    ours_and_theirs = [
        (_shape.spectral_centroid, librosa.feature.spectral_centroid(S=magnitude, sr=RATE)),
        (_shape.spectral_spread, librosa.feature.spectral_bandwidth(S=magnitude, sr=RATE)),
        (_shape.spectral_rolloff, librosa.feature.spectral_rolloff(S=magnitude, sr=RATE)),
        (_shape.spectral_flatness, librosa.feature.spectral_flatness(S=magnitude)),
    ]
    for ours, reference in ours_and_theirs:
        np.testing.assert_allclose(ours(spectrum), reference[0], rtol=1e-4, err_msg=ours.__name__)


@pytest.mark.parametrize(
    ("n_fft", "rate", "bands"), [(2048, 48000, 6), (1024, 16000, 6), (512, 8000, 4)]
)
def test_contrast_equals_librosa(tone: np.ndarray, n_fft: int, rate: int, bands: int) -> None:
    spectrum = Spectrum.of(tone, rate, Framing(n_fft, 256))
    reference = librosa.feature.spectral_contrast(S=spectrum.magnitude.T, sr=rate, n_bands=bands)
    ours = _shape.spectral_contrast(spectrum, n_bands=bands)
    np.testing.assert_allclose(ours, reference.T, rtol=1e-4, atol=1e-3)


def test_contrast_names_what_does_not_fit(tone: np.ndarray) -> None:
    with pytest.raises(SignalFormatError, match="fewer bands"):
        _shape.spectral_contrast(Spectrum.of(tone, 8000, Framing(512, 256)))
    with pytest.raises(SignalFormatError, match="longer transform"):
        _shape.spectral_contrast(Spectrum.of(tone, 48000, Framing(64, 64)))


def test_spread_of_a_pure_tone_is_narrow() -> None:
    power = np.zeros((1, 513), np.float32)
    power[0, 300:302] = 1.0
    spectrum = Spectrum(power, RATE, 1024)
    assert _shape.spectral_spread(spectrum)[0] == pytest.approx(RATE / 1024 / 2, rel=1e-5)


def test_flux_is_zero_for_a_steady_spectrum_and_two_halves_for_a_jump() -> None:
    power = np.zeros((3, 10), np.float32)
    power[:2, 3] = 1.0
    power[2, 7] = 4.0
    np.testing.assert_allclose(_shape.spectral_flux(Spectrum(power, RATE, 18)), [0, 0, 2])


def test_entropy_and_flatness_at_their_extremes() -> None:
    flat, peak = np.ones((1, 100), np.float32), np.zeros((1, 100), np.float32)
    peak[0, 50] = 1.0
    for function, most in [
        (_shape.spectral_entropy, np.log2(10)),
        (_shape.spectral_flatness, 1.0),
    ]:
        assert function(Spectrum(flat, RATE, 198))[0] == pytest.approx(most, rel=1e-5)
        assert function(Spectrum(peak, RATE, 198))[0] == pytest.approx(0, abs=1e-6)


@given(gain=st.floats(1e-3, 10))
@settings(max_examples=20, deadline=None)
def test_gain_does_not_matter(gain: float) -> None:
    signal = np.random.default_rng(0).standard_normal(4000).astype(np.float32)
    one, other = (Spectrum.of(g * signal, RATE, Framing(512, 256)) for g in (1, np.float32(gain)))
    for function in (
        _shape.spectral_centroid,
        _shape.spectral_spread,
        _shape.spectral_entropy,
        _shape.spectral_flux,
        _shape.spectral_flatness,
    ):
        np.testing.assert_allclose(function(one), function(other), rtol=1e-3, err_msg=str(function))


def test_silence_is_finite_everywhere() -> None:
    silent = Spectrum.of(np.zeros(4000, np.float32), RATE, Framing(1024, 256))
    for function in (
        _shape.spectral_centroid,
        _shape.spectral_spread,
        _shape.spectral_entropy,
        _shape.spectral_flux,
        _shape.spectral_rolloff,
        _shape.spectral_contrast,
    ):
        np.testing.assert_array_equal(function(silent), 0.0, err_msg=str(function))
    np.testing.assert_allclose(_shape.spectral_flatness(silent), 1.0, rtol=1e-6)
