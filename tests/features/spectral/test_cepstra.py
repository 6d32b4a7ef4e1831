from __future__ import annotations

import librosa
import numpy as np
import pytest
import scipy.fft
from hypothesis import given
from hypothesis import strategies as st

from serenade.errors import TooShortError
from serenade.features import Framing, dct_matrix, deltas, mel_bank, mfcc, regression_deltas


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
def test_mfcc_equals_librosa(
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


@given(
    half=st.integers(1, 6),
    order=st.integers(1, 3),
    extra=st.integers(0, 20),
    seed=st.integers(0, 9),
)
def test_deltas_equal_librosa(half: int, order: int, extra: int, seed: int) -> None:
    width = 2 * half + 1
    if order >= width:
        order = 1
    values = np.random.default_rng(seed).standard_normal((width + extra, 3)).astype(np.float32)
    reference = librosa.feature.delta(values.T, width=width, order=order).T
    np.testing.assert_allclose(deltas(values, width, order), reference, atol=2e-5)


@given(half=st.integers(1, 4), frames=st.integers(1, 20), seed=st.integers(0, 9))
def test_regression_follows_its_equation(half: int, frames: int, seed: int) -> None:
    values = np.random.default_rng(seed).standard_normal((frames, 2)).astype(np.float32)
    expected = np.zeros_like(values)
    for t in range(frames):
        for step in range(1, half + 1):
            ahead, behind = values[min(t + step, frames - 1)], values[max(t - step, 0)]
            expected[t] += step * (ahead - behind)
    expected /= 2 * sum(step**2 for step in range(1, half + 1))
    np.testing.assert_allclose(regression_deltas(values, half), expected, atol=1e-5)


def test_second_order_is_the_first_of_the_first() -> None:
    values = np.random.default_rng(0).standard_normal((12, 4)).astype(np.float32)
    twice = regression_deltas(regression_deltas(values))
    np.testing.assert_array_equal(regression_deltas(values, order=2), twice)


def test_a_constant_has_no_slope() -> None:
    values = np.full((9, 2), 3.0, np.float32)
    np.testing.assert_allclose(deltas(values), 0.0, atol=1e-6)
    np.testing.assert_array_equal(regression_deltas(values), 0.0)


def test_too_few_frames_and_odd_settings_are_refused() -> None:
    with pytest.raises(TooShortError, match="9"):
        deltas(np.zeros((8, 2), np.float32))
    with pytest.raises(ValueError, match="odd"):
        deltas(np.zeros((8, 2), np.float32), width=4)
