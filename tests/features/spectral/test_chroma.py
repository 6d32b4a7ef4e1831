from __future__ import annotations

import librosa
import numpy as np
import pytest

from serenade.features import Framing, Spectrum, chroma, tonnetz
from serenade.features.spectral._chroma import chroma_bank, estimate_tuning


@pytest.mark.parametrize("n_chroma", [12, 24])
@pytest.mark.parametrize("cents", [-37, 0, 12])
def test_the_tuning_of_a_chord_in_noise_equals_librosas(cents: int, n_chroma: int) -> None:
    rng = np.random.default_rng(0)
    time = np.arange(22050) / 22050
    tones = 440 * 2 ** (np.array([[0], [4], [7]]) / 12 + cents / 1200)
    signal = np.sin(2 * np.pi * tones * time).sum(axis=0) + 0.1 * rng.standard_normal(22050)
    spectrum = Spectrum.of(signal.astype(np.float32), 22050, Framing(2048, 512))
    reference = librosa.estimate_tuning(S=spectrum.magnitude.T, sr=22050, bins_per_octave=n_chroma)
    assert estimate_tuning(spectrum, n_chroma) == pytest.approx(reference, abs=1e-9)


def test_silence_is_in_tune() -> None:
    spectrum = Spectrum.of(np.zeros(4000, np.float32), 16000, Framing(1024, 256))
    assert estimate_tuning(spectrum) == 0.0


@pytest.mark.parametrize(
    ("rate", "n_fft", "n_chroma", "tuning"), [(16000, 512, 12, 0.0), (48000, 2048, 24, -0.31)]
)
def test_filters_equal_librosa(rate: int, n_fft: int, n_chroma: int, tuning: float) -> None:
    reference = librosa.filters.chroma(sr=rate, n_fft=n_fft, tuning=tuning, n_chroma=n_chroma)
    ours = chroma_bank(rate, n_fft, n_chroma, tuning).weights
    np.testing.assert_allclose(ours, reference, atol=1e-6)


def test_chroma_and_tonnetz_equal_librosa(tone: np.ndarray) -> None:
    signal = tone.copy()
    signal[4000:8000] = 0
    spectrum = Spectrum.of(signal, 16000, Framing(1024, 256))
    reference = librosa.feature.chroma_stft(S=spectrum.magnitude.T, sr=16000)
    ours = chroma(spectrum)
    np.testing.assert_allclose(ours, reference.T, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        tonnetz(ours), librosa.feature.tonnetz(chroma=reference).T, rtol=1e-4, atol=1e-5
    )


def test_a_tone_at_440_hz_is_an_a() -> None:
    time = np.arange(16000) / 16000
    signal = np.sin(2 * np.pi * 440 * time).astype(np.float32)
    classes = chroma(Spectrum.of(signal, 16000, Framing(4096, 1024)))
    assert (classes[2:-2].argmax(axis=1) == 9).all()


def test_silence_has_no_pitch_class() -> None:
    silent = chroma(Spectrum.of(np.zeros(4000, np.float32), 16000, Framing(1024, 256)))
    assert not silent.any()
    assert not tonnetz(silent).any()
