"""Predict many recordings in parallel; report unusable ones and continue."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from serenade._progress import show_progress
from serenade.audio import RECORDING_SUFFIXES
from serenade.errors import AudioError
from serenade.inference._source import open_source
from serenade.inference._threads import map_in_threads

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from serenade.adaptation import Expect
    from serenade.inference._model import Model
    from serenade.inference._prediction import Prediction, Timeline
    from serenade.inference._source import RecordingLike, Source

    Result = tuple[Prediction, Timeline | None] | AudioError


def find_recordings(sources: Iterable[str | os.PathLike[str]]) -> list[str]:
    """List the files that are named, and the recordings inside the folders that are named.

    Recordings of a folder are sorted. Hidden files are left out, among them the `._` companions
    that macOS writes.
    """
    found: list[str] = []
    for source in sources:
        if not Path(source).is_dir():
            found.append(os.fspath(source))
            continue
        found += sorted(
            str(path)
            for path in Path(source).rglob("*")
            if path.suffix.lower() in RECORDING_SUFFIXES
            and not path.name.startswith(".")
            and path.is_file()
        )
    return list(dict.fromkeys(found))


def predict_file(
    model: Model,
    source: RecordingLike,
    windows: tuple[float, float] | None = None,
    *,
    jobs: int | None = None,
) -> tuple[Prediction, Timeline | None]:
    """Predict one recording, and its timeline if windows are given; the recording is read once.

    Args:
        model: model to predict with.
        source: see `Model.predict`.
        windows: length and hop of the timeline's windows in seconds; None for no timeline.
        jobs: number of threads; None for one per core.

    Raises:
        AudioError: the recording cannot be used.
        ValueError: see `serenade.inference.check_windows`.
    """
    if windows is None:
        return model.predict(source, jobs=jobs), None
    window, hop = windows
    return model.predict_with_timeline(source, window=window, hop=hop, jobs=jobs)


def predict_files(
    model: Model,
    files: Sequence[str],
    *,
    channel: int | str = "mix",
    windows: tuple[float, float] | None = None,
    by_itself: bool = False,
    expect: Expect | None = None,
    by_folder: bool = False,
    jobs: int | None = None,
    bar: bool = False,
) -> Iterator[Result]:
    """Predict files in parallel and yield the results in the order of the files.

    Args:
        model: model to predict with.
        files: paths of the recordings.
        channel: see `Model.predict`.
        windows: length and hop of the timeline's windows in seconds; None for no timeline.
        by_itself: whether each recording enrols its own speaker, see `Model.enrol_itself`. Each
            is then read twice, because the speaker must be known before the first prediction.
        expect: content of the files, to which the model is then adapted, see `Model.adapt`; None
            for no adaptation. Each file is then read twice.
        by_folder: whether the files of each folder are a place of their own.
        jobs: number of threads; None for one per core. Threads beyond the number of files
            predict windows of long recordings.
        bar: whether to show a progress bar.

    Yields:
        The prediction and the timeline of each file, or the error that explains why there is
        none.
    """
    threads = jobs or os.cpu_count() or 1
    per_file = max(1, threads // max(1, len(files)))

    def open_channel(file: str) -> Source:
        return open_source(file, None, model.sampling_rate, channel)

    places = {} if expect is None else _group_by_place(files, by_folder)
    adapted_models = {
        place: model.adapt_to_usable(map(open_channel, own), expect)
        for place, own in places.items()
        if expect is not None and len(own) > 1
    }

    def predict_or_fail(file: str) -> Result:
        try:
            known = adapted_models.get(_find_place(file, by_folder), model)
            adapted = model.enrol_itself(open_channel(file)) if by_itself else known
            return predict_file(adapted, open_channel(file), windows, jobs=per_file)
        except AudioError as error:
            return error

    pairs = map_in_threads(predict_or_fail, files, min(threads, len(files)))
    results = (result for _, result in pairs)
    yield from show_progress(results, len(files), "predicting") if bar else results


def _find_place(file: str, by_folder: bool) -> str:
    """Return the folder of a file, or nothing if all files are of one place."""
    return str(Path(file).parent) if by_folder else ""


def _group_by_place(files: Sequence[str], by_folder: bool) -> dict[str, list[str]]:
    """Group the files by the place that they are of."""
    places: dict[str, list[str]] = {}
    for file in files:
        places.setdefault(_find_place(file, by_folder), []).append(file)
    return places
