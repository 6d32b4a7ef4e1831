"""Training: spoken words in, a network out; killed at any moment, it goes on to the same weights.

Loss: mean squared error between what is foretold of a word and each of its neighbours, frame by
frame, over the neighbours' real frames.
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from serenade.encoders import build_speech2vec, check_readable, pad_words
from serenade.errors import ModelError, SerenadeError
from serenade.pretraining._checkpoint import Checkpoint
from serenade.pretraining._device import Single
from serenade.pretraining._record import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from serenade.encoders import Speech2Vec, Speech2VecSettings
    from serenade.pretraining._spoken_words import Material

_POOL = 32  # batches that are sorted by length together


def train_speech2vec(
    settings: Speech2VecSettings,
    material: Material,
    *,
    place: str = "cpu",
    checkpoint: Path | None = None,
    every: float = 1.0,
    watch: Watch | None = None,
) -> tuple[Speech2Vec, dict[str, Any]]:
    """Train on spoken words.

    Args:
        settings: of the run.
        material: what on.
        place: device.
        checkpoint: file the run is kept in, so that it can go on after a kill; removed by whoever
            has written the result. None keeps nothing.
        every: minutes between two writings of it.
        watch: who is told how it goes.

    Returns:
        The network, and the history as JSON data: a point per epoch with `train_loss`, and
        `valid_loss` where recordings are held out.

    Raises:
        ModelError: no recording of two words to train on.
        SerenadeError: no such device, a checkpoint of another run, or training that diverged.
    """
    run = _Run(settings, material, Single(place, cast("Any", settings)), watch or Watch())
    kept = None if checkpoint is None else Checkpoint(checkpoint, run.key(), every)
    if kept is not None:
        kept.restore(run)
    for _ in run.steps():
        if kept is not None:
            kept.save_when_due(run)
    return run.network.eval(), run.history()


class _Run:
    """A run at some step: all that a checkpoint has to bring back is here."""

    def __init__(
        self, settings: Speech2VecSettings, material: Material, hardware: Single, watch: Watch
    ) -> None:
        self.settings, self.material = settings, material
        self.hardware, self.watch = hardware, watch
        self.network = build_speech2vec(settings).to(hardware.device)
        self.optimiser = torch.optim.Adam(self.network.parameters(), settings.learning_rate)
        self.contexts = material.contexts(settings.window)
        self.centres, self.held_out = self._divided()
        self.step, self.seconds = 0, 0.0
        self.sum = torch.zeros((), dtype=torch.float64, device=hardware.device)
        self.points: list[dict[str, float]] = []

    def _divided(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Words with neighbours: those trained on, and those of held-out recordings."""
        count = len(self.material.files)
        rng = np.random.default_rng([self.settings.seed, 0])
        aside = rng.permutation(count)[: int(self.settings.held_out * count)]
        near = np.array([len(context) > 0 for context in self.contexts])
        watched = np.isin(self.material.recordings, aside)
        if not (near & ~watched).any():
            raise ModelError(
                "no recording of two words or more: a word is learnt from those beside it; give "
                "recordings of sentences"
            )
        return np.flatnonzero(near & ~watched), np.flatnonzero(near & watched)

    def key(self) -> str:
        """All that decides the weights."""
        digest = hashlib.blake2b(digest_size=16)
        digest.update(self.material.recordings.tobytes())
        for matrix in self.material.matrices:
            digest.update(repr(matrix.shape).encode() + np.ascontiguousarray(matrix).tobytes())
        stated = {"settings": self.settings.to_json(), "material": digest.hexdigest()}
        return json.dumps(stated, sort_keys=True)

    def steps(self) -> Iterator[int]:
        """Train, yielding the number of each step that is over."""
        per_epoch = len(self._batches(1))
        total = per_epoch * self.settings.epochs
        started = time.monotonic() - self.seconds
        batches: list[NDArray[np.int64]] = []
        while self.step < total:
            epoch, place = divmod(self.step, per_epoch)
            if not batches or place == 0:
                batches = self._batches(1 + epoch)
            loss = self._update(batches[place])
            self.step += 1
            if self.step % per_epoch == 0:
                self._point(per_epoch)
            self.seconds = time.monotonic() - started
            self.watch.step(self.step / total, loss)
            yield self.step

    def _batches(self, epoch: int) -> list[NDArray[np.int64]]:
        """Centres of each step: shuffled by seed and epoch, of like length within a batch."""
        rng = np.random.default_rng([self.settings.seed, epoch])
        order, size = rng.permutation(self.centres), self.settings.batch
        lengths = np.array([len(self.material.matrices[row]) for row in order])
        cut: list[NDArray[np.int64]] = []
        for start in range(0, len(order), _POOL * size):
            pool = slice(start, start + _POOL * size)
            stretch = order[pool][np.argsort(lengths[pool], kind="stable")]
            cut += [stretch[first : first + size] for first in range(0, len(stretch), size)]
        return [cut[place] for place in rng.permutation(len(cut))]

    def _update(self, centres: NDArray[np.int64]) -> float:
        """One step of the optimiser; nothing in it is random."""
        self.network.train()
        self.optimiser.zero_grad(set_to_none=True)
        with self.hardware.precision():
            loss = self._loss(centres)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clipping)
        self.optimiser.step()
        self.sum += loss.detach().double()
        return float(loss.detach())

    def _loss(self, centres: NDArray[np.int64]) -> Tensor:
        """Mean squared error over the neighbours of words."""
        matrices = self.material.matrices
        owners = np.repeat(np.arange(len(centres)), [len(self.contexts[c]) for c in centres])
        near = [matrices[row] for centre in centres for row in self.contexts[centre]]
        target = pad_words(near).to(self.hardware.device)
        lengths = torch.tensor([len(matrix) for matrix in near], device=target.device)
        real = torch.arange(target.shape[1], device=target.device) < lengths[:, None]
        words = (
            part.to(target.device) for part in check_readable([matrices[row] for row in centres])
        )
        written = self.network(*words, target.shape[1]).float()
        wrong = (written[torch.from_numpy(owners)] - target).square().mean(dim=2)
        loss: Tensor = (wrong * real).sum() / real.sum()
        return loss

    @torch.no_grad()
    def _point(self, per_epoch: int) -> None:
        """A point of the loss curve, an epoch being over."""
        point = {
            "step": self.step,
            "epoch": self.step / per_epoch,
            "train_loss": float(self.sum) / per_epoch,
        }
        self.sum.zero_()
        if not np.isfinite(point["train_loss"]):
            raise SerenadeError(
                f"training diverged before step {self.step}; lower the learning rate of "
                f"{self.settings.learning_rate}"
            )
        if len(self.held_out):
            size = self.settings.batch
            parts = [self.held_out[i : i + size] for i in range(0, len(self.held_out), size)]
            losses = [float(self._loss(part)) for part in parts]
            point["valid_loss"] = float(np.average(losses, weights=[len(p) for p in parts]))
        self.points.append(point)
        self.watch.point(point)

    def history(self) -> dict[str, Any]:
        """What became of it, as JSON data."""
        return {
            "settings": self.settings.to_json(),
            "instances": len(self.material),
            "words": len(set(self.material.words)),
            "recordings": len(self.material.files),
            "centres": len(self.centres),
            "parameters": sum(weight.numel() for weight in self.network.parameters()),
            "steps": self.step,
            "seconds": round(self.seconds, 1),
            "device": self.hardware.device.type,
            "torch": torch.__version__,
            "points": self.points,
        }
