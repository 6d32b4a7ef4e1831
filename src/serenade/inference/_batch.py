"""Predict many recordings in parallel; report unusable ones and continue."""

from __future__ import annotations

import dataclasses
import functools
import glob
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from serenade._progress import ProgressBar
from serenade.audio import RECORDING_SUFFIXES, inspect_file
from serenade.corpora import read_column, read_speakers
from serenade.errors import AudioError, GraphError, InputError
from serenade.inference._reading import Reading, adapt_to_readings, read_recording
from serenade.inference._source import count_channels, open_source
from serenade.inference._threads import map_in_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from serenade.adaptation import Expect
    from serenade.inference._model import Model
    from serenade.inference._prediction import Prediction, Timeline
    from serenade.inference._source import RecordingLike, Source

    Sources = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
    Item = tuple[str, int | str]  # file and channel
    Result = tuple[Prediction, Timeline | None] | AudioError

_TIMED = 32  # most files whose headers are read for a bar by time

T = TypeVar("T")
E = TypeVar("E")


def is_manifest(source: str | os.PathLike[str]) -> bool:
    """Tell manifests from recordings and folders.

    >>> is_manifest("calls.csv"), is_manifest("call.wav")
    (True, False)
    """
    return Path(source).suffix.lower() in {".csv", ".tsv"} and not _is_folder(source)


def find_speakers(sources: Sources) -> dict[str, str]:
    """Return the speakers of files that the manifests among the sources name."""
    return _read_manifests(sources, read_speakers)


def find_column(sources: Sources, column: str) -> dict[str, str]:
    """Return the values of files in a column of the manifests among the sources.

    Args:
        sources: files, folders and manifests, one or several; see `find_recordings`.
        column: name of a column that every manifest has.

    Raises:
        CorpusError: a manifest has no such column.
    """
    return _read_manifests(sources, lambda source: read_column(source, column))


def find_recordings(sources: Sources) -> list[str]:
    """List the files that are named, and the recordings of folders and manifests that are named.

    There can be one source or several.

    Recordings of a folder are sorted, and those of folders that it links to are among them, except
    for links to folders that contain it. Hidden files are left out, among them the `._` companions
    that macOS writes. A manifest is a `.csv` or `.tsv` file, see `serenade.corpora.read_speakers`.
    Patterns such as `calls/*.wav`, which not every shell expands, stand for the files they match.

    Raises:
        CorpusError: a manifest cannot be read.
        InputError: a name is empty.
    """
    found: list[str] = []
    for source in _expand_patterns(sources):
        if is_manifest(source):
            found += read_speakers(source)
            continue
        if _is_folder(source):
            found += sorted(map(str, _walk_folder(source)))
        else:
            found.append(os.fspath(source))
    return list(dict.fromkeys(found))


def _walk_folder(folder: str) -> Iterator[Path]:
    """Yield the recordings below a folder, also links without a target, which cannot be read."""
    root = os.path.realpath(folder)
    seen = {root}
    for place, folders, files in os.walk(folder, followlinks=True):
        # A folder that is linked to twice is read once, and one that contains the root is not.
        real = {name: os.path.realpath(Path(place, name)) for name in sorted(folders)}
        folders[:] = []
        for name, path in real.items():
            if path not in seen and not Path(root).is_relative_to(path):
                seen.add(path)
                folders.append(name)
        for name in files:
            file = Path(place, name)
            if file.suffix.lower() in RECORDING_SUFFIXES and not name.startswith("."):
                yield file


