"""`serenade predict`: its outputs, and what bad files do to it."""

import csv
import dataclasses
import io
import itertools
import json
import os
import shutil
import subprocess
import sys

import click
import numpy as np
import pytest
import soundfile
from support.model_folders import write_probe

from serenade.cli import _output
from serenade.inference import Segment, Timeline


@pytest.fixture
def bad(tmp_path):
    """Write a file that is not audio and one that is empty."""
    (tmp_path / "text.wav").write_text("no audio in here")
    (tmp_path / "empty.wav").touch()
    return tmp_path / "text.wav", tmp_path / "empty.wav"


def test_outputs_replace_no_input_and_not_each_other(run, example, tmp_path):
    (tmp_path / "man.csv").write_text(f"file,speaker\n{example},anna\n")
    shutil.copy(example, tmp_path / "a.flac")
    for arguments, problem in (
        (("man.csv", "--csv", "man.csv"), "--csv man.csv is an input"),
        (("a.flac", "--out", "a.flac", "--format", "json"), "--out a.flac is an input"),
        ((".", "--out", "a.flac", "--format", "json"), "--out a.flac is an input"),
        (("a.flac", "--csv", "b.csv", "--out", "b.csv"), "--csv and --out both write b.csv"),
        (("a.flac", "--out", ""), "--out is empty"),
    ):
        done = run("predict", *arguments)
        assert done.returncode == 2
        assert problem in done.stderr
    assert (tmp_path / "man.csv").read_text().startswith("file,speaker")
    assert (tmp_path / "a.flac").read_bytes() == example.read_bytes()


def test_a_closed_pipe_ends_the_lines_and_not_the_table(example, tmp_path):
    command = [sys.executable, "-m", "serenade", "predict", str(example), "--csv", "a.csv"]
    shutil.copy(example, tmp_path / "b.flac")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*command, "b.flac"],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("closed", "arguments", "status", "says"),
    [
        (0, ("predict", "-"), 1, "serenade: -: is empty (0 bytes)"),
        (0, ("listen", "--input", "-"), 0, ""),
        (1, ("predict", "example.flac"), 0, ""),
        (2, ("predict", "missing.wav"), 1, ""),
    ],
)
def test_closed_standard_streams_are_empty(example, tmp_path, closed, arguments, status, says):
    shutil.copy(example, tmp_path / "example.flac")
    command = [sys.executable, "-m", "serenade", *arguments]
    shell = ["sh", "-c", f'exec "$@" {closed}{"<" if closed == 0 else ">"}&-', "sh", *command]
    done = subprocess.run(shell, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == status
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("encoding", "no_color", "row"),
    [
        ("utf-8", "", "  \x1b[36m████████████\x1b[0m              50%"),
        ("utf-8", "1", "  ████████████              50%"),
        ("ascii", "1", "  ############              50%"),
    ],
)
def test_terminals_get_bars_in_colours_and_characters_that_they_have(
    monkeypatch, encoding, no_color, row
):
    shown = io.TextIOWrapper(io.BytesIO(), encoding, write_through=True)
    monkeypatch.setattr(shown, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdout", shown)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", no_color)
    shares = {"sad": 0.5, "fear": 0.3, "happy": 0.15, "angry": 0.05}
    parts = (Segment(0.0, 9.0, {**shares}), Segment(9.0, 31.0, {**shares, "happy": 0.9}))
    timeline = Timeline("a.wav", 40.0, tuple(shares), parts, uncertain_below=0.6)
    _output.print_prediction(dataclasses.replace(timeline.overall(), probabilities=shares), None)
    lines = shown.buffer.getvalue().decode().splitlines()
    assert lines[1] == f"  sad  {row}"
    assert "uncertain: no emotion reaches 60%" in lines[0]
    assert [click.unstyle(line).split(":")[0].strip() for line in lines[4:]] == [
        *("based on", "share of time", "strongest", "in thirds")
    ]
    odd = dataclasses.replace(timeline.overall(), probabilities={"\x1b]0;pwned\x07sad": 1.0})
    _output.print_prediction(odd, None, column=5)
    row = shown.buffer.getvalue().decode().splitlines()[-1]
    assert row.count("\\x1b]0;pwned\\x07sad") == 2
    assert click.unstyle(row).isprintable()


