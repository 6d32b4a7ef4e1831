"""`lld-blstm`: 275 descriptors per frame through a dense layer and an LSTM (He, Ren & He).

Experiment two of the paper: 512 rectified linear units, then 128 memory cells read both ways.
Descriptors are scaled by mean and deviation of the neutral speech among the training clips; by
those of all training clips where there is none. Gaps in the paper are read as in
`serenade.systems.attentive_crnn`. A step is the mean of 5 frames, as it is there, so that the
experiments differ only in the part that each is about; `window=1` takes every frame, at five
times the cost.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from serenade.features import HeLLD
from serenade.systems.attentive_crnn import HOP, RecurrentRecipe, RecurrentSystem

if TYPE_CHECKING:
    from serenade.systems._system import Stream, TrainingSet


@dataclasses.dataclass(frozen=True, kw_only=True)
class LLDBLSTMRecipe(RecurrentRecipe):
    """Settings of the paper, in addition to those of `RecurrentRecipe`.

    Args:
        hidden: rectified linear units of the dense layer.
    """

    reference: str = "neutral"
    hidden: int = 512


class LLDBLSTMSystem(RecurrentSystem):
    """Low-level descriptors through a dense layer and an LSTM."""

    name = "lld-blstm"
    title = "low-level descriptors, a dense layer, a bidirectional LSTM"
    source = "He, Ren & He, experiment two"
    recipes: ClassVar = {"default": LLDBLSTMRecipe()}

    def features(self, recipe: LLDBLSTMRecipe) -> tuple[Stream, ...]:
        """Return the descriptors of each frame."""
        return (HeLLD(hop_seconds=HOP),)

    def network(self, recipe: LLDBLSTMRecipe, data: TrainingSet) -> Any:
        """Build the dense layer and the LSTM."""
        from serenade.systems.networks import DescriptorSteps

        front = DescriptorSteps(data.dims, recipe.window)
        return self.build_network(recipe, data, front, recipe.hidden)


SYSTEM = LLDBLSTMSystem()
