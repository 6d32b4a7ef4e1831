"""Commands with file names that no encoding holds, and with outputs that cannot be created."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
import types

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from serenade.cli import export
from serenade.cli._main import cli
from serenade.corpora import load_manifest, write_manifest
from serenade.errors import CorpusError, SerenadeError

ODD = os.fsdecode(b"M\xfcller\x1b[2J.flac")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, example):
    """Folder with odd names of one short recording, and a manifest of them."""
    import soundfile

    root = tmp_path_factory.mktemp("odd")
    signal, rate = soundfile.read(example)
    soundfile.write(root / "first.flac", signal[: 2 * rate], rate)
    for name in (ODD, "你好.flac", "=cmd.flac", "zz.flac"):
        shutil.copy(root / "first.flac", root / name)
    (root / "first.flac").unlink()
    return root


def run(folder, *arguments, encoding="utf-8"):
    return subprocess.run(
        [sys.executable, "-m", "serenade", *arguments],
        cwd=folder,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )


def test_predict_writes_every_row_of_odd_names(folder, tmp_path):
    written = tmp_path / "a.csv"
    done = run(folder, "predict", ".", "--csv", str(written), "--json")
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(written.read_text("utf-8"))))
    files = {row["file"] for row in rows}
    assert files == {"M\\xfcller\\x1b[2J.flac", "你好.flac", "./=cmd.flac", "zz.flac"}
    assert {one["file"] for one in json.loads(done.stdout)} >= {ODD, "=cmd.flac"}
    done.stdout.decode("utf-8")


@pytest.mark.parametrize("name", ["a.json", "a.csv", "a.vtt", "a.TextGrid", "a.audformat"])
def test_predict_writes_timelines_of_odd_names(folder, tmp_path, name):
    out = tmp_path / name
    kind = ["--format", "audformat"] if name == "a.audformat" else []
    done = run(folder, "predict", ODD, "--out", str(out), *kind, encoding="cp1252")
    assert done.returncode == 0, done.stderr
    for path in out.iterdir() if out.is_dir() else [out]:
        assert "\x1b" not in path.read_text("utf-8")
    assert b"M\\xfcller\\x1b[2J.flac: " in done.stdout


def test_predict_prints_names_that_the_encoding_lacks(folder):
    done = run(folder, "predict", "你好.flac", "zz.flac", encoding="cp1252")
    assert done.returncode == 0
    assert done.stdout.count(b"flac: ") == 2


def test_manifest_of_odd_names_reads_back(folder, tmp_path):
    names = sorted(path.name for path in folder.iterdir())
    lines = [f'"{name}",=sad,s{n},-5' for n, name in enumerate(names)]
    given = folder.parent / "given.csv"
    text = "file,emotion,speaker,note\n" + "\n".join(lines).replace("\x1b", "\x1b")
    given.write_text(text.replace(ODD, "M\\xfcller\x1b[2J.flac"), "utf-8")
    corpus = load_manifest(given, folder)
    assert len(corpus) == 4
    write_manifest(corpus, tmp_path / "again.csv")
    again = load_manifest(tmp_path / "again.csv", folder)
    assert again.table.index.equals(corpus.table.index)
    assert again.table["emotion"].tolist() == ["=sad"] * 4


@pytest.mark.parametrize(
    "command",
    [
        "evaluate whisper-probe m.csv --out",
        "evaluate whisper-probe m.csv --write-folds",
        "evaluate cnn-transformer m.csv --checkpoints",
        "train whisper-probe m.csv --out",
        "extract whisper-probe m.csv --out",
        "export bundled --out",
        "predict a.wav --csv",
        "predict a.wav --plot",
        "predict example --out",
        "compare . --out",
        "reproduce all --out",
        "pretrain tera --audio . --out",
        "speech2vec --nearest a --out",
        "transcribe m.csv --out",
        "corpora ravdess --download",
    ],
)
def test_commands_check_their_outputs_before_they_begin(tmp_path, monkeypatch, example, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("x")
    words = [str(example) if word == "example" else word for word in command.split()]
    found = CliRunner().invoke(cli, [*words, "file/below.json"])
    assert isinstance(found.exception, SerenadeError)
    assert "file/below.json: cannot be written" in str(found.exception)


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


def invoke(*arguments):
    return CliRunner().invoke(cli, [str(one) for one in arguments], catch_exceptions=True)


def test_corpora_deep_lists_what_the_header_does_not_show(manifest):
    found = invoke("corpora", manifest, "--deep", "--jobs", 1)
    assert found.exit_code == 0
    assert "silent.flac" in found.output
    assert "unusable: is silent" in found.output


def test_evaluate_leaves_out_unusable_recordings_and_lists_them(manifest, tmp_path):
    words = ("evaluate", "lld-svm", manifest, "--jobs", 1, "--out", tmp_path)
    found = invoke(*words, "--max-unusable", 0.2)
    assert found.exit_code == 0, found.exception
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    (note,) = [note for note in report["notes"] if "left out" in note]
    assert "silent.flac: is silent" in note
    assert len(report["predictions"]) in {18, 19}
    refused = invoke(*words, "--max-unusable", 0.01)
    assert isinstance(refused.exception, CorpusError)


def test_speech2vec_escapes_words_of_a_file(tmp_path):
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("2 2\nhappy 1 0\n\x1b[2Jsad 1 1\n", "utf-8")
    found = invoke("speech2vec", "--out", vectors, "--nearest", "happy")
    assert "happy: \\x1b[2Jsad 0.71\n" in found.output


def test_options_without_effect_are_refused(manifest, tmp_path):
    folds, table = tmp_path / "folds.json", tmp_path / "table.csv"
    folds.touch()
    table.write_text("fold,split,file\n1,train,a.wav\n", "utf-8")
    given = ("--folds", folds, "--protocol", "random", "--protocol-set", "test=0.1")
    cases = {
        ("evaluate", "whisper-probe", manifest, *given, "--repeats", 2): "--repeats",
        ("audit", manifest, *given, "--seed", 1): "--protocol, --protocol-set, --seed",
        ("audit", manifest, "--speaker", "^(.)/"): "so leave out --speaker",
        ("audit", table, "--seed", 1, "--labels", "sad"): "so leave out --labels, --seed",
    }
    for words, message in cases.items():
        refused = invoke(*words)
        assert refused.exit_code == 2, refused.output
        assert message in str(refused.exception) + refused.output


@pytest.mark.parametrize("name", ["device", "jobs", "recipe", "seed", "system", "tracking"])
def test_evaluate_sets_only_fields_of_the_recipe(manifest, name):
    refused = invoke("evaluate", "lld-svm", manifest, "--set", f"{name}=2")
    assert isinstance(refused.exception, SerenadeError)
    assert f"lld-svm: its recipe has no {name}; it has " in str(refused.exception)


def test_extract_takes_equal_features_once_and_refuses_a_recipe_of_texts(manifest, tmp_path):
    pytest.importorskip("pyarrow")
    (manifest.parent / "one.csv").write_text("file,emotion\na_sad_0.wav,sad\n", "utf-8")
    words = (manifest.parent / "one.csv", "--jobs", 1, "--out", tmp_path / "out")
    own = ("--set", "acoustic=own", "--set", "encoder=none")
    found = invoke("extract", "fusion-transformer", *words, *own)
    assert found.exit_code == 0, found.exception
    folder = str(tmp_path / "out")  # the lowest version of click mixes stderr into these lines
    assert len([line for line in found.stdout.splitlines() if line.startswith(folder)]) == 1
    refused = invoke("extract", "stser", *words, "--set", "parts=text")
    assert (refused.exit_code, "this recipe takes texts only" in refused.output) == (2, True)


def test_export_takes_recordings_of_calm_for_a_model_that_knows_calm_only(manifest):
    table = manifest.parent / "calm.csv"
    table.write_text("file,emotion\na_sad_0.wav,calm\na_angry_0.wav,neutral\n", "utf-8")
    for labels, emotions in {
        ("calm", "sad"): ["calm"],
        ("neutral", "sad"): ["neutral", "neutral"],
        ("calm", "neutral"): ["calm", "neutral"],
    }.items():
        model = types.SimpleNamespace(labels=labels, sampling_rate=16000, description={})
        assert export._get_recordings(model, str(table), None, None, 0.0)[1] == emotions


def test_train_leaves_out_unusable_recordings(manifest, tmp_path):
    words = ("train", "whisper-probe", manifest, "--jobs", 1, "--set", "copies=0")
    found = invoke(*words, "--max-unusable", 0.2, "--out", tmp_path / "model")
    # Noise is too similar for a model that can be exported; only the reading counts here.
    assert "silent.flac: is silent" in found.output
    assert "held-out" in found.output
    refused = invoke(*words, "--max-unusable", 0, "--out", tmp_path / "model")
    assert isinstance(refused.exception, CorpusError)


def test_export_leaves_out_unusable_recordings(manifest, tmp_path):
    words = ("export", "bundled", "--precision", "fp16", "--corpus", manifest)
    found = invoke(*words, "--max-unusable", 0.2, "--out", tmp_path / "small")
    assert found.exit_code == 0, found.exception
    assert "left out:" in found.output
    assert "silent.flac: is silent" in found.output
    assert "compared on 18 recordings" in found.output
    refused = invoke(*words, "--max-unusable", 0.01, "--out", tmp_path / "small")
    assert isinstance(refused.exception, CorpusError)
