"""Format predictions and timelines as JSON, CSV, TextGrid, WebVTT, SRT, RTTM or Audacity labels.

JSON and CSV contain many recordings, the others one.
"""

from __future__ import annotations

import csv
import io
from pathlib import PurePath
from typing import TYPE_CHECKING, TextIO

from serenade._printable import dump_json, to_csv_cell, to_csv_path, to_printable
from serenade.inference._prediction import describe_adaptation
from serenade.runtime import check_interruption

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from serenade.inference._prediction import Prediction, Segment, Timeline

    Result = tuple[Prediction, Timeline | None]


def to_json(results: Iterable[Result]) -> str:
    """Format results as a JSON list with an object for each recording.

    Args:
        results: predictions, each with its timeline or None.

    Returns:
        Objects with file, duration, emotion, probability, probabilities, uncertain, speech and,
        for a recording of at least 30 s, a summary; see `Prediction.to_dict`. With a timeline they
        also have segments with start, end, emotion, probability and probabilities. Times are in
        seconds. A model of values gives `values` in place of the emotion and its probabilities.
    """
    entries = []
    for prediction, timeline in results:
        segments = {} if timeline is None else {"segments": timeline.to_dict()["segments"]}
        entries.append({**prediction.to_dict(), **segments})
    return dump_json(entries, indent=2)


def to_csv(
    results: Iterable[Result], labels: Sequence[str], file: TextIO, *, timeline: bool = False
) -> None:
    """Write a table with a row for each recording or segment and a column for each emotion.

    A model of values has a column for each value in place of emotion and probabilities. If speakers
    are known, `speaker` follows `end`. A row for a recording states whether its answer is
    `uncertain`, if the model has a threshold. If channels were predicted alone, a column `channel`
    numbers them. If a model was adapted, the last columns are `adapted_to` and `assumed`.

    Args:
        results: see `to_json`.
        labels: labels of the model.
        file: file opened for text, with `newline=""` as the csv module needs.
        timeline: whether to write a row for each segment.
    """
    results = list(results)
    span = ["start", "end"] if timeline else []
    spoken = timeline and any(found.speakers for _, found in results if found is not None)
    named, remarks = ["speaker"] * spoken, _list_remarks(results, timeline=timeline)
    values = list(results[0][0].values) if results else []
    emotion = ["emotion", "probability"] if labels else []
    names = [*span, *named, *emotion, *map(to_csv_cell, [*labels, *values])]
    columns = ["file", "duration", *names]
    writer = csv.writer(file)
    writer.writerow(columns + remarks)
    for prediction, found in results:
        for part in found.segments if timeline and found is not None else (prediction,):
            entry = part.to_dict()
            writer.writerow(
                [
                    to_csv_path(prediction.file),
                    round(prediction.duration, 3),
                    *(entry[name] for name in span),
                    *(to_csv_cell(entry.get(name, "")) for name in named),
                    *(to_csv_cell(entry[name]) for name in emotion),
                    *(round(part.probabilities[label], 4) for label in labels),
                    *(round(part.values[name], 4) for name in values),
                    *(getattr(prediction, name) for name in remarks),
                ]
            )


def _list_remarks(results: Sequence[Result], *, timeline: bool) -> list[str]:
    """Return the columns after the answers: the doubt, the channel, and the adaptation."""
    predictions = [prediction for prediction, _ in results]
    adapted = any(one.adapted_to for one in predictions)
    known = {
        # The threshold is for whole recordings.
        "uncertain": not timeline and any(one.uncertain_below for one in predictions),
        "channel": any(one.channel for one in predictions),
        "adapted_to": adapted,
        "assumed": adapted,
    }
    return [name for name, shown in known.items() if shown]


def to_textgrid(timeline: Timeline) -> str:
    """Format a timeline as a TextGrid of Praat, in the long text format.

    The tier `emotion` names the segments, and a tier for each emotion contains its probabilities.
    A model of values has a tier for each value. Intervals without speech have no text. If the model
    was adapted, the tier `adaptation` says to what. Each speaker has tiers of their own, such as
    `speaker 1 emotion`.
    """
    tiers = []
    for speaker, own in timeline.split_speakers().items():
        prefix = f"{speaker} ".lstrip()
        emotions = [segment.emotion for segment in own.segments]
        if own.labels:
            tiers.append(_format_tier(f"{prefix}emotion", own, emotions))
        for name, texts in list_numbers(own).items():
            check_interruption()
            tiers.append(_format_tier(prefix + name, own, texts))
        if adaptation := describe_adaptation(own):
            texts = [adaptation] * len(own.segments)
            tiers.append(_format_tier(f"{prefix}adaptation", own, texts))
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        f"xmax = {timeline.duration:.6f}",
        "tiers? <exists>",
        f"size = {len(tiers)}",
        "item []:",
    ]
    for number, tier in enumerate(tiers, start=1):
        lines += [f"    item [{number}]:", tier]
    return "\n".join(lines) + "\n"


def list_numbers(timeline: Timeline) -> dict[str, list[str]]:
    """Return the probabilities of each emotion, and the values of each dimension, as texts."""
    parts = timeline.segments
    shares = {name: [part.probabilities[name] for part in parts] for name in timeline.labels}
    values = {name: [part.values[name] for part in parts] for name in timeline.dimensions}
    return {name: [f"{one:.4f}" for one in found] for name, found in (shares | values).items()}


