"""What a case is; values and JSON data changed at random."""

from __future__ import annotations

import copy
import dataclasses
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
