"""What damaged input is given to: one function per way into the package.

A target is called with a number and a folder of its own, and returns a case; what its use returns
or raises is judged by `workers`. What a target needs is imported when it is called: a worker holds
the libraries of one target alone.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from fuzzing import sounds
from fuzzing.cases import Case, pick
from fuzzing.server import messages, request
from fuzzing.tables import folds, manifest, recipe, shard, words
from fuzzing.weights import checkpoint, model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def sound(number: int, folder: Path) -> Case:
    """Make a damaged recording that is predicted, predicted as a timeline or read, in turn."""
    known = _systematic()
    made = known[number] if number < len(known) else sounds.mutated(number)
    path = folder / "case"
    made.write(path)
    way = (_predict, _timeline, _read)[number % 3]
    return Case(f"{way.__name__[1:]}: {made.name}", lambda: way(path), made.hours)


def samples(number: int, folder: Path) -> Case:  # noqa: ARG001 - every target's
    """Make an array, or chunks for a stream, of odd shapes, types, values and rates."""
    rng = np.random.default_rng([3, number])
    kind = pick(rng, ["float32", "float64", "float16", "int16", "int32", "int8", "uint8", "int64"])
    # Half of each of these is as it should be: or the first check would refuse nearly all.
    whole = pick(rng, [(1600,), (16000,), (9000, 2)])
    shape = pick(rng, [whole] * 12 + [(0,), (1,), (2, 9000), (9000, 65), (), (8, 8, 8)])
    usual = 1.0 if kind.startswith("float") else 1.0 * np.iinfo(kind).max
    span = 10.0 ** rng.integers(-40, 40) if rng.random() < 0.3 else usual
    array = np.asarray(np.resize(sounds.speech(), shape[::-1]).T * span)
    if array.size and rng.random() < 0.2:
        array.flat[int(rng.integers(array.size))] = pick(rng, [np.nan, np.inf, -np.inf, 1e300])
    with np.errstate(all="ignore"):
        array = array.astype(kind)
    rates = [16000, 8000, 44100, 768_000] * 6 + [0, -1, 1, 10**7, 16000.5, "16000", True]
    rate = pick(rng, rates)
    others = [array.tolist(), array.T, np.flip(array), array.astype(object), [None], ["x"]]
    given = pick(rng, [array] * 12 + others)
    streamed = bool(rng.random() < 0.5)

    def act() -> object:
        if not streamed:
            return _model().predict(given, rate)
        stream = _model().stream(rate)
        return stream.push(given), stream.push(given), stream.close()

    return Case(f"{'stream' if streamed else 'array'} {kind} {shape} at {rate!r}", act)


@functools.cache
def _systematic() -> list[sounds.Sound]:
    return sounds.systematic()


@functools.cache
def _model() -> Any:
    import serenade

    return serenade.load()


def _predict(path: Path) -> object:
    return _model().predict(path, jobs=1)


def _timeline(path: Path) -> object:
    return _model().timeline(path, jobs=1)


def _read(path: Path) -> object:
    from serenade.audio import read

    return read(path)


TARGETS: dict[str, tuple[Callable[[int, Path], Case], float]] = {
    "sound": (sound, 0.60),
    "samples": (samples, 0.05),
    "manifest": (manifest, 0.05),
    "recipe": (recipe, 0.04),
    "folds": (folds, 0.03),
    "words": (words, 0.03),
    "shard": (shard, 0.02),
    "model": (model, 0.03),
    "checkpoint": (checkpoint, 0.03),
    "request": (request, 0.07),
    "messages": (messages, 0.05),
}
"""Each way in, and its share of the cases."""
