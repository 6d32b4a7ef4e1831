"""Find a paper's tables by the name of its system."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from serenade.errors import EvaluationError

if TYPE_CHECKING:
    from serenade.papers._tables import Paper


_MODULES = {
    "fusion-transformer": "fusion_transformer",
    "stser": "stser",
    "dual-bilstm": "dual_bilstm",
    "cnn-transformer": "cnn_transformer",
    "attentive-crnn": "attentive_crnn",
}


def names() -> tuple[str, ...]:
    """The papers, each by the name of its system."""
    return tuple(_MODULES)


def get(name: str) -> Paper:
    """A paper by the name of its system.

    Raises:
        EvaluationError: no paper of this name.

    >>> get("cnn-transformer").tables[-1].rows[1].values
    {'wa': 0.8046}
    """
    if name not in _MODULES:
        raise EvaluationError(f"{name}: no paper of this name; choose from {', '.join(names())}")
    paper: Paper = importlib.import_module(f"serenade.papers.{_MODULES[name]}").PAPER
    return paper
