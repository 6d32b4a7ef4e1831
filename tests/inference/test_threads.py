"""`map_in_threads`."""

import threading
import time

import pytest

from serenade.inference._threads import map_in_threads


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
