"""`fusion-transformer`: acoustic segments and an encoder's frames (Liu, Kang & Ren 2022).

The INTERSPEECH 2010 set over consecutive segments of 200 ms, and frame features of TERA, AALBERT or
NPC; each stream attends to the other through six layers, and LSTMs read what comes out. Published
accuracy on 6000 utterances of CASIA, drawn at random: 0.943 with TERA, 0.914 with AALBERT, 0.861
with NPC, 0.789 from acoustic features alone, for which the acoustic stream takes both places.

Not stated in the paper, and read so: the set has 1582 values (the text also says 1583); the common
width is 128, convolutions are of length 3 and attention has 8 heads, with dense layers of 512
units; places are written into steps by sines; keys and values are those of the other stream before
any attention; an LSTM of 128 cells each way for each stream, its mean over time taken, its weights
beginning as PyTorch draws them; dropout 0.1; the encoder's last state; Adam at 2e-4; batches of 16;
20 epochs, the best of them where there is a validation part.

Not the paper's: an encoder's frames are averaged over 40 ms first, which costs a quarter of the
time; `step=0` leaves them as they are. Whisper's, in our row beyond the paper, come every 20 ms.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from serenade.encoders import SelfSupervised, WhisperStates
from serenade.encoders.whisper import WHISPER_BASE
from serenade.features import AcousticSet, OpenSmile, Pooled, Segments
from serenade.systems._system import Initial, NetworkRecipe, Scaling, System

if TYPE_CHECKING:
    from serenade.features import Feature
    from serenade.systems._system import Stream, TrainingSet

# Training of the linear classifier in an ensemble: few, small steps, because thousands of inputs
# would otherwise overfit a few hundred clips.
_LINEAR: dict[str, Any] = {
    "optimiser": "sgd",
    "momentum": 0.9,
    "learning_rate": 2e-4,
    "weight_decay": 0.0,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class FusionRecipe(NetworkRecipe):
    """Settings of the paper, in addition to those of `NetworkRecipe`.

    Args:
        acoustic: set over segments: `is10` and the others of openSMILE (research only), or `own`.
        encoder: `tera`, `aalbert`, `npc` or the path of one of their kind, `whisper-base`,
            `whisper` (Whisper-tiny.en, from the hub), or `none`: the acoustic stream takes the
            encoder's place.
        layer: layer of the encoder, from 0; -1 for the last, None for all with learnt weights.
        segment: length of a segment in seconds.
        step: seconds that an encoder's frames are averaged over; 0 to leave each frame as it is.
        width: columns of both streams' steps.
        kernel: length of the convolutions that give this width.
        layers: layers of cross-modal attention.
        heads: heads of the attention.
        hidden: units of the dense layers behind the attention.
        cells: cells of the LSTMs, in each direction.
        dropout: probability of dropout in the layers and behind the LSTMs.
        input_dropout: probability of dropout behind the convolutions.
        initial: initial weights of the LSTMs: the defaults of `pytorch` or `keras`, or uniform
            between minus and plus a number.
        parts: the paper's `network`; a linear classifier of `statistics`, which are mean and
            standard deviation of each column over the clip's frames; or an `ensemble` of both,
            their posteriors averaged, the linear one trained with an optimiser and learning rate
            of its own. The latter two are ours.
    """

    scaling: Scaling | tuple[Scaling, ...] = "column"
    epochs: int = 20
    batch: int = 16
    learning_rate: float = 2e-4
    acoustic: str = "is10"
    encoder: str = "tera"
    layer: int | None = -1
    segment: float = 0.2
    step: float = 0.040
    width: int = 128
    kernel: int = 3
    layers: int = 6
    heads: int = 8
    hidden: int = 512
    cells: int = 128
    dropout: float = 0.1
    input_dropout: float = 0.1
    initial: Initial = 0.1
    parts: Literal["network", "statistics", "ensemble"] = "network"


class _Stream(NamedTuple):
    frames: Feature
    feature: Feature  # the input of the network, made from them
    hop: float  # seconds between its frames

    @property
    def states(self) -> int:
        """Return the number of states in a frame; this opens the encoder to count them."""
        return getattr(self.frames, "states", 1)


def _make_streams(recipe: FusionRecipe) -> tuple[_Stream, _Stream]:
    """Make the acoustic stream, and the encoder's stream or the acoustic one again."""
    segments: Feature = (
        Segments(AcousticSet(), recipe.segment)
        if recipe.acoustic == "own"
        else OpenSmile(recipe.acoustic, segment=recipe.segment)
    )
    acoustic = _Stream(segments, segments, recipe.segment)
    return acoustic, acoustic if recipe.encoder == "none" else _make_encoder(recipe)


