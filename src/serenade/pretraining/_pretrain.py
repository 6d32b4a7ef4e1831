"""Pre-training of a speech encoder on recordings without labels."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, Any

import torch

from serenade._atomic import remove_unfinished
from serenade._parallel import use_safe_path
from serenade.encoders import ENCODER_WEIGHTS, build_network, save_encoder
from serenade.errors import ModelError, SerenadeError
from serenade.pretraining._recordings import Crops
from serenade.pretraining._run import TrainingRun
from serenade.pretraining._run_records import HISTORY, CardDetails, Watch, write_card, write_history
from serenade.training import StateFile, choose_device

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor

    from serenade.encoders import EncoderSettings, Network, PretrainingSettings
    from serenade.pretraining._recordings import Batch, Recordings
    from serenade.training import Device

_ENDLESS = 1 << 40  # steps of a run that ends after some minutes


def pretrain(
    settings: EncoderSettings,
    training: PretrainingSettings,
    recordings: Recordings,
    out: Path,
    *,
    device: str = "cpu",
    jobs: int = 0,
    checkpoints: Path | None = None,
    every: float = 5.0,
    watch: Watch | None = None,
    details: CardDetails | None = None,
) -> dict[str, Any]:
    """Pre-train an encoder on recordings and write its folder.

    The folder holds `config.json`, `model.safetensors`, `MODEL_CARD.md` and the loss curve
    (`history.json`, `curve.png`, `curve.pdf`). A run that is killed resumes to the same weights,
    and a run that is complete is not repeated.

    Args:
        settings: settings of the encoder.
        training: settings of the run.
        recordings: recordings, from `gather_recordings`.
        out: folder to write.
        device: PyTorch's name of the device.
        jobs: number of processes that prepare batches; 0 prepares them in this process.
        checkpoints: folder of the checkpoint, by default `out`. The checkpoint is deleted at the
            end of the run.
        every: minutes between two checkpoints.
        watch: observer of the run.
        details: details for the model card.

    Returns:
        The content of `history.json`.

    Raises:
        SerenadeError: the device cannot be used, the run has no end, the checkpoint belongs to
            another run, or the training diverged.
        ModelError: `out` holds an encoder of another run, or no recording can be read.
    """
    if not (training.steps or training.minutes):
        raise SerenadeError("pre-training has no end; set steps or minutes")
    remove_unfinished(out)
    hardware = choose_device(device, training.precision)
    run = PretrainingRun(settings, training, recordings, hardware, watch or Watch(), jobs)
    checkpoint = StateFile((checkpoints or out) / "checkpoint.pt", run.describe_key())
    if (out / ENCODER_WEIGHTS).exists():
        history = _read_complete_history(out, run)
    else:
        run.train(checkpoint, every)
        history = run.describe_history()
        if hardware.rank == 0:
            write_history(out, history)
            card = write_card(settings, training, recordings, history, details or CardDetails())
            save_encoder(out, settings, run.network, card)
    if hardware.rank == 0:
        checkpoint.remove()
    return history


def _read_complete_history(out: Path, run: PretrainingRun) -> dict[str, Any]:
    """Return the history in a folder of an encoder that the same run wrote."""
    try:
        history: dict[str, Any] = json.loads((out / HISTORY).read_text("utf-8"))
        same = history["run"] == run.fingerprint()
    except (OSError, ValueError, KeyError, TypeError):
        same = False
    if not same:
        raise ModelError(f"{out}: already holds an encoder; choose another folder or delete it")
    return history


def compute_loss(network: Any, batch: Batch) -> Tensor:
    """Return the mean absolute error over the chosen cells of a batch."""
    restored = network(batch.altered, batch.mask)
    difference = (restored.float() - batch.values).abs() * batch.chosen
    loss: Tensor = difference.sum() / batch.chosen.sum().clamp(min=1)
    return loss


class PretrainingRun(TrainingRun["Network", "Batch"]):
    """Pre-training run of one encoder.

    Args:
        settings: settings of the encoder.
        training: settings of the run.
        recordings: recordings to train on.
        device: the device.
        watch: observer of the run.
        jobs: number of processes that prepare batches; 0 prepares them in this process.
    """

    def __init__(
        self,
        settings: EncoderSettings,
        training: PretrainingSettings,
        recordings: Recordings,
        device: Device,
        watch: Watch,
        jobs: int = 0,
    ) -> None:
        network: Network = build_network(settings, training.seed).to(device.torch)
        self.settings, self.training, self.recordings = settings, training, recordings
        self.jobs = jobs
        self.crops = Crops(recordings, settings, training, rank=device.rank, world=device.world)
        self._reported: set[str] = set()
        super().__init__(
            network,
            torch.optim.AdamW(network.parameters(), lr=0.0, weight_decay=training.decay),
            device,
            watch,
            seed=training.seed,
            learning_rate=training.learning_rate,
            clipping=training.clipping,
            interval=training.interval,
            steps_per_epoch=self.crops.steps,
        )

    def describe_key(self) -> str:
        """Return everything that determines the weights; the minutes do not until they end."""
        determining = {
            "settings": self.settings.to_json(),
            "training": dataclasses.asdict(self.training) | {"minutes": None},
            "material": self.recordings.listing,
            "processes": self.device.world,
        }
        return json.dumps(determining, sort_keys=True)

    def fingerprint(self) -> str:
        """Return a hash of everything that determines the complete run."""
        stated = [self.describe_key(), self.training.minutes]
        return hashlib.sha256(json.dumps(stated).encode()).hexdigest()

    def batches(self) -> Iterator[Batch]:
        """Yield the batch of each step, from the step that the run has reached."""
        loader = torch.utils.data.DataLoader(
            self.crops,
            batch_size=None,
            sampler=range(self.step, self.training.steps or _ENDLESS),
            num_workers=self.jobs,
            pin_memory=self.device.torch.type == "cuda",
            multiprocessing_context="spawn" if self.jobs else None,
        )
        with use_safe_path():
            for batch in loader:
                self._report(batch.problems)
                yield batch

    def held_out_batches(self) -> list[Batch]:
        """Return the batches of held-out recordings."""
        batches, problems = self.crops.validation()
        self._report(problems)
        return batches

    def count(self, batch: Batch) -> int:
        """Return the number of crops in a batch."""
        return len(batch.values)

    def compute_loss(self, network: Any, batch: Batch) -> Tensor:
        """Return the mean absolute error over the chosen cells of a batch."""
        return compute_loss(network, batch.to(self.device.torch))

    def progress(self) -> float:
        """Return the share of the steps or minutes that is over."""
        return self.training.progress(self.step, self.seconds / 60)

    def schedule(self, share: float) -> float:
        """Return the learning rate at a share of the run."""
        return self.training.rate(share)

    def describe_history(self) -> dict[str, Any]:
        """Return the result of the run as JSON data."""
        return {
            "encoder": self.settings.name,
            "run": self.fingerprint(),
            "epochs": round(self.step / self.crops.steps, 3),
            "processes": self.device.world,
            "hours": round(self.recordings.hours, 3),
            "folders": list(self.recordings.folders),
            "settings": self.settings.to_json(),
            "training": dataclasses.asdict(self.training),
            **self.summarise(),
        }

    def _report(self, problems: Any) -> None:
        """Pass each problem to the observer once."""
        for line in problems:
            if line not in self._reported:
                self._reported.add(line)
                self.watch.problem(line)
