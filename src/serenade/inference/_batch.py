"""Many files: found in folders, predicted side by side, bad ones reported and passed over."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from serenade._progress import show_progress
from serenade.errors import AudioError
from serenade.inference._enrolment import enrol_by_itself
from serenade.inference._model import WHOLE
from serenade.inference._threads import map_in_threads

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from serenade.inference._model import Model
    from serenade.inference._prediction import Prediction, Timeline
    from serenade.inference._source import Anything

    Result = tuple[Prediction, Timeline | None] | AudioError

SUFFIXES = frozenset(
    [
        *(".aif", ".aifc", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus"),
        *(".rf64", ".snd", ".w64", ".wav", ".wave"),
    ]
)
"""What counts as a recording inside a folder; a file named outright is always tried."""


def find_recordings(sources: Iterable[str | os.PathLike[str]]) -> list[str]:
    """Files that were named, and the recordings inside folders that were, sorted.

    Hidden files, among them the `._` companions that macOS leaves behind, are passed over.
    """
    found: list[str] = []
    for source in sources:
        if not Path(source).is_dir():
            found.append(os.fspath(source))
            continue
        found += sorted(
            str(path)
            for path in Path(source).rglob("*")
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
        )
    return list(dict.fromkeys(found))


def predict_file(
    model: Model,
    source: Anything,
    windows: tuple[float, float] | None = None,
    *,
    jobs: int | None = None,
) -> tuple[Prediction, Timeline | None]:
    """One recording's prediction, and its timeline where windows are given.

    Args:
        model: what predicts.
        source: as of `Model.predict`, but one that can be read twice.
        windows: length and hop in seconds of a timeline; None for none.
        jobs: threads; None for one per core.

    Raises:
        AudioError: the recording cannot be used.
        ValueError: see `serenade.inference._windows.check_windows`.
    """
    if windows is None:
        return model.predict(source, jobs=jobs), None
    timeline = model.timeline(source, window=windows[0], hop=windows[1], jobs=jobs)
    # A short recording is one utterance, and looked at as such.
    short = timeline.duration <= WHOLE
    return model.predict(source) if short else timeline.overall(), timeline


def predict_files(
    model: Model,
    files: Sequence[str],
    *,
    windows: tuple[float, float] | None = None,
    by_itself: bool = False,
    jobs: int | None = None,
    bar: bool = False,
) -> Iterator[Result]:
    """Predict files side by side, in their order.

    Args:
        model: what predicts.
        files: their names.
        windows: length and hop in seconds of a timeline as well; None for none.
        by_itself: whether each recording enrols its own speaker, see
            `serenade.inference._enrolment.enrol_by_itself`.
        jobs: threads; None for one per core. Where they are more than the files, those that are
            left work on the windows of long recordings.
        bar: whether progress is shown.

    Yields:
        For each file its prediction and timeline, or the error that says why there is none.
    """
    threads = jobs or os.cpu_count() or 1
    each = max(1, threads // max(1, len(files)))

    def one(file: str) -> Result:
        try:
            chosen = enrol_by_itself(model, file) if by_itself else model
            return predict_file(chosen, file, windows, jobs=each)
        except AudioError as error:
            return error

    results = (result for _, result in map_in_threads(one, files, min(threads, len(files))))
    yield from show_progress(results, len(files), "predicting") if bar else results
