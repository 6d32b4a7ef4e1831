from __future__ import annotations

import librosa
import numpy as np
import pytest

from serenade.features import Framing, Spectrum
from serenade.features.spectral._tuning import estimate_tuning


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
