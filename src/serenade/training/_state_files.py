"""Files of a run's state, written whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from serenade._atomic import replace_atomically
from serenade.errors import SerenadeError, first_line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def save_state(state: Mapping[str, Any], path: Path) -> None:
    """Write tensors and plain values as PyTorch does; the file that was there stays until then.

    Args:
        state: what is written.
        path: of the file; its folder is made where it is missing.

    Raises:
        SerenadeError: no room, or no permission.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replace_atomically(path) as unfinished:
            torch.save(state, unfinished)
    except (OSError, RuntimeError) as error:  # PyTorch's writer raises the latter
        reason = getattr(error, "strerror", None) or first_line(error)
        raise SerenadeError(
            f"{path}: cannot be written ({reason}); free some space or name another folder, then "
            "repeat the command: it goes on after what was kept last"
        ) from None


def describe_unusable(path: Path, error: Exception) -> SerenadeError:
    """What is said of a state that cannot be gone on from.

    Args:
        path: of the file.
        error: that reading it raised.
    """
    # The rest of PyTorch's message explains how to run what is in the file.
    reason = first_line(error).split(". ")[0]
    return SerenadeError(
        f"{path}: not a checkpoint that can be gone on from ({type(error).__name__}: {reason}); "
        "delete it to train anew"
    )
