"""Weights and groups of `benchmarks/adaptation.py`."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.adaptation_study.heads import balance
from benchmarks.adaptation_study.trials import Kind, draw_groups


def test_balance_gives_classes_equal_totals():
    y = np.array(["angry", "angry", "angry", "neutral", "neutral"])
    weights = balance(y, np.array(["one", "one", "two", "two", "two"]))
    assert weights[y == "angry"].sum() == pytest.approx(weights[y == "neutral"].sum())


@pytest.mark.parametrize("kind", [Kind("corpus", 7), Kind("speaker", 7)])
def test_draw_groups_scores_every_recording_once(kind):
    speakers = np.repeat(["one", "two"], 12)
    groups = draw_groups(kind, np.arange(24), np.full(24, "sad"), speakers, 0)
    scored = np.concatenate([rows[mask] for rows, mask in groups])
    assert sorted(scored) == list(range(24))
    assert all(len(set(rows)) == len(rows) == 7 for rows, _ in groups)
