"""Audio fingerprints, which recognise a recording despite noise, level, codec and a small shift.

Haitsma & Kalker (2002), "A highly robust audio fingerprinting system", ISMIR: 32 bits per frame,
the signs of how differences between neighbouring bands change from a frame to the next. Two
recordings of one performance agree in most bits; two performances, even of one sentence, in about
half. Frames here are 256 ms every 32 ms, shorter than the paper's, as speech is.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from serenade.features import Feature, Framing, mel_bank, mel_spectrogram

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

BITS = 32
HOP = 0.032
"""Distance between frames in seconds."""

_WINDOW = 0.256
_LOWEST, _HIGHEST = 200.0, 3400.0  # Hz, the band of a telephone
_FLOOR = 1e-6  # frames with less energy than this share of the loudest are silence
_COMMON = 50  # more frequent half-words identify nothing
_LARGE = 3_000_000  # frames (27 hours) beyond which nearly all half-words are that frequent
_HITS = 3  # equal half-words at one offset that make a pair a candidate
_LEAST = 24  # frames that must overlap
_ERRORS = 0.20  # share of bits that may differ; takes of one sentence by one actor reach 0.21
_ONES = np.unpackbits(np.arange(1 << 16, dtype=">u2").view(np.uint8)).reshape(-1, 16).sum(axis=1)


@dataclasses.dataclass(frozen=True)
class Fingerprint(Feature):
    """Bits of each frame as two 16-bit numbers, `(frames, 2)`; both are -1 in silence.

    >>> Fingerprint()(np.zeros(16000, np.float32), 16000).shape
    (32, 2)
    """

    version: ClassVar[int] = 1

    @property
    def names(self) -> tuple[str, ...]:
        """Return names for the lower and the upper bands."""
        return ("low", "high")

    def __call__(self, signal: NDArray[np.float32], sampling_rate: int) -> NDArray[np.float32]:
        """Compute the bits of a frame every 32 ms; the first has none set."""
        length = round(_WINDOW * sampling_rate)
        framing = Framing(
            1 << (length - 1).bit_length(), round(HOP * sampling_rate), length, "hann"
        )
        bank = mel_bank(sampling_rate, framing.n_fft, BITS + 1, fmin=_LOWEST, fmax=_HIGHEST)
        energy = mel_spectrogram(signal, framing, bank).astype(np.float64)
        slope = energy[:, :-1] - energy[:, 1:]
        change = np.diff(slope, axis=0, prepend=slope[:1])
        weights = 1 << np.arange(BITS // 2)
        words = (change > 0).reshape(len(change), 2, -1) @ weights
        loudness = energy.sum(axis=1)
        words[loudness <= _FLOOR * loudness.max(initial=0.0)] = -1
        return words.astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Match:
    """Pair of recordings that sound the same.

    Args:
        first: index of the first recording.
        second: index of the second recording.
        offset: beginning of the second within the first, in seconds.
        errors: share of bits that differ where they overlap.
    """

    first: int
    second: int
    offset: float
    errors: float


def find_matches(prints: Sequence[NDArray[np.float32]]) -> list[Match]:
    """Find pairs of recordings that share 0.8 s or more of the same performance.

    In more than 27 hours of recordings, copies with noise may be missed.

    Args:
        prints: fingerprints of the recordings.

    Returns:
        Each pair once, at its best offset, in the order of the recordings.
    """
    best: dict[tuple[int, int], Match] = {}
    words = [np.asarray(p, dtype=np.int64) for p in prints]
    for first, second, offset in _find_candidates(words):
        errors = _compute_errors(words[first], words[second], offset)
        known = best.get((first, second))
        if errors <= _ERRORS and (known is None or errors < known.errors):
            best[first, second] = Match(first, second, offset * HOP, errors)
    return [best[pair] for pair in sorted(best)]


def _find_candidates(words: Sequence[NDArray[np.int64]]) -> list[tuple[int, int, int]]:
    """Find pairs and offsets (in frames) at which several half-words are equal.

    Many recordings are compared by whole words, of which there are 65,536 times as many.
    """
    lengths = [len(print_) for print_ in words]
    clip = np.repeat(np.arange(len(words)), lengths)
    frame = np.concatenate([np.arange(n) for n in lengths]) if lengths else np.zeros(0, np.int64)
    together = np.concatenate(words) if words else np.zeros((0, 2), np.int64)
    longest = max(lengths, default=1)
    found = []
    for words_of_frames in _list_keys(together):
        kept = np.flatnonzero((words_of_frames >= 0) & (frame > 0))
        order = kept[np.argsort(words_of_frames[kept], kind="stable")]
        values = words_of_frames[order]
        _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
        rare = counts[place] <= _COMMON
        order, values = order[rare], values[rare]
        for lag in range(1, _COMMON):
            same = np.flatnonzero(values[lag:] == values[:-lag])
            if len(same) == 0:
                break
            one, other = order[same], order[same + lag]
            apart = clip[one] != clip[other]
            # Rows are in the order of clips, and sorting kept it: one is of the earlier clip.
            one, other = one[apart], other[apart]
            shift = frame[one] - frame[other] + longest
            found.append((clip[one] * len(words) + clip[other]) * 2 * longest + shift)
    if not found:
        return []
    keys, hits = np.unique(np.concatenate(found), return_counts=True)
    pairs, shift = np.divmod(keys[hits >= _HITS], 2 * longest)
    first, second = np.divmod(pairs, len(words))
    return list(zip(first.tolist(), second.tolist(), (shift - longest).tolist(), strict=True))


def _list_keys(together: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the half-words of all frames, or their whole words if there are many frames."""
    low, high = together.T
    if len(together) <= _LARGE:
        return [low, high]
    return [np.where(low < 0, -1, low + (high << BITS // 2))]


def _compute_errors(one: NDArray[np.int64], other: NDArray[np.int64], offset: int) -> float:
    """Return the share of differing bits in common frames; 1 if too few frames overlap."""
    start, stop = max(0, offset), min(len(one), len(other) + offset)
    a, b = one[start + 1 : stop], other[start - offset + 1 : stop - offset]
    loud = (a[:, 0] >= 0) & (b[:, 0] >= 0)
    if np.count_nonzero(loud) < _LEAST:
        return 1.0
    differing = _ONES[a[loud] ^ b[loud]].sum()
    return float(differing / (np.count_nonzero(loud) * BITS))
