"""Pre-training: recordings in, an encoder's folder out; killed at any moment, it goes on."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from serenade.encoders import build_network
from serenade.encoders.selfsupervised import _encoder_folder
from serenade.errors import ModelError, SerenadeError
from serenade.pretraining import _checkpoint, _device, _record
from serenade.pretraining._recordings import Batch, Crops

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor

    from serenade.encoders import EncoderSettings, Network, Training
    from serenade.pretraining._recordings import Material

_ENDLESS = 1 << 40  # steps, where only the minutes end a run


def pretrain(
    settings: EncoderSettings,
    training: Training,
    material: Material,
    out: Path,
    *,
    place: str = "cpu",
    jobs: int = 0,
    checkpoints: Path | None = None,
    every: float = 5.0,
    watch: _record.Watch | None = None,
    about: _record.About | None = None,
) -> dict[str, Any]:
    """Train an encoder on recordings and write its folder.

    Beside `config.json`, `model.safetensors` and `MODEL_CARD.md` there are the loss curve
    (`history.json`, `curve.png`, `curve.pdf`).

    Args:
        settings: the encoder.
        training: how it is trained.
        material: what on, of `serenade.pretraining._recordings.gather_recordings`.
        out: the folder to write.
        place: device.
        jobs: processes that prepare batches; 0 for none but this one.
        checkpoints: folder of the checkpoint; `out` if None. It is removed once all is written.
        every: minutes between two checkpoints.
        watch: who is told how it goes.
        about: for the model card.

    Returns:
        The history as `history.json` holds it.

    Raises:
        SerenadeError: no such device, a run without end, a checkpoint of another run, or training
            that diverged.
        ModelError: `out` holds a model already, or no recording can be read.
    """
    if not (training.steps or training.minutes):
        raise SerenadeError("pre-training without an end; state steps or minutes")
    if (out / _encoder_folder.WEIGHTS).exists():
        raise ModelError(f"{out}: holds a trained encoder; choose another folder, or remove it")
    hardware = _device.choose_device(place, training)
    run = _Run(settings, training, material, hardware, watch or _record.Watch())
    kept = _checkpoint.Checkpoint((checkpoints or out) / "checkpoint.pt", run.key(), every)
    kept.restore(run)
    for _ in run.steps(jobs):
        if hardware.rank == 0:
            kept.save_when_due(run)
    history = run.history()
    if hardware.rank == 0:
        _record.write_history(out, history)
        card = _record.write_card(settings, training, material, history, about or _record.About())
        _encoder_folder.save_encoder(out, settings, run.network, card)
        kept.remove()
    return history


def compute_loss(network: Any, batch: Batch) -> Tensor:
    """Mean absolute error over what was chosen of each batch."""
    restored = network(batch.altered, batch.mask)
    difference = (restored.float() - batch.values).abs() * batch.chosen
    loss: Tensor = difference.sum() / batch.chosen.sum().clamp(min=1)
    return loss


class _Run:
    """A run at some step: all that a checkpoint has to bring back is here."""

    def __init__(
        self,
        settings: EncoderSettings,
        training: Training,
        material: Material,
        hardware: _device.Single,
        watch: _record.Watch,
    ) -> None:
        self.settings, self.training, self.material = settings, training, material
        self.hardware, self.watch = hardware, watch
        self.network: Network = build_network(settings, training.seed).to(hardware.device)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=0.0, weight_decay=training.decay
        )
        self.crops = Crops(material, settings, training, rank=hardware.rank, world=hardware.world)
        self.step, self.seconds = 0, 0.0
        self.points: list[dict[str, float]] = []
        self.sum = torch.zeros((), dtype=torch.float64, device=hardware.device)
        self._told: set[str] = set()

    def key(self) -> str:
        """All that decides the weights; the minutes do not, while they last."""
        stated = {
            "settings": self.settings.to_json(),
            "training": dataclasses.asdict(self.training) | {"minutes": None},
            "material": self.material.listing,
            "processes": self.hardware.world,
        }
        return json.dumps(stated, sort_keys=True)

    def steps(self, jobs: int) -> Iterator[int]:
        """Train, yielding the number of each step that is over."""
        training = self.training
        validation, problems = self.crops.validation() if self.hardware.rank == 0 else ([], [])
        self._tell(problems)
        network = self.hardware.prepared(self.network)
        started = time.monotonic() - self.seconds
        batches = iter(self._loader(jobs))
        while True:
            self.seconds = time.monotonic() - started
            share = self.hardware.agreed(training.progress(self.step, self.seconds / 60))
            if share >= 1:
                break
            batch = next(batches)
            self._tell(batch.problems)
            loss = self._update(network, batch.to(self.hardware.device), share)
            self.sum += loss.double()
            self.step += 1
            if self.step % training.interval == 0:
                self._point(validation)
            self.watch.step(share, float(loss))
            self.seconds = time.monotonic() - started
            yield self.step
        if self.step % training.interval:
            self._point(validation)

    def _loader(self, jobs: int) -> Any:
        """Batches from the step on that this run has reached."""
        last = self.training.steps or _ENDLESS
        return torch.utils.data.DataLoader(
            self.crops,
            batch_size=None,
            sampler=range(self.step, last),
            num_workers=jobs,
            pin_memory=self.hardware.device.type == "cuda",
            multiprocessing_context="spawn" if jobs else None,
        )

    def _update(self, network: Any, batch: Batch, share: float) -> Tensor:
        """One step of the optimiser; whatever is random in it follows from seed and step."""
        entropy = [self.training.seed, self.step, self.hardware.rank]
        state = np.random.SeedSequence(entropy).generate_state(1, np.uint64)
        torch.manual_seed(int(state[0] >> 1))
        self.network.train()
        for group in self.optimiser.param_groups:
            group["lr"] = self.training.rate(share)
        self.optimiser.zero_grad(set_to_none=True)
        with self.hardware.precision():
            loss = compute_loss(network, batch)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.training.clipping)
        self.optimiser.step()
        return loss.detach()

    @torch.no_grad()
    def _point(self, validation: list[Batch]) -> None:
        """A point of the loss curve: since the last one, and on held-out recordings."""
        since = self.step % self.training.interval or self.training.interval
        point = {
            "step": self.step,
            "epoch": round(self.step / self.crops.steps, 4),
            "train_loss": float(self.sum) / since,
        }
        self.sum.zero_()
        if not np.isfinite(point["train_loss"]):
            raise SerenadeError(
                f"training diverged before step {self.step}; lower the learning rate of "
                f"{self.training.learning_rate}"
            )
        if self.hardware.rank:
            return
        self.network.eval()
        if validation:
            with self.hardware.precision():
                losses = [
                    float(compute_loss(self.network, batch.to(self.hardware.device)))
                    for batch in validation
                ]
            weights = [len(batch.values) for batch in validation]
            point["valid_loss"] = float(np.average(losses, weights=weights))
        self.points.append(point)
        self.watch.point(point)

    def _tell(self, problems: Any) -> None:
        for line in problems:
            if line not in self._told:
                self._told.add(line)
                self.watch.problem(line)

    def history(self) -> dict[str, Any]:
        """What became of it, as JSON data."""
        weights = sum(weight.numel() for weight in self.network.parameters())
        return {
            "encoder": self.settings.name,
            "parameters": weights,
            "steps": self.step,
            "epochs": round(self.step / self.crops.steps, 3),
            "seconds": round(self.seconds, 1),
            "processes": self.hardware.world,
            "device": self.hardware.device.type,
            "torch": torch.__version__,
            "hours": round(self.material.hours, 3),
            "folders": list(self.material.folders),
            "settings": self.settings.to_json(),
            "training": dataclasses.asdict(self.training),
            "points": self.points,
        }
