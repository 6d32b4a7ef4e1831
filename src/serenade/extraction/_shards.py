"""Features of a corpus beyond memory: a folder of Parquet files, written by whoever computes them.

A shard holds the features of some hundred segments, a row each: `file`, `start`, `end`, `frames`,
`values` (all frames one after the other, float32) and `error`, which is empty where there are
values. What it was made of is in its metadata: one that fits is left as it is, so that a run that
was stopped goes on; another one is made again. Nothing but names and counts goes over a network.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade._atomic import replace_atomically
from serenade._parallel import run_parallel
from serenade._progress import show_progress
from serenade.audio import read
from serenade.errors import AudioError, MissingExtraError, SerenadeError, first_line
from serenade.extraction._cache import hash_content, make_entry_key
from serenade.extraction._extract import Clip

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from serenade.features import Feature

EACH = 256
"""Segments of a shard, unless told otherwise."""

_BUFFER = 16_000_000  # bytes of values that are held before they are written
_FORMAT = 1
_DAMAGE = (OSError, ValueError, LookupError, TypeError, AttributeError)


@dataclasses.dataclass(frozen=True)
class Shard:
    """What a shard holds.

    Args:
        path: of the file.
        rows: how many segments.
        failed: how many of them have an error and no values.
        seconds: of sound that was read for it; 0 where it was there already.
        made: whether it was made now.
    """

    path: Path
    rows: int
    failed: int
    seconds: float
    made: bool


def write_shards(
    segments: Sequence[Clip],
    feature: Feature,
    folder: str | os.PathLike[str],
    *,
    names: Sequence[str] | None = None,
    sampling_rate: int = 16000,
    each: int = EACH,
    jobs: int | None = None,
) -> Iterator[Shard]:
    """Extract a feature into Parquet files `part-00000.parquet` and so on.

    Inside `serenade._parallel.use_dask` workers write them: folder and recordings must then be at
    the same paths for all. One shard is in a worker's memory at most in part.

    Args:
        segments: what to extract from.
        feature: what to extract.
        folder: made where it is missing.
        names: of the segments' files as shards shall have them; None for their paths.
        sampling_rate: to read at, in Hz.
        each: segments of a shard.
        jobs: processes; None for one per core.

    Returns:
        The shards in order, each once it is written.

    Raises:
        SerenadeError: a shard cannot be written.
        MissingExtraError: pyarrow is not installed.
    """
    _arrow()
    names = [segment.file for segment in segments] if names is None else names
    starts = range(0, len(segments), each)
    paths = [Path(folder) / f"part-{number:05d}.parquet" for number in range(len(starts))]
    tasks = [
        _Task(
            tuple(segments[first : first + each]),
            tuple(names[first : first + each]),
            feature,
            sampling_rate,
        )
        for first in starts
    ]
    found = run_parallel(_Task.write, tasks, paths, jobs=jobs)
    return show_progress(found, len(tasks), f"extracting {type(feature).__name__}")


def read_shards(
    folder: str | os.PathLike[str],
) -> Iterator[tuple[Clip, NDArray[np.float32]]]:
    """The features of a folder of shards one by one, in the order they were written in.

    Segments with errors are left out. Memory holds some rows of one shard at a time.

    Args:
        folder: of `write_shards`.

    Raises:
        SerenadeError: no shards there, or one is damaged or of another version.
        MissingExtraError: pyarrow is not installed.
    """
    arrow, parquet = _arrow()
    paths = sorted(Path(folder).glob("part-*.parquet"))
    if not paths:
        raise SerenadeError(f"{folder}: holds no shards; write some with serenade extract")
    for path in paths:
        try:
            with parquet.ParquetFile(path, page_checksum_verification=True) as file:
                stated = _stated(file)
                if stated is None:
                    raise ValueError("of another program or version")
                for batch in file.iter_batches(64):
                    yield from _rows(batch, stated["dims"])
        except (*_DAMAGE, arrow.ArrowException) as error:
            reason = first_line(error)
            raise SerenadeError(
                f"{path}: not a shard that can be read ({reason}); delete it and repeat the "
                "extraction"
            ) from None


def _rows(batch: Any, dims: int) -> Iterator[tuple[Clip, NDArray[np.float32]]]:
    """Segments and matrices of some rows."""
    columns = [batch.column(name).to_pylist() for name in ("file", "start", "end", "frames")]
    values = batch.column("values")
    for row, (file, start, end, frames) in enumerate(zip(*columns, strict=True)):
        if frames is not None:
            matrix = np.asarray(values[row].values, dtype=np.float32)
            yield Clip(file, start, end), matrix.reshape(frames, dims).copy()


@dataclasses.dataclass(frozen=True)
class _Task:
    """A shard's extraction; what a worker is sent."""

    segments: tuple[Clip, ...]
    names: tuple[str, ...]
    feature: Feature
    sampling_rate: int

    def write(self, path: Path) -> Shard:
        """Write the shard, whole or not at all, or find that it is there."""
        arrow, parquet = _arrow()
        key = self._key()
        if (kept := _kept(path, key)) is not None:
            return kept
        stated = {"format": _FORMAT, "key": key, "dims": len(self.feature.names)}
        stated |= {"sampling_rate": self.sampling_rate, "feature": self.feature.identity()}
        schema = arrow.schema(
            [
                *(("file", arrow.string()), ("start", arrow.float64()), ("end", arrow.float64())),
                *(("frames", arrow.int32()), ("values", arrow.list_(arrow.float32()))),
                ("error", arrow.string()),
            ],
            metadata={"serenade": json.dumps(stated)},
        )
        failed, seconds = 0, 0.0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Without a dictionary: values of floats hardly ever repeat.
            with (
                replace_atomically(path) as unfinished,
                parquet.ParquetWriter(
                    unfinished,
                    schema,
                    compression="zstd",
                    use_dictionary=False,
                    write_page_checksum=True,
                ) as writer,
            ):
                for block, lengths, errors in self._blocks():
                    writer.write_batch(arrow.record_batch(block, schema=schema))
                    seconds += lengths
                    failed += errors
        except OSError as error:
            raise SerenadeError(
                f"{path}: cannot be written ({error.strerror or error}); free some space or name "
                "another folder, and repeat the command: whole shards are kept"
            ) from None
        return Shard(path, len(self.segments), failed, seconds, made=True)

    def _blocks(self) -> Iterator[tuple[list[Any], float, int]]:
        """Columns of some rows, how long their sound is, and how many failed."""
        rows: list[tuple[Any, ...]] = []
        held, seconds = 0, 0.0
        for name, part in zip(self.names, self.segments, strict=True):
            try:
                audio = read(
                    part.file, sampling_rate=self.sampling_rate, start=part.start, end=part.end
                )
                matrix = self.feature(audio.signal, audio.sampling_rate)
                seconds += audio.duration
                held += matrix.nbytes
                found: tuple[Any, ...] = len(matrix), matrix.ravel(), ""
            except AudioError as error:
                found = None, None, str(error)
            rows.append((name, part.start, part.end, *found))
            if held > _BUFFER:
                yield _columns(rows), seconds, sum(row[3] is None for row in rows)
                rows, held, seconds = [], 0, 0.0
        if rows:
            yield _columns(rows), seconds, sum(row[3] is None for row in rows)

    def _key(self) -> str:
        """A hash of everything that decides the shard: audio, segments, names, feature."""
        identity = self.feature.identity()
        digest = hashlib.blake2b(str(_FORMAT).encode(), digest_size=20)
        for name, part in zip(self.names, self.segments, strict=True):
            try:
                content = hash_content(part.file)
            except (OSError, ValueError):
                content = "unreadable"
            entry = make_entry_key(content, part.start, part.end, self.sampling_rate, identity)
            digest.update(f"{name}\0{entry}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[Any]:
    return [list(column) for column in zip(*rows, strict=True)]


def _kept(path: Path, key: str) -> Shard | None:
    """The shard that is there, if it is whole and of this key."""
    arrow, parquet = _arrow()
    try:
        with parquet.ParquetFile(path, page_checksum_verification=True) as file:
            stated = _stated(file)
            if stated is None or stated["key"] != key:
                return None
            errors = file.read(["error"]).column("error")
            failed = sum(bool(text) for text in errors.to_pylist())
            return Shard(path, len(errors), failed, 0.0, made=False)
    except (*_DAMAGE, arrow.ArrowException):
        return None


def _stated(file: Any) -> dict[str, Any] | None:
    """What a shard says of itself; None of another program's file or another version."""
    found = (file.schema_arrow.metadata or {}).get(b"serenade")
    stated = json.loads(found) if found else {}
    return stated if stated.get("format") == _FORMAT else None


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise MissingExtraError("writing and reading shards", "cluster") from None
    return pa, parquet
