"""`serenade predict`: its outputs, and what bad files do to it."""

import csv
import io
import json
import shutil

import pytest


@pytest.fixture
def bad(tmp_path):
    """A file that is not audio and one that is empty."""
    (tmp_path / "text.wav").write_text("no audio in here")
    (tmp_path / "empty.wav").touch()
    return tmp_path / "text.wav", tmp_path / "empty.wav"


def test_json(run, example):
    done = run("predict", "--json", example)
    (entry,) = json.loads(done.stdout)
    assert done.returncode == 0
    assert done.stderr == ""
    assert list(entry) == ["file", "duration", "emotion", "probability", "probabilities"]
    assert entry["file"] == str(example)
    assert entry["duration"] > 5
    assert entry["probability"] == max(entry["probabilities"].values())
    assert sum(entry["probabilities"].values()) == pytest.approx(1, abs=1e-3)


def test_lines_for_people(run, example):
    done = run("predict", "--timeline", example)
    first, *windows = done.stdout.splitlines()
    assert first.startswith(f"{example}: ")
    assert len(windows) > 5
    assert windows[0].split()[:4] == ["0.0", "-", "3.0", "s"]


def test_json_with_a_timeline(run, example):
    (entry,) = json.loads(run("predict", "--timeline", "--hop", "2", "--json", example).stdout)
    assert [window["start"] for window in entry["windows"][:3]] == [0, 2, 4]


def test_csv(run, example, tmp_path):
    done = run("predict", "--csv", tmp_path / "out.csv", example)
    (row,) = csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text("utf-8")))
    assert done.returncode == 0
    assert row["file"] == str(example)
    assert float(row[row["emotion"]]) == pytest.approx(float(row["probability"]), abs=1e-4)
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
    (line,) = done.stderr.splitlines()
    assert "bad.wav" in line
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
