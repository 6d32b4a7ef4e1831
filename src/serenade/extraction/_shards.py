"""Write features of a large corpus to a folder of Parquet files (shards), and read them.

A shard holds the features of some hundred clips, one row each: `file`, `start`, `end`, `frames`,
`values` (all frames in sequence, float32) and `error`, which is empty if there are values. The
metadata identifies the input: a shard that fits is kept, so that an interrupted run resumes, and
another one is written again. After the last shard, those of an earlier extraction that had more are
removed. Each worker writes its own shards, so that no values are sent over a network.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade._atomic import remove_unfinished, replace_atomically
from serenade._parallel import run_parallel
from serenade._printable import to_printable
from serenade._progress import show_progress
from serenade.audio import read
from serenade.errors import AudioError, MissingExtraError, SerenadeError, first_line
from serenade.extraction._cache import make_entry_key
from serenade.extraction._content import FileContent
from serenade.extraction._extract import Clip

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from serenade.features import Feature

EACH = 256
"""Default number of clips in a shard."""

_BUFFER = 16_000_000  # bytes of values kept in memory before they are written
_FORMAT = 1
_DAMAGE = (OSError, ValueError, LookupError, TypeError, AttributeError)


@dataclasses.dataclass(frozen=True)
class Shard:
    """Summary of a shard.

    Args:
        path: path of the file.
        rows: number of clips.
        failed: number of clips with an error and no values.
        seconds: seconds of audio read for it; 0 if it existed already.
        made: whether it was written now.
    """

    path: Path
    rows: int
    failed: int
    seconds: float
    made: bool


def write_shards(
    clips: Sequence[Clip],
    feature: Feature,
    folder: str | os.PathLike[str],
    *,
    names: Sequence[str] | None = None,
    sampling_rate: int = 16000,
    each: int = EACH,
    jobs: int | None = None,
) -> Iterator[Shard]:
    """Extract a feature into Parquet files `part-00000.parquet` and so on.

    Inside `serenade._parallel.use_dask`, workers write the files; folder and recordings must then
    have the same paths on all machines. A worker holds only a part of one shard in memory.

    Args:
        clips: clips to extract from.
        feature: feature to extract.
        folder: folder for the files; created if missing.
        names: names of the files in the shards; None for their paths.
        sampling_rate: rate to read at, in Hz.
        each: clips in each shard.
        jobs: number of processes; None for one per core.

    Returns:
        The shards in order, each after it was written.

    Raises:
        SerenadeError: a shard cannot be written or removed.
        MissingExtraError: pyarrow is not installed.
    """
    _import_arrow()
    remove_unfinished(Path(folder))
    names = [clip.file for clip in clips] if names is None else names
    parts = [slice(first, first + each) for first in range(0, len(clips), each)]
    paths = [Path(folder) / f"part-{number:05d}.parquet" for number in range(len(parts))]
    tasks = [
        _Task(tuple(clips[rows]), tuple(names[rows]), feature, sampling_rate) for rows in parts
    ]
    found = run_parallel(_Task.write, tasks, paths, jobs=jobs)
    label = f"extracting {type(feature).__name__}"
    return _remove_excess(show_progress(found, len(tasks), label), Path(folder), len(tasks))


def _remove_excess(shards: Iterator[Shard], folder: Path, count: int) -> Iterator[Shard]:
    """Pass shards on, and then remove those of an earlier extraction with a higher number."""
    yield from shards
    try:
        for path in folder.glob("part-*.parquet"):
            number = path.stem.removeprefix("part-")
            if len(number) > 4 and number.isdecimal() and int(number) >= count:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise SerenadeError(f"cannot remove an outdated file ({error}); delete it") from None


def read_shards(
    folder: str | os.PathLike[str],
) -> Iterator[tuple[Clip, NDArray[np.float32]]]:
    """Iterate over the features of a folder of shards, in the order of writing.

    Clips with errors are left out. Memory holds some rows of one shard at a time.

    Args:
        folder: folder of `write_shards`.

    Raises:
        SerenadeError: the folder has no shards, or one is damaged or from another version.
        MissingExtraError: pyarrow is not installed.
    """
    arrow, parquet = _import_arrow()
    paths = sorted(Path(folder).glob("part-*.parquet"))
    if not paths:
        raise SerenadeError(f"{folder}: contains no shards; write some with serenade extract")
    for path in paths:
        try:
            with parquet.ParquetFile(path, page_checksum_verification=True) as file:
                stated = _read_metadata(file)
                if stated is None:
                    raise ValueError("written by another program or version")
                for batch in file.iter_batches(64):
                    yield from _iterate_rows(batch, stated["dims"])
        except (*_DAMAGE, arrow.ArrowException) as error:
            raise SerenadeError(
                f"{path}: not a readable shard ({first_line(error)}); delete it and repeat the "
                "extraction"
            ) from None


def _iterate_rows(batch: Any, dims: int) -> Iterator[tuple[Clip, NDArray[np.float32]]]:
    """Iterate over the clips and matrices of some rows."""
    columns = [batch.column(name).to_pylist() for name in ("file", "start", "end", "frames")]
    values = batch.column("values")
    for row, (file, start, end, frames) in enumerate(zip(*columns, strict=True)):
        if frames is not None:
            matrix = np.asarray(values[row].values, dtype=np.float32)
            yield Clip(file, start, end), matrix.reshape(frames, dims).copy()


@dataclasses.dataclass(frozen=True)
class _Task:
    """Extraction of one shard; the unit of work sent to a worker."""

    clips: tuple[Clip, ...]
    names: tuple[str, ...]
    feature: Feature
    sampling_rate: int

    def write(self, path: Path) -> Shard:
        """Write the shard atomically, or return the existing one."""
        arrow, parquet = _import_arrow()
        contents = self._hash_recordings()
        key = self._make_key(contents)
        if key is not None and (kept := _find_existing(path, key)) is not None:
            return kept
        stated: dict[str, object] = {"format": _FORMAT, "key": key, "dims": len(self.feature.names)}
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
            # No dictionary: floats hardly ever repeat.
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
                for block, lengths, errors in self._read_blocks():
                    writer.write_batch(arrow.record_batch(block, schema=schema))
                    seconds += lengths
                    failed += errors
                _require_current(contents)
        except OSError as error:
            raise SerenadeError(
                f"{path}: cannot be written ({error.strerror or error}); free some space or choose "
                "another folder, and repeat the command; complete shards are kept"
            ) from None
        return Shard(path, len(self.clips), failed, seconds, made=True)

    def _read_blocks(self) -> Iterator[tuple[list[Any], float, int]]:
        """Iterate over columns of some rows, their seconds of audio, and the number of errors."""
        rows: list[tuple[Any, ...]] = []
        held, seconds = 0, 0.0
        for name, part in zip(self.names, self.clips, strict=True):
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
            rows.append((to_printable(name), part.start, part.end, *found))
            if held > _BUFFER:
                yield _to_columns(rows), seconds, sum(row[3] is None for row in rows)
                rows, held, seconds = [], 0, 0.0
        if rows:
            yield _to_columns(rows), seconds, sum(row[3] is None for row in rows)

    def _hash_recordings(self) -> list[FileContent | None]:
        """Hash the content of each clip's file; None for a file that cannot be read."""
        contents: list[FileContent | None] = []
        for part in self.clips:
            try:
                contents.append(FileContent.take(part.file))
            except (OSError, ValueError):
                contents.append(None)
        return contents

    def _make_key(self, contents: Sequence[FileContent | None]) -> str | None:
        """Hash everything that determines the shard: audio, clips, names, feature."""
        identity = self.feature.identity()
        digest = hashlib.blake2b(str(_FORMAT).encode(), digest_size=20)
        for name, part, found in zip(self.names, self.clips, contents, strict=True):
            content = "unreadable" if found is None else found.digest
            entry = make_entry_key(content, part.start, part.end, self.sampling_rate, identity)
            if entry is None:
                return None
            digest.update(f"{name}\0{entry}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


def _to_columns(rows: Sequence[tuple[Any, ...]]) -> list[Any]:
    return [list(column) for column in zip(*rows, strict=True)]


def _require_current(contents: Iterable[FileContent | None]) -> None:
    """Raise an error if a recording changed after its content was hashed for the shard's key."""
    for content in contents:
        if content is not None and not content.is_current():
            problem = "changed during the extraction; repeat the command; complete shards are kept"
            raise SerenadeError(f"{content.file}: {problem}")


def _find_existing(path: Path, key: str) -> Shard | None:
    """Return the existing shard if it is complete and has this key."""
    arrow, parquet = _import_arrow()
    try:
        with parquet.ParquetFile(path, page_checksum_verification=True) as file:
            stated = _read_metadata(file)
            if stated is None or stated["key"] != key:
                return None
            errors = file.read(["error"]).column("error").to_pylist()
            return Shard(path, len(errors), sum(map(bool, errors)), 0.0, made=False)
    except (*_DAMAGE, arrow.ArrowException):
        return None


def _read_metadata(file: Any) -> dict[str, Any] | None:
    """Return the metadata of a shard; None if another program or version wrote it."""
    found = (file.schema_arrow.metadata or {}).get(b"serenade")
    stated = json.loads(found) if found else {}
    return stated if stated.get("format") == _FORMAT else None


def _import_arrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise MissingExtraError("writing and reading shards", "cluster") from None
    return pa, parquet
