"""Observer of a training run, such as a progress bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Watch:
    """Observer of a training run; its methods do nothing, subclasses override them."""

    def step(self, share: float, loss: float) -> None:
        """Receive the share of the run before each step, and the loss of the step."""

    def point(self, point: Mapping[str, float]) -> None:
        """Receive each point of the loss curve."""

    def problem(self, line: str) -> None:
        """Receive a line about a file that cannot be used, once for each file."""
