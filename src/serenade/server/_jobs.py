"""Process uploaded files in threads."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
from typing import TYPE_CHECKING, Any

from serenade._printable import dump_json
from serenade.audio import compute_envelope, inspect_file, read_blocks
from serenade.errors import AudioError, TooLongError
from serenade.inference import (
    TIMELINE_FORMATTERS,
    Source,
    answer_readings,
    name_channels,
    predict_file,
    predict_speakers,
    read_recording,
    to_csv,
    to_json,
)
from serenade.runtime import StoppedError, check_interruption
from serenade.server._refusals import Refused, to_refused
from serenade.server._storage import refuse_on_disk_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from serenade.adaptation import Expect
    from serenade.inference import Model, Prediction, Reading, Timeline
    from serenade.server._uploads import Upload

MEDIA = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "webvtt": "text/vtt; charset=utf-8",
    "textgrid": "text/plain; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
    "audacity": "text/plain; charset=utf-8",
    "rttm": "text/plain; charset=utf-8",
    "elan": "application/xml; charset=utf-8",
}
"""Media types of the formats of a timeline."""

Done = tuple["Prediction", "Timeline | None"]


@dataclasses.dataclass(frozen=True)
class Worker:
    """Processing of the files of one request.

    Args:
        model: the model that predicts, possibly adapted to a speaker.
        channel: see `Model.predict`.
        adapt: content of the recordings to adapt to, see `Model.adapt`; None for no adaptation.
        max_duration: longest recording in seconds.
        count: function called with the seconds of each processed recording.
        speakers: see `Model.timeline`.
        note: function called with the seconds of the current recording that were read.
    """

    model: Model
    channel: str
    adapt: Expect | None
    max_duration: float
    count: Callable[[float], None]
    speakers: str | None = None
    note: Callable[[float], None] = lambda _: None

    def source(self, upload: Upload) -> Source:
        """Open an uploaded file for one reading."""
        return Source(upload.name, self.read_blocks(upload))

    def channels(self, upload: Upload) -> dict[str, Source]:
        """Open each channel of an uploaded file by the name of its speaker."""
        names = name_channels(inspect_file(upload.path).channels, upload.name)
        return {
            name: dataclasses.replace(self, channel=str(number)).source(upload)
            for number, name in enumerate(names, start=1)
        }

    def read_blocks(self, upload: Upload) -> Iterator[NDArray[np.float32]]:
        """Decode an uploaded file; stop if it is too long or the request was cancelled."""
        check_interruption()  # a file that cannot be decoded has no block, and others may follow
        samples = 0
        rate = self.model.sampling_rate
        for block in read_blocks(upload.path, sampling_rate=rate, channel=self.channel):
            samples += block.size
            check_interruption()
            if samples > self.max_duration * rate:
                raise TooLongError(
                    upload.name,
                    f"lasts more than the {self.max_duration:g} s this server takes",
                    "send it in parts",
                )
            yield block
            self.note(samples / rate)

    def predict(self, upload: Upload, windows: tuple[float, float] | None = None) -> Done:
        """Predict a file, with a timeline if windows are given.

        Raises:
            Refused: the file cannot be used.
        """
        done: Done
        # Speakers need a temporary file.
        with _refuse_errors(upload.name), refuse_on_disk_errors():
            # One thread: the other cores process other requests.
            if self.speakers:
                by_channel = self.speakers == "channels"
                opened = self.channels(upload) if by_channel else self.source(upload)
                settings: Any = (windows, self.speakers, self.adapt, 1)
                timeline = predict_speakers(self.model, opened, *settings)
                done = timeline.overall(), timeline
            else:
                source = self.source(upload)
                done = predict_file(self.model, source, windows, adapt=self.adapt, jobs=1)
        self.count(done[0].duration)
        return done

    def predict_each(self, uploads: Sequence[Upload]) -> dict[str, Any]:
        """Return predictions and errors of several files in order."""
        found = self._predict_together(uploads) if self.adapt else self._predict_alone(uploads)
        results: list[dict[str, Any]] = []
        for upload, done in zip(uploads, found, strict=True):
            if isinstance(done, Refused):
                results.append({"file": upload.name, "error": done.to_dict()})
            else:
                results.append(done[0].to_dict())
        return {"results": results, "failed": sum("error" in result for result in results)}

    def _predict_alone(self, uploads: Sequence[Upload]) -> Iterator[Done | Refused]:
        for upload in uploads:
            try:
                yield self.predict(upload)
            except Refused as refused:
                yield refused

    def _predict_together(self, uploads: Sequence[Upload]) -> Iterator[Done | Refused]:
        """Adapt the model to all files that can be used before any is answered."""
        assert self.adapt is not None
        readings: list[Reading | Refused] = []
        for upload in uploads:
            try:
                with _refuse_errors(upload.name):
                    readings.append(read_recording(self.model, self.source(upload), jobs=1))
            except Refused as refused:
                readings.append(refused)
        with _refuse_errors(""):
            answers = list(answer_readings(self.model, readings, self.adapt, [""] * len(readings)))
        for upload, done in zip(uploads, answers, strict=True):
            if isinstance(done, AudioError):
                yield to_refused(done, upload.name)
                continue
            if not isinstance(done, Refused):
                self.count(done[0].duration)
            yield done

    def make_timeline(
        self, upload: Upload, windows: tuple[float, float], format_: str, points: int
    ) -> str:
        """Return a timeline in a format of `MEDIA`; JSON can include a waveform."""
        done = self.predict(upload, windows)
        if format_ != "json":
            return format_timeline(done, self.model.labels, format_)
        entry = result_to_json(done)
        if points:
            low, high = compute_envelope(self.read_blocks(upload), points)
            entry["envelope"] = {
                "low": [round(float(value), 4) for value in low],
                "high": [round(float(value), 4) for value in high],
            }
        return dump_json(entry)

    def enrol(self, uploads: Sequence[Upload], speech: Any) -> Model:
        """Adapt the model to the speaker of some files.

        Raises:
            Refused: a file cannot be used, or the model cannot adapt.
        """
        try:
            return self.model.enrol([self.source(upload) for upload in uploads], speech=speech)
        except StoppedError:
            raise
        except Exception as error:  # noqa: BLE001 - as above
            raise to_refused(error, self._find_name(error, uploads)) from None

    @staticmethod
    def _find_name(error: Exception, uploads: Sequence[Upload]) -> str:
        """Return the client's name of the file that an error is about; all names if it has none."""
        names = {str(upload.path): upload.name for upload in uploads}
        source = getattr(error, "source", "") or ", ".join(names.values())
        return names.get(source, source)


@contextlib.contextmanager
def _refuse_errors(name: str) -> Iterator[None]:
    """Convert errors about a file to refusals."""
    try:
        yield
    except (StoppedError, Refused):
        raise
    except Exception as error:  # noqa: BLE001 - `to_refused` raises what it does not know
        raise to_refused(error, name) from None


def result_to_json(done: Done) -> dict[str, Any]:
    """Return the object that `serenade predict --timeline --json` prints for a recording."""
    entry: dict[str, Any] = json.loads(to_json([done]))[0]
    return entry


def format_timeline(done: Done, labels: Sequence[str], format_: str) -> str:
    """Format a timeline in a format of `MEDIA` other than JSON."""
    timeline = done[1]
    assert timeline is not None
    if format_ == "csv":
        table = io.StringIO(newline="")
        to_csv([done], labels, table, timeline=True)
        return table.getvalue()
    return TIMELINE_FORMATTERS[format_](timeline)
