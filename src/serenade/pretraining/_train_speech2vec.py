"""Training of Speech2Vec on spoken words.

Loss: mean squared error between the frames that are predicted from a word and the real frames of
each of its neighbours.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from serenade.encoders import build_speech2vec, pad_words, prepare_words
from serenade.errors import ModelError
from serenade.pretraining._run import TrainingRun
from serenade.pretraining._run_records import Watch
from serenade.training import Device, StateFile, cut_by_length

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from serenade.encoders import Speech2Vec, Speech2VecSettings
    from serenade.pretraining._spoken_words import SpokenWords


def train_speech2vec(
    settings: Speech2VecSettings,
    words: SpokenWords,
    *,
    device: str = "cpu",
    checkpoint: Path | None = None,
    every: float = 1.0,
    watch: Watch | None = None,
) -> tuple[Speech2Vec, dict[str, Any]]:
    """Train Speech2Vec on spoken words; a run that is killed resumes to the same weights.

    Args:
        settings: settings of the network and of the run.
        words: words to train on.
        device: PyTorch's name of the device.
        checkpoint: path of the checkpoint; the caller deletes it after it has written the result.
            None saves no checkpoint.
        every: minutes between two checkpoints.
        watch: observer of the run.

    Returns:
        The network, and the history as JSON data: a point per epoch with `train_loss`, and with
        `valid_loss` if recordings are held out.

    Raises:
        ModelError: no recording has two words to train on.
        SerenadeError: the device cannot be used, the checkpoint belongs to another run, or the
            training diverged.
    """
    run = Speech2VecRun(settings, words, Device(device, settings.precision), watch or Watch())
    run.train(StateFile(checkpoint, run.describe_key()), every)
    return run.network.eval(), run.describe_history()


class Speech2VecRun(TrainingRun["Speech2Vec", "NDArray[np.int64]"]):
    """Training run of Speech2Vec; a batch holds the numbers of its centre words.

    Args:
        settings: settings of the network and of the run.
        words: words to train on.
        device: the device.
        watch: observer of the run.

    Attributes:
        contexts: numbers of the neighbours of each word.
        centres: numbers of the words to train on.
        held_out: numbers of the words in held-out recordings.

    Raises:
        ModelError: no recording has two words to train on.
    """

    def __init__(
        self, settings: Speech2VecSettings, words: SpokenWords, device: Device, watch: Watch
    ) -> None:
        self.settings, self.words = settings, words
        self.contexts = words.contexts(settings.window)
        self.centres, self.held_out = self._divide()
        self.lengths = np.array([len(matrix) for matrix in words.matrices])
        steps = len(self._cut_epoch(1))
        network = build_speech2vec(settings).to(device.torch)
        super().__init__(
            network,
            torch.optim.Adam(network.parameters(), settings.learning_rate),
            device,
            watch,
            seed=settings.seed,
            learning_rate=settings.learning_rate,
            clipping=settings.clipping,
            interval=steps,
            steps_per_epoch=steps,
        )

    def describe_key(self) -> str:
        """Return everything that determines the weights."""
        digest = hashlib.blake2b(digest_size=16)
        digest.update(self.words.recordings.tobytes())
        for matrix in self.words.matrices:
            digest.update(repr(matrix.shape).encode() + np.ascontiguousarray(matrix).tobytes())
        determining = {"settings": self.settings.to_json(), "material": digest.hexdigest()}
        return json.dumps(determining, sort_keys=True)

    def batches(self) -> Iterator[NDArray[np.int64]]:
        """Yield the centres of each step, from the step that the run has reached."""
        batches: list[NDArray[np.int64]] = []
        for step in itertools.count(self.step):
            epoch, place = divmod(step, self.interval)
            if not batches or place == 0:
                batches = self._cut_epoch(1 + epoch)
            yield batches[place]

    def held_out_batches(self) -> list[NDArray[np.int64]]:
        """Return the centres of held-out recordings in batches."""
        size = self.settings.batch
        return [self.held_out[i : i + size] for i in range(0, len(self.held_out), size)]

    def count(self, batch: NDArray[np.int64]) -> int:
        """Return the number of centres in a batch."""
        return len(batch)

    def compute_loss(self, network: Any, batch: NDArray[np.int64]) -> Tensor:
        """Return the mean squared error over the real frames of the neighbours of the centres."""
        matrices = self.words.matrices
        owners = np.repeat(np.arange(len(batch)), [len(self.contexts[row]) for row in batch])
        near = [matrices[row] for centre in batch for row in self.contexts[centre]]
        target = pad_words(near).to(self.device.torch)
        lengths = torch.tensor([len(matrix) for matrix in near], device=target.device)
        real = torch.arange(target.shape[1], device=target.device) < lengths[:, None]
        centres = (
            part.to(target.device) for part in prepare_words([matrices[row] for row in batch])
        )
        predicted = network(*centres, target.shape[1]).float()
        errors = (predicted[torch.from_numpy(owners)] - target).square().mean(dim=2)
        loss: Tensor = (errors * real).sum() / real.sum()
        return loss

    def progress(self) -> float:
        """Return the share of the steps that is over."""
        return self.step / (self.interval * self.settings.epochs)

    def describe_history(self) -> dict[str, Any]:
        """Return the result of the run as JSON data."""
        return {
            "settings": self.settings.to_json(),
            "instances": len(self.words),
            "words": len(set(self.words.words)),
            "recordings": len(self.words.files),
            "centres": len(self.centres),
            **self.summarise(),
        }

    def _divide(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Divide the words that have neighbours into training and held-out recordings."""
        count = len(self.words.files)
        rng = np.random.default_rng([self.settings.seed, 0])
        chosen = rng.permutation(count)[: int(self.settings.held_out * count)]
        near = np.array([len(context) > 0 for context in self.contexts])
        held_out = np.isin(self.words.recordings, chosen)
        if not (near & ~held_out).any():
            raise ModelError(
                "no recording has two words or more: a word is learnt from its neighbours; give "
                "recordings of sentences"
            )
        return np.flatnonzero(near & ~held_out), np.flatnonzero(near & held_out)

    def _cut_epoch(self, epoch: int) -> list[NDArray[np.int64]]:
        """Return the batches of an epoch in random order."""
        rng = np.random.default_rng([self.settings.seed, epoch])
        order = rng.permutation(self.centres)
        batches = cut_by_length(order, self.lengths, self.settings.batch)
        return [batches[place] for place in rng.permutation(len(batches))]
