from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from serenade.encoders.selfsupervised import SelfSupervised
from serenade.errors import ModelError, SerenadeError
from serenade.pretraining import CardDetails, Watch, gather_recordings, pretrain
from serenade.pretraining._pretrain import compute_loss
from serenade.pretraining._recordings import Batch, Recordings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from serenade.encoders import EncoderSettings, PretrainingSettings


@pytest.fixture
def material(files: list[str], training: PretrainingSettings) -> Recordings:
    return gather_recordings(files, [str(Path(files[0]).parents[1])], training, pytest.fail)


class Killed(Exception):  # noqa: N818 - it stands for a signal
    """What stops a run at some step."""


class Kill(Watch):
    def __init__(self, steps: int) -> None:
        self.steps = steps

    def step(self, share: float, loss: float) -> None:  # noqa: ARG002
        self.steps -= 1
        if self.steps == 0:
            raise Killed


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def test_the_loss_is_the_mean_error_of_what_was_chosen() -> None:
    rng = np.random.default_rng(0)
    values, restored = rng.standard_normal((2, 3, 20, 8)).astype(np.float32)
    chosen = rng.random((3, 20, 8)) < 0.3
    tensors = [torch.from_numpy(part) for part in (values, values, chosen)]
    batch = Batch(*tensors, torch.ones(3, 20, dtype=torch.bool))
    found = compute_loss(lambda x, mask: torch.from_numpy(restored), batch)  # noqa: ARG005
    assert float(found) == pytest.approx(np.abs(restored - values)[chosen].mean(), rel=1e-5)


def test_a_killed_run_goes_on_to_the_same_weights(
    tiny: EncoderSettings, training: PretrainingSettings, material: Recordings, tmp_path: Path
) -> None:
    whole = pretrain(tiny, training, material, tmp_path / "whole")
    for steps in (7, 3):  # killed twice; the checkpoint of the last step was not written yet
        with pytest.raises(Killed):
            pretrain(tiny, training, material, tmp_path / "cut", every=0, watch=Kill(steps))
        assert not (tmp_path / "cut" / "model.safetensors").exists()
    cut = pretrain(tiny, training, material, tmp_path / "cut", every=0)
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    assert cut["points"] == whole["points"]
    assert not (tmp_path / "cut" / "checkpoint.pt").exists()


def test_processes_that_read_change_nothing(
    tiny_npc: EncoderSettings, training: PretrainingSettings, material: Recordings, tmp_path: Path
) -> None:
    training = dataclasses.replace(training, steps=4)
    pretrain(tiny_npc, training, material, tmp_path / "alone")
    pretrain(tiny_npc, training, material, tmp_path / "helped", jobs=1)
    assert weights(tmp_path / "alone") == weights(tmp_path / "helped")


def test_it_learns(
    tiny: EncoderSettings, training: PretrainingSettings, material: Recordings, tmp_path: Path
) -> None:
    training = dataclasses.replace(training, steps=120, interval=20, learning_rate=3e-3)
    points = pretrain(tiny, training, material, tmp_path / "out")["points"]
    assert points[-1]["valid_loss"] < 0.98 * points[0]["valid_loss"]
    assert points[-1]["train_loss"] < 0.95 * points[0]["train_loss"]


def test_half_precision_learns_too(
    tiny_tera: EncoderSettings, training: PretrainingSettings, material: Recordings, tmp_path: Path
) -> None:
    losses = {}
    for precision in ("float32", "bfloat16"):
        settings = dataclasses.replace(training, steps=40, interval=10, precision=precision)
        losses[precision] = pretrain(tiny_tera, settings, material, tmp_path / precision)["points"]
    ends = [points[-1]["valid_loss"] for points in losses.values()]
    assert ends[0] == pytest.approx(ends[1], rel=0.02)
    assert ends[0] < losses["float32"][0]["valid_loss"]


