"""Format timelines as documents of ELAN, version 3.0 of its format (.eaf)."""

from __future__ import annotations

import mimetypes
import urllib.parse
from pathlib import PurePath
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from serenade._printable import to_printable
from serenade.inference.formats._text_formats import list_numbers

if TYPE_CHECKING:
    from serenade.inference._prediction import Timeline

SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
"""Address of the published schema, which documents name."""

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
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
    parts = timeline.split_speakers()
    times = [
        time for own in parts.values() for part in own.segments for time in (part.start, part.end)
    ]
    for number, time in enumerate(times, start=1):
        mark = {"TIME_SLOT_ID": f"ts{number}", "TIME_VALUE": str(round(1000 * time))}
        ET.SubElement(order, "TIME_SLOT", mark)
    first = 1
    for speaker, own in parts.items():
        if own.labels:
            emotions = [part.emotion for part in own.segments]
            _add_tier(root, "emotion", emotions, first, speaker)
        for name, texts in list_numbers(own).items():
            tier = f"probability {name}" if own.labels else name
            _add_tier(root, tier, texts, first, speaker)
        first += len(own.segments)
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


def _add_tier(root: ET.Element, name: str, texts: list[str], first: int, speaker: str) -> None:
    """Add a tier with a text for each segment of a speaker, from segment `first` on."""
    name = to_printable(f"{speaker} {name}".lstrip())
    tier = ET.SubElement(root, "TIER", {"TIER_ID": name, "LINGUISTIC_TYPE_REF": _SEGMENTS})
    if speaker:
        tier.set("PARTICIPANT", to_printable(speaker))
    taken = sum(1 for _ in root.iter("ALIGNABLE_ANNOTATION"))
    for number, text in enumerate(texts, start=first):
        one = ET.SubElement(ET.SubElement(tier, "ANNOTATION"), "ALIGNABLE_ANNOTATION")
        one.set("ANNOTATION_ID", f"a{taken + number - first + 1}")
        one.set("TIME_SLOT_REF1", f"ts{2 * number - 1}")
        one.set("TIME_SLOT_REF2", f"ts{2 * number}")
        ET.SubElement(one, "ANNOTATION_VALUE").text = to_printable(text)
