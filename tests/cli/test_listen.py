"""`serenade listen`, from a pipe."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from serenade import load
from serenade.audio import read
from serenade.cli import _output
from serenade.inference import Update


@pytest.fixture
def listen(tmp_path):
    """Run `serenade listen …` on samples."""

    def running(content, *arguments):
        done = subprocess.run(
            [sys.executable, "-m", "serenade", "listen", *map(str, arguments)],
            input=content,
            capture_output=True,
            check=False,
            env=os.environ | {"SERENADE_CACHE": str(tmp_path / "cache")},
        )
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    return running


@pytest.fixture(scope="module")
def pcm(example):
    return np.round(read(example).signal[: 6 * 16000] * 32767).astype("<i2")


def test_a_pipe_is_judged_as_the_file_is(listen, pcm):
    status, out, err = listen(pcm.tobytes(), "--input", "-", "--json")
    assert (status, err) == (0, "")
    updates = [json.loads(line) for line in out.splitlines()]
    assert updates[-1]["speaking"] is False
    found = [segment for update in updates for segment in update["segments"]]
    expected = [segment.to_dict() for segment in load().timeline(pcm, 16000).segments]
    assert [(s["start"], s["end"], s["emotion"]) for s in found] == [
        (s["start"], s["end"], s["emotion"]) for s in expected
    ]


def test_lines_for_people_are_the_segments(listen, pcm):
    status, out, _ = listen(pcm.tobytes(), "--input", "-")
    assert status == 0
    assert len(out.splitlines()) == len(load().timeline(pcm, 16000).segments)
    assert "\x1b" not in out


def test_enrol_names_a_folder_without_recordings(listen, pcm, tmp_path):
    status, _, err = listen(pcm.tobytes(), "--input", "-", "--enrol", tmp_path)
    assert status == 2
    assert f"--enrol: no recordings in {tmp_path}" in " ".join(err.split())


def test_another_rate(listen, pcm):
    status, out, _ = listen(np.repeat(pcm, 2).tobytes(), "--input", "-", "--rate", 32000, "--json")
    assert status == 0
    assert json.loads(out.splitlines()[-1])["end"] <= 6.001


def test_silence_and_nothing_say_nothing(listen):
    for content in (b"\x01", bytes(64_001)):
        assert listen(content, "--input", "-", "--json") == (0, "", "")


def test_no_microphone_is_one_line(listen):
    status, _, err = listen(b"", "--device", "there is no such microphone")
    assert status == 1
    (line,) = err.splitlines()
    assert "--input -" in line or "serenade[listen]" in line


@pytest.mark.parametrize(("value", "bold"), [("", True), ("1", False)])
def test_live_bars_follow_no_color(monkeypatch, value, bold):
    monkeypatch.setenv("NO_COLOR", value)
    update = Update(0.0, 2.0, speaking=True, probabilities={"angry": 0.9, "sad": 0.1})
    assert ("\x1b[1m" in _output._draw_bars(update)) == bold


def test_live_bars_escape_names(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    odd = "\x1b]0;pwned\x07angry"
    for update in (
        Update(0.0, 2.0, speaking=True, probabilities={odd: 0.9, "sad": 0.1}),
        Update(0.0, 2.0, speaking=True, probabilities={}, values={odd: 0.5}),
    ):
        drawn = _output._draw_bars(update)
        assert drawn.startswith("  \\x1b]0;pwned\\x07angry ")
        assert drawn.isprintable()
