"""Settings of an encoder and of its pre-training, as frozen dataclasses of JSON values."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from serenade._parameters import find_mismatch
from serenade.encoders.selfsupervised._front_end import FRONT_END_HOP, FRONT_END_RATE, FrontEnd
from serenade.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

Name: TypeAlias = Literal["tera", "aalbert", "npc"]

FORMAT = 1
"""Of `config.json`."""


@dataclasses.dataclass(frozen=True)
class Alterations:
    """How an utterance is damaged for the network to restore it (Liu, Li & Lee 2021, section III).

    Attributes:
        time_share: share of the frames in the spans chosen; 0 for none.
        span: frames of a span.
        zeroed: probability that an utterance's chosen spans are set to zero.
        swapped: probability that they are replaced by other stretches of the utterance; otherwise
            they are kept, and still have to be predicted.
        band_share: largest share of the channels set to zero, next to each other; 0 for none.
        noise_probability: of noise on the whole utterance.
        noise_deviation: standard deviation of that noise.
    """

    time_share: float = 0.15
    span: int = 7
    zeroed: float = 0.8
    swapped: float = 0.1
    band_share: float = 0.2
    noise_probability: float = 0.15
    noise_deviation: float = 0.2


NO_ALTERATIONS = Alterations(time_share=0.0, band_share=0.0, noise_probability=0.0)


@dataclasses.dataclass(frozen=True)
class TransformerSettings:
    """A Transformer encoder over frames (TERA, Audio ALBERT).

    Attributes:
        width: of the hidden states.
        layers: how many.
        heads: of the attention; must divide the width.
        hidden: units between a layer's dense layers.
        dropout: probability.
        shared: whether all layers are one and the same.
        longest: frames that are attended at once; longer utterances are cut into equal parts.
        offsets: where the first heads of each layer look before any training, in frames from
            their own; the others, or all, begin as published. Ours: it spares the thousands of
            steps in which attention finds the neighbours of what is masked.
    """

    width: int = 768
    layers: int = 3
    heads: int = 12
    hidden: int = 3072
    dropout: float = 0.1
    shared: bool = False
    longest: int = 1500
    offsets: tuple[int, ...] = ()

    @property
    def states(self) -> int:
        """Return the number of states: the input of the first layer, and each layer's output."""
        return self.layers + 1


@dataclasses.dataclass(frozen=True)
class NPCSettings:
    """Convolutions that do not see the frame they predict (NPC).

    Attributes:
        width: of the hidden states.
        blocks: number of blocks; each has a masked convolution.
        dropout: probability.
        kernel: frames a masked convolution spans, odd.
        mask: frames around the predicted one that must not be seen, odd.
        groups: of the quantiser; must divide the width.
        codes: in each group; 0 for no quantiser.
        temperature: of its Gumbel softmax.
    """

    width: int = 512
    blocks: int = 4
    dropout: float = 0.1
    kernel: int = 15
    mask: int = 5
    groups: int = 4
    codes: int = 64
    temperature: float = 1.0

    @property
    def states(self) -> int:
        """Return the number of states: two for each block, and the sum of the masked ones."""
        return 2 * self.blocks + 1


@dataclasses.dataclass(frozen=True)
class EncoderSettings:
    """One encoder: what it looks at, its network, and what it learns from.

    Attributes:
        name: which of the three.
        front: its input.
        network: its sizes.
        alterations: of its input in pre-training.
    """

    name: Name
    front: FrontEnd
    network: TransformerSettings | NPCSettings
    alterations: Alterations

    def to_json(self) -> dict[str, Any]:
        """As `config.json` holds it."""
        return {"format": FORMAT, **json.loads(json.dumps(dataclasses.asdict(self)))}

    @classmethod
    def from_json(cls, stated: Mapping[str, Any], source: str) -> EncoderSettings:
        """Read settings that `to_json` wrote.

        Args:
            stated: the file's content.
            source: its name, for the error.

        Raises:
            ModelError: of another kind or version.
        """
        try:
            if stated["format"] != FORMAT:
                raise ValueError(f"format {stated['format']}")
            name: Name = stated["name"]
            if name not in {"tera", "aalbert", "npc"}:
                raise ValueError(f"encoder {name!r}")
            network = NPCSettings if name == "npc" else TransformerSettings
            sizes: dict[str, Any] = {
                field: tuple(value) if isinstance(value, list) else value
                for field, value in stated["network"].items()
            }
            parts = (
                (FrontEnd, stated["front"]),
                (network, sizes),
                (Alterations, stated["alterations"]),
            )
            for kind, values in parts:
                if problem := find_mismatch(kind, values):
                    raise ValueError(problem)
            front, alterations = FrontEnd(**stated["front"]), Alterations(**stated["alterations"])
            return cls(name, front, network(**sizes), alterations)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelError(
                f"{source}: not the configuration of TERA, AALBERT or NPC ({error}); give a folder "
                "that `serenade pretrain` wrote"
            ) from None


@dataclasses.dataclass(frozen=True)
class PretrainingSettings:
    """How an encoder is pre-trained.

    Attributes:
        steps: updates of the weights; 0 for as many as the minutes allow.
        minutes: minutes after which training ends; 0 for no limit. The earlier limit counts.
        batch: seconds of audio per step and process.
        crop: longest stretch of one recording in a batch, in seconds.
        learning_rate: at its highest.
        schedule: of the learning rate: `linear` rises from 0 and falls back to 0; `constant` stays.
        warmup: share of the run in which `linear` rises.
        decay: of the weights (AdamW).
        clipping: largest norm of the gradient.
        validation: share of the files that is held out.
        interval: steps between two points of the loss curve.
        precision: `float32`, or `bfloat16` for operations that keep their accuracy.
        seed: random seed.
    """

    steps: int = 0
    minutes: float = 0.0
    batch: float = 48.0
    crop: float = 3.0
    learning_rate: float = 1e-3
    schedule: Literal["linear", "constant"] = "linear"
    warmup: float = 0.07
    decay: float = 0.01
    clipping: float = 5.0
    validation: float = 0.05
    interval: int = 50
    precision: Literal["float32", "bfloat16"] = "float32"
    seed: int = 0

    @property
    def frames(self) -> int:
        """Frames of the longest crop."""
        return round(self.crop * FRONT_END_RATE / FRONT_END_HOP)

    @property
    def clips(self) -> int:
        """Crops in a batch."""
        return max(2, round(self.batch / self.crop))

    def progress(self, step: int, minutes: float) -> float:
        """Share of the run that is over after so many steps and minutes.

        >>> PretrainingSettings(steps=100, minutes=10).progress(20, 5)
        0.5
        """
        shares = [step / self.steps] if self.steps else []
        shares += [minutes / self.minutes] if self.minutes else []
        return max(shares)

    def rate(self, progress: float) -> float:
        """Return the learning rate at a share of the run.

        >>> settings = PretrainingSettings(warmup=0.1)
        >>> [round(settings.rate(share), 6) for share in (0.05, 0.1, 0.55, 1.0)]
        [0.0005, 0.001, 0.0005, 0.0]
        >>> [PretrainingSettings(schedule="constant").rate(share) for share in (0.0, 0.5, 1.0)]
        [0.001, 0.001, 0.001]
        """
        if self.schedule == "constant":
            return self.learning_rate
        if progress < self.warmup:
            return self.learning_rate * progress / self.warmup
        return self.learning_rate * max(0.0, 1 - progress) / (1 - self.warmup)
