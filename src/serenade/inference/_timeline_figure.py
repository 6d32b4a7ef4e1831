"""Draw a timeline over its waveform."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from serenade._figure_fonts import use_fonts
from serenade.audio import compute_envelope
from serenade.errors import MissingExtraError, SerenadeError
from serenade.inference._source import open_source
from serenade.inference._svg_figure import COLOURS, get_colour

if TYPE_CHECKING:
    import os

    from matplotlib.figure import Figure

    from serenade.inference._classifier import Classifier
    from serenade.inference._prediction import Timeline
    from serenade.inference._source import RecordingLike, Source

_POINTS = 2000
_HATCHES = ("", "//", "..", "xx")


def plot_timeline(
    timeline: Timeline,
    source: RecordingLike,
    model: Classifier,
    path: str | os.PathLike[str],
    sampling_rate: int | None = None,
    *,
    channel: int | str = "mix",
) -> None:
    """Write a figure of a timeline: the waveform, the segments in colour, and a legend.

    Args:
        timeline: result of `Model.timeline`.
        source: the recording of the timeline, which is read again, in constant memory.
        model: the model that predicted the timeline.
        path: file of the figure, with the suffix .png, .svg or .pdf.
        sampling_rate: sampling rate in Hz of samples; None for other recordings.
        channel: see `Model.predict`.

    Raises:
        MissingExtraError: matplotlib is not installed.
        SerenadeError: the figure cannot be written, or its suffix is unknown.
    """
    with use_fonts():
        opening = open_source(source, sampling_rate, model.sampling_rate, channel)
        figure = draw_timeline(timeline, opening)
        try:
            figure.savefig(path)
        except (OSError, ValueError) as error:
            raise SerenadeError(f"{path}: the figure cannot be written ({error})") from None


def draw_timeline(timeline: Timeline, source: Source) -> Figure:
    """Draw the figure of `plot_timeline` without writing it."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("drawing a timeline", "train") from None
    low, high = compute_envelope(source.read(), _POINTS)
    figure = Figure(figsize=(10, 3), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    times = np.linspace(0.0, timeline.duration, low.size)
    axes.fill_between(times, low, high, color="0.25", linewidth=0, zorder=2)
    for number, label in enumerate(timeline.labels):
        colour, hatch = get_colour(number), _HATCHES[number // len(COLOURS) % 4]
        mine = [part for part in timeline.segments if part.emotion == label]
        for part in mine:
            axes.axvspan(
                part.start, part.end, facecolor=colour, alpha=0.5, linewidth=0, hatch=hatch
            )
        if mine:
            axes.fill_between(
                [], [], facecolor=colour, alpha=0.5, linewidth=0, hatch=hatch, label=label
            )
    peak = max(float(np.abs([low, high]).max()), 1e-3) * 1.05
    axes.set(xlim=(0, timeline.duration), ylim=(-peak, peak), xlabel="seconds", ylabel="amplitude")
    if timeline.segments:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.2), ncol=8, frameon=False)
    return figure