def test_strict_counts_the_files_of_other_formats(run, example, tmp_path):
    """A file that looks like a recording is never left out without a message."""
    shutil.copy(example, tmp_path / "good.wav")
    names = ("a.m4a", "b.webm", "c.mp4", "d.amr", "e.3gp", "f.wma", "g.aac", "h.sph", "i.MOV")
    for name in names:
        (tmp_path / name).write_bytes(b"no recording")
    done = run("predict", tmp_path, "--strict")
    assert done.returncode == 1
    assert all(name in done.stderr for name in names)


def test_embed_writes_a_row_for_each_recording(run, example, tmp_path):
    (tmp_path / "bad.wav").write_text("no audio in here")
    shutil.copy(example, tmp_path / "good.flac")
    done = run("embed", tmp_path, "--out", tmp_path / "x.npy")
    assert done.returncode == 0
    assert "bad.wav" in done.stderr
    assert np.load(tmp_path / "x.npy").shape[0] == 1
    assert (tmp_path / "x.txt").read_text("utf-8") == f"{tmp_path / 'good.flac'}\n"
    done = run("embed", tmp_path, "--out", tmp_path / "x.xyz")
    assert done.returncode == 1
    assert "embeddings are written as .npy or .parquet" in done.stderr
    assert "give --out, --plot or both" in run("embed", tmp_path).stderr
    missing = run("embed", tmp_path / "good.flac", "--out", tmp_path / "x.npy", "--channel", "2")
    assert "has 1 channel" in missing.stderr


def test_embed_draws_recordings_coloured_by_a_column(run, example, tmp_path):
    samples, rate = soundfile.read(example, dtype="float32")
    lines = ["file,style"]
    for number in range(5):
        soundfile.write(tmp_path / f"{number}.wav", samples[: (number + 3) * rate], rate)
        lines.append(f"{number}.wav,{'even' if number % 2 == 0 else 'odd'}")
    manifest = tmp_path / "clips.csv"
    manifest.write_text("\n".join(lines), encoding="utf-8")
    done = run("embed", manifest, "--plot", tmp_path / "x.svg", "--colour", "style")
    assert done.returncode == 0, done.stderr
    figure = (tmp_path / "x.svg").read_text("utf-8")
    assert all(f"<!-- {word} -->" in figure for word in ("t-SNE", "even", "odd"))
    wrong = run("embed", manifest, "--plot", tmp_path / "x.svg")
    assert "no column emotion" in wrong.stderr


def test_json(run, example):
    done = run("predict", "--json", example)
    (entry,) = json.loads(done.stdout)
    assert done.returncode == 0
    assert done.stderr == ""
    assert list(entry) == [
        "file",
        "duration",
        "emotion",
        "probability",
        "probabilities",
        "uncertain",
        "speech",
    ]
    assert entry["file"] == str(example)
    assert entry["duration"] > 5
    assert entry["probability"] == max(entry["probabilities"].values())
    assert sum(entry["probabilities"].values()) == pytest.approx(1, abs=1e-3)


def test_lines_for_people(run, example):
    done = run("predict", "--timeline", example)
    first, *segments = done.stdout.splitlines()
    assert first.startswith(f"{example}: ")
    assert len(segments) >= 2
    assert segments[0].split()[:4] == ["0.0", "-", segments[0].split()[2], "s"]


def test_json_with_a_timeline(run, example):
    (entry,) = json.loads(run("predict", "--timeline", "--hop", "2", "--json", example).stdout)
    segments = entry["segments"]
    assert segments[0]["start"] == 0
    assert list(segments[0]) == ["start", "end", "emotion", "probability", "probabilities"]
    assert all(one["end"] <= other["start"] for one, other in itertools.pairwise(segments))


