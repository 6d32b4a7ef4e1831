"""`lld-blstm`: 275 descriptors per frame through a dense layer and an LSTM (He, Ren & He).

Experiment two of the paper: 512 rectified linear units, then 128 memory cells read both ways.
Descriptors are scaled by mean and deviation of the neutral speech among the training clips; by
those of all training clips where there is none. Gaps in the paper are read as in
`serenade.systems.attentive_crnn`. A step is the mean of 5 frames, as it is there, so that the
experiments differ in nothing but what they are named for; `window=1` takes every frame, at five
times the cost.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from serenade.features import HeLLD
from serenade.systems._system import Scaling, System
from serenade.systems.attentive_crnn import HOP, RecurrentRecipe, build_network, make_augmentation

if TYPE_CHECKING:
    from serenade.features import Feature
    from serenade.systems._system import TrainingSet


@dataclasses.dataclass(frozen=True, kw_only=True)
class LLDBLSTMRecipe(RecurrentRecipe):
    """The paper's settings; what is not described here is `RecurrentRecipe`'s.

    Args:
        hidden: rectified linear units of the dense layer.
    """

    scaling: Scaling | tuple[Scaling, ...] = "column"
    reference: str = "neutral"
    hidden: int = 512


def _feature(recipe: LLDBLSTMRecipe) -> Feature:  # noqa: ARG001 - nothing of it can be set
    return HeLLD(hop_seconds=HOP)


def _network(recipe: LLDBLSTMRecipe, data: TrainingSet) -> Any:
    from serenade.systems.networks import DescriptorSteps

    return build_network(recipe, data, DescriptorSteps(data.dims, recipe.window), recipe.hidden)


SYSTEM = System(
    name="lld-blstm",
    title="low-level descriptors, a dense layer, a bidirectional LSTM",
    source="He, Ren & He, experiment two",
    recipes={"default": LLDBLSTMRecipe()},
    feature=_feature,
    augmentation=make_augmentation,
    network=_network,
)
