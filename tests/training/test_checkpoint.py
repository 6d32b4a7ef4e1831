"""A run that resumes from a checkpoint ends with the weights of an unbroken run."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from serenade import systems  # noqa: E402
from serenade.errors import SerenadeError  # noqa: E402
from serenade.training._clips import Clips  # noqa: E402
from serenade.training._network_learner import NetworkLearner  # noqa: E402

EPOCHS = 40
CHILD = (
    "import sys; sys.path.insert(0, sys.argv[1]); import test_checkpoint as t; t.train(sys.argv[2])"
)


def train(folder):
    """Train a small cnn-transformer with everything random in it on random clips."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    system = systems.get("cnn-transformer")
    recipe = system.recipe(
        epochs=EPOCHS,
        channels=(2, 2, 2),
        layers=1,
        hidden=8,
        schedule="cosine",
        mixup=0.2,
        time_masks=1,
        patience=30,
        pooling="mean",
    )
    labels = np.resize(np.array(["angry", "sad"]), 48)
    part = [rng.normal(0, 1, (n, 40)).astype(np.float32) for n in rng.integers(40, 60, 48)]
    clips = Clips((part[:32],), labels[:32], np.ones(32))
    validation = Clips((part[32:],), labels[32:], np.ones(16))
    return NetworkLearner(system, recipe, 1, checkpoints=folder).fit(clips, validation)


def test_checkpoint_resumes_to_the_weights_of_an_unbroken_run(tmp_path, weights_of):
    arguments = [sys.executable, "-c", CHILD, str(Path(__file__).parent), str(tmp_path / "killed")]
    with subprocess.Popen(arguments) as child:
        while not list((tmp_path / "killed").glob("*.pt")):
            assert child.poll() is None
            time.sleep(0.005)
        os.kill(child.pid, signal.SIGKILL)
    (file,) = (tmp_path / "killed").glob("*.pt")
    left = torch.load(file, weights_only=True)
    assert not left["finished"]
    resumed, unbroken = train(tmp_path / "killed"), train(None)
    assert weights_of(resumed) == weights_of(unbroken)
    for column in ("train_loss", "valid_loss", "valid_ua", "event_lr"):
        assert resumed.classifier.history[:, column] == unbroken.classifier.history[:, column]
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_checkpoint_of_a_finished_run_is_not_trained_again(tmp_path, learner, clips_of, weights_of):
    clips, validation = clips_of(), clips_of(30, seed=5)
    first = learner(checkpoints=tmp_path).fit(clips, validation)
    (file,) = tmp_path.glob("*.pt")
    written = file.stat().st_mtime_ns  # every epoch writes the file
    assert weights_of(learner(checkpoints=tmp_path).fit(clips, validation)) == weights_of(first)
    assert file.stat().st_mtime_ns == written


def test_make_run_key_depends_on_data_seed_and_recipe(tmp_path, learner, clips_of):
    clips = clips_of()
    for fitting in (
        lambda: learner(checkpoints=tmp_path).fit(clips),
        lambda: learner(1, checkpoints=tmp_path).fit(clips),
        lambda: learner(checkpoints=tmp_path, smoothing=0.1).fit(clips),
        lambda: learner(checkpoints=tmp_path).fit(clips_of(seed=2)),
        lambda: learner(checkpoints=tmp_path).fit(clips, clips_of(30, seed=5)),
        lambda: learner(checkpoints=tmp_path).fit(clips_of(copies=1)),
    ):
        fitting()
    assert len(list(tmp_path.glob("*.pt"))) == 6


def test_checkpoint_names_a_damaged_file(tmp_path, learner, clips_of):
    learner(checkpoints=tmp_path).fit(clips_of())
    (file,) = tmp_path.glob("*.pt")
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(SerenadeError, match=rf"{file.name}: cannot resume.*delete it"):
        learner(checkpoints=tmp_path).fit(clips_of())


class Evil:
    def __reduce__(self):
        return os.mkdir, ("executed",)


def test_checkpoint_executes_no_code_of_its_file(tmp_path, learner, clips_of, monkeypatch):
    monkeypatch.chdir(tmp_path)
    learner(checkpoints=tmp_path).fit(clips_of())
    (file,) = tmp_path.glob("*.pt")
    torch.save({"format": 1, "module": Evil()}, file)
    with pytest.raises(SerenadeError, match="cannot resume from this checkpoint"):
        learner(checkpoints=tmp_path).fit(clips_of())
    assert not (tmp_path / "executed").exists()


def test_checkpoint_is_not_kept_for_a_system_whose_code_is_unknown(tmp_path, learner, clips_of):
    made = learner(checkpoints=tmp_path, epochs=1)

    class Local(type(made.system)):
        pass

    made.system = Local()
    with pytest.warns(UserWarning, match="small: no checkpoints are kept"):
        made.fit(clips_of(12))
    assert not list(tmp_path.iterdir())


def test_checkpoint_of_other_code_is_not_resumed(tmp_path, learner, clips_of, monkeypatch):
    learner(checkpoints=tmp_path, epochs=1).fit(clips_of(12))
    monkeypatch.setattr(
        "serenade.training._network_learner.hash_source_code", lambda *kinds: f"{len(kinds)} other"
    )
    learner(checkpoints=tmp_path, epochs=1).fit(clips_of(12))
    assert len(list(tmp_path.iterdir())) == 2
