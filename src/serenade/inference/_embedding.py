"""Compute embeddings of recordings, one vector each, and write them to files."""

from __future__ import annotations

import importlib.util
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from serenade._atomic import write_atomically, write_output
from serenade._printable import to_printable
from serenade.errors import MissingExtraError, SerenadeError
from serenade.inference._batch import catch_errors
from serenade.inference._enrolment import split_utterances
from serenade.inference._prediction import make_no_speech_error
from serenade.inference._threads import map_in_threads

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from serenade.errors import AudioError
    from serenade.inference._classifier import Classifier
    from serenade.inference._source import RecordingLike

SUFFIXES = (".npy", ".parquet")
"""Suffixes of files of embeddings."""


def embed(
    classifier: Classifier,
    source: RecordingLike,
    sampling_rate: int | None = None,
    *,
    channel: int | str = "mix",
) -> NDArray[np.float32]:
    """Compute the embedding `(dims,)` of a recording: the mean of the model's features.

    Args:
        classifier: model whose features are computed. Enrolment and adaptation change nothing.
        source: see `Model.predict`. A recording of over 12 s is averaged over its speech.
        sampling_rate: see `Model.predict`.
        channel: see `Model.predict`.

    Raises:
        AudioError: the recording cannot be used. NoSpeechError if it contains no speech;
            TooLongError if it is longer than 12 s and the model has another rate than 16 kHz.
        InputError: the input is not one recording, or the sampling rate is missing.
    """
    total: NDArray[np.float32] | None = None
    size = 0
    for signal in split_utterances(classifier, source, sampling_rate, channel):
        mean = classifier.features(signal).mean(axis=0) * signal.size
        total = mean if total is None else total + mean
        size += signal.size
    if total is None:
        raise make_no_speech_error(
            str(source) if isinstance(source, str | os.PathLike) else "array"
        )
    return (total / size).astype(np.float32)


def embed_files(
    classifier: Classifier,
    files: Sequence[str],
    *,
    channel: int | str = "mix",
    jobs: int | None = None,
) -> Iterator[tuple[str, NDArray[np.float32] | AudioError]]:
    """Yield each file with its embedding, or with the error that explains why there is none."""

    def work(file: str) -> NDArray[np.float32] | AudioError:
        return catch_errors(file, lambda: embed(classifier, file, channel=channel))

    yield from map_in_threads(work, files, jobs or os.cpu_count() or 1)


def write_embeddings(
    path: str | os.PathLike[str], files: Sequence[str], rows: NDArray[np.float32]
) -> list[Path]:
    """Write embeddings as `.npy`, with the files' names in a text file, or as `.parquet`.

    Args:
        path: file to write.
        files: file of each row.
        rows: embeddings `(files, dims)`.

    Returns:
        The files that were written.

    Raises:
        MissingExtraError: Parquet without pyarrow.
        SerenadeError: see `check_suffix`.
    """
    path = Path(path)
    check_suffix(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    if path.suffix == ".parquet":
        _write_parquet(content, files, rows)
        return [write_atomically(path, content.getvalue())]
    np.save(content, rows)
    names = "".join(f"{to_printable(file)}\n" for file in files)
    return [
        write_atomically(path, content.getvalue()),
        write_output(path.with_suffix(".txt"), names),
    ]


def check_suffix(path: Path) -> None:
    """Check that embeddings can be written to a file of this name.

    Raises:
        MissingExtraError: Parquet without pyarrow.
        SerenadeError: another suffix, or the names of an array's rows would replace a text file
            that belongs to no array.
    """
    if path.suffix not in SUFFIXES:
        raise SerenadeError(f"{path}: embeddings are written as {' or '.join(SUFFIXES)}; name one")
    if path.suffix == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise MissingExtraError("writing Parquet files", "cluster")
    names = path.with_suffix(".txt")
    if path.suffix == ".npy" and names.exists() and not path.exists():
        raise SerenadeError(
            f"{path}: the names of its rows would replace {names}; name another file"
        )


def _write_parquet(file: io.BytesIO, files: Sequence[str], rows: NDArray[np.float32]) -> None:
    """Write a table with the columns `file` and `embedding`."""
    import pyarrow as pa
    from pyarrow import parquet

    values = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1])
    parquet.write_table(
        pa.table({"file": list(map(to_printable, files)), "embedding": values}), file
    )