# Published runs of "whisper" were made with Whisper-tiny.en, which is on the hub.
_WHISPER = {"whisper": "whisper-tiny-en", WHISPER_BASE: WHISPER_BASE}


def _make_encoder(recipe: FusionRecipe) -> _Stream:
    if name := _WHISPER.get(recipe.encoder):
        whisper = WhisperStates(name, layer=recipe.layer)
        return _Stream(whisper, whisper, 0.020)
    frames = SelfSupervised(recipe.encoder, recipe.layer)
    if recipe.layer is None and recipe.step:
        # All states of each frame would take gigabytes.
        shown = Pooled(frames, recipe.step, deviation=False)
        return _Stream(frames, shown, recipe.step)
    return _Stream(frames, frames, 0.010)


# A third of the network, a learning rate that falls to zero, mixed clips and soft labels: the
# paper's settings overfit hundreds of clips within ten epochs (docs/benchmarks/tuning.md).
_TUNED = FusionRecipe(
    optimiser="adamw",
    learning_rate=5e-4,
    weight_decay=0.01,
    schedule="cosine",
    smoothing=0.1,
    mixup=0.4,
    width=64,
    layers=2,
    hidden=128,
    cells=64,
    dropout=0.3,
    input_dropout=0.3,
)


class FusionTransformerSystem(System):
    """Acoustic segments and an encoder's frames that attend to each other."""

    name = "fusion-transformer"
    title = "acoustic segments and a pre-trained encoder's frames, attending to each other"
    source = "Liu, Kang & Ren 2022, doi:10.1007/978-3-031-03948-5_28"
    recipes: ClassVar = {
        "default": FusionRecipe(initial="pytorch", monitor="loss"),
        "tuned": _TUNED,
        # The linear classifier generalises better to unseen speakers than the network
        # (docs/benchmarks/pretraining.md), so that their posteriors are averaged.
        "ensemble": dataclasses.replace(_TUNED, parts="ensemble"),
    }
    writable_with = ("encoder=whisper", "encoder=none")

    def features(self, recipe: FusionRecipe) -> tuple[Stream, ...]:
        """Return the streams of the network, their statistics, or both."""
        streams = _make_streams(recipe)
        shown = tuple(stream.feature for stream in streams)
        # The acoustic stream that takes both places has its statistics once.
        frames = dict.fromkeys(stream.frames for stream in streams)
        statistics = tuple(Pooled(each, None) for each in frames)
        return {"network": shown, "statistics": statistics}.get(recipe.parts, shown + statistics)

    def network(self, recipe: FusionRecipe, data: TrainingSet) -> Any:
        """Build the network, or the linear classifier of statistics."""
        from serenade.systems.networks import FusionTransformer, Linear

        if recipe.parts == "statistics":
            return Linear(data.widths, len(data.classes))
        acoustic, other = _make_streams(recipe)
        return FusionTransformer(
            data.widths,
            len(data.classes),
            width=recipe.width,
            kernel=recipe.kernel,
            windows=(1, max(1, round(recipe.step / other.hop))),
            states=(acoustic.states, other.states),
            layers=recipe.layers,
            heads=recipe.heads,
            hidden=recipe.hidden,
            cells=recipe.cells,
            dropout=recipe.dropout,
            input_dropout=recipe.input_dropout,
            initial=recipe.initial,
        )

    def members(self, recipe: FusionRecipe) -> tuple[FusionRecipe, ...]:
        """Return the recipes of the network and of the linear classifier of an ensemble."""
        if recipe.parts != "ensemble":
            return ()
        return (
            dataclasses.replace(recipe, parts="network"),
            dataclasses.replace(recipe, parts="statistics", **_LINEAR),
        )


SYSTEM = FusionTransformerSystem()
