"""Commands on a corpus with recordings that cannot be used."""

import csv
import json

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from serenade.cli._main import cli
from serenade.errors import CorpusError


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Manifest of three speakers with a silent FLAC and a cut WAV."""
    root = tmp_path_factory.mktemp("unusable")
    rng = np.random.default_rng(0)
    rows = []
    for speaker in "abc":
        for emotion, level in (("sad", 0.1), ("angry", 0.2)):
            for number in range(3):
                name = f"{speaker}_{emotion}_{number}.wav"
                soundfile.write(root / name, level * rng.standard_normal(8000), 16000)
                rows.append((name, emotion, speaker))
    soundfile.write(root / "silent.flac", np.zeros(8000), 16000)
    whole = (root / "a_sad_0.wav").read_bytes()
    (root / "cut.wav").write_bytes(whole[: len(whole) // 2])
    rows += [("silent.flac", "sad", "a"), ("cut.wav", "angry", "b")]
    with (root / "m.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("file", "emotion", "speaker"), *rows])
    return root / "m.csv"


def run(*arguments):
    return CliRunner().invoke(cli, [str(one) for one in arguments], catch_exceptions=True)


def test_corpora_deep_lists_what_the_header_does_not_show(manifest):
    found = run("corpora", manifest, "--deep", "--jobs", 1)
    assert found.exit_code == 0
    assert "silent.flac" in found.output
    assert "unusable: is silent" in found.output


def test_evaluate_leaves_out_unusable_recordings_and_lists_them(manifest, tmp_path):
    words = ("evaluate", "lld-svm", manifest, "--jobs", 1, "--out", tmp_path)
    found = run(*words, "--max-unusable", 0.2)
    assert found.exit_code == 0, found.exception
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    (note,) = [note for note in report["notes"] if "left out" in note]
    assert "silent.flac: is silent" in note
    assert len(report["predictions"]) in {18, 19}
    refused = run(*words, "--max-unusable", 0.01)
    assert isinstance(refused.exception, CorpusError)


def test_train_leaves_out_unusable_recordings(manifest, tmp_path):
    words = ("train", "whisper-probe", manifest, "--jobs", 1, "--set", "copies=0")
    found = run(*words, "--max-unusable", 0.2, "--out", tmp_path / "model")
    # Noise is too similar for a model that can be exported; only the reading counts here.
    assert "silent.flac: is silent" in found.output
    assert "held-out" in found.output
    refused = run(*words, "--max-unusable", 0, "--out", tmp_path / "model")
    assert isinstance(refused.exception, CorpusError)


def test_export_leaves_out_unusable_recordings(manifest, tmp_path):
    words = ("export", "bundled", "--precision", "fp16", "--corpus", manifest)
    found = run(*words, "--max-unusable", 0.2, "--out", tmp_path / "small")
    assert found.exit_code == 0, found.exception
    assert "left out:" in found.output
    assert "silent.flac: is silent" in found.output
    assert "compared on 18 recordings" in found.output
    refused = run(*words, "--max-unusable", 0.01, "--out", tmp_path / "small")
    assert isinstance(refused.exception, CorpusError)
