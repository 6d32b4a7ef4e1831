"""Find the recordings that training and evaluation cannot use, by reading all of them."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import TYPE_CHECKING

import numpy as np

from serenade import _parallel, errors
from serenade._printable import to_printable
from serenade._progress import show_progress
from serenade.audio import read
from serenade.errors import AudioError, CorpusError, NoDecoderError
from serenade.extraction._cache import Cache, make_entry_key
from serenade.extraction._content import FileContent
from serenade.extraction._extract import list_clips

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from serenade.extraction._extract import Clip

MAX_UNUSABLE = 0.1
"""Default largest share of recordings that may be left out."""

_IDENTITY = {"feature": "usability", "version": 2}
_RATE = 16000
_WORTH_A_POOL = 1.0  # seconds of work before processes are started


def find_unusable(
    clips: Sequence[Clip], *, jobs: int | None = None, cache: Cache | None = None
) -> dict[int, AudioError]:
    """Read recordings completely, as training does, and return the errors of unusable ones.

    The verdict on each recording is kept in the cache under the hash of its content. It is not kept
    if no decoder is installed, which says nothing about the recording.

    Args:
        clips: recordings or parts of them.
        jobs: number of processes; None for one per core.
        cache: cache of the verdicts; None for the user's cache.

    Returns:
        Errors by the index of the clip.
    """
    cache = Cache() if cache is None else cache
    tasks = [_Check(clip, cache) for clip in clips]
    found = show_progress(_run(tasks, jobs), len(tasks), "checking recordings")
    return {index: error for index, error in enumerate(found) if error is not None}


def require_usable(
    names: Sequence[str], unusable: Mapping[int, AudioError], limit: float
) -> tuple[str, ...]:
    """Check that the share of unusable recordings is within a limit, and list them.

    Args:
        names: names of all recordings.
        unusable: result of `find_unusable`.
        limit: largest share that may be left out.

    Returns:
        A line for each recording: its name and the problem.

    Raises:
        CorpusError: the share is above the limit, or no recording can be used.
    """
    lines = tuple(
        to_printable(f"{names[index]}: {error.problem}")
        for index, error in sorted(unusable.items())
    )
    share = len(lines) / max(1, len(names))
    if lines and (share > limit or share == 1):
        more = f"; and {len(lines) - 5} more" if len(lines) > 5 else ""
        raise CorpusError(
            f"{len(lines)} of {len(names)} recordings ({share:.1%}) cannot be used, more than the "
            f"limit of {limit:.1%}; mend them, leave them out, or raise the limit (max_unusable, "
            f"--max-unusable): {'; '.join(lines[:5])}{more}"
        )
    return lines


def drop_unusable(
    table: pd.DataFrame, limit: float, jobs: int | None, progress: Callable[[str], None]
) -> pd.DataFrame:
    """Return the rows of a corpus table whose recordings can be used.

    Args:
        table: corpus table.
        limit: largest share of the recordings that may be left out.
        jobs: number of processes; None for one per core.
        progress: called with a line for each recording that is left out.

    Raises:
        CorpusError: see `require_usable`.
    """
    clips = list_clips(table.index)
    unusable = find_unusable(clips, jobs=jobs)
    for line in require_usable([clip.file for clip in clips], unusable, limit):
        progress(f"left out: {line}")
    return table.iloc[[row for row in range(len(table)) if row not in unusable]]


@dataclasses.dataclass(frozen=True)
class _Check:
    """Check of one recording; the unit of work sent to a worker process."""

    clip: Clip
    cache: Cache

    def __call__(self) -> AudioError | None:
        clip = self.clip
        try:
            content = FileContent.take(clip.file)
        except (OSError, ValueError):
            return self._read()
        key = make_entry_key(content.digest, clip.start, clip.end, _RATE, _IDENTITY)
        kept = None if key is None else self.cache.get(key)
        if kept is not None:
            return _decode_verdict(kept, clip.file)
        found = self._read()
        # A missing decoder says nothing about the recording.
        lasting = not isinstance(found, NoDecoderError)
        if key is not None and lasting and content.is_current():
            self.cache.put(key, _encode_verdict(found))
        return found

    def _read(self) -> AudioError | None:
        clip = self.clip
        try:
            read(clip.file, sampling_rate=_RATE, start=clip.start, end=clip.end)
        except AudioError as error:
            return error
        return None


def _run(tasks: Sequence[_Check], jobs: int | None) -> Iterator[AudioError | None]:
    """Check in this process for the first second, then on all cores."""
    begun = time.monotonic()
    for done, task in enumerate(tasks):
        if jobs != 1 and time.monotonic() - begun > _WORTH_A_POOL:
            yield from _parallel.run_parallel(_Check.__call__, tasks[done:], jobs=jobs)
            return
        yield task()


def _encode_verdict(error: AudioError | None) -> NDArray[np.float32]:
    """Return a verdict as a matrix, which the cache holds; it has no row for a usable recording."""
    stated = [] if error is None else [type(error).__name__, error.problem, error.fix]
    text = json.dumps(stated) if stated else ""
    return np.frombuffer(text.encode(), dtype=np.uint8).astype(np.float32)[:, None]


def _decode_verdict(matrix: NDArray[np.float32], file: str) -> AudioError | None:
    """Return the verdict in a matrix."""
    if not len(matrix):
        return None
    name, problem, fix = json.loads(matrix.astype(np.uint8).tobytes())
    kind: type[AudioError] = getattr(errors, name)
    return kind(file, problem, fix)
