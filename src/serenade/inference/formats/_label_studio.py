"""Format timelines as tasks of Label Studio with predictions, which annotators correct."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serenade._printable import dump_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from serenade.inference._prediction import Timeline


def to_label_studio(timelines: Iterable[Timeline]) -> str:
    """Format timelines as a JSON list of tasks, a file that Label Studio imports.

    The labelling interface needs `<Audio name="audio" value="$audio"/>` and
    `<Labels name="emotion" toName="audio">` with the model's labels, and for speakers
    `<Labels name="speaker" toName="audio">`, whose regions share the identifier. A model of values
    needs a `<Number name="arousal" toName="audio" perRegion="true"/>` for each value. `audio` is
    the name of the recording as it was given: put the address under which Label Studio finds it in
    its place, or predict in the folder that its local storage serves. If channels were predicted
    alone, `channel` in the data of a task numbers its channel.

    >>> import json
    >>> from serenade.inference import Segment, Timeline
    >>> part = Segment(0.5, 2.0, {"angry": 0.75, "sad": 0.25})
    >>> [task] = json.loads(to_label_studio([Timeline("a.wav", 3.0, ("angry", "sad"), (part,))]))
    >>> task["data"], task["predictions"][0]["result"][0]["value"]
    ({'audio': 'a.wav'}, {'start': 0.5, 'end': 2.0, 'labels': ['angry']})
    """
    return dump_json([_make_task(timeline) for timeline in timelines], indent=2)


def _make_task(timeline: Timeline) -> dict[str, object]:
    """Make a task; the score of its prediction is the mean probability over the speech."""
    prediction: dict[str, object] = {"model_version": "serenade"}
    if timeline.labels:
        score = sum(part.probability * (part.end - part.start) for part in timeline.segments)
        prediction["score"] = round(score / timeline.speech, 4) if timeline.segments else 0.0
    prediction["result"] = _list_regions(timeline) if timeline.labels else _list_values(timeline)
    channel = {"channel": timeline.channel} if timeline.channel else {}
    return {"data": {"audio": timeline.file, **channel}, "predictions": [prediction]}


def _list_regions(timeline: Timeline) -> Sequence[dict[str, object]]:
    """List the regions of a recording."""
    return [
        {
            "id": f"segment-{number}",
            "from_name": name,
            "to_name": "audio",
            "type": "labels",
            "original_length": round(timeline.duration, 3),
            "score": round(part.probability, 4),
            "value": {
                "start": round(part.start, 3),
                "end": round(part.end, 3),
                "labels": [label],
            },
        }
        for number, part in enumerate(timeline.segments, start=1)
        for name, label in (("emotion", part.emotion), ("speaker", part.speaker))
        if label
    ]


def _list_values(timeline: Timeline) -> Sequence[dict[str, object]]:
    """List the regions of a recording for each value."""
    return [
        {
            "id": f"segment-{number}",
            "from_name": name,
            "to_name": "audio",
            "type": "number",
            "original_length": round(timeline.duration, 3),
            "value": {
                "start": round(part.start, 3),
                "end": round(part.end, 3),
                "number": round(value, 4),
            },
        }
        for number, part in enumerate(timeline.segments, start=1)
        for name, value in part.values.items()
    ]
