"""Batches hold each clip once, padded with zeros, with clips of similar length."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from serenade.training._batches import Batches, ClipSet  # noqa: E402


def clips(lengths):
    rng = np.random.default_rng(0)
    matrices = [rng.normal(1, 1, (length, 3)).astype(np.float32) for length in lengths]
    return ClipSet((matrices,), np.arange(len(lengths)), np.arange(len(lengths)) + 1.0)


@given(
    lengths=st.lists(st.integers(1, 90), min_size=1, max_size=300),
    size=st.integers(1, 17),
    shuffle=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_batches_hold_each_clip_once(lengths, size, shuffle):
    batches = Batches(clips(lengths), size, shuffle=shuffle).rows()
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert max(map(len, batches)) <= size + shuffle
    if not shuffle:
        assert np.concatenate(batches).tolist() == list(range(len(lengths)))
    elif size > 1 and len(lengths) > 1:
        assert min(map(len, batches)) > 1


def test_pad_masks_zeros():
    inputs, labels = clips([4, 7, 2]).batch(np.array([2, 1]))
    (values,), (mask,) = inputs["values"], inputs["mask"]
    assert values.shape == (2, 7, 3)
    assert mask.sum(dim=1).tolist() == [2, 7]
    assert (values[~mask] == 0).all()
    assert (values[mask] != 0).all()
    assert labels.tolist() == [2, 1]
    assert inputs["weights"].tolist() == [3, 2]


def test_clip_set_pads_each_stream_to_its_own_length():
    streams = [[np.ones((n, 3), np.float32) for n in (4, 7)], [np.ones((2, 9), np.float32)] * 2]
    inputs, _ = ClipSet(streams).batch(np.array([1, 0]))
    assert [tuple(values.shape) for values in inputs["values"]] == [(2, 7, 3), (2, 2, 9)]
    assert [mask.sum(dim=1).tolist() for mask in inputs["mask"]] == [[7, 4], [2, 2]]


def test_batches_group_clips_of_similar_length():
    lengths = np.random.default_rng(0).integers(10, 500, 640)
    sets = clips(lengths)

    def padding(batches):
        return sum(lengths[rows].max() * len(rows) for rows in batches) / lengths.sum()

    assert padding(Batches(sets, 16, shuffle=False).rows()) > 1.7
    assert padding(Batches(sets, 16, shuffle=True).rows()) < 1.1


def test_batches_are_shuffled_by_the_seed():
    batches = Batches(clips([5] * 64), 8, shuffle=True)
    torch.manual_seed(0)
    one, two = np.concatenate(batches.rows()), np.concatenate(batches.rows())
    torch.manual_seed(0)
    np.testing.assert_array_equal(np.concatenate(batches.rows()), one)
    assert (one != two).any()
