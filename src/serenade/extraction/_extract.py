"""Extract features of many recordings or texts: from the cache, or else computed, on all cores."""

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
from serenade.extraction._cache import Cache, make_entry_key, make_text_key
from serenade.extraction._content import FileContent
from serenade.features import to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from serenade.features import Feature

    Result = NDArray[np.float32] | AudioError
    from serenade.features import TextFeature

_TOGETHER = 16  # clips sent to a cluster in one task
_WORTH_A_POOL = 1.0  # seconds of work before processes are started; starting takes about as long


@dataclasses.dataclass(frozen=True)
class Clip:
    """Recording or a part of it.

    Args:
        file: path of the recording.
        start: start in seconds.
        end: end in seconds; None for the end of the file.
    """

    file: str
    start: float = 0.0
    end: float | None = None


def list_clips(index: Iterable[tuple[str, Any, Any]]) -> list[Clip]:
    """Convert the index of a corpus table to clips.

    Args:
        index: path, start and end of each row; times are time differences, NaT for the file's end.

    >>> from datetime import timedelta
    >>> list_clips([("a.wav", timedelta(0), timedelta(seconds=1.5))])
    [Clip(file='a.wav', start=0.0, end=1.5)]
    """
    return [
        # NaT is not equal to itself.
        Clip(file, start.total_seconds(), end.total_seconds() if end == end else None)  # noqa: PLR0124
        for file, start, end in index
    ]


def extract(
    clips: Sequence[Clip],
    feature: Feature,
    *,
    sampling_rate: int = 16000,
    jobs: int | None = None,
    cache: Cache | None = None,
) -> list[NDArray[np.float32]]:
    """Extract a feature from each clip, in order.

    Args:
        clips: clips to extract from.
        feature: feature to extract.
        sampling_rate: rate to read at, in Hz.
        jobs: number of processes; None for one per core.
        cache: cache of the results; None for the user's cache.

    Returns:
        Matrices `(frames, dims)`, float32.

    Raises:
        AudioError: a recording cannot be used; the others are finished first and cached.
    """
    found = extract_usable(clips, feature, sampling_rate=sampling_rate, jobs=jobs, cache=cache)
    matrices = []
    for result in found:
        if isinstance(result, AudioError):
            raise result
        matrices.append(result)
    return matrices


def extract_usable(
    clips: Sequence[Clip],
    feature: Feature,
    *,
    sampling_rate: int = 16000,
    jobs: int | None = None,
    cache: Cache | None = None,
) -> list[Result]:
    """Extract as `extract` does; return an `AudioError` for a recording that cannot be used.

    Each result is cached at once, so that an interrupted run resumes. Inside
    `serenade._parallel.use_dask` the machines of the cluster compute missing results; recordings
    must have the same paths on all of them.
    """
    cache = Cache() if cache is None else cache
    if _parallel.has_cluster():
        parts = _divide_clips(clips, feature, sampling_rate, cache)
        spread = _parallel.run_parallel(_Part.results, parts)
        shown = show_progress(spread, len(parts), f"extracting {type(feature).__name__}")
        return [result for part in shown for result in part]
    contents = _hash_recordings(clips, jobs)
    identity = feature.identity()
    keys = [
        None
        if content is None
        else make_entry_key(content.digest, clip.start, clip.end, sampling_rate, identity)
        for clip, content in zip(clips, contents, strict=True)
    ]
    tasks = [
        _Task(clip, feature, sampling_rate, cache, key, content)
        for clip, key, content in zip(clips, keys, contents, strict=True)
    ]
    results: list[Result | None] = [None if key is None else cache.get(key) for key in keys]
    missing = [index for index, result in enumerate(results) if result is None]
    found = _run([tasks[index] for index in missing], jobs)
    for index, result in zip(
        missing,
        show_progress(found, len(missing), f"extracting {type(feature).__name__}"),
        strict=True,
    ):
        results[index] = result
    return [result for result in results if result is not None]


