"""Draw predictions and timelines as small SVG figures, without matplotlib."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from serenade._figure_style import get_colour

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_WIDTH = 600
_ROW = 20
_NAMES = 130  # width of the labels' column


def draw_bars(title: str, probabilities: Mapping[str, float], notes: Mapping[str, str]) -> str:
    """Draw a bar for the probability of each emotion.

    Args:
        title: line above the figure.
        probabilities: probability of each emotion.
        notes: lines below the figure, by their names.

    Returns:
        HTML with an inline SVG.
    """
    parts = []
    for number, (label, share) in enumerate(probabilities.items()):
        y = number * _ROW
        length = share * (_WIDTH - _NAMES - 60)
        parts += [
            _draw_text(_NAMES - 8, y + 14, label, "end"),
            _draw_rectangle(_NAMES, y + 3, length, _ROW - 6, get_colour(number), label),
            _draw_text(_NAMES + length + 6, y + 14, f"{share:.2f}"),
        ]
    return _wrap(title, _ROW * len(probabilities), parts, notes)


def draw_timeline_bands(
    title: str,
    duration: float,
    labels: Sequence[str],
    bands: Iterable[tuple[float, float, str, float, str]],
    notes: Mapping[str, str],
    curves: Mapping[str, Sequence[tuple[float, float, float]]] | None = None,
) -> str:
    """Draw a band for each segment over time, in a row for each emotion; the probable are darker.

    Values are curves, each speaker's in a row from its lowest to its highest value.

    Args:
        title: line above the figure.
        duration: length of the recording in seconds.
        labels: emotions, a row each.
        bands: start and end of the segments in seconds, their emotion, its probability and a
            caption.
        notes: see `draw_bars`.
        curves: for each dimension, perhaps of a speaker, start, end and value of the segments.

    Returns:
        HTML with an inline SVG.
    """
    curves = curves or {}
    rows = {label: number for number, label in enumerate([*labels, *curves])}
    scale = (_WIDTH - _NAMES - 10) / max(duration, 1e-9)
    height = _ROW * len(rows)
    parts = [
        _draw_text(_NAMES - 8, number * _ROW + 14, label, "end") for label, number in rows.items()
    ]
    parts += [
        _draw_curve(values, scale, rows[name] * _ROW, get_colour(rows[name]))
        for name, values in curves.items()
    ]
    for start, end, label, share, caption in bands if labels else ():
        note = f"{caption}, {start:.2f} to {end:.2f} s"
        x, y = _NAMES + start * scale, rows[label] * _ROW + 3
        colour = get_colour(rows[label])
        width = (end - start) * scale
        parts.append(_draw_rectangle(x, y, width, _ROW - 6, colour, note, 0.25 + 0.75 * share))
    parts += [
        f'<line x1="{_NAMES}" x2="{_WIDTH - 10}" y1="{height}" y2="{height}" stroke="#888"/>',
        _draw_text(_NAMES, height + 15, "0 s"),
        _draw_text(_WIDTH - 10, height + 15, f"{duration:.1f} s", "end"),
    ]
    return _wrap(title, height + _ROW, parts, notes)


def _draw_rectangle(
    x: float, y: float, width: float, height: float, colour: str, note: str, opacity: float = 1
) -> str:
    faint = f' fill-opacity="{opacity:.2f}"' if opacity < 1 else ""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{height}" '
        f'fill="{colour}"{faint}><title>{html.escape(note)}</title></rect>'
    )


def _draw_curve(
    values: Sequence[tuple[float, float, float]], scale: float, top: float, colour: str
) -> str:
    """Draw the values of segments as a line, which pauses interrupt, with their range as a note."""
    low, high = min(one for *_, one in values), max(one for *_, one in values)
    size = (_ROW - 6) / max(high - low, 1e-9)
    path, last = [], -1.0
    for start, end, value in values:
        y = top + _ROW - 3 - (value - low) * size
        command = "L" if start == last else "M"
        path.append(f"{command}{_NAMES + start * scale:.1f} {y:.1f}H{_NAMES + end * scale:.1f}")
        last = end
    return (
        f'<path d="{"".join(path)}" fill="none" stroke="{colour}" stroke-width="2">'
        f"<title>{low:.2f} to {high:.2f}</title></path>"
    )


def _draw_text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="12" '
        f'fill="currentColor">{html.escape(text)}</text>'
    )


def _wrap(title: str, height: int, parts: Iterable[str], notes: Mapping[str, str]) -> str:
    """Put the parts of a figure, its title and its notes into one element."""
    lines = [f"<div>{html.escape(f'{name}: {text}')}</div>" for name, text in notes.items()]
    return (
        f'<div><div>{html.escape(title)}</div><svg xmlns="http://www.w3.org/2000/svg" '
        f'role="img" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}" '
        f'font-family="sans-serif">{"".join(parts)}</svg>{"".join(lines)}</div>'
    )
