from __future__ import annotations

import librosa
import numpy as np
import pytest
import scipy.fft

from serenade.features import Framing, dct_matrix, mel_bank, mfcc


@pytest.mark.parametrize("size", [1, 13, 128])
def test_dct_equals_scipy(size: int) -> None:
    reference = scipy.fft.dct(np.eye(size), norm="ortho", axis=1)
    np.testing.assert_allclose(dct_matrix(size, size), reference, atol=1e-12)


@pytest.mark.parametrize("lifter", [0, 22])
@pytest.mark.parametrize(
    ("framing", "n_mels", "n_mfcc"),
    [
        (Framing(2048, 512), 128, 20),
        (Framing(1024, 512, 512, "hamming"), 128, 40),
        (Framing(400, 160), 40, 13),
    ],
)
def test_equals_librosa(
    tone: np.ndarray, framing: Framing, n_mels: int, n_mfcc: int, lifter: int
) -> None:
    ours = mfcc(tone, framing, mel_bank(16000, framing.n_fft, n_mels), n_mfcc, lifter=lifter)
    reference = librosa.feature.mfcc(
        y=tone,
        sr=16000,
        n_mfcc=n_mfcc,
        n_mels=n_mels,
        lifter=lifter,
        n_fft=framing.n_fft,
        hop_length=framing.hop_length,
        win_length=framing.length,
        window=framing.window,
    ).T
    np.testing.assert_allclose(ours, reference, rtol=1e-4, atol=1e-5 * np.abs(reference).max())


@pytest.mark.parametrize("wrong", [(10, 11, 0.0), (10, 0, 0.0), (10, 5, -1.0)])
def test_impossible_transforms_are_refused(wrong: tuple[int, int, float]) -> None:
    with pytest.raises(ValueError, match="n_outputs"):
        dct_matrix(*wrong)
