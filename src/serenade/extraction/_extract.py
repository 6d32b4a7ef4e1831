"""Features of many recordings: from the cache where they are, on all cores where they are not."""

from __future__ import annotations

import dataclasses
import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from serenade import _parallel
from serenade._progress import show_progress
from serenade.audio import read
from serenade.errors import AudioError
from serenade.extraction._cache import Cache, hash_content, make_entry_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from serenade.features import Feature

    Result = NDArray[np.float32] | AudioError

_TOGETHER = 16  # segments that are sent to a cluster at once
_WORTH_A_POOL = 1.0  # seconds of work before processes are started, which takes about as long


@dataclasses.dataclass(frozen=True)
class Clip:
    """A part of a recording.

    Args:
        file: its path.
        start: in seconds.
        end: in seconds; None for the file's end.
    """

    file: str
    start: float = 0.0
    end: float | None = None


def list_clips(index: Iterable[tuple[str, Any, Any]]) -> list[Clip]:
    """The rows of a corpus' table as segments.

    Args:
        index: path, start and end of each row; times as time differences, NaT for a file's end.

    >>> from datetime import timedelta
    >>> list_clips([("a.wav", timedelta(0), timedelta(seconds=1.5))])
    [Clip(file='a.wav', start=0.0, end=1.5)]
    """
    return [
        # NaT is no more equal to itself than NaN is.
        Clip(file, start.total_seconds(), end.total_seconds() if end == end else None)  # noqa: PLR0124
        for file, start, end in index
    ]


def extract(
    segments: Sequence[Clip],
    feature: Feature,
    *,
    sampling_rate: int = 16000,
    jobs: int | None = None,
    cache: Cache | None = None,
) -> list[NDArray[np.float32]]:
    """A feature of each segment, in their order.

    Args:
        segments: what to extract from.
        feature: what to extract.
        sampling_rate: to read at, in Hz.
        jobs: processes; None for one per core.
        cache: where results are kept; None for the user's own.

    Returns:
        Matrices `(frames, dims)`, float32.

    Raises:
        AudioError: a recording cannot be used. The others are finished first, and kept.
    """
    found = extract_usable(segments, feature, sampling_rate=sampling_rate, jobs=jobs, cache=cache)
    matrices = []
    for result in found:
        if isinstance(result, AudioError):
            raise result
        matrices.append(result)
    return matrices


def extract_usable(
    segments: Sequence[Clip],
    feature: Feature,
    *,
    sampling_rate: int = 16000,
    jobs: int | None = None,
    cache: Cache | None = None,
) -> list[Result]:
    """As `extract`, with the error of a recording that cannot be used in its place.

    Each result enters the cache as soon as it is there: a run that was stopped goes on where it
    was. Inside `serenade._parallel.use_dask` the cluster's machines compute what their caches lack;
    recordings must be at the same paths for all of them.
    """
    cache = Cache() if cache is None else cache
    if _parallel.has_cluster():
        parts = _parts(segments, feature, sampling_rate, cache)
        spread = _parallel.run_parallel(_Part.results, parts)
        shown = show_progress(spread, len(parts), f"extracting {type(feature).__name__}")
        return [result for part in shown for result in part]
    keys = _keys(segments, feature, sampling_rate, jobs)
    results: list[Result | None] = [None if key is None else cache.get(key) for key in keys]
    tasks = [
        _Task(segment, feature, sampling_rate, cache, key)
        for segment, key in zip(segments, keys, strict=True)
    ]
    missing = [index for index, result in enumerate(results) if result is None]
    found = _run([tasks[index] for index in missing], jobs)
    for index, result in zip(
        missing,
        show_progress(found, len(missing), f"extracting {type(feature).__name__}"),
        strict=True,
    ):
        results[index] = result
    return [result for result in results if result is not None]


def prefetch(segments: Sequence[Clip], feature: Feature, *, sampling_rate: int = 16000) -> None:
    """Have a cluster's machines compute what the cache lacks; nothing comes back.

    It is worth it where they share the cache's folder, and does nothing where there is no cluster.

    Args:
        segments: what to extract from.
        feature: what to extract.
        sampling_rate: to read at, in Hz.
    """
    if _parallel.has_cluster():
        parts = _parts(segments, feature, sampling_rate, Cache())
        kept = _parallel.run_parallel(_Part.keep, parts)
        for _ in show_progress(kept, len(parts), f"extracting {type(feature).__name__}"):
            pass


@dataclasses.dataclass(frozen=True)
class _Part:
    """Some segments' extraction, their cache looked into; what a cluster is sent."""

    segments: tuple[Clip, ...]
    feature: Feature
    sampling_rate: int
    cache: Cache

    def results(self) -> list[Result]:
        return extract_usable(
            self.segments,
            self.feature,
            sampling_rate=self.sampling_rate,
            jobs=1,
            cache=self.cache,
        )

    def keep(self) -> None:
        self.results()


def _parts(
    segments: Sequence[Clip], feature: Feature, sampling_rate: int, cache: Cache
) -> list[_Part]:
    starts = range(0, len(segments), _TOGETHER)
    return [
        _Part(tuple(segments[first : first + _TOGETHER]), feature, sampling_rate, cache)
        for first in starts
    ]


@dataclasses.dataclass(frozen=True)
class _Task:
    """One segment's extraction; what a worker process is sent."""

    segment: Clip
    feature: Feature
    sampling_rate: int
    cache: Cache
    key: str | None  # of the cache's entry; None where the file could not be read

    def __call__(self) -> Result:
        part = self.segment
        try:
            audio = read(
                part.file, sampling_rate=self.sampling_rate, start=part.start, end=part.end
            )
            matrix = self.feature(audio.signal, audio.sampling_rate)
        except AudioError as error:
            return error
        if self.key is not None:
            self.cache.put(self.key, matrix)
        return matrix


def _keys(
    segments: Sequence[Clip], feature: Feature, sampling_rate: int, jobs: int | None
) -> list[str | None]:
    """Names of the cache's entries."""
    identity = feature.identity()

    def key(part: Clip) -> str | None:
        try:
            content = hash_content(part.file)
        except (OSError, ValueError):
            return None
        return make_entry_key(content, part.start, part.end, sampling_rate, identity)

    # Hashing releases the interpreter lock, and waits for the disk.
    with ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool:
        return list(pool.map(key, segments))


def _run(tasks: Sequence[_Task], jobs: int | None) -> Iterator[Result]:
    """Results in order: here for the first second, then on all cores."""
    begun = time.monotonic()
    for done, task in enumerate(tasks):
        if jobs != 1 and time.monotonic() - begun > _WORTH_A_POOL:
            yield from _parallel.run_parallel(_Task.__call__, tasks[done:], jobs=jobs)
            return
        yield task()
