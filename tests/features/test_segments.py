"""Means and deviations of frames, segment by segment."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from serenade.features import AcousticSet, Feature, LogMel, Pooled, Segments


class Sum(Feature):
    """Sum and number of samples."""

    names = ("sum", "count")

    def __call__(self, signal, sampling_rate):  # noqa: ARG002 - every feature's
        return np.array([[signal.sum(), len(signal)]], np.float32)


@given(samples=st.integers(1, 5000), seconds=st.sampled_from([0.1, 0.2, 0.5]))
@example(samples=250, seconds=0.1)  # a rest of exactly half a segment is another one
def test_segments_hold_every_sample_once(samples, seconds):
    signal = np.ones(samples, np.float32)
    rows = Segments(Sum(), seconds)(signal, 1000)
    assert rows[:, 0].sum() == rows[:, 1].sum() == samples
    length = 1000 * seconds
    assert (rows[:-1, 1] == length).all()
    assert len(rows) == 1 or length / 2 <= rows[-1, 1] < length * 1.5


def test_a_segment_is_its_own_signal(tone):
    segments = Segments(AcousticSet(), 0.2)
    rows = segments(tone, 16000)
    assert rows.shape == (5, len(segments.names))
    np.testing.assert_array_equal(rows[2:3], AcousticSet()(tone[6400:9600], 16000))


@pytest.mark.parametrize("other", [Segments(AcousticSet(), 0.3), Segments(LogMel(), 0.2)])
def test_identity_tells_segments_apart(other):
    assert Segments(AcousticSet(), 0.2).identity() != other.identity()


class Frames(Feature):
    """A frame for each tenth sample: its number, and the sample itself."""

    names = ("number", "value")

    def __call__(self, signal, sampling_rate):  # noqa: ARG002 - every feature's
        values = signal[::10]
        return np.stack([np.arange(len(values), dtype=np.float32), values], axis=1)


class One(Feature):
    """A row of each signal."""

    names = ("samples",)

    def __call__(self, signal, sampling_rate):  # noqa: ARG002 - every feature's
        return np.array([[len(signal)]], np.float32)


@given(samples=st.integers(1, 5000), seconds=st.sampled_from([0.005, 0.1, 0.2]))
def test_segments_are_those_of_the_acoustic_set(samples, seconds):
    signal = np.ones(samples, np.float32)
    rows = Pooled(Frames(), seconds)(signal, 1000)
    assert len(rows) == len(Segments(One(), seconds)(signal, 1000))
    assert rows.dtype == np.float32
    assert (np.diff(rows[:, 0]) >= 0).all()
    np.testing.assert_array_equal(rows[:, [1, 3]], np.tile([1.0, 0.0], (len(rows), 1)))


def test_every_frame_counts_once():
    signal = np.random.default_rng(0).standard_normal(1100).astype(np.float32)
    pooled = Pooled(Frames(), 0.3)
    frames = Frames()(signal, 1000)
    rows = pooled(signal, 1000)
    assert pooled.names == ("number_mean", "value_mean", "number_std", "value_std")
    parts = np.split(frames, [30, 60, 90])
    expected = [np.concatenate([part.mean(axis=0), part.std(axis=0)]) for part in parts]
    np.testing.assert_allclose(rows, expected, rtol=1e-6)
    means = Pooled(Frames(), 0.3, deviation=False)
    assert means.names == pooled.names[:2]
    np.testing.assert_array_equal(means(signal, 1000), rows[:, :2])
    (whole,) = Pooled(Frames(), None)(signal, 1000)
    expected = np.concatenate([frames.mean(axis=0), frames.std(axis=0)])
    np.testing.assert_allclose(whole, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "other",
    [
        Pooled(LogMel(), 0.3),
        Pooled(LogMel(), 0.2, deviation=False),
        Pooled(Frames(), 0.2),
        Segments(LogMel(), 0.2),
    ],
)
def test_identity_tells_them_apart(other):
    assert Pooled(LogMel(), 0.2).identity() != other.identity()


def test_identity_follows_the_version_of_the_feature_inside(monkeypatch):
    before = Pooled(LogMel()).identity()
    monkeypatch.setattr(LogMel, "version", 99)
    assert Pooled(LogMel()).identity() != before
