"""Device that a training run uses: in one process, or in several by accelerate."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import torch

from serenade.errors import MissingExtraError, SerenadeError, first_line

if TYPE_CHECKING:
    import contextlib


class Device:
    """Device of a training run in one process.

    Args:
        name: PyTorch's name of the device: `cpu`, `cuda`, `cuda:1`, …
        precision: precision of the forward pass, `float32` or `bfloat16`.

    Attributes:
        torch: the device as PyTorch takes it.
        rank: number of this process among those that train together.
        world: number of these processes.

    Raises:
        SerenadeError: PyTorch cannot use the device on this machine.
    """

    rank, world = 0, 1

    def __init__(self, name: str, precision: str = "float32") -> None:
        self.torch = check_device(name)
        self._reduced = precision == "bfloat16"

    def wrap(self, network: torch.nn.Module) -> Any:
        """Return the network in the form that is trained."""
        return network

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """Return a context in which the forward pass runs at the precision of the run."""
        return torch.autocast(self.torch.type, torch.bfloat16, enabled=self._reduced)

    def keep_generators(self) -> contextlib.AbstractContextManager[Any]:
        """Return a context that restores the state of PyTorch's random generators at its end."""
        cuda = [self.torch.index or 0] if self.torch.type == "cuda" else []
        return torch.random.fork_rng(devices=cuda)

    def broadcast(self, value: float) -> float:
        """Return the value that the first process has."""
        return value


class DistributedDevice(Device):
    """Device of one of several processes that accelerate or torchrun started."""

    def __init__(self, name: str, precision: str = "float32") -> None:
        try:
            import accelerate  # type: ignore[import-untyped,import-not-found,unused-ignore]
        except ImportError:
            raise MissingExtraError("training in several processes", "accelerate") from None
        self._accelerator = accelerate.Accelerator(cpu=name == "cpu")
        super().__init__(str(self._accelerator.device), precision)
        self.rank, self.world = self._accelerator.process_index, self._accelerator.num_processes

    def wrap(self, network: torch.nn.Module) -> Any:
        """Return the network with gradients averaged over the processes."""
        return self._accelerator.prepare(network)

    def broadcast(self, value: float) -> float:
        """Return the value that the first process has."""
        from accelerate.utils import (  # type: ignore[import-untyped,import-not-found,unused-ignore]
            broadcast,
        )

        return float(broadcast(torch.tensor(value, dtype=torch.float32, device=self.torch)))


def choose_device(name: str, precision: str = "float32") -> Device:
    """Choose a device: distributed if `WORLD_SIZE`, which launchers set, is above 1.

    Args:
        name: `cpu`, `cuda`, `cuda:1`, …; each of several processes on GPUs takes its own.
        precision: precision of the forward pass, `float32` or `bfloat16`.

    Raises:
        SerenadeError: PyTorch cannot use the device on this machine.
        MissingExtraError: several processes without accelerate.
    """
    distributed = int(os.environ.get("WORLD_SIZE", "1")) > 1
    return (DistributedDevice if distributed else Device)(name, precision)


def check_device(name: str) -> torch.device:
    """Return PyTorch's device of this name.

    Raises:
        SerenadeError: PyTorch does not know it, or cannot use it on this machine.
    """
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise SerenadeError(
            f"device {name!r}: PyTorch cannot use it on this machine ({first_line(error)}); use cpu"
        ) from None
    return device
