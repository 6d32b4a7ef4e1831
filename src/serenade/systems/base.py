"""What every system is: what it wants to see, and the classifier that looks at it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Protocol

from serenade.errors import SerenadeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from serenade.audio import Augmentation
    from serenade.features.base import Feature


class Recipe(Protocol):
    """A frozen dataclass of every number a run depends on, features and training alike."""

    @property
    def copies(self) -> int:
        """Augmented copies of each training clip."""

    @property
    def balance(self) -> float:
        """Power by which frequent emotions weigh less; see `serenade.training.Estimator`."""


@dataclasses.dataclass(frozen=True)
class System:
    """A published or proposed system.

    Args:
        name: what commands call it.
        title: a line about it.
        source: the publication it follows.
        recipes: its settings by name; every system has `default`.
        feature: recipe → the feature it looks at.
        classifiers: recipe and seed → unfitted scikit-learn pipelines over that feature; of
            several, the one is taken that does best on held-out training speakers.
        augmentation: recipe → how copies of training clips are changed.
    """

    name: str
    title: str
    source: str
    recipes: Mapping[str, Any]
    feature: Callable[[Any], Feature]
    classifiers: Callable[[Any, int], Sequence[Any]]
    augmentation: Callable[[Any], Augmentation]

    def recipe(self, name: str = "default", **changes: Any) -> Any:
        """A recipe, with some of its fields changed.

        Args:
            name: of the recipe.
            changes: field names and new values.

        Raises:
            SerenadeError: no such recipe or field.
        """
        if name not in self.recipes:
            raise SerenadeError(
                f"{self.name}: no recipe {name!r}; choose from {', '.join(self.recipes)}"
            )
        recipe = self.recipes[name]
        fields = [field.name for field in dataclasses.fields(recipe)]
        if unknown := sorted(set(changes) - set(fields)):
            raise SerenadeError(
                f"{self.name}: its recipe has no {', '.join(unknown)}; it has {', '.join(fields)}"
            )
        return dataclasses.replace(recipe, **changes)
