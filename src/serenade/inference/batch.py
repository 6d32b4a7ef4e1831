"""Many files: found in folders, predicted side by side, bad ones reported and passed over."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from serenade.audio import read
from serenade.errors import AudioError
from serenade.progress import progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from serenade.inference.model import Model
    from serenade.inference.prediction import Prediction, Window

    Result = tuple[Prediction, list[Window]] | AudioError

SUFFIXES = frozenset(
    [
        *(".aif", ".aifc", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus"),
        *(".rf64", ".snd", ".w64", ".wav", ".wave"),
    ]
)
"""What counts as a recording inside a folder; a file named outright is always tried."""


def find(sources: Iterable[str | os.PathLike[str]]) -> list[str]:
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


def predict_files(
    model: Model,
    files: Sequence[str],
    *,
    windows: tuple[float, float] | None = None,
    jobs: int | None = None,
    bar: bool = False,
) -> Iterator[Result]:
    """Predict files side by side, in their order.

    Args:
        model: what predicts.
        files: their names.
        windows: length and hop in seconds of a timeline as well; None for none.
        jobs: threads; None for one per core.
        bar: whether progress is shown.

    Yields:
        For each file its prediction and windows, or the error that says why there is none.
    """

    def one(file: str) -> Result:
        try:
            audio = read(file, sampling_rate=model.sampling_rate)
            prediction = model.predict(audio)
            if windows is None:
                return prediction, []
            return prediction, model.timeline(audio, window=windows[0], hop=windows[1])
        except AudioError as error:
            return error

    def shown(results: Iterator[Result]) -> Iterator[Result]:
        return progress(results, len(files), "predicting") if bar else results

    threads = min(jobs or os.cpu_count() or 1, len(files))
    if threads <= 1:
        yield from shown(map(one, files))
        return
    # Decoding, resampling and the encoder all release the interpreter lock.
    with ThreadPoolExecutor(threads) as pool:
        yield from shown(pool.map(one, files))
