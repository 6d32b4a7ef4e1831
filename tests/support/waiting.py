"""Wait for other threads and processes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def wait_until(condition: Callable[[], object], pause: float = 0.02) -> None:
    """Poll a condition until it holds.

    There is no time limit, because a busy machine would exceed any; pytest's `faulthandler_timeout`
    ends a test that hangs.

    Args:
        condition: function that returns a true value in the end.
        pause: seconds between two calls.
    """
    while not condition():
        time.sleep(pause)
