"""Observe a pre-training run, and keep how it went: the loss curve as data and as a figure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from serenade._figure_style import use_style
from serenade.pretraining._model_card import TITLES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Watch:
    """Observer of a training run; its methods do nothing, subclasses override them."""

    def step(self, share: float, loss: float) -> None:
        """Receive the share of the run before each step, and the loss of the step."""

    def point(self, point: Mapping[str, float]) -> None:
        """Receive each point of the loss curve."""

    def problem(self, line: str) -> None:
        """Receive a line about a file that cannot be used, once for each file."""


HISTORY = "history.json"
"""File name of the history of a run."""


def write_history(out: Path, history: Mapping[str, Any]) -> None:
    """Write `history.json`, and `curve.png` and `curve.pdf` if matplotlib is installed.

    Args:
        out: the folder; created if it is missing.
        history: history of the run, which `pretrain` returns.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / HISTORY).write_text(json.dumps(history, indent=1) + "\n", "utf-8")
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return
    with use_style():
        figure = Figure(figsize=(3.5, 2.4), layout="constrained")
        axes = figure.add_subplot()
        curves = (("train_loss", "training", "-"), ("valid_loss", "held out", "--"))
        for name, label, style in curves:
            points = [(p["epoch"], p[name]) for p in history["points"] if name in p]
            if points:
                axes.plot(*zip(*points, strict=True), style, color="black", label=label)
        axes.set_xlabel(f"epochs of {history['hours']:.1f} h")
        axes.set_ylabel("mean absolute error")
        axes.set_title(TITLES[history["encoder"]])
        axes.legend()
        # Without date and version, the same curve gives the same bytes.
        for kind, metadata in (("png", {"Software": None}), ("pdf", {"CreationDate": None})):
            figure.savefig(out / f"curve.{kind}", dpi=300, metadata=metadata)
