"""Text formats, read back by the libraries that users have."""

import csv
import dataclasses
import io
import json
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serenade._printable import to_printable
from serenade.inference import (
    Prediction,
    Segment,
    Timeline,
    to_audacity,
    to_csv,
    to_elan,
    to_json,
    to_label_studio,
    to_rttm,
    to_srt,
    to_textgrid,
    to_webvtt,
)
from serenade.inference.formats._audformat_database import write_audformat

LABELS = ("愤怒", 'sad "blue"', "q<&>")


def made(spans, duration=4000.25, file="a b/ü,c.wav"):
    rng = np.random.default_rng(0)
    parts = [
        Segment(start, end, dict(zip(LABELS, rng.dirichlet([1, 1, 1]).tolist(), strict=True)))
        for start, end in spans
    ]
    return Timeline(file, duration, LABELS, tuple(parts))


TIMELINES = {
    "usual": made([(0.0, 1.032), (1.032, 2.5), (3.0, 3999.999)]),
    "whole": made([(0.0, 4000.25)]),
    "empty": made([]),
}


SPOKEN = Timeline(
    "calls/a.wav",
    6.0,
    LABELS,
    tuple(
        dataclasses.replace(part, speaker=name)
        for part, name in zip(
            made([(0.5, 2.0), (1.5, 3.0), (4.0, 5.0)]).segments,
            ("speaker 1", "speaker 2", "speaker 1"),
            strict=True,
        )
    ),
)
"""Timeline of two speakers, who overlap."""


@pytest.fixture(params=TIMELINES)
def timeline(request):
    return TIMELINES[request.param]


def of(timeline):
    shares = dict.fromkeys(LABELS, 1 / 3)
    return Prediction(timeline.file, timeline.duration, shares), timeline


def test_to_rttm_and_to_audacity_are_read_back(timeline):
    rows = [line.split(" ") for line in to_rttm(timeline).splitlines()]
    marks = [line.split("\t") for line in to_audacity(timeline).splitlines()]
    assert len(rows) == len(marks) == len(timeline.segments)
    for row, mark, segment in zip(rows, marks, timeline.segments, strict=True):
        assert [*row[:3], *row[5:7], row[9]] == ["SPEAKER", "ü,c", "1", "<NA>", "<NA>", "<NA>"]
        assert [float(row[3]), float(row[3]) + float(row[4])] == pytest.approx(
            [segment.start, segment.end], abs=1.1e-3
        )
        assert row[7] == segment.emotion.replace(" ", "_")
        assert [float(time) for time in mark[:2]] == pytest.approx([segment.start, segment.end])
        assert mark[2].startswith(segment.emotion)


ELAN_PARTS = {  # of the published schema: attributes that each element needs
    "ANNOTATION_DOCUMENT": {"AUTHOR", "DATE", "VERSION"},
    "MEDIA_DESCRIPTOR": {"MEDIA_URL", "MIME_TYPE"},
    "TIME_SLOT": {"TIME_SLOT_ID"},
    "TIER": {"TIER_ID", "LINGUISTIC_TYPE_REF"},
    "ALIGNABLE_ANNOTATION": {"ANNOTATION_ID", "TIME_SLOT_REF1", "TIME_SLOT_REF2"},
    "LINGUISTIC_TYPE": {"LINGUISTIC_TYPE_ID"},
}
ELAN_ORDER = ["HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE"]


def test_to_elan_has_the_structure_of_the_schema(timeline):
    root = ET.fromstring(to_elan(timeline))
    assert list(dict.fromkeys(child.tag for child in root)) == ELAN_ORDER
    for element in root.iter():
        assert element.attrib.keys() >= ELAN_PARTS.get(element.tag, set())
    slots = [slot.get("TIME_SLOT_ID") for slot in root.iter("TIME_SLOT")]
    notes = list(root.iter("ALIGNABLE_ANNOTATION"))
    names = slots + [note.get("ANNOTATION_ID") for note in notes]
    assert len(names) == len(set(names))
    assert {note.get(f"TIME_SLOT_REF{end}") for note in notes for end in (1, 2)} <= set(slots)
    types = {one.get("LINGUISTIC_TYPE_ID") for one in root.iter("LINGUISTIC_TYPE")}
    assert {tier.get("LINGUISTIC_TYPE_REF") for tier in root.iter("TIER")} == types


@given(st.text(min_size=1), st.text(min_size=1))
def test_to_elan_is_a_document_with_any_names(label, speaker):
    part = Segment(0.5, 2.0, {label: 1.0}, speaker=speaker)
    root = ET.fromstring(to_elan(Timeline(f"{label}.wav", 3.0, (label,), (part,))))
    assert root.findtext("TIER/ANNOTATION/ALIGNABLE_ANNOTATION/ANNOTATION_VALUE") == to_printable(
        label
    )
    assert {tier.get("PARTICIPANT") for tier in root.iter("TIER")} == {to_printable(speaker)}


