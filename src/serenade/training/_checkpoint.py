"""Training that can be killed at any moment and goes on to the same weights."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from skorch.callbacks import Callback, EarlyStopping
from skorch.history import History

from serenade.training._state_files import describe_unusable, save_state

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from serenade.training._clips import Clips

_FORMAT = 1


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
    """Writes everything a run needs to go on after each epoch, whole or not at all.

    The file is PyTorch's, read with `weights_only`: nothing in it is executed.

    Args:
        path: of the file; None keeps nothing.
        best: the callback whose state is kept too; None where nothing is validated.
    """

    def __init__(self, path: Path | None, best: Best | None) -> None:
        self.path = path
        self.best = best
        self.finished = False
        self.complete = 0
        self._found: dict[str, Any] | None = None

    def load(self, net: Any) -> None:
        """Put an initialised net where the file left off, if there is one.

        Raises:
            SerenadeError: the file is damaged or of another version.
        """
        if self.path is None or not self.path.is_file():
            return
        try:
            found = torch.load(self.path, map_location=net.device, weights_only=True)
            if found["format"] != _FORMAT:
                raise ValueError(f"format {found['format']}")
            net.module_.load_state_dict(found["module"])
            net.optimizer_.load_state_dict(found["optimiser"])
            net.history = History(json.loads(found["history"]))
            self.finished, self.complete = found["finished"], len(net.history)
            self._found = found["best"]
        except Exception as error:  # noqa: BLE001 - a damaged file leads anywhere
            raise describe_unusable(self.path, error) from None

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:  # noqa: ARG002 - skorch's
        """Restore the state that other callbacks have just reset."""
        if self.best is not None and self._found is not None:
            self.best.restore(self._found)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:  # noqa: ARG002 - skorch's
        """Keep the epoch; its batches are forgotten, whose losses grow without end."""
        net.history[-1]["batches"] = []
        self.complete = len(net.history)
        self._write(net)

    def close(self, net: Any) -> None:
        """Keep the final weights: whoever comes again need not train at all."""
        self.finished = True
        self._write(net)

    def _write(self, net: Any) -> None:
        if self.path is None:
            return
        state = {
            "format": _FORMAT,
            "module": net.module_.state_dict(),
            "optimiser": net.optimizer_.state_dict(),
            "history": json.dumps(net.history.to_list(), default=float),
            "best": None if self.best is None else self.best.state(),
            "finished": self.finished,
        }
        save_state(state, self.path)


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
