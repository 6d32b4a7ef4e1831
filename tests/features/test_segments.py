"""An utterance's feature, segment by segment."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serenade.features import AcousticSet, Feature, LogMel, Segments


class Sum(Feature):
    """Sum and number of samples."""

    names = ("sum", "count")

    def __call__(self, signal, sampling_rate):  # noqa: ARG002 - every feature's
        return np.array([[signal.sum(), len(signal)]], np.float32)


@given(samples=st.integers(1, 5000), seconds=st.sampled_from([0.1, 0.2, 0.5]))
def test_segments_hold_every_sample_once(samples, seconds):
    signal = np.ones(samples, np.float32)
    rows = Segments(Sum(), seconds)(signal, 1000)
    assert rows[:, 0].sum() == rows[:, 1].sum() == samples
    length = 1000 * seconds
    assert (rows[:-1, 1] == length).all()
    assert len(rows) == 1 or length / 2 <= rows[-1, 1] <= length * 1.5


def test_a_segment_is_its_own_signal(tone):
    segments = Segments(AcousticSet(), 0.2)
    rows = segments(tone, 16000)
    assert rows.shape == (5, len(segments.names))
    np.testing.assert_array_equal(rows[2:3], AcousticSet()(tone[6400:9600], 16000))


@pytest.mark.parametrize("other", [Segments(AcousticSet(), 0.3), Segments(LogMel(), 0.2)])
def test_identity_tells_segments_apart(other):
    assert Segments(AcousticSet(), 0.2).identity() != other.identity()
