"""A waveform from afar."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serenade.audio import compute_envelope


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
    with pytest.raises(ValueError, match="at least 2"):
        compute_envelope([], 1)