def prefetch(clips: Sequence[Clip], feature: Feature, *, sampling_rate: int = 16000) -> None:
    """Compute missing cache entries on a cluster, without returning values.

    This helps if the machines share the cache folder. Without a cluster, it does nothing.

    Args:
        clips: clips to extract from.
        feature: feature to extract.
        sampling_rate: rate to read at, in Hz.
    """
    if _parallel.has_cluster():
        parts = _divide_clips(clips, feature, sampling_rate, Cache())
        kept = _parallel.run_parallel(_Part.keep, parts)
        for _ in show_progress(kept, len(parts), f"extracting {type(feature).__name__}"):
            pass


@dataclasses.dataclass(frozen=True)
class _Part:
    """Extraction of some clips through the cache; the unit of work sent to a cluster."""

    clips: tuple[Clip, ...]
    feature: Feature
    sampling_rate: int
    cache: Cache

    def results(self) -> list[Result]:
        return extract_usable(
            self.clips,
            self.feature,
            sampling_rate=self.sampling_rate,
            jobs=1,
            cache=self.cache,
        )

    def keep(self) -> None:
        self.results()


def _divide_clips(
    clips: Sequence[Clip], feature: Feature, sampling_rate: int, cache: Cache
) -> list[_Part]:
    starts = range(0, len(clips), _TOGETHER)
    return [
        _Part(tuple(clips[first : first + _TOGETHER]), feature, sampling_rate, cache)
        for first in starts
    ]


@dataclasses.dataclass(frozen=True)
class _Task:
    """Extraction of one clip; the unit of work sent to a worker process."""

    clip: Clip
    feature: Feature
    sampling_rate: int
    cache: Cache
    key: str | None  # cache key; None if the result is not cached
    content: FileContent | None  # of the key; None if the file could not be read

    def __call__(self) -> Result:
        part = self.clip
        try:
            audio = read(
                part.file, sampling_rate=self.sampling_rate, start=part.start, end=part.end
            )
            matrix = self.feature(audio.signal, audio.sampling_rate)
        except AudioError as error:
            return error
        if self.key is not None and self.content is not None and self.content.is_current():
            self.cache.put(self.key, matrix)
        return matrix


def _hash_recordings(clips: Sequence[Clip], jobs: int | None) -> list[FileContent | None]:
    """Hash the content of each clip's file; None for a file that cannot be read."""

    def hash_recording(part: Clip) -> FileContent | None:
        try:
            return FileContent.take(part.file)
        except (OSError, ValueError):
            return None

    # Threads help: hashing releases the interpreter lock and waits for the disk.
    with ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool:
        return list(pool.map(hash_recording, clips))


def _run(tasks: Sequence[_Task], jobs: int | None) -> Iterator[Result]:
    """Iterate over results in order: in this process for the first second, then on all cores."""
    begun = time.monotonic()
    for done, task in enumerate(tasks):
        if jobs != 1 and time.monotonic() - begun > _WORTH_A_POOL:
            yield from _parallel.run_parallel(_Task.__call__, tasks[done:], jobs=jobs)
            return
        yield task()


_AT_ONCE = 512  # texts computed between two writes to the cache


def extract_texts(
    texts: Sequence[object], feature: TextFeature, *, cache: Cache | None = None
) -> list[NDArray[np.float32]]:
    """Extract a feature from each text in order; equal texts are computed once.

    Args:
        texts: cells of a table; missing cells count as empty texts.
        feature: feature to extract.
        cache: cache of the results; None for the user's cache.

    Returns:
        Matrices `(tokens, dims)`, float32.

    Raises:
        ModelError: the feature's model cannot be used.
    """
    cache = Cache() if cache is None else cache
    identity = feature.identity()
    keys = {text: make_text_key(text, identity) for text in map(to_text, texts)}
    found = {
        text: matrix
        for text, key in keys.items()
        if key is not None and (matrix := cache.get(key)) is not None
    }
    missing = [text for text in keys if text not in found]
    for start in range(0, len(missing), _AT_ONCE):
        part = missing[start : start + _AT_ONCE]
        for text, matrix in zip(part, feature.batch(part), strict=True):
            if (key := keys[text]) is not None:
                cache.put(key, matrix)
            found[text] = matrix
    return [found[to_text(text)] for text in texts]
