"""What the judge must catch, for its own test: each trap springs at an even number."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from fuzzing.cases import Case
from serenade.errors import AudioError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _spin() -> object:
    while time.monotonic() > 0:
        pass
    return None


def _fill() -> object:
    return len(bytes(range(256)) * (3 << 20))  # 768 MB that are written to


def _fail() -> object:
    raise KeyError("an error that is not ours")


def _lines() -> object:
    raise AudioError("a", "message of\ntwo lines")


def _end() -> object:
    os.abort()


def _trap(spring: Callable[[], object]) -> Callable[[int, Path], Case]:
    def make(number: int, folder: Path) -> Case:
        return Case(f"case {number}", folder.exists if number % 2 else spring)

    return make


TRAPS = {
    "hang": _trap(_spin),
    "memory": _trap(_fill),
    "traceback": _trap(_fail),
    "two lines": _trap(_lines),
    "crash": _trap(_end),
}
"""By the outcome that is due, but for a message of two lines, which is a traceback's."""
