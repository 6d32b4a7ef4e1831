"""The best path through a trellis, without a step-by-step loop over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def find_best_path(local: NDArray[Any], transition: NDArray[Any]) -> NDArray[np.intp]:
    """Find the states that maximise the sum of local and transition scores (Viterbi 1967).

    The scores of a step are a matrix, and following two steps is their product in the (max, +)
    algebra. Products are taken pairwise, then of pairs, so the work is done in about log2(frames)
    array operations; the states in the middle of each pair are then read off from the top down.
    Time is the last axis, so that operations run along it and not along a few states.

    Args:
        local: score of each state in each frame, shape `(states, frames)`; at least one frame.
        transition: score of going from state `i` of frame `t` to `j` of `t + 1`, at `[i, j, t]`,
            shape `(states, states, frames - 1)`.

    Returns:
        The state of each frame, shape `(frames,)`.

    >>> local = np.array([[0.0, 0.9, 0.0], [1.0, 0.0, 1.0]])
    >>> find_best_path(local, np.zeros((2, 2, 2)))
    array([1, 0, 1])
    >>> find_best_path(local, np.array([[[0.0], [-1.0]], [[-1.0], [0.0]]]).repeat(2, axis=2))
    array([1, 1, 1])
    """
    states, frames = local.shape
    if frames == 1:
        return np.asarray(local.argmax(axis=0))
    steps = transition + local[:, 1:]
    steps[:, :, 0] += local[:, :1]
    levels = []  # of routes over two steps each: [from, middle, to, pair]
    while (count := steps.shape[2]) > 1:
        pairs = count // 2
        routes = steps[:, :, None, 0 : 2 * pairs : 2] + steps[None, :, :, 1 : 2 * pairs : 2]
        levels.append(routes)
        joined = np.empty((states, states, count - pairs), dtype=steps.dtype)
        np.maximum.reduce(routes, axis=1, out=joined[:, :, :pairs])
        joined[:, :, pairs:] = steps[:, :, 2 * pairs :]
        steps = joined
    path = np.array(divmod(int(steps.argmax()), states))
    for routes in reversed(levels):
        pairs = routes.shape[3]
        wider = np.empty(len(path) + pairs, dtype=np.intp)
        wider[0 : 2 * pairs : 2] = path[:pairs]
        through = routes[path[:pairs], :, path[1 : pairs + 1], np.arange(pairs)]
        wider[1 : 2 * pairs : 2] = through.argmax(axis=1)
        wider[2 * pairs :] = path[pairs:]
        path = wider
    return path
