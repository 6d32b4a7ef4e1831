"""`lld-svm`: functionals of 275 descriptors and a support vector machine (He, Ren & He).

Experiment one of the paper: an RBF kernel, C on the logarithmic grid from 1e-6 to 1. Not stated
there, and read so: functionals are the 35 of `serenade.features.Functionals`; the kernel's width is
its library's default, one over the number of columns; C is the one that does best on held-out
training speakers.

The paper scales descriptors by mean and deviation of the training set's neutral speech. Functionals
either follow such a scaling or do not change, so it is applied to them: by mean and deviation of
the neutral training clips, or of all where there are none.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from serenade.features import Feature, Functionals, HeLLD
from serenade.systems._system import System

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from serenade.systems._system import Stream


@dataclasses.dataclass(frozen=True)
class LLDFunctionals(Feature):
    """Feature of 35 functionals of each of the 275 descriptors.

    >>> import numpy as np
    >>> noise = np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    >>> LLDFunctionals()(noise, 16000).shape
    (1, 9625)
    """

    @property
    def names(self) -> tuple[str, ...]:
        """Return `<descriptor>.<statistic>` for each column."""
        return Functionals().column_names(HeLLD().names)

    def __call__(self, signal: NDArray[np.float32], sampling_rate: int) -> NDArray[np.float32]:
        """Compute one row of functionals; errors are those of `HeLLD`."""
        return Functionals()(HeLLD()(signal, sampling_rate)).reshape(1, -1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LLDSVMRecipe:
    """Settings of the paper.

    Args:
        C: penalty of the support vector machine; of several, the one with the best result on
            held-out training speakers.
        reference: the emotion whose training clips give mean and deviation; "" for all clips.
        copies: augmented copies of each training clip.
        balance: weight of a clip: the number of clips of its emotion to the power of minus this.
    """

    C: tuple[float, ...] = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1e0)
    reference: str = "neutral"
    copies: int = 0
    balance: float = 0.0


class LLDSVMSystem(System):
    """Support vector machine over functionals of low-level descriptors."""

    name = "lld-svm"
    title = "functionals of low-level descriptors, a support vector machine with RBF kernel"
    source = "He, Ren & He, experiment one"
    recipes: ClassVar = {
        "default": LLDSVMRecipe(),
        # The paper's grid ends where the best C begins.
        "tuned": LLDSVMRecipe(C=(0.1, 1.0, 10.0, 100.0, 1000.0), balance=1.0),
    }

    def features(self, recipe: LLDSVMRecipe) -> tuple[Stream, ...]:
        """Return the functionals of the descriptors."""
        return (LLDFunctionals(),)

    def classifiers(self, recipe: LLDSVMRecipe, seed: int) -> list[Any]:
        """Return a scaler with a support vector machine for each C; nothing in it is random."""
        from sklearn.pipeline import make_pipeline

        from serenade.systems._kernel_machine import KernelMachine, ReferenceScaler

        return [
            make_pipeline(ReferenceScaler(recipe.reference), KernelMachine(C)) for C in recipe.C
        ]


SYSTEM = LLDSVMSystem()
