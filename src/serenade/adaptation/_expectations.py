"""Settings of the model of places for what a user expects of the recordings."""

from __future__ import annotations

from typing import Literal, get_args

from serenade.adaptation._places import Expectation

Expect = Literal["mixed", "neutral", "unknown"]
"""Content of recordings: emotions in similar shares; mostly neutral; not known."""

EXPECTS: tuple[str, ...] = get_args(Expect)

EXPECTATIONS: dict[str, Expectation] = {
    "mixed": Expectation(50, softness=0.1, weight=0.4),
    "neutral": Expectation(2, 0.7, softness=0.3, weight=0.4, shares=0.5),
    "unknown": Expectation(0.1, weight=0.3, shares=0.25),
}
"""Settings by expectation, as chosen most often in docs/benchmarks/adaptation.md.

They were chosen on corpora that took part in training. The recordings of the tested corpus had no
part in it.
"""