def test_to_elan_is_read_back_by_pympi(timeline, tmp_path):
    elan = pytest.importorskip("pympi.Elan")
    path = tmp_path / "a.eaf"
    path.write_text(to_elan(timeline), "utf-8")
    document = elan.Eaf(path)
    tiers = ["emotion", *(f"probability {label}" for label in LABELS)]
    assert sorted(document.get_tier_names()) == sorted(tiers)
    found = sorted(document.get_annotation_data_for_tier("emotion"))
    parts = timeline.segments
    assert found == [(round(1000 * p.start), round(1000 * p.end), p.emotion) for p in parts]
    shares = sorted(document.get_annotation_data_for_tier(tiers[1]))
    assert [float(text) for *_, text in shares] == pytest.approx(
        [part.probabilities[LABELS[0]] for part in parts], abs=1e-4
    )


def test_to_label_studio_makes_regions_of_the_labels(timeline):
    [task] = json.loads(to_label_studio([timeline]))
    assert task["data"] == {"audio": timeline.file}
    [prediction] = task["predictions"]
    assert 0 <= prediction["score"] <= 1
    assert len({region["id"] for region in prediction["result"]}) == len(timeline.segments)
    for region, segment in zip(prediction["result"], timeline.segments, strict=True):
        assert (region["from_name"], region["to_name"], region["type"]) == (
            *("emotion", "audio", "labels"),
        )
        assert region["value"]["labels"] == [segment.emotion]
        assert [region["value"][end] for end in ("start", "end")] == pytest.approx(
            [segment.start, segment.end], abs=1e-3
        )


def test_to_json_is_read_back(timeline):
    ((entry,), (bare,)) = (
        json.loads(to_json([r])) for r in (of(timeline), (of(timeline)[0], None))
    )
    assert "segments" not in bare
    assert entry["file"] == timeline.file
    for found, segment in zip(entry["segments"], timeline.segments, strict=True):
        assert found["emotion"] == segment.emotion
        assert found["start"] == pytest.approx(segment.start, abs=5e-4)
        assert found["probabilities"] == pytest.approx(segment.probabilities, abs=5e-5)


def test_to_csv_is_read_back(timeline):
    file = io.StringIO(newline="")
    to_csv([of(timeline), of(timeline)], LABELS, file, timeline=True)
    rows = list(csv.DictReader(io.StringIO(file.getvalue(), newline="")))
    assert len(rows) == 2 * len(timeline.segments)
    for row, segment in zip(rows, timeline.segments * 2, strict=True):
        assert (row["file"], row["emotion"]) == (timeline.file, segment.emotion)
        assert float(row["end"]) == pytest.approx(segment.end, abs=5e-4)
        for label in LABELS:
            assert float(row[label]) == pytest.approx(segment.probabilities[label], abs=5e-5)


def test_to_textgrid_is_read_by_praat(timeline, tmp_path):
    parselmouth = pytest.importorskip("parselmouth")
    path = tmp_path / "a.TextGrid"
    path.write_text(to_textgrid(timeline), "utf-8")
    grid = parselmouth.read(str(path))
    call = parselmouth.praat.call
    assert grid.xmax == pytest.approx(timeline.duration)
    assert call(grid, "Get number of tiers") == 1 + len(LABELS)
    for tier, name in enumerate(("emotion", *LABELS), start=1):
        assert call(grid, "Get tier name", tier) == name
        texts = []
        for number in range(1, call(grid, "Get number of intervals", tier) + 1):
            text = call(grid, "Get label of interval", tier, number)
            if text:
                texts.append(
                    (
                        call(grid, "Get start time of interval", tier, number),
                        call(grid, "Get end time of interval", tier, number),
                        text,
                    )
                )
        for (start, end, text), segment in zip(texts, timeline.segments, strict=True):
            assert (start, end) == pytest.approx((segment.start, segment.end), abs=1e-6)
            if name == "emotion":
                assert text == segment.emotion
            else:
                assert float(text) == pytest.approx(segment.probabilities[name], abs=5e-5)


