"""`SegmentJoiner`, compared with a plain sum over samples, and `map_in_threads`."""

import itertools
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serenade.inference._segmentation import SegmentJoiner
from serenade.inference._threads import map_in_threads
from serenade.inference._windows import Window


def lattice(origin, size, window, hop):
    """Lay windows over one utterance as `Windower` does."""
    spans = []
    end = origin + hop
    while end <= origin + size:
        if end - origin >= window:
            spans.append((end - window, end))
        end += hop
    last = (max(origin, origin + size - window), origin + size)
    return [*spans, last]


def joined(utterances, window, hop, classes, seed):
    rng = np.random.default_rng(seed)
    segments, found, judged = SegmentJoiner(hop), [], []
    for origin, size in utterances:
        spans = lattice(origin, size, window, hop)
        for number, (start, end) in enumerate(spans):
            look = Window(start, np.zeros(end - start), origin, True, number == len(spans) - 1)
            if number == 0 or spans[number] != spans[number - 1]:  # else the same stretch again
                probabilities = rng.dirichlet(np.ones(classes))
            judged.append((origin, start, end, probabilities))
            found += segments.add(look, probabilities)
    return found, judged


UTTERANCES = st.lists(st.tuples(st.integers(1, 50), st.integers(5, 120)), min_size=1, max_size=4)


@settings(max_examples=80, deadline=None)
@given(UTTERANCES, st.integers(4, 60), st.floats(0.1, 1), st.integers(1, 4), st.integers(0, 99))
def test_segment_joiner_averages_the_windows_of_a_segment(gaps, window, share, classes, seed):
    hop = max(1, round(share * window))
    utterances, place = [], 0
    for gap, size in gaps:
        utterances.append((place + gap, size))
        place += gap + size
    found, judged = joined(utterances, window, hop, classes, seed)
    # In order, without overlap, and exactly over the utterances.
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(found))
    covered = np.zeros(place, int)
    for start, end, _ in found:
        covered[start:end] += 1
    expected = np.zeros(place, int)
    for origin, size in utterances:
        expected[origin : origin + size] = 1
    np.testing.assert_array_equal(covered, expected)
    # Cell by cell, by brute force.
    totals: dict[int, np.ndarray] = {}
    for origin, size in utterances:
        starts = list(range(origin, origin + size, hop))
        if len(starts) > 1 and origin + size - starts[-1] < hop // 2:
            starts.pop()  # a short rest belongs to the cell before it
        for cell, end in itertools.pairwise([*starts, origin + size]):
            weights = {
                (a, b): (max(0, min(end, b) - max(cell, a)), p)
                for o, a, b, p in judged
                if o == origin
            }
            share_of = sum(weight for weight, _ in weights.values())
            mean = sum(weight * p for weight, p in weights.values()) / share_of
            totals[cell] = mean * (end - cell)
    for start, end, probabilities in found:
        cells = [total for cell, total in totals.items() if start <= cell < end]
        np.testing.assert_allclose(probabilities, sum(cells) / (end - start), atol=1e-9)
        assert all(total.argmax() == probabilities.argmax() for total in cells)
        np.testing.assert_allclose(probabilities.sum(), 1)


def test_segment_joiner_merges_neighbours_of_one_emotion():
    found, _ = joined([(0, 100), (150, 100)], 20, 10, 3, 1)
    for one, other in itertools.pairwise(found):
        if one[1] == other[0]:
            assert one[2].argmax() != other[2].argmax()


@pytest.mark.parametrize(("rest", "cells"), [(1, 3), (159, 3), (160, 4), (16_000, 4)])
def test_segment_joiner_adds_a_short_rest_to_the_last_cell(rest, cells):
    """A recording that ends in speech gave a segment of 1 to 7 samples."""
    found, share = [], np.ones(1)
    joiner = SegmentJoiner(16_000, values=True)  # each cell is a segment
    for start, last in ((0, False), (16_000, False), (16_000 + rest, True)):
        found += joiner.add(Window(start, np.zeros(32_000), 0, True, last), share)
    assert [end for _, end, _ in found] == [*range(16_000, 16_000 * cells, 16_000), 48_000 + rest]


def test_segment_joiner_gives_segments_as_soon_as_they_are_final():
    segments, angry, sad = SegmentJoiner(10), np.array([0.9, 0.1]), np.array([0.1, 0.9])

    def look(start, last=False):
        return Window(start, np.zeros(20), 0, True, last)

    assert not list(segments.add(look(0), angry))
    assert not list(segments.add(look(10), angry))
    assert not list(segments.add(look(20), sad))
    assert not list(segments.add(look(30), sad))  # [20, 30) is a tie, and stays angry
    ((start, end, _),) = segments.add(look(40), sad)
    assert (start, end) == (0, 30)
    ((start, end, found),) = segments.add(look(45, last=True), sad)
    assert (start, end) == (30, 65)
    np.testing.assert_allclose(found, sad)


@pytest.mark.parametrize("threads", [1, 3])
def test_map_in_threads_keeps_the_order_and_holds_few_items(threads):
    begun, most = 0, 0

    def items():
        nonlocal begun
        for number in range(40):
            begun += 1
            yield number

    def work(number):
        time.sleep(0.001 * (number % 3))
        return number * number

    for done, (number, square) in enumerate(map_in_threads(work, items(), threads)):
        assert (number, square) == (done, done * done)
        most = max(most, begun - done)
    assert most <= 2 * threads + 1


@pytest.mark.parametrize("threads", [1, 3])
def test_map_in_threads_raises_errors_and_ends_its_threads(threads):
    def work(number):
        if number == 5:
            raise ValueError("five")
        return number

    before = threading.active_count()
    with pytest.raises(ValueError, match="five"):
        list(map_in_threads(work, range(10), threads))
    assert threading.active_count() == before