def _is_folder(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is a folder; a name that the system cannot have is none."""
    try:
        return Path(path).is_dir()
    except OSError:
        return False


def list_channels(files: Iterable[str]) -> tuple[list[str], list[int]]:
    """List each file once for each of its channels, and their numbers from 1.

    A file of one channel has the number 0, and so has a file that cannot be read.
    """
    pairs: list[tuple[str, int]] = []
    for file in files:
        try:
            count = count_channels(file)
        except AudioError:
            count = 1
        pairs += ((file, number) for number in (range(1, count + 1) if count > 1 else (0,)))
    return [file for file, _ in pairs], [number for _, number in pairs]


def _read_manifests(sources: Sources, read: Callable[[str], dict[str, str]]) -> dict[str, str]:
    """Join what a function reads by file from each manifest among the sources."""
    found: dict[str, str] = {}
    for source in filter(is_manifest, _expand_patterns(sources)):
        found |= read(source)
    return found


def _expand_patterns(sources: Sources) -> Iterator[str]:
    """Yield one source or several, and instead of a pattern the files that match it."""
    several = [sources] if isinstance(sources, str | os.PathLike) else sources
    for name in (os.fspath(source) for source in several):
        if not name:
            raise InputError(
                "the name of a recording is empty; give a file, a folder or a manifest"
            )
        literal = not set(name) & set("*?[") or os.path.exists(name)  # noqa: PTH110
        yield from [name] if literal else sorted(glob.glob(name, recursive=True)) or [name]  # noqa: PTH207


def predict_file(
    model: Model,
    source: RecordingLike,
    windows: tuple[float, float] | None = None,
    *,
    speakers: int | str | None = None,
    adapt: Expect | None = None,
    jobs: int | None = None,
) -> tuple[Prediction, Timeline | None]:
    """Predict one recording, and its timeline if windows are given; the recording is read once.

    Args:
        model: model to predict with.
        source: see `Model.predict`.
        windows: length and hop of the timeline's windows in seconds; None for no timeline.
        speakers: see `Model.timeline`; needs windows.
        adapt: see `Model.timeline`.
        jobs: number of threads; None for one per core.

    Raises:
        AudioError: the recording cannot be used.
        InputError: see `Model.timeline`.
    """
    if windows is None:
        return model.predict(source, adapt=adapt, jobs=jobs), None
    window, hop = windows
    return model.predict_with_timeline(
        source, window=window, hop=hop, speakers=speakers, adapt=adapt, jobs=jobs
    )


def check_speakers(
    speakers: int | str | None, windows: tuple[float, float] | None, *, together: bool
) -> None:
    """Refuse what timelines with speakers cannot be combined with.

    Args:
        speakers: see `Model.timeline`; None for no speakers.
        windows: see `predict_file`.
        together: whether to adapt to several recordings.

    Raises:
        InputError: there are speakers without windows, or with such an adaptation.
    """
    if speakers is not None and windows is None:
        raise InputError("speakers need windows: give their length and hop, as in windows=(2, 1)")
    if speakers is not None and together:
        raise InputError(
            "with speakers, a model adapts to each speaker of a recording: give by_itself=True"
        )


def predict_files(
    model: Model,
    files: Sequence[str],
    *,
    channel: int | str | Sequence[int] = "mix",
    windows: tuple[float, float] | None = None,
    speakers: int | str | None = None,
    by_itself: bool = False,
    expect: Expect | None = None,
    places: Sequence[str] | None = None,
    one_speaker: bool = False,
    jobs: int | None = None,
    bar: bool = False,
) -> Iterator[Result]:
    """Predict files in parallel and yield the results in the order of the files.

    Args:
        model: model to predict with.
        files: paths of the recordings.
        channel: see `Model.predict`; or the number of a channel for each file (0 for the average),
            which the results state. A file can be given once for each of its channels.
        windows: length and hop of the timeline's windows in seconds; None for no timeline.
        speakers: see `Model.timeline`; needs windows, and `by_itself` if there is `expect`.
        by_itself: whether each recording is a place of its own: without `expect`, it enrols its
            speaker, see `Model.enrol_itself`, and is read twice; with `expect`, each of its
            utterances is adapted to those before it, see `Model.timeline`.
        expect: content of the files, to which the model is then adapted, see `Model.adapt`; None
            for no adaptation. The first result then comes when all files have been read. A file
            that is alone in its place is predicted without adaptation.
        places: place of each file; None if all are of one place.
        one_speaker: whether a place is one speaker.
        jobs: number of threads; None for one per core. Threads beyond the number of files
            predict windows of long recordings.
        bar: whether to show a progress bar, by time for a few files.

    Yields:
        The prediction and the timeline of each file, or the error that explains why there is
        none.

    Raises:
        InputError: see `check_speakers`.
    """
    threads = jobs or os.cpu_count() or 1
    channels = [channel] * len(files) if isinstance(channel, str | int) else list(channel)
    enrols = by_itself and expect is None
    together = expect is not None and not by_itself
    check_speakers(speakers, windows, together=together)
    # Recordings that enrol themselves are read twice, and channels of speakers are not counted.
    timed = bar and speakers != "channels"
    seconds = (1 + enrols) * _measure_files(files) if timed else 0.0
    shown = ProgressBar(seconds or len(files), "predicting")
    spare = max(1, threads // max(1, len(files)))
    work = _Work(model, windows, speakers, expect, enrols, spare, shown if seconds else None)
    pairs = map_in_threads(
        work.read if together else work.predict,
        list(zip(files, channels, strict=True)),
        min(threads, len(files)),
    )
    results: Iterable[Any] = (result for _, result in pairs)
    done = shown.pass_items(results, 0 if seconds else 1) if bar else results
    if expect is not None and together:
        places = [""] * len(files) if places is None else places
        done = _adapt_and_answer(model, done, expect, places, one_speaker=one_speaker)
    if isinstance(channel, str | int):
        yield from done
    else:
        yield from map(_state_channel, done, channel)


def _adapt_and_answer(
    model: Model,
    readings: Iterable[Reading | AudioError],
    expect: Expect,
    places: Sequence[str],
    *,
    one_speaker: bool,
) -> Iterator[Result]:
    """Answer all recordings; Ctrl-C while they are read answers those that were read."""
    read: list[Reading | AudioError] = []
    interruption = None
    try:
        for reading in readings:
            read.append(reading)  # noqa: PERF402 - extend would lose what precedes Ctrl-C
    except KeyboardInterrupt as stop:
        interruption = stop
    yield from answer_readings(model, read, expect, places[: len(read)], one_speaker=one_speaker)
    if interruption is not None:
        raise interruption


@dataclasses.dataclass(frozen=True)
class _Work:
    """Work on each of several files.

    Args:
        model: model to predict with.
        windows: see `predict_files`.
        speakers: see `predict_files`.
        expect: see `predict_files`.
        enrols: whether each recording enrols its speaker.
        jobs: number of threads for a file.
        bar: counts the seconds that were read; None for no bar by time.
    """

    model: Model
    windows: tuple[float, float] | None
    speakers: int | str | None
    expect: Expect | None
    enrols: bool
    jobs: int
    bar: ProgressBar | None

    def read(self, item: Item) -> Reading | AudioError:
        """Read a file for an adaptation to all files."""
        return catch_errors(
            item[0],
            lambda: read_recording(self.model, self._open(item), self.windows, jobs=self.jobs),
        )

    def predict(self, item: Item) -> Result:
        """Predict a file alone."""

        def predict() -> tuple[Prediction, Timeline | None]:
            model = self.model.enrol_itself(self._open(item)) if self.enrols else self.model
            # Each channel is opened on its own.
            opening = item[0] if self.speakers == "channels" else self._open(item)
            return predict_file(
                model,
                opening,
                self.windows,
                speakers=self.speakers,
                adapt=self.expect,
                jobs=self.jobs,
            )

        return catch_errors(item[0], predict)

    def _open(self, item: Item) -> Source:
        file, channel = item
        opening = open_source(file, None, self.model.sampling_rate, channel or "mix")
        if self.bar is not None:
            opening.blocks = self._count(opening.blocks, self.bar)
        return opening

    def _count(
        self, blocks: Iterator[NDArray[np.float32]], bar: ProgressBar
    ) -> Iterator[NDArray[np.float32]]:
        """Yield blocks of a signal and count their seconds."""
        for block in blocks:
            bar.advance(block.size / self.model.sampling_rate)
            yield block


def _measure_files(files: Sequence[str]) -> float:
    """Return the length in seconds of a few files that can be read, by their headers, or 0."""
    if len(files) > _TIMED:
        return 0.0
    headers = (catch_errors(file, functools.partial(inspect_file, file)) for file in files)
    return sum(0.0 if isinstance(found, AudioError) else found.duration for found in headers)


def _state_channel(result: Result, channel: int) -> Result:
    """Return a result, or an error, that states the channel."""
    if isinstance(result, AudioError):
        source = result.source + f", channel {channel}" * bool(channel)
        return type(result)(source, result.problem, result.fix)
    prediction, timeline = result
    return (
        dataclasses.replace(prediction, channel=channel),
        None if timeline is None else dataclasses.replace(timeline, channel=channel),
    )


def catch_errors(name: str, work: Callable[[], T]) -> T | AudioError:
    """Return the result of work on a recording, or the error that explains why there is none.

    Args:
        name: file name of the recording.
        work: function that reads the recording.
    """
    try:
        return work()
    except AudioError as error:
        return error
    except GraphError as error:
        return error.name_recording(name)


def answer_readings(
    model: Model,
    readings: Sequence[Reading | E],
    expect: Expect,
    places: Sequence[str],
    *,
    one_speaker: bool = False,
) -> Iterator[tuple[Prediction, Timeline | None] | AudioError | E]:
    """Adapt a model to the recordings of each place, and answer them in order.

    Args:
        model: the model that read the recordings.
        readings: recordings, or errors of those that cannot be used.
        expect: see `Model.adapt`.
        places: place of each recording.
        one_speaker: whether a place is one speaker.

    Yields:
        The prediction and the timeline of each recording, or its error.
    """
    groups: dict[str, list[Reading]] = {}
    for place, reading in zip(places, readings, strict=True):
        if isinstance(reading, Reading):
            groups.setdefault(place, []).append(reading)
    models = {
        place: adapt_to_readings(model, group, expect, one_speaker=one_speaker)
        for place, group in groups.items()
    }
    for place, reading in zip(places, readings, strict=True):
        if isinstance(reading, Reading):
            yield catch_errors(reading.name, functools.partial(reading.answer, models[place]))
        else:
            yield reading
