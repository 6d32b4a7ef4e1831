"""What a pre-training run tells beside the weights: while it goes on, and what is kept of it."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from serenade.encoders import EncoderSettings, Training
    from serenade.pretraining._recordings import Material

TITLES = {
    "tera": "TERA (Liu, Li & Lee 2021)",
    "aalbert": "Audio ALBERT (Chi et al. 2021)",
    "npc": "NPC (Liu, Chung & Glass 2021)",
}


class Watch:
    """Who is told how a run goes; a subclass does something about it."""

    def step(self, share: float, loss: float) -> None:
        """Called after each step with the share of the run that is over, and its loss."""

    def point(self, point: Mapping[str, float]) -> None:
        """Called with each point of the loss curve."""

    def problem(self, line: str) -> None:
        """Called with a line about a file that cannot be used, once for each."""


@dataclasses.dataclass(frozen=True)
class About:
    """What the model card says beside figures.

    Attributes:
        licences: lines on the licences of the recordings.
        command: what to type to do it again.
    """

    licences: tuple[str, ...] = ()
    command: str = ""


def write_history(out: Path, history: Mapping[str, Any]) -> None:
    """Write `history.json`, and `curve.png` and `curve.pdf` where matplotlib is installed.

    Args:
        out: folder; made where it is missing.
        history: of `serenade.pretraining._pretrain.pretrain`.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / "history.json").write_text(json.dumps(history, indent=1) + "\n", "utf-8")
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        return
    # Type 42 embeds fonts as text, which journals ask for.
    with rc_context({"font.size": 8, "pdf.fonttype": 42}):
        figure = Figure(figsize=(3.5, 2.4), layout="constrained")
        axes = figure.add_subplot()
        curves = (("train_loss", "training", "-"), ("valid_loss", "held out", "--"))
        for name, label, style in curves:
            points = [(p["epoch"], p[name]) for p in history["points"] if name in p]
            if points:
                axes.plot(*zip(*points, strict=True), style, color="black", label=label)
        axes.set_xlabel(f"epochs of {history['hours']:.1f} h")
        axes.set_ylabel("mean absolute error")
        axes.set_title(TITLES[history["encoder"]], fontsize="medium")
        axes.legend(frameon=False)
        # Without its date or version the same curve gives the same bytes.
        for kind, metadata in (("png", {"Software": None}), ("pdf", {"CreationDate": None})):
            figure.savefig(out / f"curve.{kind}", dpi=300, metadata=metadata)


def write_card(
    settings: EncoderSettings,
    training: Training,
    material: Material,
    history: Mapping[str, Any],
    about: About,
) -> str:
    """The model card: what was learnt from, how long, and what the curve ended at."""
    last = history["points"][-1] if history["points"] else {}
    losses = [
        f"{last[name]:.4f} {words}"
        for name, words in (("train_loss", "in training"), ("valid_loss", "on held-out files"))
        if name in last
    ]
    sizes = ", ".join(f"{name} {value}" for name, value in settings.to_json()["network"].items())
    front = settings.front
    slopes = f" and {front.deltas} orders of slopes" if front.deltas else ""
    licences = about.licences or ("not stated to `serenade pretrain --licence`",)
    names = ", ".join(material.folders) or "recordings"
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
        "Data": f"{material.files} recordings of {names}, {history['hours']:.2f} h of them to "
        "train on; no labels were used",
        "Licence of the data, which these weights inherit": "; ".join(licences),
        "Training": how,
        "Mean absolute error at the end": ", ".join(losses) or "not measured",
    }
    facts |= {"Command": f"`{about.command}`"} if about.command else {}
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
