"""Find the part of a recording that has speech, by its energy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ACTIVITY_FRAME = 0.025
"""Length of a frame in seconds."""

ACTIVITY_HOP = 0.010
"""Distance between frames in seconds."""

ACTIVITY_DROP = 35.0
"""Frames this many dB below the loud frames do not count as speech."""

ACTIVITY_MARGIN = 0.05
"""Seconds that are kept on both sides of the speech."""


def compute_frame_power(signal: NDArray[np.float32], sampling_rate: int) -> NDArray[np.float64]:
    """Compute the mean square of 25 ms frames every 10 ms, shape `(frames,)`.

    >>> compute_frame_power(np.full(1600, 0.5, np.float32), 16000)[:2]
    array([0.25, 0.25])
    """
    length = max(1, round(ACTIVITY_FRAME * sampling_rate))
    hop = max(1, round(ACTIVITY_HOP * sampling_rate))
    # float64: a running sum of an hour of float32 squares would lose the quiet frames.
    total = np.concatenate([[0.0], np.cumsum(np.square(signal, dtype=np.float64))])
    starts = np.arange(0, max(signal.size - length, 0) + 1, hop)
    ends = np.minimum(starts + length, signal.size)
    power = (total[ends] - total[starts]) / np.maximum(ends - starts, 1)
    return np.asarray(np.maximum(power, 0.0))


def find_active_part(
    signal: NDArray[np.float32],
    sampling_rate: int,
    *,
    drop: float = ACTIVITY_DROP,
    margin: float = ACTIVITY_MARGIN,
) -> slice:
    """Find the part between the first and the last active frame, widened by a margin.

    A frame is active when it lies less than `drop` dB below the 95th percentile of the frames'
    power, which one click or one shout does not change.

    Args:
        signal: mono samples, shape `(samples,)`.
        sampling_rate: in Hz.
        drop: in dB.
        margin: kept on both sides, in seconds.

    Returns:
        A slice of `signal`, never empty for a signal that is not.

    >>> signal = np.zeros(16000, np.float32)
    >>> signal[8000:12000] = 0.5
    >>> find_active_part(signal, 16000, margin=0.0)
    slice(7680, 12240, None)
    """
    power = compute_frame_power(signal, sampling_rate)
    threshold = np.percentile(power, 95) * 10 ** (-drop / 10)
    active = np.flatnonzero(power > threshold)
    if not active.size:
        return slice(0, signal.size)
    hop, edge = max(1, round(ACTIVITY_HOP * sampling_rate)), round(margin * sampling_rate)
    start = int(active[0]) * hop - edge
    end = int(active[-1]) * hop + round(ACTIVITY_FRAME * sampling_rate) + edge
    return slice(max(0, start), min(signal.size, end))
