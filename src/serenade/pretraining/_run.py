"""Training run of pre-training and Speech2Vec: seeded, saved at intervals, resumable."""

from __future__ import annotations

import abc
import json
import time
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import torch

from serenade.errors import SerenadeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from serenade.pretraining._run_records import Watch
    from serenade.training import Device, StateFile

Network = TypeVar("Network", bound=torch.nn.Module)
Batch = TypeVar("Batch")


class TrainingRun(abc.ABC, Generic[Network, Batch]):
    """Training run that can be killed at any moment and resumes to the same weights.

    All random numbers of a step follow from the seed and the number of the step. PyTorch's random
    generators are left as they were.

    Args:
        network: the network, on its device.
        optimiser: optimiser of the network's parameters.
        device: the device.
        watch: observer of the run.
        seed: seed of the run.
        learning_rate: highest learning rate.
        clipping: largest norm of the gradient.
        interval: steps between two points of the loss curve.
        steps_per_epoch: steps of an epoch; need not be whole.

    Attributes:
        step: number of steps taken.
        seconds: time spent on them, over all processes that the run took after kills.
        points: points of the loss curve.
    """

    def __init__(
        self,
        network: Network,
        optimiser: torch.optim.Optimizer,
        device: Device,
        watch: Watch,
        *,
        seed: int,
        learning_rate: float,
        clipping: float,
        interval: int,
        steps_per_epoch: float,
    ) -> None:
        self.network, self.optimiser = network, optimiser
        self.device, self.watch = device, watch
        self.seed, self.learning_rate, self.clipping = seed, learning_rate, clipping
        self.interval, self.steps_per_epoch = interval, steps_per_epoch
        self.step, self.seconds = 0, 0.0
        self.points: list[dict[str, float]] = []
        self._loss_sum = torch.zeros((), dtype=torch.float64, device=device.torch)

    @abc.abstractmethod
    def batches(self) -> Iterator[Batch]:
        """Yield the batch of each step, from `self.step` on; batches follow from the step alone."""

    @abc.abstractmethod
    def held_out_batches(self) -> Sequence[Batch]:
        """Return the batches of held-out recordings, for the loss curve."""

    @abc.abstractmethod
    def count(self, batch: Batch) -> int:
        """Return the number of examples in a batch, its weight in the loss on held-out data."""

    @abc.abstractmethod
    def compute_loss(self, network: Any, batch: Batch) -> Tensor:
        """Return the loss of a network on a batch."""

    @abc.abstractmethod
    def progress(self) -> float:
        """Return the share of the run that is complete; the run ends at 1."""

    def schedule(self, share: float) -> float:  # noqa: ARG002 - for subclasses
        """Return the learning rate at a share of the run; constant unless overridden."""
        return self.learning_rate

    def train(self, file: StateFile, every: float) -> None:
        """Train to the end, from the state in the file if there is one.

        Args:
            file: file of the state.
            every: minutes between two writes of the file.

        Raises:
            SerenadeError: the training diverged, or the file cannot be used.
        """
        written = time.monotonic()
        with self.device.keep_generators():
            file.restore(self.device.torch, self._restore)
            for _ in self._take_steps():
                if self.device.rank == 0 and time.monotonic() - written >= 60 * every:
                    file.write(self._collect_state())
                    written = time.monotonic()

    def summarise(self) -> dict[str, Any]:
        """Return the size, the length and the loss curve of the run as JSON data."""
        return {
            "parameters": sum(weight.numel() for weight in self.network.parameters()),
            "steps": self.step,
            "seconds": round(self.seconds, 1),
            "device": self.device.torch.type,
            "torch": torch.__version__,
            "points": self.points,
        }

    def _collect_state(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "sum": self._loss_sum,
            "points": json.dumps(self.points),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.seconds = state["step"], state["seconds"]
        self._loss_sum, self.points = state["sum"], json.loads(state["points"])

    def _take_steps(self) -> Iterator[int]:
        """Train, and yield the number of steps after each step."""
        held_out = self.held_out_batches() if self.device.rank == 0 else ()
        network = self.device.wrap(self.network)
        started = time.monotonic() - self.seconds
        batches = self.batches()
        while True:
            self.seconds = time.monotonic() - started
            share = self.device.broadcast(self.progress())
            if share >= 1:
                break
            loss = self._update(network, next(batches), share)
            self.step += 1
            if self.step % self.interval == 0:
                self._add_point(held_out)
            self.watch.step(share, float(loss))
            self.seconds = time.monotonic() - started
            yield self.step
        if self.step % self.interval:
            self._add_point(held_out)

    def _update(self, network: Any, batch: Batch, share: float) -> Tensor:
        """Take one step of the optimiser."""
        entropy = [self.seed, self.step, self.device.rank]
        state = np.random.SeedSequence(entropy).generate_state(1, np.uint64)
        torch.manual_seed(int(state[0] >> 1))
        self.network.train()
        for group in self.optimiser.param_groups:
            group["lr"] = self.schedule(share)
        self.optimiser.zero_grad(set_to_none=True)
        with self.device.autocast():
            loss = self.compute_loss(network, batch)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.clipping)
        self.optimiser.step()
        self._loss_sum += loss.detach().double()
        return loss.detach()

    @torch.no_grad()
    def _add_point(self, held_out: Sequence[Batch]) -> None:
        """Add a point to the loss curve: the mean since the last point, and on held-out data."""
        since = self.step % self.interval or self.interval
        point = {
            "step": self.step,
            "epoch": round(self.step / self.steps_per_epoch, 4),
            "train_loss": float(self._loss_sum) / since,
        }
        self._loss_sum.zero_()
        if not np.isfinite(point["train_loss"]):
            raise SerenadeError(
                f"training diverged before step {self.step}; choose a learning rate below "
                f"{self.learning_rate}"
            )
        if self.device.rank:
            return
        if held_out:
            self.network.eval()
            with self.device.autocast():
                losses = [float(self.compute_loss(self.network, batch)) for batch in held_out]
            weights = [self.count(batch) for batch in held_out]
            point["valid_loss"] = float(np.average(losses, weights=weights))
        self.points.append(point)
        self.watch.point(point)
