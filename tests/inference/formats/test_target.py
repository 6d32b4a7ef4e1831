"""`Target`: files and folders of timelines."""

import dataclasses
import json

import pytest

from serenade.errors import SerenadeError
from serenade.inference import Target


@pytest.fixture(scope="module")
def result(model, example):
    timeline = model.timeline(example)
    return timeline.overall(), timeline


@pytest.mark.parametrize(
    ("name", "format_", "chosen", "start"),
    [
        ("a.json", None, "json", "["),
        ("a.CSV", None, "csv", "file,duration,start,end,emotion"),
        ("a.TextGrid", None, "textgrid", 'File type = "ooTextFile"'),
        ("a.vtt", None, "webvtt", "WEBVTT\n\nNOTE "),
        ("a.txt", "webvtt", "webvtt", "WEBVTT"),
        ("a.srt", None, "srt", "1\n00:00:"),
        ("a.rttm", None, "rttm", "SPEAKER example 1 "),
        ("a.txt", None, "audacity", "0."),
        ("a.eaf", None, "elan", '<?xml version="1.0"'),
        ("a.json", "label-studio", "label-studio", "["),
    ],
)
def test_target_takes_the_format_of_the_suffix(
    model, result, tmp_path, name, format_, chosen, start
):
    target = Target.of(tmp_path / "new" / name, format_)
    assert target.format == chosen
    (path,) = target.write([result], model)
    assert path.read_text("utf-8").startswith(start)


def test_target_writes_a_file_for_each_recording(model, result, tmp_path):
    written = Target.of(tmp_path / "grids", "textgrid").write([result, result], model)
    assert [path.name for path in written] == ["example.TextGrid", "example-2.TextGrid"]
    assert all(path.parent == tmp_path / "grids" for path in written)
    (path,) = Target.of(tmp_path / "all.json").write([result, result], model)
    assert len(json.loads(path.read_text("utf-8"))) == 2


def test_target_writes_one_recording_into_a_folder(model, result, tmp_path):
    (path,) = Target.of(tmp_path, "webvtt").write([result], model)
    assert path == tmp_path / "example.vtt"


def test_target_writes_audformat_as_a_folder(model, result, tmp_path):
    written = Target.of(tmp_path / "db", "audformat").write([result], model)
    assert [path.name for path in written] == ["db.yaml", "db.segments.csv"]
    assert all(path.is_file() for path in written)


def test_target_explains_unknown_suffixes_and_failed_writes(model, result, tmp_path):
    with pytest.raises(SerenadeError, match=r"a\.xyz: no format has that suffix; use \.json"):
        Target.of("a.xyz")
    with pytest.raises(SerenadeError, match=r"^no format 'nope'; choose from json, csv, textgrid"):
        Target.of("a.vtt", "nope")
    (tmp_path / "file").touch()
    with pytest.raises(SerenadeError, match="cannot be written"):
        Target.of(tmp_path / "file" / "a.json").write([result], model)


def test_each_recording_gets_a_file_whatever_its_name_and_the_others(result, model, tmp_path):
    prediction, timeline = result
    long = dataclasses.replace(timeline, file="ä" * 125 + ".wav", channel=2)
    results = [(prediction, long), (prediction, long), (prediction, timeline)]
    target = Target.of(tmp_path / "grids", "textgrid")
    written = target.write(results, model)
    assert [path.name[-12:] for path in written[:2]] == ["el2.TextGrid", "2-2.TextGrid"]
    assert all(path.read_text("utf-8") for path in written)
    # Of two recordings, one gave no timeline.
    (path,) = Target.of(tmp_path / "folder", "textgrid").write([result], model, recordings=2)
    assert path.parent == tmp_path / "folder"