def test_to_webvtt_is_read_by_webvtt(timeline):
    webvtt = pytest.importorskip("webvtt")
    captions = list(webvtt.from_string(to_webvtt(timeline)))
    for caption, segment in zip(captions, timeline.segments, strict=True):
        assert caption.start_in_seconds == int(segment.start)
        assert caption.end.endswith(f"{round(segment.end * 1000) % 1000:03d}")
        escaped = segment.emotion.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        assert caption.text in {
            f"{escaped} {segment.probability:.0%}",
            f"{segment.emotion} {segment.probability:.0%}",
        }


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # audformat beside the newest pandas
def test_write_audformat_is_read_by_audformat(timeline, tmp_path):
    audformat = pytest.importorskip("audformat")
    write_audformat([timeline], LABELS, tmp_path / "db", licence="CC-BY-NC-SA-4.0")
    database = audformat.Database.load(tmp_path / "db")
    assert "CC-BY-NC-SA-4.0" in database.description
    assert database.schemes["emotion"].labels == list(LABELS)
    frame = database["segments"].get()
    assert audformat.is_segmented_index(frame.index)
    assert len(frame) == len(timeline.segments)
    for ((file, start, end), row), segment in zip(frame.iterrows(), timeline.segments, strict=True):
        assert file == timeline.file
        assert start.total_seconds() == pytest.approx(segment.start, abs=1e-6)
        assert end.total_seconds() == pytest.approx(segment.end, abs=1e-6)
        assert row["emotion"] == segment.emotion
        for label in LABELS:
            assert row[f"probability.{label}"] == pytest.approx(
                segment.probabilities[label], abs=1e-6
            )


def test_text_formats_name_the_speaker_of_each_segment():
    names = [part.speaker for part in SPOKEN.segments]
    lines = to_rttm(SPOKEN).splitlines()
    assert [line.split(" ")[7] for line in lines] == [name.replace(" ", "_") for name in names]
    assert lines[0].split(" ")[6] == SPOKEN.segments[0].emotion.replace(" ", "_")
    assert [line.split("\t")[2].split(":")[0] for line in to_audacity(SPOKEN).splitlines()] == names
    assert [line.split(":")[0] for line in to_srt(SPOKEN).splitlines()[2::4]] == names
    assert [line[3:12] for line in to_webvtt(SPOKEN).splitlines() if line[:3] == "<v "] == names
    file = io.StringIO(newline="")
    to_csv([of(SPOKEN)], LABELS, file, timeline=True)
    assert [row["speaker"] for row in csv.DictReader(io.StringIO(file.getvalue()))] == names
    ((entry,),) = (json.loads(to_json([of(SPOKEN)])),)
    assert [part["speaker"] for part in entry["segments"]] == names
    [task] = json.loads(to_label_studio([SPOKEN]))
    regions = task["predictions"][0]["result"]
    found = [each for each in regions if each["from_name"] == "speaker"]
    assert [each["value"]["labels"] for each in found] == [[name] for name in names]
    assert len({each["id"] for each in regions}) == len(names)


def test_tiers_and_tables_have_the_speakers(tmp_path):
    test_to_elan_has_the_structure_of_the_schema(SPOKEN)
    tiers = ET.fromstring(to_elan(SPOKEN)).findall("TIER")
    held = {tier.get("TIER_ID"): len(tier) for tier in tiers}
    assert (held["speaker 1 emotion"], held["speaker 2 emotion"]) == (2, 1)
    assert {tier.get("PARTICIPANT") for tier in tiers} == {"speaker 1", "speaker 2"}
    grid = to_textgrid(SPOKEN)
    assert f"size = {2 * (1 + len(LABELS))}" in grid
    assert 'name = "speaker 2 emotion"' in grid
    write_audformat([SPOKEN], LABELS, tmp_path)
    table = (tmp_path / "db.segments.csv").read_text("utf-8")
    assert [row["speaker"] for row in csv.DictReader(io.StringIO(table))] == [
        part.speaker for part in SPOKEN.segments
    ]
    assert "speaker" in json.loads((tmp_path / "db.yaml").read_text("utf-8"))["schemes"]


@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_formats_of_several_recordings_tell_channels_apart(tmp_path):
    one = made([(0.0, 1.5), (2.0, 3.0)])
    pair = [dataclasses.replace(one, channel=channel) for channel in (1, 2)]
    tasks = [task["data"] for task in json.loads(to_label_studio(pair))]
    assert tasks == [{"audio": one.file, "channel": channel} for channel in (1, 2)]
    audformat = pytest.importorskip("audformat")
    written = write_audformat(pair, LABELS, tmp_path)
    names = ["db.yaml", "db.segments.csv", "db.segments-2.csv"]
    assert [path.name for path in written] == names
    database = audformat.Database.load(tmp_path)
    for table, channel in (("segments", 1), ("segments-2", 2)):
        frame = database[table].get()
        assert not frame.index.has_duplicates
        assert frame["channel"].tolist() == [channel] * 2


def test_to_srt_escapes_characters_that_control_a_terminal():
    timeline = Timeline("a.wav", 3.0, ("sad\x1b[2J\n",), (Segment(0, 1, {"sad\x1b[2J\n": 1.0}),))
    assert to_srt(timeline).splitlines()[2:] == ["sad\\x1b[2J\\n 100%"]
