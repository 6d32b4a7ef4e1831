from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serenade.audio import compute_envelope, compute_frame_power, find_active_part
from serenade.errors import InputError

RATE = 16000


def reference_power(signal: np.ndarray, rate: int) -> np.ndarray:
    length, hop = round(0.025 * rate), round(0.010 * rate)
    starts = range(0, max(signal.size - length, 0) + 1, hop)
    return np.array([np.mean(signal[s : s + length].astype(float) ** 2) for s in starts])


@pytest.mark.parametrize("size", [1, 399, 400, 401, 559, 560, 16000])
@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_compute_frame_power_is_the_mean_square(size: int, rate: int) -> None:
    signal = np.random.default_rng(0).standard_normal(size).astype(np.float32)
    np.testing.assert_allclose(
        compute_frame_power(signal, rate), reference_power(signal, rate), rtol=1e-9
    )


def test_compute_frame_power_keeps_quiet_frames_after_loud_ones() -> None:
    """The running sum must not lose them."""
    signal = np.concatenate([np.ones(60 * RATE), np.full(RATE, 1e-3)]).astype(np.float32)
    np.testing.assert_allclose(compute_frame_power(signal, RATE)[-50:], 1e-6, rtol=1e-4)


def burst(before: float, speech: float, after: float, floor: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(1)
    signal = floor * rng.standard_normal(round((before + speech + after) * RATE))
    part = slice(round(before * RATE), round((before + speech) * RATE))
    signal[part] += 0.1 * rng.standard_normal(part.stop - part.start)
    return signal.astype(np.float32)


@pytest.mark.parametrize("floor", [0.0, 1e-4])
@pytest.mark.parametrize(("before", "after"), [(0, 0), (0.5, 0), (0, 0.5), (1.0, 2.0), (5, 5)])
def test_find_active_part_leaves_out_silence_around_speech(
    before: float, after: float, floor: float
) -> None:
    part = find_active_part(burst(before, 1.0, after, floor), RATE, margin=0.1)
    assert part.start / RATE == pytest.approx(max(0, before - 0.1), abs=0.03)
    end = min(before + 1 + after, before + 1.1)
    assert part.stop / RATE == pytest.approx(end, abs=0.03)


def test_find_active_part_keeps_pauses() -> None:
    signal = np.concatenate([burst(0.5, 0.5, 1.0), burst(0, 0.5, 0.5)])
    part = find_active_part(signal, RATE)
    assert part.start / RATE == pytest.approx(0.45, abs=0.03)
    assert part.stop / RATE == pytest.approx(2.55, abs=0.03)


def test_find_active_part_keeps_quiet_speech_beside_a_click() -> None:
    signal = burst(1.0, 1.0, 1.0)
    signal[40000:40010] = 50.0
    part = find_active_part(signal, RATE, margin=0.0)
    assert part.start / RATE == pytest.approx(1.0, abs=0.03)


def test_find_active_part_uses_the_drop() -> None:
    signal = burst(1.0, 1.0, 1.0, floor=0.001)  # 40 dB below
    assert find_active_part(signal, RATE, drop=30).start > 0
    assert find_active_part(signal, RATE, drop=50) == slice(0, signal.size)


@pytest.mark.parametrize("signal", [np.zeros(RATE), np.ones(RATE), np.zeros(1), np.ones(3)])
def test_find_active_part_keeps_signals_without_silence_whole(signal: np.ndarray) -> None:
    signal = signal.astype(np.float32)
    part = find_active_part(signal, RATE)
    assert (part.start, part.stop) == (0, signal.size)


@given(
    st.integers(1, 6000), st.integers(0, 2**32), st.floats(0, 60), st.sampled_from([8000, 44100])
)
def test_find_active_part_is_inside_the_signal_and_not_empty(
    size: int, seed: int, drop: float, rate: int
) -> None:
    rng = np.random.default_rng(seed)
    signal = rng.standard_normal(size) * 10 ** rng.uniform(-6, 0, size)
    part = find_active_part(signal.astype(np.float32), rate, drop=drop, margin=0.0)
    assert 0 <= part.start < part.stop <= size


@given(st.integers(-12, 0))
def test_find_active_part_does_not_depend_on_the_level(exponent: int) -> None:
    signal = burst(0.3, 0.5, 0.7, floor=1e-3)
    assert find_active_part(signal * np.float32(2.0**exponent), RATE) == find_active_part(
        signal, RATE
    )


@given(st.integers(0, 3000), st.integers(2, 50), st.lists(st.integers(0, 3000), max_size=8))
def test_compute_envelope_has_the_extremes_of_equal_parts(
    size: int, points: int, cuts: list[int]
) -> None:
    signal = np.random.default_rng(size).standard_normal(size).astype(np.float32)
    found = compute_envelope(np.split(signal, sorted(min(cut, size) for cut in cuts)), points)
    assert found.dtype == np.float32
    assert found.shape[1] <= points
    step = 1
    while -(-size // step) > found.shape[1]:
        step *= 2
    stretches = [signal[start : start + step] for start in range(0, size, step)]
    assert found.shape == (2, len(stretches))
    for (low, high), stretch in zip(found.T, stretches, strict=True):
        assert (low, high) == (stretch.min(), stretch.max())
    if size >= points:
        assert found.shape[1] >= points // 2


def test_compute_envelope_of_no_block_is_empty() -> None:
    assert compute_envelope([], 10).shape == (2, 0)


def test_compute_envelope_refuses_one_point() -> None:
    with pytest.raises(InputError, match="at least 2"):
        compute_envelope([], 1)
