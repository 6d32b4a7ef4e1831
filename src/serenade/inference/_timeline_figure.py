"""Draw a timeline: the waveform with its segments, and the probabilities over time."""

from __future__ import annotations

import dataclasses
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade._figure_style import COLOURS, check_figure, get_colour, use_style, write_figure
from serenade._printable import to_printable
from serenade.audio import compute_envelope
from serenade.errors import SerenadeError
from serenade.inference._prediction import Segment
from serenade.inference._source import open_source

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from serenade.inference._classifier import Classifier
    from serenade.inference._prediction import Timeline
    from serenade.inference._source import RecordingLike, Source

_POINTS = 2000
_PARTS = 120  # parts that a reader can distinguish; the means of more segments are drawn
_HATCHES = ("", "//", "..", "xx")
_LINES = ("-", "--", ":", "-.")
_FAINTEST, _STRONGEST = 0.1, 0.75  # opacity of bands, from a probability of 0 to 1
_SEEN = 0.05  # probability from which an emotion can be seen and is in the legend
_NAMED = 0.055  # share of the width from which the name of an emotion fits its band


def plot_timeline(
    timeline: Timeline,
    source: RecordingLike,
    model: Classifier,
    path: str | os.PathLike[str],
    sampling_rate: int | None = None,
    *,
    channel: int | str = "mix",
) -> None:
    """Write a figure of a timeline: waveform, segments in colour, and probabilities over time.

    Each known speaker has a lane. Values, such as arousal, are curves, one for each speaker.

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
    check_figure(path)
    with use_style():
        opening = open_source(source, sampling_rate, model.sampling_rate, channel)
        figure = draw_timeline(timeline, opening)
        try:
            write_figure(figure, Path(path))
        except (OSError, ValueError) as error:
            raise SerenadeError(f"{path}: the figure cannot be written ({error})") from None


def draw_timeline(timeline: Timeline, source: Source) -> Figure:
    """Draw the figure of `plot_timeline` without writing it."""
    from matplotlib.figure import Figure

    averaged = len(timeline.segments) > _PARTS and bool(timeline.labels)
    segments = [
        dataclasses.replace(part, speaker=name)
        for name, own in timeline.split_speakers().items()
        for part in (average_segments(own, _PARTS) if averaged else own.segments)
    ]
    figure = Figure(figsize=(8, 3.6), dpi=150, layout="constrained")
    above, below = figure.subplots(2, sharex=True, height_ratios=(1, 1))
    _draw_wave(above, compute_envelope(source.read(), _POINTS), timeline.duration)
    if timeline.labels:
        _draw_bands(above, timeline, segments)
        _draw_stack(below, timeline, segments)
        above.set_title(_describe(timeline))
    else:
        _draw_curves(below, timeline)
        above.set_title(to_printable(PurePath(timeline.file).name))
    length = timeline.duration / _PARTS
    number = "probability" if timeline.labels else "value"
    below.set_ylabel(f"mean {number} of {length:.0f} s" if averaged else number)
    _label_time(below, timeline.duration)
    if segments:
        figure.legend(loc="outside lower center", ncols=8 if timeline.labels else 4)
    return figure


def average_segments(timeline: Timeline, count: int) -> list[Segment]:
    """Average the probabilities in equal parts of a recording; parts without speech are left out.

    Args:
        timeline: timeline whose segments are averaged, weighted by their length.
        count: number of parts.
    """
    segments = timeline.segments
    # Integrals over time are straight between the ends of segments.
    times = np.array([0.0, *(time for part in segments for time in (part.start, part.end))])
    lengths = np.array([[part.end - part.start] for part in segments])
    shares = np.array([[part.probabilities[name] for name in timeline.labels] for part in segments])
    steps = np.concatenate([shares * lengths, lengths], axis=1)
    integrals = np.repeat(np.cumsum(np.pad(steps, ((1, 0), (0, 0))), axis=0), 2, axis=0)[:-1]
    edges = np.linspace(0.0, timeline.duration, count + 1)
    sums = np.diff([np.interp(edges, times, column) for column in integrals.T], axis=1).T
    return [
        Segment(
            float(edges[place]),
            float(edges[place + 1]),
            dict(zip(timeline.labels, (row[:-1] / row[-1]).tolist(), strict=True)),
        )
        for place, row in enumerate(sums)
        if row[-1] > 0
    ]


def _draw_wave(axes: Axes, envelope: np.ndarray, duration: float) -> None:
    low, high = envelope
    times = np.linspace(0.0, duration, low.size)
    axes.fill_between(times, low, high, color="0.25", linewidth=0, zorder=2)
    peak = max(float(np.abs(envelope).max()), 1e-3) * 1.05
    axes.set(xlim=(0, duration), ylim=(-peak, 1.35 * peak), ylabel="amplitude")


def _draw_bands(axes: Axes, timeline: Timeline, segments: Sequence[Segment]) -> None:
    """Draw a band for the emotion of each segment, fainter if it is less probable."""
    names = timeline.speakers or ("",)
    tops = {name: 1 - place / len(names) for place, name in enumerate(names)}
    place = axes.get_xaxis_transform()  # seconds, and shares of the height
    for name in timeline.speakers:
        axes.text(timeline.duration, tops[name] - 0.02, name, ha="right", va="top", transform=place)
    for part in segments:
        number = timeline.labels.index(part.emotion)
        top = tops[part.speaker]
        axes.axvspan(
            part.start,
            part.end,
            top - 1 / len(names),
            top,
            facecolor=get_colour(number),
            alpha=_FAINTEST + (_STRONGEST - _FAINTEST) * part.probability,
            linewidth=0,
            hatch=_choose_hatch(number),
        )
        if part.end - part.start > _NAMED * timeline.duration:
            middle, below = (part.start + part.end) / 2, top - 0.02
            settings: Any = {"ha": "center", "va": "top", "clip_on": True, "transform": place}
            axes.text(middle, below, part.emotion, **settings)


def _draw_stack(axes: Axes, timeline: Timeline, segments: Sequence[Segment]) -> None:
    """Draw the probabilities of all emotions on top of each other, in the order of the labels."""
    starts = [part.start for part in segments]
    widths = [part.end - part.start for part in segments]
    bottom = np.zeros(len(segments))
    for number, label in enumerate(timeline.labels):
        shares = np.array([part.probabilities[label] for part in segments])
        axes.bar(
            starts,
            shares,
            widths,
            bottom,
            align="edge",
            color=get_colour(number),
            hatch=_choose_hatch(number),
            label=label if shares.max(initial=0) >= _SEEN else None,
        )
        bottom += shares
    axes.set_ylim(0, 1)


def _draw_curves(axes: Axes, timeline: Timeline) -> None:
    """Draw the values of each speaker's segments as steps, which pauses interrupt."""
    speakers = timeline.split_speakers().items()
    curves = [(who, own.segments, name) for who, own in speakers for name in timeline.dimensions]
    for number, (who, segments, name) in enumerate(curves):
        times, values, last = list[float](), list[float](), 0.0
        for part in segments:
            gap = part.start != last
            times += [*([part.start] * gap), part.start, part.end]
            values += [*([np.nan] * gap), part.values[name], part.values[name]]
            last = part.end
        style = _LINES[number // len(COLOURS) % len(_LINES)]
        label, colour = f"{who} {name}".lstrip(), get_colour(number)
        axes.plot(times, values, style, color=colour, linewidth=2, label=label)


def _choose_hatch(number: int) -> str:
    """Return the pattern that differs where colours repeat."""
    return _HATCHES[number // len(COLOURS) % len(_HATCHES)]


def _label_time(axes: Axes, duration: float) -> None:
    """Label the axis in seconds, or in minutes for a recording that is longer than two."""
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    axes.set_xlabel("seconds")
    if duration > 120:
        steps = (15, 30, 60, 120, 300, 600, 900, 1800, 3600)
        axes.xaxis.set_major_locator(
            MultipleLocator(next((s for s in steps if duration / s <= 12), duration / 12))
        )
        axes.xaxis.set_major_formatter(FuncFormatter(lambda t, _: f"{t // 60:.0f}:{t % 60:02.0f}"))
        axes.set_xlabel("minutes:seconds")


def _describe(timeline: Timeline) -> str:
    """Return the title: the most frequent emotions, and their shares of the time with speech."""
    name = to_printable(PurePath(timeline.file).name)
    shares = {
        label: sum(part.end - part.start for part in timeline.segments if part.emotion == label)
        for label in timeline.labels
    }
    best = sorted(filter(shares.get, shares), key=shares.__getitem__, reverse=True)[:3]
    if not best:
        return f"{name}: no speech was found"
    parts = ", ".join(f"{label} {shares[label] / timeline.speech:.0%}" for label in best)
    return f"{name}: {parts} of {_format_time(timeline.speech)} of speech"


def _format_time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds <= 120 else f"{seconds / 60:.0f} min"