@pytest.mark.parametrize(
    ("name", "format_", "start"),
    [("a.vtt", (), "WEBVTT"), ("a.txt", ("--format", "textgrid"), 'File type = "ooTextFile"')],
)
def test_timelines_are_written(run, example, tmp_path, name, format_, start):
    done = run("predict", example, "--out", tmp_path / name, *format_)
    assert done.returncode == 0
    assert (tmp_path / name).read_text("utf-8").startswith(start)


def test_several_timelines_go_into_a_folder(run, example, tmp_path):
    shutil.copy(example, tmp_path / "other.flac")
    run("predict", example, "other.flac", "--out", "grids", "--format", "textgrid")
    names = sorted(path.name for path in (tmp_path / "grids").iterdir())
    assert names == ["example.TextGrid", "other.TextGrid"]
    run("predict", example, "other.flac", "--out", "db", "--format", "audformat")
    assert (tmp_path / "db" / "db.yaml").is_file()


def test_plot(run, example, tmp_path):
    pytest.importorskip("matplotlib")
    done = run("predict", example, "--plot", tmp_path / "a.png")
    assert done.returncode == 0
    assert (tmp_path / "a.png").stat().st_size > 5000
    refused = run("predict", example, "--plot", tmp_path / "a.gif")
    assert "end the name with .png, .svg or .pdf" in refused.stderr
    assert refused.stdout == ""  # before the analysis


def test_predict_takes_a_channel(run, example, tmp_path):
    pytest.importorskip("matplotlib")
    speech, rate = soundfile.read(example)
    soundfile.write(tmp_path / "call.wav", np.stack([speech[::-1], speech], axis=1), rate)
    (alone,) = json.loads(run("predict", example, "--timeline", "--json").stdout)
    options = ("--timeline", "--json", "--enrol", "self", "--plot", tmp_path / "call.png")
    (found,) = json.loads(run("predict", "call.wav", "--channel", "right", *options).stdout)
    assert found["probabilities"] == alone["probabilities"]
    assert found["segments"] == alone["segments"]
    assert (tmp_path / "call.png").is_file()
    absent = run("predict", "call.wav", "--channel", "3")
    assert absent.returncode == 1
    assert "call.wav: has 2 channels and no channel 3; choose a channel" in absent.stderr
    assert run("predict", "call.wav", "--channel", "both").returncode == 2


def test_enrolment_is_said(run, example, tmp_path):
    (tmp_path / "voice").mkdir()
    shutil.copy(example, tmp_path / "voice" / "normal.flac")
    first = run("predict", example, "--enrol", "voice").stdout.splitlines()[0]
    assert "enrolled: neutral speech, " in first
    (entry,) = json.loads(run("predict", example, "--enrol", "self", "--json").stdout)
    assert entry["enrolment"].startswith("none, ")
    assert "to enrol itself" in entry["enrolment"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--hop", "3", "--window", "2"), "leaves gaps"),
        (("--format", "json"), "name the file or folder"),
        (("--out", "a.xyz"), "no format has that suffix"),
        (("--plot", "a.png", "--enrol", "empty"), "no recordings in empty"),
        (("--enrol", "self", "--enrol", "empty"), "cannot be combined with another"),
        (("--csv", "t.xlsx"), "name it t.csv"),
        (("--json", "--csv", "-"), "both print to standard output"),
    ],
)
def test_options_that_do_not_go(run, example, tmp_path, options, says):
    (tmp_path / "empty").mkdir()
    done = run("predict", example, *options)
    assert done.returncode != 0
    assert says in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_csv(run, example, tmp_path):
    done = run("predict", "--csv", tmp_path / "out.csv", example)
    (row,) = csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text("utf-8")))
    assert done.returncode == 0
    assert row["file"] == str(example)
    assert float(row[row["emotion"]]) == pytest.approx(float(row["probability"]), abs=1e-4)
    (entry,) = json.loads(run("predict", "--json", example).stdout)
    assert row["uncertain"] == str(entry["uncertain"])
    piped = run("predict", "--csv", "-", example)
    assert piped.stdout == (tmp_path / "out.csv").read_text("utf-8")


