from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from serenade.features import ShortTerm34, short_term_features

if TYPE_CHECKING:
    from pathlib import Path


def reference(signal: np.ndarray, rate: int, window: int, hop: int) -> tuple[np.ndarray, list[str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        features = pytest.importorskip("pyAudioAnalysis.ShortTermFeatures")
        values, names = features.feature_extraction(
            signal.astype(np.float64) * 2**15, rate, window, hop, deltas=False
        )
    return values.T, names


def check(signal: np.ndarray, rate: int, window: int, hop: int) -> None:
    """Compare with the reference to 1e-4.

    The error is relative to the value or, near zero, to a hundredth of the column's largest.
    """
    expected, names = reference(signal, rate, window, hop)
    ours = short_term_features(signal, rate, window, hop)
    assert ours.shape == expected.shape
    size = np.maximum(np.abs(expected), 1e-2 * np.abs(expected).max(axis=0) + 1e-9)
    error = (np.abs(ours - expected) / size).max(axis=0)
    worst = error.argmax()
    assert error[worst] < 1e-4, f"{names[worst]}: {error[worst]}"


@pytest.mark.parametrize("clip", ["03-01-05-02-01-01-12", "03-01-03-02-01-01-20"])
@pytest.mark.parametrize("rate", [48000, 22050, 16000, 8000])
def test_equals_pyaudioanalysis_on_speech(corpora_root: Path, clip: str, rate: int) -> None:
    path = corpora_root / "ravdess" / f"Actor_{clip[-2:]}" / f"{clip}.flac"
    signal = soxr.resample(soundfile.read(path, dtype="float32")[0], 48000, rate)
    check(signal, rate, rate // 10, rate // 10)
    check(signal, rate, rate // 20, rate // 40)


def test_equals_pyaudioanalysis_on_hard_cases(tone: np.ndarray) -> None:
    offset = tone.copy()
    offset[5000:9000] = 0.0  # digital silence about a mean that is not zero
    offset[:4000] += 0.001
    check(offset, 16000, 1600, 1600)
    nyquist = np.tile(np.array([0.5, -0.5], np.float32), 8000)
    nyquist += 1e-3 * tone
    check(nyquist, 22050, 1102, 551)  # bins not a multiple of ten: roll-off among the last
    high = np.sin(2 * np.pi * 11015 / 22050 * np.arange(22050)).astype(np.float32)
    check(high + 1e-3 * np.resize(tone, 22050), 22050, 1103, 551)


@pytest.mark.parametrize("mean", [0.0, 1e-9, 0.25])
def test_crossings_are_counted_about_the_exact_mean(mean: float) -> None:
    """A sample just off the mean lies on one side; one on it counts half from either side."""
    from serenade.features.sets._short_term_sums import _crossings

    near = np.float32(mean)
    steps = np.array([-1, 0, 1, 1, 0, -1, 0, 0] * 5, np.float32) * np.float32(0.01) + near
    expected = np.abs(np.diff(np.sign(steps.astype(np.float64) - mean))).sum() / 2
    np.testing.assert_array_equal(_crossings(steps, mean, steps.size, steps.size), [expected])


def test_blocks_do_not_show(tone: np.ndarray) -> None:
    check(np.tile(tone, 20), 16000, 800, 400)  # 640,000 samples of frames, in five blocks


def test_names_are_pyaudioanalysis_own(tone: np.ndarray) -> None:
    assert ShortTerm34().names == tuple(reference(tone, 16000, 1600, 1600)[1])


@given(
    rate=st.sampled_from([8000, 11025, 16000, 22050, 44100, 48000]),
    extra=st.integers(0, 3001),
    kind=st.sampled_from(["silence", "constant", "impulse", "noise", "square", "tiny"]),
    window=st.sampled_from([0.1, 0.05, 0.025, 0.01]),
    seed=st.integers(0, 5),
)
@settings(max_examples=60, deadline=None)
def test_any_signal_gives_finite_values_of_the_promised_shape(
    rate: int, extra: int, kind: str, window: float, seed: int
) -> None:
    size = rate // 10 + extra
    rng = np.random.default_rng(seed)
    impulse = np.zeros(size)
    impulse[rng.integers(size)] = 1
    signal = {
        "silence": np.zeros(size),
        "constant": np.full(size, 0.7),
        "impulse": impulse,
        "noise": rng.uniform(-1, 1, size),
        "square": np.sign(np.sin(np.arange(size) / (1 + seed))),
        "tiny": rng.uniform(-1e-30, 1e-30, size),
    }[kind].astype(np.float32)
    feature = ShortTerm34(window, window / 2)
    values = feature(signal, rate)
    length, hop = round(window * rate), round(window / 2 * rate)
    assert values.shape == (1 + max(0, size - length) // hop, 34)
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    assert (values[:, 4] >= 0).all()


@pytest.mark.parametrize("gain", [0.001, 0.3])
def test_gain_and_offset_do_not_matter(tone: np.ndarray, gain: float) -> None:
    one = short_term_features(tone, 16000, 1600, 1600)
    other = short_term_features((gain * tone + 0.01 * gain).astype(np.float32), 16000, 1600, 1600)
    np.testing.assert_allclose(other, one, rtol=1e-3, atol=1e-3)


def test_less_than_a_window_is_filled_up(tone: np.ndarray) -> None:
    assert short_term_features(tone[:900], 16000, 1600, 1600).shape == (1, 34)
    with pytest.raises(ValueError, match="20"):
        short_term_features(tone, 16000, 19, 10)
    # So few bins that no semitone finds its cell.
    assert np.isfinite(short_term_features(tone, 16000, 20, 10)).all()
