"""Keep what is known about a pre-training run: the loss curve as data, and the model card."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from serenade._figure_style import use_style

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from serenade.encoders import EncoderSettings, PretrainingSettings
    from serenade.pretraining._recordings import Recordings

TITLES = {
    "tera": "TERA (Liu, Li & Lee 2021)",
    "aalbert": "Audio ALBERT (Chi et al. 2021)",
    "npc": "NPC (Liu, Chung & Glass 2021)",
}


@dataclasses.dataclass(frozen=True)
class CardDetails:
    """Details that the model card gives in addition to the figures of the run.

    Attributes:
        licences: licences of the recordings, a line each.
        command: command line that repeats the run.
    """

    licences: tuple[str, ...] = ()
    command: str = ""


def write_card(
    settings: EncoderSettings,
    training: PretrainingSettings,
    recordings: Recordings,
    history: Mapping[str, Any],
    details: CardDetails,
) -> str:
    """Return the model card: the data, the length and the final losses of a run."""
    last = history["points"][-1] if history["points"] else {}
    losses = [
        f"{last[name]:.4f} {words}"
        for name, words in (("train_loss", "in training"), ("valid_loss", "on held-out files"))
        if name in last
    ]
    sizes = ", ".join(f"{name} {value}" for name, value in settings.to_json()["network"].items())
    front = settings.front
    slopes = f" and {front.deltas} orders of slopes" if front.deltas else ""
    licences = details.licences or ("not stated to `serenade pretrain --licence`",)
    names = ", ".join(recordings.folders) or "recordings"
    how = (
        f"{history['steps']:,} steps ({history['epochs']:.1f} epochs) in "
        f"{history['seconds'] / 60:.1f} min, {history['processes']} process(es) on "
        f"{history['device']}, {training.batch:g} s of audio a step, learning rate "
        f"{training.learning_rate:g}, {training.precision}, seed {training.seed}"
    )
    facts = {
        "Network": f"{history['parameters']:,} parameters ({sizes}), half precision",
        "Input": f"{front.n_mels} {front.kind} energies{slopes} every 10 ms at 16 kHz, "
        "standardised over the utterance",
        "Data": f"{recordings.files} recordings of {names}, {history['hours']:.2f} h of them to "
        "train on; no labels were used",
        "Licence of the data, which these weights inherit": "; ".join(licences),
        "Training": how,
        "Mean absolute error at the end": ", ".join(losses) or "not measured",
    }
    facts |= {"Command": f"`{details.command}`"} if details.command else {}
    lines = [
        f"# {TITLES[settings.name]}, pre-trained on {names}",
        "",
        *(f"- {name}: {text}." for name, text in facts.items()),
        "",
        "The hidden states describe short stretches of speech; they name no emotion.",
        "Trained on little data, compared with the published encoders: measure before you rely on",
        "it, and never test on recordings named above as if they were unseen.",
    ]
    return "\n".join(lines) + "\n"


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
