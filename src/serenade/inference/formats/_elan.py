"""Format timelines as documents of ELAN, version 3.0 of its format (.eaf)."""

from __future__ import annotations

import urllib.parse
from pathlib import PurePath
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from serenade._printable import to_printable
from serenade.inference.formats._text_formats import list_numbers
from serenade.runtime import check_interruption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from serenade.inference._prediction import Timeline

SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
"""Address of the published schema, which documents name."""

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_MEDIA_TYPES = {  # those of the system differ between machines
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".ogg": "audio/ogg",
    ".webm": "video/webm",
}
_SEGMENTS = "segments"  # linguistic type of the tier
_DATE = "1970-01-01T00:00:00+00:00"  # the schema needs one; equal timelines give equal documents


def to_elan(timeline: Timeline) -> str:
    """Format a timeline as a document of ELAN.

    The tier `emotion` names the segments, and a tier for each emotion contains its probabilities;
    a model of values has a tier for each value instead. Each known speaker is the participant of
    tiers such as `speaker 1 emotion`. All segments have time marks of their own, in milliseconds.

    >>> from serenade.inference import Segment, Timeline
    >>> part = Segment(0.5, 2.0, {"angry": 0.75, "sad": 0.25})
    >>> text = to_elan(Timeline("a.wav", 3.0, ("angry", "sad"), (part,)))
    >>> [line.strip() for line in text.splitlines() if "TIME_SLOT " in line]
    ['<TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="500"/>',
    '<TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="2000"/>']
    """
    parts = timeline.split_speakers()
    spans = [(part.start, part.end) for own in parts.values() for part in own.segments]
    times = [round(1000 * time) for span in spans for time in span]
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        (
            f'<ANNOTATION_DOCUMENT AUTHOR="serenade" DATE="{_DATE}" FORMAT="3.0" VERSION="3.0" '
            f'xmlns:xsi="{_XSI}" xsi:noNamespaceSchemaLocation="{SCHEMA}">'
        ),
        '  <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">',
        f"    {_format_media(timeline.file)}",
        "  </HEADER>",
        "  <TIME_ORDER>",
        *(
            f'    <TIME_SLOT TIME_SLOT_ID="ts{number}" TIME_VALUE="{time}"/>'
            for number, time in enumerate(times, start=1)
        ),
        "  </TIME_ORDER>",
    ]
    first, taken = 0, 0
    for speaker, own in parts.items():
        tiers = {"emotion": [part.emotion for part in own.segments]} if own.labels else {}
        for name, texts in list_numbers(own).items():
            tiers[f"probability {name}" if own.labels else name] = texts
        for name, texts in tiers.items():
            check_interruption()
            lines += _format_tier(name, texts, speaker, first, taken)
            taken += len(texts)
        first += len(own.segments)
    lines += [
        (
            f'  <LINGUISTIC_TYPE LINGUISTIC_TYPE_ID="{_SEGMENTS}" TIME_ALIGNABLE="true" '
            'GRAPHIC_REFERENCES="false"/>'
        ),
        "</ANNOTATION_DOCUMENT>",
    ]
    return "\n".join(lines) + "\n"


def _format_media(file: str) -> str:
    """Describe the recording by its path as it was given, and next to the document."""
    path = PurePath(to_printable(file))
    kind = _MEDIA_TYPES.get(path.suffix.lower(), "audio/x-wav")
    return (
        f'<MEDIA_DESCRIPTOR MEDIA_URL="{urllib.parse.quote(path.as_posix())}" '
        f'RELATIVE_MEDIA_URL="./{urllib.parse.quote(path.name)}" MIME_TYPE="{kind}"/>'
    )


def _format_tier(
    name: str, texts: Sequence[str], speaker: str, first: int, taken: int
) -> list[str]:
    """Format a tier with a text for each segment of a speaker.

    Args:
        name: name of the tier.
        texts: texts of the segments.
        speaker: name of the speaker, or "".
        first: segments of the speakers before.
        taken: annotations of the tiers before.
    """
    identifier = _escape(f"{speaker} {name}".lstrip())
    participant = f' PARTICIPANT="{_escape(speaker)}"' if speaker else ""
    lines = [f'  <TIER TIER_ID="{identifier}" LINGUISTIC_TYPE_REF="{_SEGMENTS}"{participant}>']
    for number, text in enumerate(texts, start=1):
        end = 2 * (first + number)
        lines.append(
            f'    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{taken + number}" '
            f'TIME_SLOT_REF1="ts{end - 1}" TIME_SLOT_REF2="ts{end}"><ANNOTATION_VALUE>'
            f"{_escape(text)}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>"
        )
    return [*lines, "  </TIER>"]


def _escape(text: str) -> str:
    return escape(to_printable(text), {'"': "&quot;"})
