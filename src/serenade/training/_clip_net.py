"""Classifier of skorch on batches of clips, with weights, soft labels, masks and mixing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from skorch import NeuralNetClassifier
from torch.nn import functional

from serenade._concordance import compute_concordance
from serenade.errors import SerenadeError
from serenade.training._clips import compute_mean_recall

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from serenade.systems import NetworkRecipe

OPTIMISERS = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
}
"""Optimisers that a recipe can name."""


class ClipNet(NeuralNetClassifier):  # type: ignore[misc]
    """Network of `(values, mask)` of each stream, trained with a `NetworkRecipe`.

    Args:
        module: the network.
        recipe: settings of the training.
        values: whether the outputs are values, not logits of classes.
        settings: arguments of skorch's classifier.
    """

    def __init__(
        self, module: Any, recipe: NetworkRecipe, values: bool = False, **settings: Any
    ) -> None:
        super().__init__(module, **settings)
        self.recipe = recipe
        self.values = values

    def infer(self, x: Mapping[str, Any], **fit_params: Any) -> Any:  # noqa: ARG002 - skorch's
        """Compute logits of a batch, shape `(clips, classes)`."""
        reduced = self.recipe.precision == "bfloat16"
        with torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=reduced):
            pairs = zip(x["values"], x["mask"], strict=True)
            logits = self.module_(*(part.to(self.device) for pair in pairs for part in pair))
        return logits.float()

    def get_loss(
        self,
        y_pred: Tensor,
        y_true: Tensor,
        X: Mapping[str, Any] | None = None,
        training: bool = False,
    ) -> Tensor:
        """Compute the weighted mean cross-entropy, with labels that are smoothed in training only.

        The loss of values is one minus their concordance correlation coefficient.
        """
        if self.values:
            weights = torch.ones(len(y_pred)) if X is None else X["weights"]
            return compute_concordance_loss(y_pred, y_true.to(y_pred.device), weights)
        smoothing = self.recipe.smoothing if training else 0.0
        losses = functional.cross_entropy(
            y_pred, y_true.to(y_pred.device), reduction="none", label_smoothing=smoothing
        )
        weights = 1.0 if X is None else X["weights"].to(y_pred.device)
        return (weights * losses).mean()

    def train_step(self, batch: Any, **fit_params: Any) -> Any:
        """Make one step, on the batch as the recipe alters it."""
        return super().train_step(self.alter(*batch), **fit_params)

    def alter(self, inputs: dict[str, Any], labels: Tensor) -> tuple[dict[str, Any], Tensor]:
        """Set stretches and bands of a training batch to zero, then mix pairs of clips.

        Zero is the mean of the training clips once these are scaled.
        """
        streams, masks, recipe = inputs["values"], inputs["mask"], self.recipe
        if recipe.time_masks or recipe.band_masks:
            streams = [self._mask(*pair) for pair in zip(streams, masks, strict=True)]
        if not recipe.mixup:
            return inputs | {"values": streams}, labels
        share = torch.distributions.Beta(recipe.mixup, recipe.mixup).sample((len(labels),))
        other = torch.randperm(len(labels))
        one_hot = labels if labels.ndim > 1 else functional.one_hot(labels, len(self.classes))
        classes = one_hot.to(share.dtype)
        weights = inputs["weights"]
        mixed = {
            "values": [
                share[:, None, None] * values + (1 - share[:, None, None]) * values[other]
                for values in streams
            ],
            "mask": [mask | mask[other] for mask in masks],
            "weights": share * weights + (1 - share) * weights[other],
        }
        return mixed, share[:, None] * classes + (1 - share[:, None]) * classes[other]

    def _mask(self, values: Tensor, mask: Tensor) -> Tensor:
        """Set stretches and bands of a stream's clips to zero."""
        recipe, values = self.recipe, values.clone()
        for clip, length in zip(values, mask.sum(dim=1).tolist(), strict=True):
            for _ in range(recipe.time_masks):
                clip[_draw_stretch(length, round(recipe.time_width * length))] = 0.0
            for _ in range(recipe.band_masks):
                clip[:, _draw_stretch(clip.shape[1], recipe.band_width)] = 0.0
        return values


def get_optimiser(recipe: NetworkRecipe) -> dict[str, Any]:
    """Return the arguments of skorch for a recipe's optimiser.

    Raises:
        SerenadeError: no optimiser of this name.
    """
    if recipe.optimiser not in OPTIMISERS:
        raise SerenadeError(
            f"no optimiser {recipe.optimiser!r}; choose from {', '.join(OPTIMISERS)}"
        )
    settings: dict[str, Any] = {"optimizer__weight_decay": recipe.weight_decay}
    if recipe.optimiser in {"sgd", "rmsprop"}:
        settings["optimizer__momentum"] = recipe.momentum
    if recipe.optimiser == "rmsprop":
        # Keras' defaults, which most papers use.
        settings |= {"optimizer__alpha": 0.9, "optimizer__eps": 1e-7}
    return {"optimizer": OPTIMISERS[recipe.optimiser], "lr": recipe.learning_rate, **settings}


def compute_concordance_loss(found: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """Compute one minus the mean concordance correlation coefficient (Lin 1989) of a batch.

    Args:
        found: predicted values, `(clips, targets)`.
        truth: true values.
        weights: weight of each clip, `(clips,)`.
    """
    shares = (weights / weights.sum()).to(found.device)[:, None]
    mean, true_mean = (shares * found).sum(0), (shares * truth).sum(0)
    away, true_away = found - mean, truth - true_mean
    both = (shares * away * true_away).sum(0)
    spread = (shares * (away.square() + true_away.square())).sum(0)
    # A batch whose true values are all equal has no concordance; the small sum keeps it finite.
    return (1 - 2 * both / (spread + (mean - true_mean).square() + 1e-8)).mean()


def score_recall(net: Any, X: Any, y: NDArray[Any]) -> float:
    """Score a network by mean recall, as skorch calls its scorers; most votes decide."""
    return compute_mean_recall(_list_classes(y), net.predict(X))


def score_accuracy(net: Any, X: Any, y: NDArray[Any]) -> float:
    """Score a network by the share of right labels, see `score_recall`."""
    return float(np.mean(_list_classes(y) == net.predict(X)))


def score_concordance(net: Any, X: Any, y: NDArray[np.float32]) -> float:
    """Score a network by the concordance correlation coefficient of its values."""
    return compute_concordance(y, net.predict_proba(X))


def _list_classes(y: NDArray[Any]) -> NDArray[np.int64]:
    """Return class numbers, of shares of votes those with most."""
    return y if y.ndim == 1 else y.argmax(axis=1)


def make_schedule(recipe: Any, steps: int) -> Callable[[int], float]:
    """Return the function from epochs to the factor of the learning rate.

    It is in closed form, so that a resumed run has the same rates as an unbroken one.

    Args:
        recipe: settings of the schedule.
        steps: steps in an epoch.
    """

    def factor(epochs: int) -> float:
        if recipe.schedule == "cosine":
            return float(0.5 * (1 + np.cos(np.pi * min(epochs / recipe.epochs, 1))))
        return 1 / (1 + recipe.decay * steps * epochs) if recipe.schedule == "inverse" else 1.0

    return factor


def _draw_stretch(length: int, longest: int) -> slice:
    """Draw a random stretch of at most the longest length."""
    width = int(torch.randint(min(longest, length) + 1, ()))
    start = int(torch.randint(length - width + 1, ()))
    return slice(start, start + width)
