from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serenade.encoders import Alterations
from serenade.encoders.selfsupervised._encoder_settings import NO_ALTERATIONS
from serenade.pretraining._alteration import alter_utterance

TIME = Alterations(band_share=0.0, noise_probability=0.0)


def utterance(frames: int = 200, dims: int = 80) -> np.ndarray:
    """Values that tell their place: none is zero."""
    return 1 + np.arange(frames * dims, dtype=np.float32).reshape(frames, dims)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 300), st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
def test_only_what_was_chosen_changes(frames: int, seed: int, time: bool, band: bool) -> None:
    stated = Alterations(time_share=0.15 * time, band_share=0.2 * band, noise_probability=0.0)
    values = utterance(frames)
    kept = values.copy()
    result, chosen = alter_utterance(values, stated, np.random.default_rng(seed))
    np.testing.assert_array_equal(values, kept)
    np.testing.assert_array_equal(result[~chosen], values[~chosen])
    if not (time or band):
        assert chosen.all()
    assert result.dtype == np.float32


def test_spans_in_time() -> None:
    ways = {"zeroed": 0, "swapped": 0, "kept": 0}
    shares = []
    values = utterance()
    rng = np.random.default_rng(0)
    for _ in range(600):
        result, chosen = alter_utterance(values, TIME, rng)
        rows = chosen.all(axis=1)
        np.testing.assert_array_equal(rows, chosen.any(axis=1))
        shares.append(rows.mean())
        # Runs of chosen frames are spans of seven, or several that overlap.
        edges = np.flatnonzero(np.diff(np.concatenate([[0], rows, [0]])))
        assert (edges[1::2] - edges[::2]).min() >= 7
        if not result[rows].any():
            ways["zeroed"] += 1
        elif np.array_equal(result, values):
            ways["kept"] += 1
        else:
            assert np.isin(result[rows], values).all()
            ways["swapped"] += 1
    assert 0.12 < np.mean(shares) <= 0.15  # overlaps take a little
    assert 440 < ways["zeroed"] < 520
    assert 35 < ways["swapped"] < 90
    assert 35 < ways["kept"] < 90


def test_a_band_of_channels() -> None:
    stated = dataclasses.replace(NO_ALTERATIONS, band_share=0.2)
    widths = []
    for seed in range(300):
        result, chosen = alter_utterance(utterance(50), stated, np.random.default_rng(seed))
        columns = np.flatnonzero(chosen.all(axis=0))
        assert not result[:, columns].any()
        assert len(columns) == 0 or np.ptp(columns) == len(columns) - 1
        widths.append(len(columns))
    assert (min(widths), max(widths)) == (0, 16)


def test_noise_on_some_utterances() -> None:
    stated = dataclasses.replace(NO_ALTERATIONS, noise_probability=0.15, noise_deviation=0.2)
    values = np.zeros((100, 80), np.float32)
    deviations = [
        alter_utterance(values, stated, np.random.default_rng(seed))[0].std() for seed in range(400)
    ]
    noisy = [deviation for deviation in deviations if deviation]
    assert 35 < len(noisy) < 85
    assert noisy == pytest.approx([0.2] * len(noisy), rel=0.05)
