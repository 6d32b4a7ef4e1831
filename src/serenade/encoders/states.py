"""Files of a run's state, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

import torch

from serenade.errors import SerenadeError

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
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, unfinished)
        unfinished.replace(path)
    except (OSError, RuntimeError) as error:  # PyTorch's writer raises the latter
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or (str(error).splitlines() or [""])[0]
        raise SerenadeError(
            f"{path}: cannot be written ({reason}); free some space or name another folder, then "
            "repeat the command: it goes on after what was kept last"
        ) from None
