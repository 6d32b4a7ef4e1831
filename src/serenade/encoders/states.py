"""Files of a run's state, written whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from serenade.errors import SerenadeError
from serenade.files import whole

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
        with whole(path) as unfinished:
            torch.save(state, unfinished)
    except (OSError, RuntimeError) as error:  # PyTorch's writer raises the latter
        reason = getattr(error, "strerror", None) or (str(error).splitlines() or [""])[0]
        raise SerenadeError(
            f"{path}: cannot be written ({reason}); free some space or name another folder, then "
            "repeat the command: it goes on after what was kept last"
        ) from None
