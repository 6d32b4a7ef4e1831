"""What every system is: what it wants to see, and what learns from it."""

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


Scaling = Literal["global", "column", "clip", "none"]


class Recipe(Protocol):
    """A frozen dataclass of every number a run depends on, features and training alike."""

    @property
    def copies(self) -> int:
        """Augmented copies of each training clip."""

    @property
    def balance(self) -> float:
        """Power by which frequent emotions weigh less; see `serenade.training.Estimator`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkRecipe:
    """How a network is trained; the recipes of networks extend it by what else they need.

    Args:
        copies: augmented copies of each training clip.
        balance: a clip weighs the number of clips of its emotion to the power of minus this.
        scaling: how features are centred and scaled: by one mean and deviation over all values of
            all training clips, by one per column, by each clip's own per column, or not at all;
            of several streams, one for all (but for words' codes) or one for each.
        reference: the emotion whose training clips give mean and deviation; "" for all clips.
        epochs: how often training clips are gone through at most.
        batch: clips per step.
        optimiser: a name of `OPTIMISERS`.
        learning_rate: of the optimiser.
        momentum: likewise, where it has one.
        weight_decay: likewise.
        schedule: of the learning rate over the epochs: constant, half a cosine to zero, or
            one over one plus `decay` times the steps done before the epoch.
        decay: of the schedule "inverse".
        clip: longest gradient; 0 leaves it.
        smoothing: of the labels (Szegedy et al. 2016).
        mixup: parameter of the beta distribution clips are mixed by (Zhang et al. 2018); 0 for
            none.
        time_masks: stretches of a training clip set to zero each time (Park et al. 2019).
        time_width: longest stretch, as a share of the clip.
        band_masks: bands of columns likewise.
        band_width: widest band, in columns.
        monitor: what says which epoch was best on validation clips: unweighted accuracy (mean
            recall), weighted accuracy (share of clips), or loss.
        patience: epochs without a better one before training stops; 0 never stops early.
        precision: of the numbers that a network multiplies, summed in float32 either way; bfloat16
            takes two thirds of the time where the processor knows it, and gives other weights.
        holdout: share of the training speakers validated on where the protocol sets no rows
            aside; 0 for none: then the last epoch counts.
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
    """What a network may look at before it is made: sizes, and clips to pre-train on.

    Args:
        streams: of each, scaled training clips with their copies, `(frames, dims)` float32.
        labels: class number of each, shape `(clips,)`.
        classes: names of the classes.
        seed: of everything random.
    """

    streams: Sequence[Sequence[NDArray[np.float32]]]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    seed: int

    @property
    def dims(self) -> int:
        """Columns of every clip in the first stream."""
        return self.widths[0]

    @property
    def widths(self) -> tuple[int, ...]:
        """Columns of every clip in each stream."""
        return tuple(int(matrices[0].shape[1]) for matrices in self.streams)

    @property
    def frames(self) -> int:
        """Length of the longest clip in the first stream."""
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
        writable_with: changes of a recipe, FIELD=VALUE, one of which makes a system that a model
            folder can hold; empty if no change is needed or none helps.
    """

    name: ClassVar[str]
    title: ClassVar[str] = ""
    source: ClassVar[str] = ""
    recipes: ClassVar[Mapping[str, Any]]
    sampling_rate: ClassVar[int] = 16000
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

    def network(self, recipe: Any, data: TrainingSet) -> Any:
        """Build the untrained network of a recipe.

        Args:
            recipe: as in `features`.
            data: sizes of the training clips, and the clips for pre-training.

        Returns:
            A `torch.nn.Module` of `(values, mask)`, shapes `(clips, frames, dims)` and
            `(clips, frames)`, True where real, one pair after the other for several streams, to
            logits `(clips, classes)`. Padding must not change an output.
        """
        raise NotImplementedError(f"{self.name}: define the method network")

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
