"""Callbacks that let a killed run resume and end with the same weights."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from skorch.callbacks import Callback, EarlyStopping
from skorch.history import History

from serenade.training._state_files import StateFile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from serenade.training._clips import Clips


class Seeds(Callback):  # type: ignore[misc]
    """Callback that seeds PyTorch's generators for each epoch, from seed and epoch number.

    Random draws in an epoch (order, masks, dropout) then do not depend on the epochs before, so a
    run that resumes from a checkpoint draws the same numbers as an unbroken one.

    Args:
        seed: seed of the run.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:  # noqa: ARG002 - skorch's
        """See the class; skorch has begun this epoch's history already."""
        torch.manual_seed(derive_epoch_seed(self.seed, len(net.history)))


def derive_epoch_seed(seed: int, epoch: int) -> int:
    """Derive the seed of an epoch; epoch 0 is the initialisation of the weights."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0] >> 1)


class Best(EarlyStopping):  # type: ignore[misc]
    """Callback that keeps the weights of the best epoch on validation clips, and stops early.

    Args:
        monitor: `ua`, `wa`, `ccc` or `loss`.
        patience: training stops after this many epochs without improvement; 0 never stops.
    """

    def __init__(self, monitor: str, patience: int) -> None:
        super().__init__(
            monitor=f"valid_{monitor}",
            patience=patience or -1,
            threshold=0.0,
            lower_is_better=monitor == "loss",
            load_best=True,
        )

    def state(self) -> dict[str, Any]:
        """Return the state that a resumed run needs, as tensors and plain values."""
        return {
            "misses": self.misses_,
            "threshold": float(self.dynamic_threshold_),
            "epoch": self.best_epoch_,
            "weights": self.best_model_weights_,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the result of `state`."""
        self.misses_ = state["misses"]
        self.dynamic_threshold_ = state["threshold"]
        self.best_epoch_ = state["epoch"]
        self.best_model_weights_ = state["weights"]


class Checkpoint(Callback):  # type: ignore[misc]
    """Callback of skorch that saves the state of a run after each epoch.

    Args:
        path: path of the file; None saves nothing.
        best: the callback whose state is also saved; None if there are no validation clips.
    """

    def __init__(self, path: Path | None, best: Best | None) -> None:
        self.path = path
        self.best = best
        self.finished = False
        self.complete = 0
        self._file = StateFile(path)
        self._saved_best: dict[str, Any] | None = None

    def load(self, net: Any) -> None:
        """Restore an initialised net from the file, if there is one.

        Raises:
            SerenadeError: the file is damaged or has another version.
        """

        def restore(state: dict[str, Any]) -> None:
            net.module_.load_state_dict(state["module"])
            net.optimizer_.load_state_dict(state["optimiser"])
            net.history = History(json.loads(state["history"]))
            self.finished, self.complete = state["finished"], len(net.history)
            self._saved_best = state["best"]

        self._file.restore(net.device, restore)

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:  # noqa: ARG002 - skorch's
        """Restore the callback `best`, which skorch has just reset."""
        if self.best is not None and self._saved_best is not None:
            self.best.restore(self._saved_best)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:  # noqa: ARG002 - skorch's
        """Save the epoch, without the losses of its batches: the file would grow."""
        net.history[-1]["batches"] = []
        self.complete = len(net.history)
        self._save(net)

    def close(self, net: Any) -> None:
        """Save the final weights, so that the same run is not trained a second time."""
        self.finished = True
        self._save(net)

    def _save(self, net: Any) -> None:
        self._file.write(
            {
                "module": net.module_.state_dict(),
                "optimiser": net.optimizer_.state_dict(),
                "history": json.dumps(net.history.to_list(), default=float),
                "best": None if self.best is None else self.best.state(),
                "finished": self.finished,
            }
        )


def make_run_key(stated: Mapping[str, Any], *parts: Clips | None) -> str:
    """Make a name for a training run from everything that decides its result.

    Args:
        stated: settings as JSON data.
        parts: clips for training and validation.
    """
    digest = hashlib.blake2b(json.dumps(stated, sort_keys=True).encode(), digest_size=12)
    for part in parts:
        if part is None:
            digest.update(b"none")
            continue
        digest.update(" ".join(part.labels).encode())
        digest.update(part.weights.tobytes())
        if part.targets is not None:
            digest.update(repr(part.targets.names).encode())
            digest.update(part.targets.numbers.tobytes())
        for matrix in (m for streams in part.rounds for matrices in streams for m in matrices):
            digest.update(repr(matrix.shape).encode())
            digest.update(matrix.tobytes())
    return digest.hexdigest()
