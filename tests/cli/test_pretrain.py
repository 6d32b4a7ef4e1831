"""`serenade pretrain`, on recordings made on the spot."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from serenade import corpora
from serenade.cli._main import cli
from serenade.corpora import list_word_times, write_words
from serenade.encoders import _word_vectors
from serenade.errors import CorpusError, ModelError, SerenadeError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytest.importorskip("torch")


TINY = [
    *("--set", "width=32", "--set", "blocks=2", "--set", "groups=2", "--set", "interval=20"),
    *("--batch", "3", "--set", "crop=1.0"),
]


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    folder.mkdir()
    for number in range(6):
        rng = np.random.default_rng(number)
        time_ = np.arange(16000 + 1000 * number) / 16000
        glide = 2 * np.pi * (rng.uniform(80, 250) * time_ + rng.uniform(-30, 30) * time_**2)
        voice = sum(np.sin(k * glide) / k for k in range(1, 15))
        signal_ = 0.05 * voice + 0.002 * rng.standard_normal(time_.size)
        soundfile.write(folder / f"{number}.flac", signal_.astype(np.float32), 16000)
    return folder


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run `serenade …` in this process, which has imported PyTorch already."""
    monkeypatch.setenv("SERENADE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def running(*arguments: Any) -> Result:
        monkeypatch.setattr(sys, "argv", ["serenade", *map(str, arguments)])
        return CliRunner().invoke(cli, [str(argument) for argument in arguments])

    return running


def begun(*arguments: Any, cwd: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "serenade", *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"SERENADE_CACHE": str(cwd / "cache")} | environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_from_recordings_to_a_feature(
    inside: Callable[..., Result], recordings: Path, tmp_path: Path
) -> None:
    (recordings / "notes.wav").write_text("no audio")
    out = tmp_path / "out"
    done = inside(
        *("pretrain", "npc", "--audio", recordings, "--out", out, "--steps", "45", *TINY),
        *("--licence", "CC0-1.0"),
    )
    assert done.exit_code == 0, done.output
    assert "notes.wav: is not audio that libsndfile can read" in done.stderr
    assert len(re.findall(r"^step \d+, epoch", done.stderr, re.MULTILINE)) == 3
    assert re.search(r"45 steps, .* epochs, .* min; step 45, .*: loss \d", done.stdout)
    history = json.loads((out / "history.json").read_text("utf-8"))
    assert [point["step"] for point in history["points"]] == [20, 40, 45]
    card = (out / "MODEL_CARD.md").read_text("utf-8")
    assert "CC0-1.0" in card
    assert "`serenade pretrain npc --audio recordings --out DIR --steps 45" in card
    assert str(tmp_path) not in card + (out / "history.json").read_text("utf-8")

    from serenade.encoders import SelfSupervised

    states = SelfSupervised(str(out))(np.ones(16000, np.float32), 16000)
    assert states.shape == (98, 32)


def test_the_loss_in_a_log(inside: Callable[..., Result], recordings: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    stated = ["pretrain", "npc", "--audio", recordings, "--steps", "25", *TINY, "--out", "run"]
    done = inside(*stated, "--track", f"tensorboard={tmp_path / 'logs'}")
    assert done.exit_code == 0, done.output
    events = EventAccumulator(str(tmp_path / "logs" / "run")).Reload()
    points = json.loads((tmp_path / "run" / "history.json").read_text("utf-8"))["points"]
    (name,) = [tag for tag in events.Tags()["scalars"] if "valid_loss" in tag or "valid" in tag]
    found = [(event.step, event.value) for event in events.Scalars(name)]
    assert found == [(p["step"], pytest.approx(p["valid_loss"], rel=1e-5)) for p in points]


def test_a_run_that_was_killed(
    inside: Callable[..., Result], recordings: Path, tmp_path: Path
) -> None:
    stated = ["pretrain", "npc", "--audio", recordings, "--steps", "60", *TINY]
    whole = inside(*stated, "--out", tmp_path / "whole")
    assert whole.exit_code == 0, whole.output
    out, checkpoint = tmp_path / "cut", tmp_path / "kept" / "checkpoint.pt"
    kept = ["--checkpoints", checkpoint.parent]
    with begun(*stated, "--out", out, *kept, "--every", "0", cwd=tmp_path) as process:
        while not checkpoint.exists() and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert checkpoint.exists()
    assert not (out / "model.safetensors").exists()
    resumed = inside(*stated, "--out", out, *kept)
    assert resumed.exit_code == 0, resumed.output
    assert not checkpoint.exists()
    for name in ("model.safetensors", "config.json"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    curves = [
        json.loads((folder / "history.json").read_text("utf-8"))["points"]
        for folder in (out, tmp_path / "whole")
    ]
    assert curves[0] == curves[1]


def test_two_processes(recordings: Path, tmp_path: Path) -> None:
    """Start processes with the variables of torchrun and `accelerate launch`."""
    pytest.importorskip("accelerate")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    stated = ["pretrain", "npc", "--audio", recordings, "--out", tmp_path / "out", "--steps", "8"]
    processes = [
        begun(
            *(*stated, *TINY),
            cwd=tmp_path,
            WORLD_SIZE="2",
            RANK=str(rank),
            LOCAL_RANK=str(rank),
            MASTER_ADDR="127.0.0.1",
            MASTER_PORT=port,
        )
        for rank in range(2)
    ]
    for process in processes:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    history = json.loads((tmp_path / "out" / "history.json").read_text("utf-8"))
    assert (history["processes"], history["steps"]) == (2, 8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "learningrate=1"], "--set learningrate: choose from batch, blocks"),
        (["--set", "seed=5"], "--set seed: use --seed"),
        (["--set", "precision=foo"], "--set: precision is one of float32, bfloat16, got 'foo'"),
        (["--set", "crop=abc"], "--set: crop is float, got 'abc'"),
        (["--set", "width=(1,)"], "--set: width is int, got (1,)"),
        (["--set", "kernel=14"], "npc: kernel and mask must be odd"),
        (["--device", "nowhere"], "device 'nowhere': "),
        (["--track", "notes"], "notes: unknown log"),
    ],
)
def test_mistakes(
    inside: Callable[..., Result], recordings: Path, arguments: list[str], message: str
) -> None:
    done = inside(
        "pretrain", "npc", "--audio", recordings, "--out", "out", "--steps", 1, *arguments
    )
    assert done.exit_code
    if isinstance(done.exception, SystemExit):
        assert message in done.stderr.splitlines()[-1]
    else:  # what `main` makes one line of
        assert isinstance(done.exception, SerenadeError)
        assert str(done.exception).startswith(message)


