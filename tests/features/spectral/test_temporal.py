from __future__ import annotations

import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serenade.features import energy, energy_entropy, rms, zero_crossing_rate
from serenade.features.spectral._temporal import entropy_of_stretches, sum_stretches

SHAPES = [(2048, 512), (400, 160), (301, 100), (256, 256), (100, 333)]


@pytest.mark.parametrize(("length", "hop"), SHAPES)
@pytest.mark.parametrize("center", [True, False])
def test_zero_crossings_equal_librosa(
    tone: np.ndarray, length: int, hop: int, center: bool
) -> None:
    signal = tone.copy()
    signal[3000:6000] = 0
    signal[7000:7100] = -1e-11
    reference = librosa.feature.zero_crossing_rate(
        signal, frame_length=length, hop_length=hop, center=center
    )[0]
    np.testing.assert_allclose(
        zero_crossing_rate(signal, length, hop, center), reference, rtol=1e-6
    )


@pytest.mark.parametrize(("length", "hop"), SHAPES)
@pytest.mark.parametrize("center", [True, False])
def test_rms_equals_librosa(tone: np.ndarray, length: int, hop: int, center: bool) -> None:
    reference = librosa.feature.rms(y=tone, frame_length=length, hop_length=hop, center=center)[0]
    np.testing.assert_allclose(rms(tone, length, hop, center), reference, rtol=1e-5)


@given(gain=st.floats(1e-3, 10), seed=st.integers(0, 20))
def test_gain(gain: float, seed: int) -> None:
    signal = np.random.default_rng(seed).standard_normal(3000).astype(np.float32)
    scaled = (gain * signal).astype(np.float32)
    np.testing.assert_array_equal(
        zero_crossing_rate(scaled, 300, 100), zero_crossing_rate(signal, 300, 100)
    )
    np.testing.assert_allclose(
        energy(scaled, 300, 100), gain**2 * energy(signal, 300, 100), rtol=1e-4
    )
    np.testing.assert_allclose(
        energy_entropy(scaled, 300, 100), energy_entropy(signal, 300, 100), atol=1e-4
    )


def test_entropy_of_energy_at_its_extremes() -> None:
    even = np.tile(np.array([1, -1], np.float32), 500)
    burst = np.zeros(1000, np.float32)
    burst[10] = 1
    assert energy_entropy(even, 1000, 1000)[0] == pytest.approx(np.log2(10), abs=1e-6)
    assert energy_entropy(burst, 1000, 1000)[0] == pytest.approx(0, abs=1e-6)
    assert energy_entropy(np.zeros(1000, np.float32), 1000, 1000)[0] == 0


def test_left_over_values_count_towards_the_whole() -> None:
    sums = sum_stretches(np.ones((1, 11)), 10)
    assert sums.sum() == 11
    assert entropy_of_stretches(sums)[0] == pytest.approx(-10 / 11 * np.log2(1 / 11))
