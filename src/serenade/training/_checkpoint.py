"""Training that can be killed at any moment and goes on to the same weights."""

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
    """Seeds PyTorch's generators anew for each epoch, from the seed and the epoch's number.

    Whatever is random in an epoch (order, masks, dropout) then depends on nothing before it, so a
    run that goes on from a checkpoint draws what an unbroken one would.

    Args:
        seed: of the run.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:  # noqa: ARG002 - skorch's
        """See the class; skorch has begun this epoch's history already."""
        torch.manual_seed(derive_epoch_seed(self.seed, len(net.history)))


def derive_epoch_seed(seed: int, epoch: int) -> int:
    """Seed of an epoch; 0 is what comes before the first: initial weights."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0] >> 1)


class Best(EarlyStopping):  # type: ignore[misc]
    """Keeps the weights of the epoch that was best on validation clips; stops when asked to.

    Args:
        monitor: `ua` or `loss`.
        patience: epochs without a better one before training stops; 0 never stops.
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
        """What must be kept to go on, tensors and plain values."""
        return {
            "misses": self.misses_,
            "threshold": float(self.dynamic_threshold_),
            "epoch": self.best_epoch_,
            "weights": self.best_model_weights_,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.misses_ = state["misses"]
        self.dynamic_threshold_ = state["threshold"]
        self.best_epoch_ = state["epoch"]
        self.best_model_weights_ = state["weights"]


class Checkpoint(Callback):  # type: ignore[misc]
    """Callback of skorch that saves the state of a run after each epoch.

    Args:
        path: path of the file; None saves nothing.
        best: the callback whose state is saved too; None if there are no validation clips.
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
    """A name for a training run, from everything that decides it.

    Args:
        stated: settings as JSON data.
        parts: what is trained and validated on.
    """
    digest = hashlib.blake2b(json.dumps(stated, sort_keys=True).encode(), digest_size=12)
    for part in parts:
        if part is None:
            digest.update(b"none")
            continue
        digest.update(" ".join(part.labels).encode())
        digest.update(part.weights.tobytes())
        for matrix in (m for streams in part.rounds for matrices in streams for m in matrices):
            digest.update(repr(matrix.shape).encode())
            digest.update(matrix.tobytes())
    return digest.hexdigest()
