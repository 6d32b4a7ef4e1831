"""Format timelines as documents of ELAN, version 3.0 of its format (.eaf)."""

from __future__ import annotations

import mimetypes
import urllib.parse
from pathlib import PurePath
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from serenade._printable import to_printable

if TYPE_CHECKING:
    from serenade.inference._prediction import Timeline

SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
"""Address of the published schema, which documents name."""

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_SEGMENTS = "segments"  # linguistic type of the tier
_DATE = "1970-01-01T00:00:00+00:00"  # the schema needs one; equal timelines give equal documents


def to_elan(timeline: Timeline) -> str:
    """Format a timeline as a document of ELAN.

    The tier `emotion` names the segments, and a tier for each emotion contains its probabilities.
    All segments have time marks of their own, in milliseconds.

    >>> from serenade.inference import Segment, Timeline
    >>> part = Segment(0.5, 2.0, {"angry": 0.75, "sad": 0.25})
    >>> text = to_elan(Timeline("a.wav", 3.0, ("angry", "sad"), (part,)))
    >>> [line.strip() for line in text.splitlines() if "TIME_SLOT " in line]
    ['<TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="500" />',
    '<TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="2000" />']
    """
    ET.register_namespace("xsi", _XSI)
    root = ET.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "serenade",
            "DATE": _DATE,
            "FORMAT": "3.0",
            "VERSION": "3.0",
            f"{{{_XSI}}}noNamespaceSchemaLocation": SCHEMA,
        },
    )
    header = ET.SubElement(root, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
    ET.SubElement(header, "MEDIA_DESCRIPTOR", _describe_media(timeline.file))
    order = ET.SubElement(root, "TIME_ORDER")
    times = [time for segment in timeline.segments for time in (segment.start, segment.end)]
    for number, time in enumerate(times, start=1):
        mark = {"TIME_SLOT_ID": f"ts{number}", "TIME_VALUE": str(round(1000 * time))}
        ET.SubElement(order, "TIME_SLOT", mark)
    _add_tier(root, "emotion", [segment.emotion for segment in timeline.segments], 0)
    for place, label in enumerate(timeline.labels, start=1):
        shares = [f"{segment.probabilities[label]:.4f}" for segment in timeline.segments]
        _add_tier(root, f"probability {label}", shares, place)
    kind = {
        "LINGUISTIC_TYPE_ID": _SEGMENTS,
        "TIME_ALIGNABLE": "true",
        "GRAPHIC_REFERENCES": "false",
    }
    ET.SubElement(root, "LINGUISTIC_TYPE", kind)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _describe_media(file: str) -> dict[str, str]:
    """Describe the recording by its path as it was given, and next to the document."""
    name = to_printable(file)
    return {
        "MEDIA_URL": urllib.parse.quote(PurePath(name).as_posix()),
        "RELATIVE_MEDIA_URL": "./" + urllib.parse.quote(PurePath(name).name),
        "MIME_TYPE": mimetypes.guess_type(file)[0] or "audio/x-wav",
    }


def _add_tier(root: ET.Element, name: str, texts: list[str], place: int) -> None:
    """Add a tier with a text for each segment."""
    tier = ET.SubElement(
        root, "TIER", {"TIER_ID": to_printable(name), "LINGUISTIC_TYPE_REF": _SEGMENTS}
    )
    for number, text in enumerate(texts):
        one = ET.SubElement(ET.SubElement(tier, "ANNOTATION"), "ALIGNABLE_ANNOTATION")
        one.set("ANNOTATION_ID", f"a{place * len(texts) + number + 1}")
        one.set("TIME_SLOT_REF1", f"ts{2 * number + 1}")
        one.set("TIME_SLOT_REF2", f"ts{2 * number + 2}")
        ET.SubElement(one, "ANNOTATION_VALUE").text = to_printable(text)
