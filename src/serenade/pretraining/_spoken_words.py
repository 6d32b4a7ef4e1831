"""TimedWord words: frames of recordings, cut where their words begin and end."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from serenade.encoders import SPEECH2VEC_HOP, SPEECH2VEC_RATE, Speech2VecSettings
from serenade.errors import AudioError, ModelError
from serenade.extraction import Clip, extract_usable
from serenade.systems import SMALLEST_DEVIATION
from serenade.transcription import tokenise

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    TimedWord = tuple[str, float, float]
    """A word, its start and its end in seconds."""

_SHORTEST, _LONGEST = 3, 200  # frames


@dataclasses.dataclass(frozen=True, eq=False)
class SpokenWords:
    """Words as they were spoken, in the order of recordings and time.

    Args:
        words: the words, shape `(instances,)`.
        matrices: their frames, `(frames, coefficients)` float32, each coefficient of mean 0 and
            deviation 1 over the recording.
        recordings: number of the recording of each, shape `(instances,)`.
        files: of the recordings, by number.
        left_out: words that were not used: of no letters or digits, or shorter than 30 ms or
            longer than 2 s.
    """

    words: tuple[str, ...]
    matrices: tuple[NDArray[np.float32], ...]
    recordings: NDArray[np.int64]
    files: tuple[str, ...]
    left_out: int = 0

    def __len__(self) -> int:
        return len(self.words)

    def contexts(self, window: int) -> list[NDArray[np.int64]]:
        """Return the neighbours of each word: at most `window` words before or after it."""
        found = []
        starts = np.searchsorted(self.recordings, self.recordings)
        ends = np.searchsorted(self.recordings, self.recordings, side="right")
        for place, (first, last) in enumerate(zip(starts, ends, strict=True)):
            near = np.arange(max(first, place - window), min(last, place + window + 1))
            found.append(near[near != place])
        return found


def gather_spoken_words(
    spoken: Mapping[str, Sequence[TimedWord]],
    settings: Speech2VecSettings,
    *,
    jobs: int | None = None,
) -> tuple[SpokenWords, list[str]]:
    """Cut recordings into their words.

    Args:
        spoken: words with start and end in seconds, by the path of the recording, in time's order.
        settings: settings of the run.
        jobs: processes for extraction; None for one per core.

    Returns:
        The words, and a line about each recording that cannot be used.

    Raises:
        ModelError: no usable word remains.
    """
    files = [file for file, words in spoken.items() if words]
    segments = [Clip(file) for file in files]
    results = extract_usable(segments, settings.feature, sampling_rate=SPEECH2VEC_RATE, jobs=jobs)
    words: list[str] = []
    matrices: list[NDArray[np.float32]] = []
    recordings: list[int] = []
    used: list[str] = []
    problems: list[str] = []
    for file, frames in zip(files, results, strict=True):
        if isinstance(frames, AudioError):
            problems.append(str(frames))
            continue
        deviation = np.maximum(frames.std(axis=0), SMALLEST_DEVIATION)
        scaled = (frames - frames.mean(axis=0)) / deviation
        for said, start, end in spoken[file]:
            word, part = (
                "-".join(tokenise(said)),
                scaled[round(start / SPEECH2VEC_HOP) : round(end / SPEECH2VEC_HOP)],
            )
            if word and _SHORTEST <= len(part) <= _LONGEST:
                words.append(word)
                matrices.append(part)
                recordings.append(len(used))
        used.append(file)
    if not words:
        reason = problems[0] if problems else "their words have no times, or no letters"
        raise ModelError(f"no spoken words in {len(files)} recordings ({reason})")
    total = sum(len(spoken[file]) for file in used)
    numbers = np.array(recordings, dtype=np.int64)
    return SpokenWords(
        tuple(words), tuple(matrices), numbers, tuple(used), total - len(words)
    ), problems
