"""Base class of the systems, and the settings that recipes of networks share."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self, TypeAlias

from serenade._parameters import find_mismatch
from serenade.audio import Augmentation
from serenade.errors import SerenadeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from serenade.audio import WhiteNoise
    from serenade.features import Feature, TextFeature

    Stream: TypeAlias = Feature | TextFeature


SMALLEST_DEVIATION = 1e-5
"""Divisor of columns that are nearly constant, which would otherwise be divided by zero."""

Scaling = Literal["global", "column", "pixel", "clip", "none"]
Initial = Literal["pytorch", "keras"] | float
"""Initial weights of LSTMs: a framework's, or uniform between minus and plus a number."""


class Recipe(Protocol):
    """Frozen dataclass of all settings of a run, for features and training."""

    @property
    def copies(self) -> int:
        """Return the number of augmented copies of each training clip."""

    @property
    def balance(self) -> float:
        """Return the power by which frequent emotions weigh less in the loss."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkRecipe:
    """Settings of a network's training; recipes of networks extend it by their own settings.

    Args:
        copies: augmented copies of each training clip.
        balance: weight of a clip in the loss: the number of clips of its emotion to the power of
            minus this.
        scaling: mean and deviation that features are standardised by: "global" for one of each over
            all values of all training clips, "column" for one per column, "pixel" for one per frame
            and column (clips must have one length), "clip" for each clip's own per column, "none"
            for no scaling. One value for all streams (codes of words are never scaled), or a tuple
            of one for each.
        reference: the emotion whose training clips give mean and deviation; "" for all clips.
        epochs: most passes over the training clips.
        batch: clips per step.
        optimiser: a name of `OPTIMISERS`.
        learning_rate: learning rate of the optimiser.
        momentum: momentum of the optimiser, if it has one.
        weight_decay: weight decay of the optimiser.
        schedule: learning rate over the epochs: constant, half a cosine to zero, or divided by one
            plus `decay` times the number of steps before the epoch.
        decay: rate of the schedule "inverse".
        clip: largest norm of the gradient; 0 for no limit.
        smoothing: label smoothing (Szegedy et al. 2016).
        mixup: parameter of the beta distribution that mixes clips (Zhang et al. 2018); 0 for no
            mixing.
        time_masks: number of stretches of a training clip that are set to zero in each batch (Park
            et al. 2019).
        time_width: longest stretch, as a share of the clip.
        band_masks: number of bands of columns that are set to zero in each batch.
        band_width: widest band, in columns.
        monitor: score on validation clips that chooses the best epoch: unweighted accuracy (mean
            recall), weighted accuracy (share of clips), or loss. For values, both accuracies stand
            for the concordance correlation coefficient.
        patience: training stops after this many epochs without improvement; 0 never stops early.
        precision: type of the numbers that a network multiplies; sums are in float32. bfloat16
            takes two thirds of the time on processors that support it, and gives other weights.
        holdout: share of the training speakers that validate if the protocol sets no rows aside;
            0 for none, so that the last epoch counts.
    """

    copies: int = 0
    balance: float = 0.0
    scaling: Scaling | tuple[Scaling, ...] = "column"
    reference: str = ""
    epochs: int = 50
    batch: int = 16
    optimiser: str = "adam"
    learning_rate: float = 1e-3
    momentum: float = 0.0
    weight_decay: float = 0.0
    schedule: Literal["constant", "cosine", "inverse"] = "constant"
    decay: float = 0.0
    clip: float = 0.0
    smoothing: float = 0.0
    mixup: float = 0.0
    time_masks: int = 0
    time_width: float = 0.15
    band_masks: int = 0
    band_width: int = 6
    monitor: Literal["ua", "wa", "loss"] = "ua"
    patience: int = 0
    precision: Literal["float32", "bfloat16"] = "float32"
    holdout: float = 0.0


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingSet:
    """Training clips that a network may use when it is built: their sizes, or for pre-training.

    Args:
        streams: for each stream, scaled training clips and their copies, `(frames, dims)` float32.
        labels: class number of each clip, shape `(clips,)`; zeros if values are learnt.
        classes: names of the classes, or of the values.
        seed: random seed.
    """

    streams: Sequence[Sequence[NDArray[np.float32]]]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    seed: int

    @property
    def dims(self) -> int:
        """Return the number of columns of the first stream."""
        return self.widths[0]

    @property
    def widths(self) -> tuple[int, ...]:
        """Return the number of columns of each stream."""
        return tuple(int(matrices[0].shape[1]) for matrices in self.streams)

    @property
    def frames(self) -> int:
        """Return the length of the longest clip in the first stream."""
        return max(len(matrix) for matrix in self.streams[0])


class System:
    """A published or proposed system: the features it takes and the classifier that is fitted.

    A subclass sets the attributes and defines `features` and either `classifiers`, for recipes of
    scikit-learn pipelines, or `network`, for recipes that extend `NetworkRecipe`.

    Attributes:
        name: name on the command line and in reports.
        title: one line of description.
        source: the publication it follows.
        recipes: its settings by name; every system has `default`.
        sampling_rate: rate that recordings are read at, in Hz.
        version: number to increase when the same recipe gives other results than before, for
            example because the network has other layers; kept runs of the tables state it.
        writable_with: changes of a recipe, FIELD=VALUE, one of which makes a system that a model
            folder can hold; empty if no change is needed or none helps.
    """

    name: ClassVar[str]
    title: ClassVar[str] = ""
    source: ClassVar[str] = ""
    recipes: ClassVar[Mapping[str, Any]]
    sampling_rate: ClassVar[int] = 16000
    version: ClassVar[int] = 1
    writable_with: ClassVar[tuple[str, ...]] = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    def __deepcopy__(self, memo: object) -> Self:
        """Return the system itself: it has no state, and copies of an estimator share it."""
        return self

    def features(self, recipe: Any) -> tuple[Stream, ...]:
        """Return the features of a recipe, one for each stream, of signals or texts.

        Args:
            recipe: one of the system's, or a changed one.
        """
        raise NotImplementedError(f"{self.name}: define the method features")

    def augmentation(self, recipe: Any) -> Augmentation | WhiteNoise:
        """Return the alteration that makes augmented copies of training clips.

        Args:
            recipe: as in `features`.
        """
        return Augmentation()

    def classifiers(self, recipe: Any, seed: int) -> Sequence[Any]:
        """Return unfitted scikit-learn pipelines over features of one frame.

        Of several, the one with the best result on held-out training speakers is kept.

        Args:
            recipe: as in `features`.
            seed: random seed.
        """
        raise NotImplementedError(f"{self.name}: define the method classifiers")

    def regressors(self, recipe: Any) -> Sequence[Any]:
        """Return unfitted scikit-learn pipelines for targets that are values, such as arousal.

        They are ridge regressions. A recipe's `C`, the weight of errors relative to the penalty of
        its classifiers, is the inverse of their penalty.

        Args:
            recipe: as in `features`.
        """
        from sklearn.linear_model import Ridge
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        weights = getattr(recipe, "C", (1.0,))
        return [make_pipeline(StandardScaler(), Ridge(alpha=1 / C)) for C in weights]

    def network(self, recipe: Any, data: TrainingSet) -> Any:
        """Build the untrained network of a recipe.

        Args:
            recipe: as in `features`.
            data: sizes of the training clips, and the clips for pre-training.

        Returns:
            A `torch.nn.Module` of `(values, mask)`, shapes `(clips, frames, dims)` and
            `(clips, frames)`, True where real, one pair after the other for several streams, to
            logits `(clips, classes)`, or values. Padding must not change an output.
        """
        raise NotImplementedError(f"{self.name}: define the method network")

    def fingerprint(self, recipe: Any) -> str:
        """Return a hash of the files that a network begins with, by which runs are told apart.

        Args:
            recipe: as in `features`.

        Returns:
            The hash; empty for networks that begin with random weights.
        """
        return ""

    def members(self, recipe: Any) -> Sequence[Any]:
        """Return recipes of this system whose networks are fitted one by one and averaged.

        Args:
            recipe: as in `features`.

        Returns:
            Recipes with their own streams; none where the recipe is of a single network.
        """
        return ()

    def require_learner(self, recipe: Any) -> None:
        """Raise an error if the system does not define the method that its recipe needs.

        Args:
            recipe: as in `features`.

        Raises:
            SerenadeError: the method is missing.
        """
        wanted = "network" if isinstance(recipe, NetworkRecipe) else "classifiers"
        if getattr(type(self), wanted) is getattr(System, wanted):
            raise SerenadeError(
                f"{self.name}: its {type(recipe).__name__} needs the method {wanted}, which the "
                "system does not define; a recipe of a network extends NetworkRecipe"
            )

    def recipe(self, base: Any = "default", /, **changes: Any) -> Any:
        """Return a recipe with some of its fields changed.

        A single value or a list is also taken for a field that holds a tuple.

        Args:
            base: name of a recipe, or a recipe of this system.
            changes: field names and new values.

        Raises:
            SerenadeError: no such recipe or field, or a value of another type.
        """
        recipe = self.recipes.get(base) if isinstance(base, str) else base
        if not dataclasses.is_dataclass(recipe) or isinstance(recipe, type):
            raise SerenadeError(
                f"{self.name}: no recipe {base!r}; choose from {', '.join(self.recipes)}"
            )
        fields = [field.name for field in dataclasses.fields(recipe)]
        if unknown := sorted(set(changes) - set(fields)):
            raise SerenadeError(
                f"{self.name}: its recipe has no {', '.join(unknown)}; it has {', '.join(fields)}"
            )
        values = {name: _fit_tuple(type(recipe), name, value) for name, value in changes.items()}
        if problem := find_mismatch(type(recipe), values):
            raise SerenadeError(f"{self.name}: the recipe's {problem}")
        return dataclasses.replace(recipe, **values)


def _fit_tuple(kind: type, name: str, value: Any) -> Any:
    """Return a tuple for a list or a single value where a field takes only a tuple."""
    if not find_mismatch(kind, {name: value}):
        return value
    wrapped = tuple(value) if isinstance(value, list) else (value,)
    return value if find_mismatch(kind, {name: wrapped}) else wrapped
