"""Find the tables of a paper by the name of its system."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serenade._registry import Registry
from serenade.errors import EvaluationError

if TYPE_CHECKING:
    from serenade.papers._paper_tables import Paper

_REGISTRY = Registry("paper", "serenade.papers", "PAPER", EvaluationError)


def names() -> tuple[str, ...]:
    """Return the papers, each by the name of its system, in the order of the results."""
    return tuple(sorted(_REGISTRY.names(), key=lambda name: get(name).position))


def describe(name: str) -> str:
    """Return the title and the citation of a paper.

    Raises:
        EvaluationError: no paper has this name.
    """
    paper = get(name)
    return f"{paper.title}. {paper.citation}."


def get(name: str) -> Paper:
    """Return a paper by the name of its system.

    Raises:
        EvaluationError: no paper has this name.

    >>> get("cnn-transformer").tables[-1].rows[1].values
    {'wa': 0.8046}
    """
    paper: Paper = _REGISTRY.get(name)
    return paper
