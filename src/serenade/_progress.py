"""Show a progress bar on standard error, on a terminal and for long work only."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")

PATIENCE = 2.0
"""Seconds before a bar appears."""


def show_progress(items: Iterable[T], total: int, label: str) -> Iterator[T]:
    """Pass items on, and show a bar on a terminal if they take over two seconds.

    Args:
        items: passed on as they come.
        total: how many there will be.
        label: name of the work.

    >>> list(show_progress("ab", 2, "spelling"))
    ['a', 'b']
    """
    if not sys.stderr.isatty():
        yield from items
        return
    import click

    begun, done = time.monotonic(), 0
    rest = iter(items)
    for item in rest:
        yield item
        done += 1
        if time.monotonic() - begun > PATIENCE:
            break
    else:
        return
    with click.progressbar(length=total, label=label, file=sys.stderr) as bar:
        bar.update(done)
        for item in rest:
            yield item
            bar.update(1)
