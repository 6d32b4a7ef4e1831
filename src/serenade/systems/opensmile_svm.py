"""`opensmile-svm`: a feature set of openSMILE and a linear support vector machine.

The baseline of the field: eGeMAPS (Eyben et al. 2016), or the sets of the ComParE challenges,
standardised, and a machine of one class against the rest whose complexity is chosen on held-out
training speakers. The recipes differ in the set; their grid of complexities and their balanced
classes are those of the challenges' own baselines since 2018.

The extra "opensmile" brings the features. openSMILE's licence allows research and private use.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from serenade.features import OpenSmile
from serenade.systems._system import System

if TYPE_CHECKING:
    from serenade.systems._system import Stream


@dataclasses.dataclass(frozen=True, kw_only=True)
class OpenSmileSVMRecipe:
    """Settings of the baseline.

    Args:
        set: name of the feature set; see `serenade.features.OpenSmile`.
        C: penalty of the support vector machine; of several, the one with the best result on
            held-out training speakers.
        copies: augmented copies of each training clip.
        balance: weight of a clip: the number of clips of its emotion to the power of minus this.
    """

    set: str = "egemaps"
    C: tuple[float, ...] = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1e0)
    copies: int = 0
    balance: float = 1.0


class OpenSmileSVMSystem(System):
    """Linear support vector machine over a feature set of openSMILE."""

    name = "opensmile-svm"
    title = "a feature set of openSMILE (eGeMAPS, ComParE or IS10), a linear support vector machine"
    source = "Eyben et al. 2016, doi:10.1109/TAFFC.2015.2457417; Schuller et al. 2010, 2016"
    recipes: ClassVar = {
        "default": OpenSmileSVMRecipe(),
        "compare2016": OpenSmileSVMRecipe(set="compare2016"),
        "is10": OpenSmileSVMRecipe(set="is10"),
    }

    def features(self, recipe: OpenSmileSVMRecipe) -> tuple[Stream, ...]:
        """Return the feature set, one row per clip."""
        return (OpenSmile(recipe.set),)

    def classifiers(self, recipe: OpenSmileSVMRecipe, seed: int) -> list[Any]:
        """Return a scaler with a support vector machine for each C."""
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        from serenade.systems._kernel_machine import LinearMachine

        return [
            make_pipeline(StandardScaler(), LinearMachine(C, random_state=seed)) for C in recipe.C
        ]


SYSTEM = OpenSmileSVMSystem()
