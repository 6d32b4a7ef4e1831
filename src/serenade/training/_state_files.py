"""File that holds the state of a training run, from which a killed run resumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from serenade._atomic import remove_unfinished, replace_atomically
from serenade.errors import SerenadeError, first_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_FORMAT = 1


class StateFile:
    """File that holds the state of a training run, from which a killed run resumes.

    PyTorch reads the file with `weights_only`, so nothing in it is executed. A write replaces the
    file in one step: a run that is killed while writing leaves the last state.

    Args:
        path: path of the file; None keeps no state.
        key: everything that determines the run; a file with another key is rejected. None if the
            path itself depends on the run.
    """

    def __init__(self, path: Path | None, key: str | None = None) -> None:
        self.path, self.key = path, key

    def restore(self, device: Any, load: Callable[[dict[str, Any]], None]) -> None:
        """Pass the state in the file to `load`; do nothing if there is no file.

        Args:
            device: the device that tensors are read to.
            load: function that puts a new run into the state.

        Raises:
            SerenadeError: the file is damaged or belongs to another run or version.
        """
        if self.path is None:
            return
        remove_unfinished(self.path.parent)
        if not self.path.is_file():
            return
        try:
            state = torch.load(self.path, map_location=device, weights_only=True)
            if state["format"] != _FORMAT:
                raise ValueError(f"format {state['format']}")
            belongs = state.get("key") == self.key
            if belongs:
                load(state)
        except Exception as error:  # noqa: BLE001 - a damaged file can raise anything
            raise _describe_unusable(self.path, error) from None
        if not belongs:
            raise SerenadeError(
                f"{self.path}: belongs to a run with other recordings or settings; repeat the "
                "command of that run to resume it, or delete the file to start a new run"
            )

    def write(self, state: Mapping[str, Any]) -> None:
        """Replace the file by a state of tensors and plain values.

        Raises:
            SerenadeError: there is no space or no permission to write.
        """
        if self.path is None:
            return
        whole = {"format": _FORMAT, **state} | ({} if self.key is None else {"key": self.key})
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with replace_atomically(self.path) as unfinished:
                torch.save(whole, unfinished)
        except (OSError, RuntimeError) as error:  # PyTorch's writer raises RuntimeError
            reason = getattr(error, "strerror", None) or first_line(error)
            raise SerenadeError(
                f"{self.path}: cannot be written ({reason}); free some space or choose another "
                "folder, then repeat the command: it resumes from the last saved state"
            ) from None

    def remove(self) -> None:
        """Delete the file of a finished run."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def _describe_unusable(path: Path, error: Exception) -> SerenadeError:
    # The rest of PyTorch's message explains how to execute the content of the file.
    reason = first_line(error).split(". ")[0]
    return SerenadeError(
        f"{path}: cannot resume from this checkpoint ({type(error).__name__}: {reason}); delete it "
        "to start a new run"
    )
