"""How predictions are printed: lines for people, JSON and CSV for programs."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from serenade.inference import Prediction, Window

_COLUMNS = 24


def plain(prediction: Prediction, windows: Sequence[Window]) -> None:
    """Print a recording's emotion, and its windows with a bar each."""
    click.echo(
        f"{prediction.file}: {prediction.emotion} {prediction.probability:.0%} "
        f"({prediction.duration:.1f} s)"
    )
    for window in windows:
        span = f"  {window.start:6.1f} - {window.end:5.1f} s  "
        if window.speech:
            bar = "#" * round(window.probability * _COLUMNS)
            click.echo(f"{span}{bar:<{_COLUMNS}} {window.emotion} {window.probability:.0%}")
        else:
            click.echo(f"{span}{'':<{_COLUMNS}} (no speech)")


def to_json(done: Iterable[tuple[Prediction, Sequence[Window]]], *, timeline: bool) -> str:
    """A JSON list with an object per file."""
    entries = []
    for prediction, windows in done:
        entry = prediction.to_dict()
        if timeline:
            entry["windows"] = [window.to_dict() for window in windows]
        entries.append(entry)
    return json.dumps(entries, indent=2, ensure_ascii=False)


def to_csv(
    done: Iterable[tuple[Prediction, Sequence[Window]]],
    labels: Sequence[str],
    file: TextIO,
    *,
    timeline: bool,
) -> None:
    """A table with a row per file, or per window; a column per emotion."""
    span = ["start", "end", "speech"] if timeline else []
    writer = csv.writer(file)
    writer.writerow(["file", "duration", *span, "emotion", "probability", *labels])
    for prediction, windows in done:
        for part in windows if timeline else (prediction,):
            entry = part.to_dict()
            times = [entry[name] for name in span]
            shares = [round(part.probabilities[label], 4) for label in labels]
            writer.writerow(
                [
                    prediction.file,
                    round(prediction.duration, 3),
                    *times,
                    entry["emotion"],
                    entry["probability"],
                    *shares,
                ]
            )