def test_bad_files_are_a_line_each(run, bad, example):
    done = run("predict", "--json", *bad, example)
    assert done.returncode == 0
    assert len(json.loads(done.stdout)) == 1
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    for line, file in zip(lines, bad, strict=True):
        assert line.startswith(f"serenade: {file}: ")
    assert "0 bytes" in lines[1]


def test_strict_and_nothing_left_are_failures(run, bad, example):
    assert run("predict", "--strict", bad[0], example).returncode == 1
    assert run("predict", bad[0]).returncode == 1
    assert run("predict", bad[0], example).returncode == 0


def test_a_folder_with_one_bad_file_among_ten(run, bad, example, tmp_path):
    folder = tmp_path / "ten"
    folder.mkdir()
    for number in range(9):
        shutil.copy(example, folder / f"{number}.flac")
    shutil.copy(bad[0], folder / "bad.wav")
    done = run("predict", "--json", folder)
    assert done.returncode == 0
    assert len(json.loads(done.stdout)) == 9
    line, advice = done.stderr.splitlines()
    assert "bad.wav" in line
    assert "--adapt would adapt the model to the voices and places of these 9" in advice
    assert run("predict", "--json", "--strict", folder).returncode == 1


def test_an_empty_folder_says_so(run, tmp_path):
    (tmp_path / "none").mkdir()
    done = run("predict", "--json", tmp_path / "none")
    assert done.returncode == 1
    assert json.loads(done.stdout) == []
    assert "no recordings" in done.stderr


def test_a_folder_that_is_no_model(run, example, tmp_path):
    done = run("predict", "--model", tmp_path, example)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"serenade: {tmp_path}: not a model folder")
    assert "Traceback" not in done.stderr


def test_licence_refuses_weights_that_exclude_commercial_use(run, example):
    done = run("predict", example, "--licence", "commercial")
    assert done.returncode == 1
    assert "not known to allow commercial use; use the model 'commercial'" in done.stderr
    done = run("predict", example, "--licence", "commercial", "--model", "commercial", "--json")
    assert done.returncode == 0, done.stderr
    assert "surprise" not in json.loads(done.stdout)[0]["probabilities"]
    done = run("predict", example, "--licence", "commercial", "--model", "arousal")
    assert done.returncode == 1
    assert "arousal: its licence (CC-BY-NC-SA-4.0) is not known to allow" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("embed", "example.flac", "--out", "x.npy"),
        ("listen", "--input", "-"),
        ("serve", "--port", "0"),
    ],
)
def test_other_commands_refuse_such_weights_too(run, example, tmp_path, arguments):
    shutil.copy(example, tmp_path / "example.flac")
    done = run(*arguments, "--licence", "commercial")
    assert done.returncode == 1
    assert "not known to allow commercial use; use the model 'commercial'" in done.stderr


def test_the_model_of_arousal_gives_a_value_and_states_derived_labels(run, example):
    done = run("predict", example, "--model", "arousal", "--json")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)
    assert "probabilities" not in found
    assert set(found["values"]) == {"arousal"}
    assert -1 < found["values"]["arousal"] < 1
    assert "serenade: the labels of arousal are derived: mean arousal" in done.stderr


def test_adapt_states_the_recordings_and_the_expectation(run, example, tmp_path):
    for number in range(2):
        shutil.copy(example, tmp_path / f"{number}.flac")
    done = run("predict", ".", "--adapt=mixed", "--json")
    entries = json.loads(done.stdout)
    assert [(entry["adapted_to"], entry["assumed"]) for entry in entries] == [(4, "mixed")] * 2
    lines = run("predict", ".", "--adapt-by", "folder", "--adapt").stdout
    assert lines.count("adapted to 4 utterances, unknown expected") == 2
    probe = run("predict", ".", "--adapt", "--model", write_probe(tmp_path / "probe"))
    assert "has no model of places" in probe.stderr
    both = run("predict", ".", "--adapt", "--enrol", example)
    assert "--adapt cannot be combined with --enrol" in both.stderr


