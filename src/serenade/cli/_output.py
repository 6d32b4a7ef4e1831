"""Print results for people, safely on every terminal."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from serenade._printable import to_printable

if TYPE_CHECKING:
    from serenade.inference import Prediction, Segment, Timeline, Update

_COLUMNS = 24


def echo(text: str, *, err: bool = False) -> None:
    """Print text in which only line breaks are obeyed.

    Args:
        text: one line or several.
        err: whether to print on standard error.
    """
    click.echo(to_printable(text, keep="\n"), err=err)


def report_problem(problem: object) -> None:
    """Print a problem on one line of standard error."""
    click.echo(f"serenade: {to_printable(problem)}", err=True)


def print_prediction(prediction: Prediction, timeline: Timeline | None) -> None:
    """Print the emotion of a recording, and a bar for each segment."""
    from serenade.inference import describe_adaptation

    known = f"; enrolled: {prediction.enrolment}" if prediction.enrolment else ""
    if not prediction.enrolment and (adaptation := describe_adaptation(prediction)):
        known = f"; {adaptation}"
    emotion = f"{'uncertain, perhaps ' * prediction.uncertain}{prediction.emotion}"
    channel = f", channel {prediction.channel}" * bool(prediction.channel)
    echo(
        f"{to_printable(prediction.file)}{channel}: {emotion} {prediction.probability:.0%} "
        f"({prediction.duration:.1f} s{known})"
    )
    for segment in () if timeline is None else timeline.segments:
        _print_segment(segment)


def print_update(found: Update, *, live: bool) -> None:
    """Print finished segments, and on a terminal the current probabilities.

    Args:
        found: update of a stream.
        live: whether the last line can be overwritten.
    """
    if live and found.segments:
        click.echo("\r\x1b[K", nl=False)
    for segment in found.segments:
        _print_segment(segment)
    if live:
        click.echo(f"\r\x1b[K{_draw_bars(found) if found.speaking else ''}", nl=False)


def _print_segment(segment: Segment) -> None:
    bar = "#" * round(segment.probability * _COLUMNS)
    echo(
        f"  {segment.start:6.1f} - {segment.end:5.1f} s  "
        f"{bar:<{_COLUMNS}} {segment.emotion} {segment.probability:.0%}"
    )


def _draw_bars(found: Update) -> str:
    """Draw one bar of eighths of a character for each emotion, on one line."""
    eighths = " ▁▂▃▄▅▆▇█"
    best = max(found.probabilities, key=found.probabilities.__getitem__)
    plain = bool(os.environ.get("NO_COLOR"))
    shown = [
        click.style(f"{label} {eighths[round(share * 8)]}", bold=label == best and not plain)
        for label, share in found.probabilities.items()
    ]
    return "  " + "  ".join(shown)
