"""Summarise the segments of a long recording: shares of time, strong moments, change over time."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Literal

    from serenade.inference._prediction import Segment

_MOMENTS = 3
_CALM = "neutral"  # the strongest neutral moment says little


@dataclasses.dataclass(frozen=True)
class Summary:
    """Emotions of a long recording in brief.

    Args:
        shares: share of the speech, by time, in which each emotion is the most probable one,
            largest first, without emotions that never are.
        moments: strongest segment of up to three emotions other than neutral, strongest first;
            without segments that are uncertain.
        thirds: mean of the speech in each third of the recording; None in a third without speech.
    """

    shares: Mapping[str, float]
    moments: tuple[Segment, ...]
    thirds: tuple[Segment | None, ...]

    def to_dict(self) -> dict[str, object]:
        """Return JSON data: shares, moments and thirds, with times in seconds."""
        return {
            "shares": {label: round(share, 4) for label, share in self.shares.items()},
            "moments": [part.to_dict() for part in self.moments],
            "thirds": [part and part.to_dict() for part in self.thirds],
        }

    def describe(self) -> dict[str, str]:
        """Describe each part in words, by a name; parts that are empty are left out."""
        shares = [f"{label} {share:.0%}" for label, share in self.shares.items() if share >= 0.005]
        moments = [f"{part.caption} at {format_clock(part.start)}" for part in self.moments]
        thirds = [
            f"{part.emotion} {part.probability:.0%}" if part else "no speech"
            for part in self.thirds
        ]
        found = {
            "share of time": ", ".join(shares),
            "strongest": ", ".join(moments),
            "in thirds": " → ".join(thirds),
        }
        return {name: text for name, text in found.items() if text}


def summarise(segments: Sequence[Segment], duration: float, uncertain_below: float) -> Summary:
    """Summarise the segments of a recording, of which there is at least one.

    Args:
        segments: segments in the order of time.
        duration: length of the recording in seconds.
        uncertain_below: probability below which a segment is uncertain.
    """
    times: dict[str, float] = {}
    best: dict[str, Segment] = {}
    for part in segments:
        times[part.emotion] = times.get(part.emotion, 0.0) + part.end - part.start
        known = best.get(part.emotion)
        if known is None or part.probability > known.probability:
            best[part.emotion] = part
    strong = [
        part
        for label, part in best.items()
        if label != _CALM and part.probability >= uncertain_below
    ]
    total = sum(times.values())
    ordered = sorted(times.items(), key=lambda item: -item[1])
    bounds = [duration * number / 3 for number in range(4)]
    return Summary(
        {label: time / total for label, time in ordered},
        tuple(sorted(strong, key=lambda part: -part.probability)[:_MOMENTS]),
        tuple(_cut(segments, *pair) for pair in itertools.pairwise(bounds)),
    )


def average_segments(
    segments: Sequence[Segment], field: Literal["probabilities", "values"] = "probabilities"
) -> dict[str, float]:
    """Return the mean probability of each emotion, weighted by the length of the segments.

    Args:
        segments: at least one segment.
        field: `values` for the mean value of each dimension.
    """
    speech = sum(part.end - part.start for part in segments)
    numbers: list[Mapping[str, float]] = [getattr(part, field) for part in segments]
    return {
        name: sum(
            one[name] * (part.end - part.start) for one, part in zip(numbers, segments, strict=True)
        )
        / speech
        for name in numbers[0]
    }


def _cut(segments: Sequence[Segment], start: float, end: float) -> Segment | None:
    """Return the mean of the segments between two times as one segment; None without speech."""
    parts = [
        dataclasses.replace(part, start=max(part.start, start), end=min(part.end, end))
        for part in segments
        if part.start < end and part.end > start
    ]
    if not parts:
        return None
    return dataclasses.replace(
        parts[0],
        start=start,
        end=end,
        probabilities=average_segments(parts),
        speaker="",
        values=average_segments(parts, "values"),
    )


def format_clock(seconds: float) -> str:
    """Format a time in minutes and seconds, and hours if there are any.

    >>> format_clock(75.6), format_clock(3675)
    ('1:15', '1:01:15')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