def test_adapt_by_channel_predicts_and_adapts_each_channel_alone(run, example, tmp_path):
    samples, rate = soundfile.read(example)
    short = samples[: 6 * rate]
    for number in range(2):
        stereo = np.stack([short, 0.5 * np.roll(short, (1 + number) * rate)], axis=1)
        soundfile.write(tmp_path / f"{number}.flac", stereo, rate)
    soundfile.write(tmp_path / "mono.flac", short, rate)
    chosen = ("--adapt", "--adapt-by", "channel")
    done = run("predict", ".", *chosen, "--csv", "-", "--out", "out", "--format", "rttm")
    table = list(csv.DictReader(io.StringIO(done.stdout)))
    found = dict.fromkeys((row["file"], row["channel"], row["assumed"]) for row in table)
    channels = [(f"{number}.flac", channel, "unknown") for number in "01" for channel in "12"]
    assert list(found) == [*channels, ("mono.flac", "0", "")], done.stderr
    assert "SPEAKER 1 2 " in (tmp_path / "out" / "1-channel2.rttm").read_text("utf-8")
    assert not (tmp_path / "out" / "mono-channel0.rttm").exists()
    for excess in (("--channel", "left"), ("--format", "audformat", "--out", "a")):
        assert f"leave out {' '.join(excess[:2])}" in run("predict", ".", *chosen, *excess).stderr
    assert "add --adapt" in run("predict", ".", "--adapt-by", "folder").stderr


def test_speakers_are_named_by_voice_or_by_channel(run, example, tmp_path):
    samples, rate = soundfile.read(example)
    soundfile.write(tmp_path / "call.wav", np.stack([samples, samples[::-1]], axis=1), rate)
    by_channel = run("predict", "call.wav", "--speakers", "channels", "--csv", "-")
    table = list(csv.DictReader(io.StringIO(by_channel.stdout)))
    assert {row["speaker"] for row in table} == {"left", "right"}, by_channel.stderr
    by_voice = run("predict", "call.wav", "--speakers", "1", "--adapt", "--channel", "left")
    assert "speaker 1: " in by_voice.stdout, by_voice.stderr
    for wrong in ("--speakers", "none"), ("--speakers", "channels", "--channel", "left"):
        assert run("predict", "call.wav", *wrong).returncode == 2
    grouped = run("predict", "call.wav", example, "--adapt", "--adapt-by", "auto", "--json")
    assert len(json.loads(grouped.stdout)) == 2, grouped.stderr


def test_adapt_by_speaker_takes_the_speakers_of_a_manifest(run, example, tmp_path):
    for number in range(4):
        shutil.copy(example, tmp_path / f"{number}.flac")
    rows = "0.flac,ann\n1.flac,ann\n2.flac,bob\n3.flac,\n"
    (tmp_path / "calls.csv").write_text("file,speaker\n" + rows, "utf-8")
    done = run("predict", "calls.csv", "--adapt", "--adapt-by", "speaker", "--csv", "-")
    table = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["file"] for row in table] == [f"{number}.flac" for number in range(4)]
    assert [bool(int(row["adapted_to"])) for row in table] == [True, True, False, False]
    assert [row["assumed"] for row in table] == ["unknown", "unknown", "", ""]
    refused = run("predict", "0.flac", "--adapt", "--adapt-by", "speaker")
    assert "give a manifest" in refused.stderr
    alone = run("predict", "0.flac", "--adapt", "--adapt-by", "recording", "--timeline", "--json")
    (entry,) = json.loads(alone.stdout)
    assert (entry["adapted_to"] > 0, entry["assumed"]) == (True, "unknown")
    assert entry["segments"]
