"""The committed example is what its script makes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script():
    place = ROOT / "scripts" / "make_example.py"
    spec = importlib.util.spec_from_file_location("make_example", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_script_makes_the_committed_samples(script):
    committed, rate = soundfile.read(script.PATH, dtype="int16")
    signal, _ = script.make()
    assert rate == script.RATE
    np.testing.assert_array_equal(signal, committed)


def test_the_example_is_small_and_its_emotion_changes(script, tmp_path, capsys):
    assert script.PATH.stat().st_size <= 300_000
    signal, timeline = script.make()
    assert 12 <= len(signal) / script.RATE <= 16
    assert timeline[0][0] == 0
    assert timeline[-1][1] == pytest.approx(len(signal) / script.RATE)
    assert [end for _, end, _ in timeline[:-1]] == [start for start, _, _ in timeline[1:]]
    assert [emotion for *_, emotion in timeline] == ["neutral", "angry", "sad", "happy"]
    script.main(tmp_path / "there" / "again.flac")
    again, _ = soundfile.read(tmp_path / "there" / "again.flac", dtype="int16")
    np.testing.assert_array_equal(again, signal)
    assert "10.86 sad" in " ".join(capsys.readouterr().out.split())


def test_the_real_example_is_what_its_script_joins(script, corpora_root):
    joined = script.join_utterances(corpora_root / "emodb" / "wav")
    committed, rate = soundfile.read(script.REAL)
    assert rate == script.RATE
    assert script.REAL.stat().st_size < 100_000
    assert len(committed) == len(joined)
    assert np.corrcoef(committed, joined)[0, 1] > 0.95
