"""Commands with file names that no encoding holds, and with outputs that cannot be created."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner

from serenade.cli._main import cli
from serenade.corpora import load_manifest, write_manifest
from serenade.errors import SerenadeError

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
