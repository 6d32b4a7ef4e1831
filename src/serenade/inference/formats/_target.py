"""Write timelines to files in a format given by name or by suffix."""

from __future__ import annotations

import dataclasses
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from serenade._atomic import check_output, write_output
from serenade.errors import SerenadeError
from serenade.inference.formats._audformat_database import write_audformat
from serenade.inference.formats._elan import to_elan
from serenade.inference.formats._label_studio import to_label_studio
from serenade.inference.formats._text_formats import (
    to_audacity,
    to_csv,
    to_json,
    to_rttm,
    to_srt,
    to_textgrid,
    to_webvtt,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from serenade.inference._model import Model
    from serenade.inference._prediction import Prediction, Timeline

_LONGEST = 255 - len("-9999")  # bytes of a name, with a number for recordings of the same name

SUFFIXES = {
    "json": ".json",
    "csv": ".csv",
    "textgrid": ".TextGrid",
    "webvtt": ".vtt",
    "srt": ".srt",
    "rttm": ".rttm",
    "audacity": ".txt",
    "elan": ".eaf",
}
"""Suffixes of the formats that are one file."""

FORMATS = (*SUFFIXES, "label-studio", "audformat")
"""Formats of timelines; Label Studio shares the suffix of JSON, and audformat writes a folder."""

TIMELINE_FORMATTERS: dict[str, Callable[[Timeline], str]] = {
    "textgrid": to_textgrid,
    "webvtt": to_webvtt,
    "srt": to_srt,
    "rttm": to_rttm,
    "audacity": to_audacity,
    "elan": to_elan,
}
"""Functions that format the timeline of one recording as text."""


@dataclasses.dataclass(frozen=True)
class Target:
    """File or folder that timelines are written to.

    Args:
        path: the file or folder.
        format: one of `FORMATS`.
    """

    path: Path
    format: str

    @classmethod
    def of(cls, path: str | os.PathLike[str], format: str | None = None) -> Target:  # noqa: A002
        """Make a target with the format of its suffix, unless a format is given.

        Args:
            path: file or folder to write.
            format: one of `FORMATS`; None for that of the suffix.

        Raises:
            SerenadeError: the suffix or the format is unknown.

        >>> Target.of("out.vtt").format
        'webvtt'
        """
        path = Path(path)
        if format and format not in FORMATS:
            raise SerenadeError(f"no format {format!r}; choose from {', '.join(FORMATS)}")
        known = {suffix.lower(): name for name, suffix in SUFFIXES.items()}
        chosen = format or known.get(path.suffix.lower())
        if chosen not in FORMATS:
            raise SerenadeError(
                f"{path}: no format has that suffix; use {', '.join(SUFFIXES.values())} or name "
                f"the format: {', '.join(FORMATS)}"
            )
        return cls(path, chosen)

    def check(self, recordings: int) -> None:
        """Check that the timelines of a number of recordings can be written, before the work.

        Args:
            recordings: number of recordings.

        Raises:
            SerenadeError: the file or folder cannot be written.
        """
        check_output(self.path, folder=self._is_folder(recordings) or self.format == "audformat")

    def _is_folder(self, recordings: int) -> bool:
        """Return whether each recording gets a file of its own."""
        return self.format in TIMELINE_FORMATTERS and (recordings > 1 or self.path.is_dir())

    def write(
        self,
        results: Sequence[tuple[Prediction, Timeline]],
        model: Model,
        *,
        recordings: int | None = None,
    ) -> list[Path]:
        """Write timelines.

        Args:
            results: predictions with their timelines. Several files of a format that takes one
                recording, such as TextGrid or RTTM, are written to a folder and named after the
                recordings.
            model: the model that predicted them.
            recordings: number of recordings, of which some may have no result; None for that of
                the results. It decides between a file and a folder.

        Returns:
            The files that were written.

        Raises:
            SerenadeError: the file or folder cannot be written.
        """
        try:
            return self._write(results, model, recordings or len(results))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise SerenadeError(
                f"{self.path}: cannot be written ({reason}); name another file or folder"
            ) from None

    def _write(
        self, results: Sequence[tuple[Prediction, Timeline]], model: Model, recordings: int
    ) -> list[Path]:
        timelines = [timeline for _, timeline in results]
        if self.format == "audformat":
            licence = str(model.description.get("licence", ""))
            return write_audformat(timelines, model.labels, self.path, licence=licence)
        folder = self._is_folder(recordings)
        (self.path if folder else self.path.parent).mkdir(parents=True, exist_ok=True)
        if self.format == "json":
            return [write_output(self.path, to_json(results) + "\n")]
        if self.format == "label-studio":
            return [write_output(self.path, to_label_studio(timelines) + "\n")]
        if self.format == "csv":
            table = io.StringIO(newline="")
            to_csv(results, model.labels, table, timeline=True)
            return [write_output(self.path, table.getvalue())]
        names = _name_files(timelines, SUFFIXES[self.format]) if folder else [self.path]
        written = []
        for name, timeline in zip(names, timelines, strict=False):
            path = self.path / name if folder else self.path
            written.append(write_output(path, TIMELINE_FORMATTERS[self.format](timeline)))
        return written


def _name_files(timelines: Sequence[Timeline], suffix: str) -> list[Path]:
    """Name a file for each recording, with numbers for recordings of the same name.

    >>> from serenade.inference import Timeline
    >>> two = [Timeline(f"{folder}/call.wav", 1.0, (), ()) for folder in "ab"]
    >>> [str(name) for name in _name_files(two, ".vtt")]
    ['call.vtt', 'call-2.vtt']
    """
    taken: set[str] = set()
    names = []
    for timeline in timelines:
        channel = f"-channel{timeline.channel}" * bool(timeline.channel)
        stem = name = _cut(Path(timeline.file).stem, _LONGEST - len(channel + suffix)) + channel
        number = 1
        while name.casefold() in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.casefold())
        names.append(Path(name + suffix))
    return names


def _cut(name: str, size: int) -> str:
    """Cut a name to a number of bytes."""
    content = os.fsencode(name)
    return name if len(content) <= size else content[:size].decode("utf-8", "ignore")
