"""Define cases and the traps of the test of the judge; change values and JSON data at random."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import time
from typing import TYPE_CHECKING, Any

from serenade.errors import AudioError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy as np


def pick(rng: np.random.Generator, values: list[Any]) -> Any:
    """Choose one of the values."""
    return values[int(rng.integers(len(values)))]


@dataclasses.dataclass(frozen=True)
class Case:
    """An input, made and not yet used.

    Args:
        name: how it was made.
        use: gives it to the package.
        hours: of sound it holds, where that is much: it may take longer in step.
    """

    name: str
    use: Callable[[], object]
    hours: float = 0.0


_ODD = [
    *(None, [], {}, "", "x" * 3000, -1, 0, 2**70, 1.5, float("nan"), float("inf"), True, [[]]),
    *(["x"], {"a": {}}, "\ud800", "../../etc/passwd", [None] * 100, 10**9, -(2**63), "/dev/zero"),
    "http://127.0.0.1:1/x",
]


def changed(content: Any, rng: np.random.Generator) -> Any:
    """Replace or remove one to three values of JSON data."""
    content = json.loads(json.dumps(content))
    for _ in range(int(rng.integers(1, 4))):
        found = list(places(content))
        if not found:
            break
        parent, key = pick(rng, found)
        if rng.random() < 0.2:
            del parent[key]
        else:
            parent[key] = copy.deepcopy(pick(rng, _ODD))  # or later cases would change it
    return content


def places(content: Any) -> Iterator[tuple[Any, Any]]:
    """Return every container inside, with each key or index."""
    if isinstance(content, dict | list):
        for key in list(content) if isinstance(content, dict) else range(len(content)):
            yield content, key
            yield from places(content[key])


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
