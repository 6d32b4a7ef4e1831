"""What a training loop asks of the hardware: one process, or several by accelerate."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import torch

from serenade.errors import MissingExtraError, SerenadeError

if TYPE_CHECKING:
    import contextlib

    from serenade.encoders import Network, Training


class Single:
    """One process on one device.

    Args:
        device: PyTorch's name of it.
        training: states the precision.

    Raises:
        SerenadeError: no such device.
    """

    rank, world = 0, 1

    def __init__(self, device: str, training: Training) -> None:
        try:
            self.device = torch.device(device)
            torch.zeros(1, device=self.device)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise SerenadeError(f"--device {device}: {reason}; cpu always works") from None
        self._reduced = training.precision == "bfloat16"

    def prepared(self, network: Network) -> Any:
        """The network as it is trained; it is on its device already."""
        return network

    def precision(self) -> contextlib.AbstractContextManager[Any]:
        """Within it the forward pass runs as the training's precision says."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self._reduced)

    def agreed(self, value: float) -> float:
        """A number that all processes have: that of the first."""
        return value


class Several(Single):
    """One of several processes, each with its device, that accelerate or torchrun began."""

    def __init__(self, device: str, training: Training) -> None:
        try:
            import accelerate  # type: ignore[import-untyped,import-not-found,unused-ignore]
        except ImportError:
            raise MissingExtraError("training in several processes", "accelerate") from None
        self._by = accelerate.Accelerator(cpu=device == "cpu")
        super().__init__(str(self._by.device), training)
        self.rank, self.world = self._by.process_index, self._by.num_processes

    def prepared(self, network: Network) -> Any:
        """The network, its gradients averaged over the processes."""
        return self._by.prepare(network)

    def agreed(self, value: float) -> float:
        """See `Single`."""
        from accelerate.utils import (  # type: ignore[import-untyped,import-not-found,unused-ignore]
            broadcast,
        )

        return float(broadcast(torch.tensor(value, dtype=torch.float32, device=self.device)))


def choose_device(device: str, training: Training) -> Single:
    """The hardware: several processes where `WORLD_SIZE`, which launchers set, says so.

    Args:
        device: `cpu`, `cuda`, `cuda:1`, …; with several processes on GPUs each takes its own.
        training: states the precision.

    Raises:
        SerenadeError: no such device.
        MissingExtraError: several processes without accelerate.
    """
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    return (Several if several else Single)(device, training)
