"""Predict many recordings into a table of plain columns, which pandas and others read."""

from __future__ import annotations

import dataclasses
import math
import os
from typing import TYPE_CHECKING, Any

from serenade.errors import AudioError, InputError, NoSamplesError
from serenade.inference._batch import (
    answer_readings,
    catch_errors,
    check_speakers,
    find_recordings,
    find_speakers,
    predict_file,
)
from serenade.inference._reading import Reading, read_recording
from serenade.inference._threads import map_in_threads

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from serenade.adaptation import Expect
    from serenade.inference._batch import Result
    from serenade.inference._model import Model
    from serenade.inference._source import RecordingLike


@dataclasses.dataclass(frozen=True, eq=False)
class TableRow:
    """Recording of a table.

    Args:
        name: file name, or the number of the row in a data set.
        source: the recording, see `Model.predict`; None if the row of a data set has none.
        speaker: the speaker; empty if it is not known.
    """

    name: str
    source: RecordingLike | None
    speaker: str


def predict_many(
    model: Model,
    sources: Any,
    *,
    windows: tuple[float, float] | None = None,
    speakers: int | str | None = None,
    adapt: Expect | None = None,
    by_speaker: bool = False,
    audio: str = "audio",
    speaker: str = "speaker",
    jobs: int | None = None,
) -> dict[str, list[Any]]:
    """Predict many recordings, and return a table as a dictionary of columns.

    Args:
        model: model to predict with.
        sources: a path or several of files, folders and manifests (`.csv`, `.tsv`; see
            `find_recordings`), or a data set of Hugging Face with a column of audio. The samples
            of a data set need not be decoded, so that torchcodec is not needed.
        windows: length and hop of windows in seconds, for a row for each segment of speech; None
            for a row for each recording.
        speakers: see `Model.timeline`; needs windows. The column `speaker` then names the speaker
            of each segment, and `adapt` adapts to each speaker of a recording.
        adapt: see `Model.adapt`; each recording is read once.
        by_speaker: whether to adapt to each speaker instead of all recordings together. A recording
            whose speaker is not known is then predicted without adaptation.
        audio: column of audio of a data set.
        speaker: column of speakers of a data set, which may be missing.
        jobs: number of threads; None for one per core.

    Returns:
        Columns `file`, `start`, `end`, `speaker`, `emotion`, one for each emotion with its
        probability, `uncertain`, `adapted_to` and `error`. A model of values has one column for
        each value in place of `emotion`, probabilities and `uncertain`. A recording that cannot be
        used has one row with its error, and no emotion. `pandas.DataFrame(table)` makes a data
        frame.

    Raises:
        CorpusError: a manifest cannot be read.
        InputError: the data set has no column of that name, or `by_speaker` is given with
            `speakers` or without `adapt`; see `check_speakers`.
        ModelError: the model cannot adapt.
    """
    check_speakers(speakers, windows, together=False)
    if by_speaker and speakers is not None:
        raise InputError(
            "with speakers, a model adapts to each speaker of a recording: leave by_speaker out"
        )
    if by_speaker and adapt is None:
        raise InputError('by_speaker adapts nothing without adapt: give it, as in adapt="unknown"')
    rows = _list_rows(sources, audio, speaker)
    alone = adapt is None or speakers is not None
    threads = jobs or os.cpu_count() or 1

    def predict(row: TableRow) -> Reading | Result:
        if row.source is None:
            raise NoSamplesError(row.name, "has no audio", "leave the row out, or give its audio")
        if alone:
            return predict_file(model, row.source, windows, speakers=speakers, adapt=adapt, jobs=1)
        return read_recording(model, row.source, windows, jobs=1)

    def work(row: TableRow) -> Reading | Result:
        return catch_errors(row.name, lambda: predict(row))

    pairs = map_in_threads(work, rows, threads)
    if alone or adapt is None:
        return _tabulate(model, ((row, found) for row, found in pairs))  # type: ignore[misc]
    done = [(dataclasses.replace(row, source=""), found) for row, found in pairs]
    # A recording without a speaker is alone in its place.
    places = [
        (row.speaker or f"row {number}") if by_speaker else ""
        for number, (row, _) in enumerate(done)
    ]
    readings: list[Any] = [found for _, found in done]
    answers = answer_readings(model, readings, adapt, places, one_speaker=by_speaker)
    return _tabulate(model, zip((row for row, _ in done), answers, strict=True))


def _list_rows(sources: Any, audio: str, speaker: str) -> Iterator[TableRow]:
    """Yield the recordings of paths or of a data set."""
    if hasattr(sources, "cast_column"):
        yield from _read_data_set(sources, audio, speaker)
        return
    single = isinstance(sources, str | os.PathLike)
    paths = [os.fspath(source) for source in ([sources] if single else sources)]
    speakers = find_speakers(paths)
    for file in find_recordings(paths):
        yield TableRow(file, file, speakers.get(file, ""))


def _read_data_set(rows: Any, audio: str, speaker: str) -> Iterator[TableRow]:
    """Yield the recordings of a data set of Hugging Face, without decoding them there."""
    if isinstance(rows, dict):  # a `DatasetDict`
        splits = ", ".join(map(str, rows))
        raise InputError(f"the data set has splits; give one of {splits}, such as data['test']")
    feature = (rows.features or {}).get(audio)
    if feature is None:
        names = ", ".join(rows.features or ())
        raise InputError(f"the data set has no column {audio!r}; name one of {names}: audio=...")
    if getattr(feature, "decode", False):
        rows = rows.cast_column(audio, dataclasses.replace(feature, decode=False))
    for number, row in enumerate(rows):
        recording: Mapping[str, Any] = row[audio] or {}
        name = recording.get("path") or f"row {number}"
        content = recording.get("bytes")
        samples = recording if "array" in recording else None
        source = content or recording.get("path") or samples
        yield TableRow(name, source, str(row.get(speaker) or ""))


def _tabulate(model: Model, results: Iterable[tuple[TableRow, Result]]) -> dict[str, list[Any]]:
    """Collect results as columns."""
    table: dict[str, list[Any]] = {
        name: []
        for name in (
            *("file", "start", "end", "speaker"),
            *(("emotion", *model.labels, "uncertain") if model.labels else model.dimensions),
            *("adapted_to", "error"),
        )
    }
    for row, result in results:
        for cells in _list_cells(model, result, row.speaker):
            for column, cell in zip(table.values(), (row.name, *cells), strict=True):
                column.append(cell)
    return table


def _list_cells(model: Model, result: Result, speaker: str) -> Iterator[tuple[Any, ...]]:
    """Yield start, end, speaker, emotion, probabilities, remarks and error of each row."""
    if isinstance(result, AudioError):
        unknown: list[Any] = [math.nan] * len(model.labels or model.dimensions)
        unknown = [None, *unknown, None] if model.labels else unknown
        yield math.nan, math.nan, speaker, *unknown, 0, str(result)
        return
    prediction, timeline = result
    if timeline is None:
        parts = [(0.0, prediction.duration, prediction)]
    else:
        parts = [(part.start, part.end, part) for part in timeline.segments]  # type: ignore[misc]
    for start, end, part in parts:
        cells: list[Any] = [part.values[name] for name in model.dimensions]
        if model.labels:
            shares = (part.probabilities[label] for label in model.labels)
            cells = [part.emotion, *shares, part.probability < prediction.uncertain_below]
        name = getattr(part, "speaker", "") or speaker
        yield start, end, name, *cells, prediction.adapted_to, ""
