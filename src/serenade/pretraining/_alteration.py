"""Alteration of an utterance that a network must restore (Liu, Li & Lee 2021, section III)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from serenade.encoders import Alterations


def alter_utterance(
    values: NDArray[np.float32], settings: Alterations, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Alter an utterance, and choose the cells over which the loss is computed.

    As in the released code, the loss counts the cells of the chosen spans and of the band; where
    neither is altered (noise only, or nothing), all of them. Spans start at distinct frames and may
    overlap. The paper leaves open whether the three ways (zero, swap, keep) are drawn per span or
    per utterance: per utterance, as the released code has it.

    Args:
        values: standardised energies, shape `(frames, dims)`.
        settings: settings of the alterations.
        rng: random generator.

    Returns:
        The altered copy, and a mask of the same shape.
    """
    frames, dims = values.shape
    result, chosen = values.copy(), np.zeros(values.shape, dtype=bool)
    if settings.time_share:
        rows = _draw_spans(frames, settings, rng)
        way = rng.random()
        if way < settings.zeroed:
            result[rows] = 0.0
        elif way < settings.zeroed + settings.swapped:
            others = _draw_spans(frames, settings, rng)
            result[rows] = values[others]
        chosen[rows] = True
    if settings.band_share:
        width = int(rng.integers(int(dims * settings.band_share) + 1))
        first = int(rng.integers(dims - width + 1))
        result[:, first : first + width] = 0.0
        chosen[:, first : first + width] = True
    if not (settings.time_share or settings.band_share):
        chosen[:] = True
    if settings.noise_probability and rng.random() < settings.noise_probability:
        noise = rng.standard_normal(values.shape, dtype=np.float32)
        result += np.float32(settings.noise_deviation) * noise
    return result, chosen


def _draw_spans(frames: int, settings: Alterations, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the rows of randomly chosen spans, span by span; spans may overlap."""
    span = min(settings.span, frames)
    count = max(1, round(frames * settings.time_share / span))
    room = frames - span + 1
    starts = rng.permutation(room)[: min(count, room)]
    return (starts[:, None] + np.arange(span)).ravel()