def test_what_is_written(
    tiny_tera: EncoderSettings,
    training: PretrainingSettings,
    material: Recordings,
    tmp_path: Path,
    tone: np.ndarray,
) -> None:
    details = CardDetails(("CC0-1.0", "CC BY 4.0"), "serenade pretrain tera --audio recordings")
    history = pretrain(tiny_tera, training, material, tmp_path / "out", details=details)
    found = {path.name for path in (tmp_path / "out").iterdir()}
    assert found >= {"config.json", "model.safetensors", "MODEL_CARD.md", "history.json"}
    if pytest.importorskip("matplotlib"):
        assert (tmp_path / "out" / "curve.png").read_bytes().startswith(b"\x89PNG")
        assert (tmp_path / "out" / "curve.pdf").read_bytes().startswith(b"%PDF")
    assert json.loads((tmp_path / "out" / "history.json").read_text("utf-8")) == history
    assert [point["step"] for point in history["points"]] == [5, 10, 12]
    card = (tmp_path / "out" / "MODEL_CARD.md").read_text("utf-8")
    for part in ("TERA", material.folders[0], "12 steps", "CC0-1.0; CC BY 4.0", details.command):
        assert part in card
    assert str(tmp_path) not in card
    feature = SelfSupervised(str(tmp_path / "out"))
    assert feature(tone, 16000).shape == (98, 32)


def test_pretrain_ends_after_its_minutes(
    tiny_npc: EncoderSettings,
    training: PretrainingSettings,
    material: Recordings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticks = itertools.count(0, 0.1)  # seconds; each look at the clock takes a tenth
    monkeypatch.setattr("time.monotonic", lambda: next(ticks))
    training = dataclasses.replace(training, steps=0, minutes=0.02)
    history = pretrain(tiny_npc, training, material, tmp_path / "out")
    assert 1 < history["steps"] < 12
    assert 1.2 <= history["seconds"] < 1.5


def test_what_is_refused(
    tiny_npc: EncoderSettings, training: PretrainingSettings, material: Recordings, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with pytest.raises(SerenadeError, match="has no end"):
        pretrain(tiny_npc, dataclasses.replace(training, steps=0), material, out)
    with pytest.raises(SerenadeError, match="device 'nowhere'"):
        pretrain(tiny_npc, training, material, out, device="nowhere")
    with pytest.raises(Killed):
        pretrain(tiny_npc, training, material, out, every=0, watch=Kill(2))
    with pytest.raises(SerenadeError, match="a run with other recordings or settings"):
        pretrain(tiny_npc, dataclasses.replace(training, seed=4), material, out)
    whole = (out / "checkpoint.pt").read_bytes()
    (out / "checkpoint.pt").write_bytes(whole[:1000])
    with pytest.raises(SerenadeError, match=r"cannot resume from this checkpoint .* delete it"):
        pretrain(tiny_npc, training, material, out)
    (out / "checkpoint.pt").write_bytes(whole)
    history = pretrain(tiny_npc, training, material, out)
    with pytest.raises(ModelError, match="already holds an encoder"):
        pretrain(tiny_npc, dataclasses.replace(training, seed=4), material, out)
    assert history["steps"] == training.steps


def test_a_complete_run_is_not_repeated(
    tiny_npc: EncoderSettings, training: PretrainingSettings, material: Recordings, tmp_path: Path
) -> None:
    history = pretrain(tiny_npc, training, material, tmp_path)
    weights = tmp_path / "model.safetensors"
    written = weights.stat().st_mtime_ns
    # As after a kill between the last file and the removal of the checkpoint.
    leftovers = [tmp_path / "checkpoint.pt", tmp_path / f".{'0' * 32}.tmp"]
    for path in leftovers:
        path.write_bytes(b"left")
    assert pretrain(tiny_npc, training, material, tmp_path, watch=Kill(1)) == history
    assert weights.stat().st_mtime_ns == written
    assert not any(path.exists() for path in leftovers)


def test_divergence_is_told(
    tiny_tera: EncoderSettings, training: PretrainingSettings, material: Recordings, tmp_path: Path
) -> None:
    wild = dataclasses.replace(training, learning_rate=1e30, warmup=1e-9, clipping=1e30)
    with pytest.raises(SerenadeError, match="diverged before step"):
        pretrain(tiny_tera, wild, material, tmp_path / "out")
    assert not (tmp_path / "out" / "model.safetensors").exists()


def test_who_watches_is_told(
    tiny_npc: EncoderSettings, training: PretrainingSettings, material: Recordings, tmp_path: Path
) -> None:
    class Notes(Watch):
        def __init__(self) -> None:
            self.shares: list[float] = []
            self.points: list[Any] = []

        def step(self, share: float, loss: float) -> None:
            assert loss > 0
            self.shares.append(share)

        def point(self, point: Mapping[str, float]) -> None:
            self.points.append(point)

    notes = Notes()
    history = pretrain(tiny_npc, training, material, tmp_path / "out", watch=notes)
    assert notes.points == history["points"]
    assert notes.shares == pytest.approx(np.arange(12) / 12)