pytest.importorskip("torch")
pytest.importorskip("safetensors")

QUICK = ("--size", "8", "--epochs", "2", "--jobs", "1")


@pytest.fixture(scope="module")
def root(tmp_path_factory, write_iemocap):
    return write_iemocap(tmp_path_factory.mktemp("iemocap"), sessions=(1, 2))


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    monkeypatch.setenv("SERENADE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(cli, list(map(str, words)), catch_exceptions=False)


def test_a_corpus_that_knows_its_words(workplace, root, tmp_path):
    done = workplace("speech2vec", "iemocap", "--root", root, "--out", "new/v.txt", *QUICK)
    assert done.exit_code == 0
    assert "31 words of 296 spoken ones" in done.output
    found = _word_vectors.load_word_vectors(tmp_path / "new" / "v.txt")
    assert (len(found), found.dims) == (31, 8)
    assert "wonderful" in found
    history = json.loads((tmp_path / "new" / "v.json").read_text())
    assert [sorted(point) for point in history["points"]] == [
        ["epoch", "step", "train_loss", "valid_loss"]
    ] * 2
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "v.json",
        "v.safetensors",
        "v.txt",
    ]
    again = workplace("speech2vec", "--out", "new/v.txt", "--nearest", "Alone", "--nearest", "sea")
    near = [found.nearest(word)[0][0] for word in ("alone", "sea")]
    lines = again.output.splitlines()
    assert [line.split()[:2] for line in lines] == [["Alone:", near[0]], ["sea:", near[1]]]


def test_a_table_of_words_needs_no_corpus(workplace, root, tmp_path):
    corpus = corpora.open("iemocap", root)
    rows = [
        (file, *word, float("nan"))
        for (file, _, _), words in zip(corpus.table.index, list_word_times(corpus), strict=True)
        for word in words
    ]
    write_words(tmp_path / "words.csv", rows)
    bare = workplace("speech2vec", "--words", "words.csv", "--out", "a.txt", *QUICK)
    assert bare.exit_code == 0
    same = workplace("speech2vec", "iemocap", "--root", root, "--out", "b.txt", *QUICK)
    assert same.exit_code == 0
    assert (tmp_path / "a.txt").read_bytes() == (tmp_path / "b.txt").read_bytes()


def test_what_cannot_be_done_is_said(workplace, root, tmp_path):
    nothing = workplace("speech2vec", "--out", "v.txt")
    assert nothing.exit_code == 2
    assert "give CORPUS or --words" in nothing.output
    odd = workplace("speech2vec", "iemocap", "--root", root, "--out", "v.txt", "--set", "windows=2")
    assert "--set windows: choose from batch" in odd.output
    for change, message in (("seed=5", "seed: use --seed"), ("batch=x", "batch is int, got 'x'")):
        wrong = workplace(
            "speech2vec", "iemocap", "--root", root, "--out", "v.txt", "--set", change
        )
        assert (wrong.exit_code, message in wrong.output) == (2, True), wrong.output
    with pytest.raises(ModelError, match="even size"):
        workplace("speech2vec", "iemocap", "--root", root, "--out", "v.txt", "--size", "7")
    with pytest.raises(ModelError, match=r"v\.txt: No such file"):
        workplace("speech2vec", "--out", "v.txt", "--nearest", "sea")
    (tmp_path / "own.csv").write_text("file,emotion\n")
    with pytest.raises(CorpusError, match="nothing usable of own"):
        workplace("speech2vec", "own.csv", "--out", "v.txt")
