"""A run's state on disk, from which it goes on to the weights of an unbroken one."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import torch

from serenade.errors import SerenadeError
from serenade.training import describe_unusable, save_state

if TYPE_CHECKING:
    from pathlib import Path

_FORMAT = 1


class Checkpoint:
    """Written every so many minutes, whole or not at all; nothing in it is executed when read.

    Args:
        path: of the file.
        key: what decides the run; a file of another run is refused.
        every: minutes.
    """

    def __init__(self, path: Path, key: str, every: float) -> None:
        self.path, self.key, self.every = path, key, every
        self._written = time.monotonic()

    def restore(self, run: Any) -> None:
        """Put a new run where the file left off, if there is one.

        Raises:
            SerenadeError: the file is damaged, or of another run.
        """
        if not self.path.is_file():
            return
        try:
            found = torch.load(self.path, map_location=run.hardware.device, weights_only=True)
            if found["format"] != _FORMAT:
                raise ValueError(f"format {found['format']}")
            same = found["key"] == self.key
            if same:
                run.network.load_state_dict(found["network"])
                run.optimiser.load_state_dict(found["optimiser"])
                run.step, run.seconds = found["step"], found["seconds"]
                run.sum, run.points = found["sum"], json.loads(found["points"])
        except Exception as error:  # noqa: BLE001 - a damaged file leads anywhere
            raise describe_unusable(self.path, error) from None
        if not same:
            raise SerenadeError(
                f"{self.path}: of a run with other recordings or settings; repeat that command to "
                "go on, or delete the file to train anew"
            )

    def save_when_due(self, run: Any) -> None:
        """Write it if the minutes are over."""
        if time.monotonic() - self._written < 60 * self.every:
            return
        state = {
            "format": _FORMAT,
            "key": self.key,
            "network": run.network.state_dict(),
            "optimiser": run.optimiser.state_dict(),
            "step": run.step,
            "seconds": run.seconds,
            "sum": run.sum,
            "points": json.dumps(run.points),
        }
        save_state(state, self.path)
        self._written = time.monotonic()

    def remove(self) -> None:
        """The run is over."""
        self.path.unlink(missing_ok=True)
