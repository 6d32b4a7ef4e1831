"""Cluster windows of speech to speakers, and find the turns of each.

Windows lie over utterances. Their embeddings are clustered first; then each part of an utterance
gets the speaker whose centre is most similar to the windows around it, with few changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_MOST = 2000  # embeddings that are clustered, because memory grows with their square
_SHORT = 16000  # samples; the embedding of a shorter window says little
_SMALL = 6  # windows; smaller clusters are not speakers
_ROUNDS = 4  # in which centres and clusters are estimated
_EXTRA = 15  # clusters beyond the number of speakers that outliers may take
_CHANGE = 0.1  # similarity that a change of speakers within an utterance has to gain
_NEAR = 8000  # samples: standard deviation of the weights of windows around a cell
_CELL = 3200  # samples
_REACH = 4800  # samples around a change in which the quietest place is searched
_HUSH = 800  # samples that a change is quiet for; turns are not shorter
_BLOCK = 256  # cells that are smoothed at once: an utterance may last an hour


class SpeakerTurn(NamedTuple):
    """Speech of one speaker: first sample, first sample after it, number of the speaker."""

    start: int
    end: int
    speaker: int


def find_turns(
    places: NDArray[np.intp],
    voices: NDArray[np.float32],
    signal: NDArray[np.float32],
    speakers: int | None,
    threshold: float,
) -> list[SpeakerTurn]:
    """Find the turns of speakers in a recording.

    Args:
        places: windows in the order of time: first sample, first sample after it, and first sample
            of the utterance, `(windows, 3)`.
        voices: embedding of each window, `(windows, dims)`, of length one.
        signal: samples of the recording at 16 kHz, in which changes are placed.
        speakers: number of speakers; None to estimate it.
        threshold: cosine distance from which clusters are different speakers, if their number is
            not known.

    Returns:
        Turns in the order of time, divided at pauses. Speakers are numbered by their first turn.
    """
    reliable = places[:, 1] - places[:, 0] >= _SHORT
    centres = cluster_voices(voices[reliable] if reliable.any() else voices, speakers, threshold)
    turns = [
        turn
        for utterance in np.split(np.arange(len(places)), np.flatnonzero(np.diff(places[:, 2])) + 1)
        for turn in _divide_utterance(places[utterance], voices[utterance] @ centres.T, signal)
    ]
    order = {number: place for place, number in enumerate(dict.fromkeys(t.speaker for t in turns))}
    return [turn._replace(speaker=order[turn.speaker]) for turn in turns]


def cluster_voices(
    voices: NDArray[np.floating[Any]], speakers: int | None, threshold: float, small: int = _SMALL
) -> NDArray[np.floating[Any]]:
    """Cluster embeddings, and return the centre of each speaker.

    Average linkage estimates the number of speakers, because its distances do not depend on the
    sizes of clusters. Ward's linkage, which finds speakers better, makes the clusters.

    Args:
        voices: embeddings of length one, `(windows, dims)`.
        speakers: number of speakers; None to estimate it.
        threshold: see `find_turns`.
        small: clusters of fewer embeddings are not speakers, unless there is no larger one.

    Returns:
        Centres of length one, `(speakers, dims)`.
    """
    voices = voices[:: -(-len(voices) // _MOST)]
    if len(voices) < 2:
        return voices
    if speakers is None:
        numbers = fcluster(linkage(voices, "average", metric="cosine"), threshold, "distance")
        speakers = max(1, int(np.count_nonzero(np.bincount(numbers) >= small)))
    numbers = _cut_tree(linkage(voices, "ward"), speakers, small)
    for _ in range(_ROUNDS):
        known = np.unique(numbers[numbers >= 0])
        centres = np.stack([voices[numbers == number].mean(axis=0) for number in known])
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
        numbers = (voices @ centres.T).argmax(axis=1)
    unit: NDArray[np.floating[Any]] = centres
    return unit


def _cut_tree(tree: NDArray[np.float64], speakers: int, small: int) -> NDArray[np.intp]:
    """Return the cluster of each embedding, or another number than those of speakers.

    Outliers would take the place of a speaker: the tree is cut lower until enough clusters are
    large.
    """
    for wanted in range(speakers, speakers + _EXTRA):
        numbers = fcluster(tree, wanted, "maxclust")
        if np.count_nonzero(np.bincount(numbers) >= small) >= speakers:
            break
    else:
        numbers = fcluster(tree, speakers, "maxclust")
    sizes = np.bincount(numbers)
    large = np.argsort(-sizes, kind="stable")[: min(speakers, np.count_nonzero(sizes))]
    return np.where(np.isin(numbers, large), numbers, -1)


def _divide_utterance(
    places: NDArray[np.intp], scores: NDArray[np.floating[Any]], signal: NDArray[np.float32]
) -> Iterator[SpeakerTurn]:
    """Yield the turns of an utterance.

    Args:
        places: windows of the utterance, see `find_turns`.
        scores: similarity of each window to each speaker, `(windows, speakers)`.
        signal: samples of the recording.
    """
    first, last = int(places[0, 2]), int(places[:, 1].max())
    edges = np.append(np.arange(first, last, _CELL), last)
    path = _find_path(_smooth_scores(places, scores, (edges[:-1] + edges[1:]) / 2))
    start = first
    for cell in [*np.flatnonzero(np.diff(path)), len(path) - 1]:
        end = last
        if cell < len(path) - 1:
            end = _find_hush(signal, start, int(edges[cell + 1]), last)
        if last - end < _HUSH:
            end = last
        # The quietest places of two changes in a row may lie in the other order.
        if end - start >= _HUSH:
            yield SpeakerTurn(start, end, int(path[cell]))
            start = end


def _smooth_scores(
    places: NDArray[np.intp],
    scores: NDArray[np.floating[Any]],
    middles: NDArray[np.floating[Any]],
) -> NDArray[np.floating[Any]]:
    """Average the scores of the windows around the middle of each cell, `(cells, speakers)`."""
    centres = places[:, :2].mean(axis=1)
    cells = []
    for begin in range(0, len(middles), _BLOCK):
        apart = middles[begin : begin + _BLOCK, None] - centres
        weights = np.exp(-0.5 * (apart / _NEAR) ** 2) + 1e-6
        cells.append(weights @ scores / weights.sum(axis=1, keepdims=True))
    return np.concatenate(cells)


def _find_path(scores: NDArray[np.floating[Any]]) -> NDArray[np.intp]:
    """Find the speaker of each cell with the largest sum of scores, minus a cost of changes."""
    total = scores[0]
    before = np.zeros(scores.shape, dtype=np.intp)
    numbers = np.arange(scores.shape[1])
    for cell in range(1, len(scores)):
        best = int(total.argmax())
        stays = total >= total[best] - _CHANGE
        before[cell] = np.where(stays, numbers, best)
        total = np.maximum(total, total[best] - _CHANGE) + scores[cell]
    path = np.empty(len(scores), dtype=np.intp)
    path[-1] = total.argmax()
    for cell in range(len(scores) - 1, 0, -1):
        path[cell - 1] = before[cell, path[cell]]
    return path


def _find_hush(signal: NDArray[np.float32], start: int, middle: int, end: int) -> int:
    """Return the quietest place around a change of speakers within an utterance."""
    first = max(start + _HUSH, middle - _REACH)
    part = np.asarray(signal[first : min(end - _HUSH, middle + _REACH)], dtype=np.float64)
    if part.size < 2 * _HUSH:
        return middle
    power = np.convolve(part**2, np.ones(_HUSH), "valid")
    return first + _HUSH // 2 + int(power.argmin())