def _format_tier(name: str, timeline: Timeline, texts: Sequence[str]) -> str:
    """Format an interval tier, which must cover the whole time without a gap."""
    intervals: list[tuple[str, str, str]] = []
    last = f"{0:.6f}"
    for segment, text in zip(timeline.segments, texts, strict=True):
        start, end = f"{segment.start:.6f}", f"{segment.end:.6f}"
        if start != last:
            intervals.append((last, start, ""))
        intervals.append((start, end, text))
        last = end
    end = f"{timeline.duration:.6f}"
    if last != end:
        intervals.append((last, end, ""))
    lines = [
        '        class = "IntervalTier"',
        f"        name = {_quote(name)}",
        "        xmin = 0",
        f"        xmax = {end}",
        f"        intervals: size = {len(intervals)}",
    ]
    for number, (start, end, text) in enumerate(intervals, start=1):
        lines += [
            f"        intervals [{number}]:",
            f"            xmin = {start}",
            f"            xmax = {end}",
            f"            text = {_quote(text)}",
        ]
    return "\n".join(lines)


def _quote(text: str) -> str:
    return '"' + to_printable(text).replace('"', '""') + '"'


def to_webvtt(timeline: Timeline) -> str:
    """Format a timeline as WebVTT: a caption for each segment, and a comment with probabilities.

    A known speaker is the voice of the caption, as in `<v speaker 1>`.

    >>> from serenade.inference import Segment, Timeline
    >>> part = Segment(0.5, 2.0, {"angry": 0.75, "sad": 0.25})
    >>> print(to_webvtt(Timeline("a.wav", 3.0, ("angry", "sad"), (part,))))
    WEBVTT
    <BLANKLINE>
    NOTE angry 0.7500, sad 0.2500
    <BLANKLINE>
    00:00:00.500 --> 00:00:02.000
    angry 75%
    <BLANKLINE>
    """
    file = io.StringIO()
    file.write("WEBVTT\n")
    if adaptation := describe_adaptation(timeline):
        file.write(f"\nNOTE {_escape(adaptation)}\n")
    numbers = list_numbers(timeline)
    for place, segment in enumerate(timeline.segments):
        shares = ", ".join(f"{name} {texts[place]}" for name, texts in numbers.items())
        file.write(f"\nNOTE {_escape(shares)}\n")
        file.write(f"\n{_format_time(segment.start)} --> {_format_time(segment.end)}\n")
        voice = f"<v {_escape(segment.speaker)}>" * bool(segment.speaker)
        file.write(f"{voice}{_escape(segment.answer)}\n")
    return file.getvalue()


def to_srt(timeline: Timeline) -> str:
    """Format a timeline as SubRip subtitles: one for each segment.

    >>> from serenade.inference import Segment, Timeline
    >>> part = Segment(0.5, 2.0, {"angry": 0.75, "sad": 0.25})
    >>> print(to_srt(Timeline("a.wav", 3.0, ("angry", "sad"), (part,))))
    1
    00:00:00,500 --> 00:00:02,000
    angry 75%
    <BLANKLINE>
    """
    return "\n".join(
        f"{number}\n{_format_time(segment.start)} --> {_format_time(segment.end)}\n".replace(
            ".", ","
        )
        + f"{' '.join(to_printable(segment.caption).split())}\n"
        for number, segment in enumerate(timeline.segments, start=1)
    )


def to_rttm(timeline: Timeline) -> str:
    """Format a timeline as RTTM, the format of speaker diarisation, with emotions as names.

    If speakers are known, their names are the names, and emotions the subtypes. Fields contain no
    spaces; those of names become underscores. A model of values names segments by these, without a
    confidence.

    >>> from serenade.inference import Segment, Timeline
    >>> part = Segment(0.5, 2.0, {"angry": 0.75, "sad": 0.25})
    >>> print(to_rttm(Timeline("calls/a.wav", 3.0, ("angry", "sad"), (part,))), end="")
    SPEAKER a 1 0.500 1.500 <NA> <NA> angry 0.7500 <NA>
    """
    recording = _join_words(PurePath(timeline.file).stem)
    channel = timeline.channel or 1
    adaptation = describe_adaptation(timeline)
    return f";; {adaptation}\n" * bool(adaptation) + "".join(
        f"SPEAKER {recording} {channel} {segment.start:.3f} {segment.end - segment.start:.3f} "
        f"<NA> {_join_words(_name_segment(segment) if segment.speaker else '')} "
        f"{_join_words(segment.speaker or _name_segment(segment))} "
        f"{f'{segment.probability:.4f}' if timeline.labels else '<NA>'} <NA>\n"
        for segment in timeline.segments
    )


def _name_segment(segment: Segment) -> str:
    return segment.emotion or segment.answer


def _join_words(text: str) -> str:
    return "_".join(to_printable(text).split()) or "<NA>"


def to_audacity(timeline: Timeline) -> str:
    r"""Format a timeline as a label track of Audacity: start, end and label, between tabs.

    >>> from serenade.inference import Segment, Timeline
    >>> part = Segment(0.5, 2.0, {"angry": 0.75, "sad": 0.25})
    >>> to_audacity(Timeline("a.wav", 3.0, ("angry", "sad"), (part,)))
    '0.500000\t2.000000\tangry 75%\n'
    """
    return "".join(
        f"{segment.start:.6f}\t{segment.end:.6f}\t{to_printable(segment.caption)}\n"
        for segment in timeline.segments
    )


def _format_time(seconds: float) -> str:
    """Format seconds as hh:mm:ss.ttt.

    >>> _format_time(3661.0016)
    '01:01:01.002'
    """
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


def _escape(text: str) -> str:
    """Escape the characters that WebVTT uses for markup."""
    text = to_printable(text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
