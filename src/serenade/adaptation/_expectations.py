"""Settings of the model of places for what a user expects of the recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

from serenade.adaptation._places import Expectation

if TYPE_CHECKING:
    from collections.abc import Mapping

Expect = Literal["mixed", "neutral", "unknown"]
"""Content of recordings: emotions in similar shares; mostly neutral; not known."""

EXPECTS: tuple[str, ...] = get_args(Expect)

EXPECTATIONS: dict[str, Expectation] = {
    "mixed": Expectation(50, softness=0.1, weight=0.6, drift=0.1, trust=0.99),
    "neutral": Expectation(2, 0.7, softness=0.3, weight=1.0, shares=0.25, drift=2.0, trust=0.9999),
    "unknown": Expectation(0.1, weight=0.3, shares=0.25, drift=1.0),
}
"""Settings by expectation, for model folders that state none.

They are best for the six pairs of one training corpus and one tested corpus together
(docs/benchmarks/adaptation.md).
"""

NEUTRAL_SPEECH = "neutral speech"
"""Name of the settings for recordings that are known to be neutral."""

_KNOWN = {NEUTRAL_SPEECH: Expectation(1, weight=0.6, drift=1.0)}


def read_expectations(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Expectation]:
    """Read the settings that a model folder states, and take the package's for the others.

    Args:
        settings: values of `Expectation` by the name of the expectation.

    Raises:
        ValueError: a value is out of its range.
        TypeError: a value is missing, unknown or of another type.

    >>> read_expectations({"mixed": {"counts": 20, "weight": 0.5}})["mixed"].counts
    20
    """
    return EXPECTATIONS | _KNOWN | {name: Expectation(**each) for name, each in settings.items()}
