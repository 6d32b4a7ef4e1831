"""Learner of networks with skorch: scaling, batches, the best epoch, checkpoints."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from skorch.callbacks import EpochScoring, GradientNormClipping, LRScheduler
from skorch.helper import predefined_split

from serenade._malloc import keep_memory
from serenade._source_code import hash_source_code, is_own
from serenade._targets import has_values
from serenade.systems import SMALLEST_DEVIATION, TrainingSet
from serenade.training._batches import Batches, ClipSet
from serenade.training._callbacks import Bar, make_logger
from serenade.training._checkpoint import Best, Checkpoint, Seeds, derive_epoch_seed, make_run_key
from serenade.training._clip_net import (
    ClipNet,
    get_optimiser,
    make_schedule,
    score_accuracy,
    score_concordance,
    score_recall,
)
from serenade.training._clips import list_examples, pick_clips, require_classes
from serenade.training._device import Device
from serenade.training._scaling import Scaler

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from serenade.systems import System
    from serenade.training._clips import Clips, Streams
    from serenade.training._learners import Curve


class NetworkLearner:
    """Learner that trains a system's network on clips of any length.

    Args:
        system: system with a network.
        recipe: a `NetworkRecipe` of the system.
        seed: random seed; on one machine's CPU, the same seed and number of threads give the same
            weights.
        device: `cpu`, `cuda` or any that PyTorch knows.
        checkpoints: folder that keeps the run after each epoch, so that a killed run resumes and a
            finished run is not repeated; None keeps nothing.
        tracking: see `serenade.training._callbacks.make_logger`.

    Attributes:
        classes_: labels in the order of the posteriors, or names of the values.
        values: whether values are learnt.
        centre: mean of each value over the training clips, which the network does not see.
        spread: standard deviation of each value.
        classifier: the skorch net.
        scalers: scaler of each stream, fitted on training clips.
        examples: see `serenade.training._clips.list_examples`.
    """

    def __init__(
        self,
        system: System,
        recipe: Any,
        seed: int = 0,
        *,
        device: str = "cpu",
        checkpoints: str | os.PathLike[str] | None = None,
        tracking: str | None = None,
    ) -> None:
        self.system = system
        self.recipe = recipe
        self.seed = seed
        self.device = device
        self._device = Device(device, recipe.precision)
        self.checkpoints = checkpoints
        self.tracking = tracking

    def fit(self, clips: Clips, validation: Clips | None = None) -> Self:
        """Train on clips and their copies.

        Args:
            clips: training clips of the network and of the scalers.
            validation: clips that choose the best epoch; without them, the recipe's share of the
                training speakers is set aside.
        """
        recipe = self.recipe
        if validation is None and recipe.holdout > 0:
            clips, validation = clips.hold_out(recipe.holdout, self.seed)
        require_classes(clips.labels, clips.targets)
        self._choose_classes(clips)
        self.examples = list_examples(clips.streams)
        numbers = self._number(clips)
        reference = clips.take(np.flatnonzero(clips.labels == recipe.reference))
        stated = (reference if len(reference.labels) else clips).stacked
        self.scalers = [
            Scaler(mode).fit(matrices)
            for mode, matrices in zip(self._list_modes(), stated, strict=True)
        ]
        rounds = len(clips.rounds)
        training = ClipSet(
            self.scale(clips.stacked),
            np.concatenate([numbers] * rounds),
            np.tile(clips.weights, rounds),
        )
        key = self._make_key(clips, validation)
        # The state of PyTorch's global generator is restored afterwards.
        with self._device.keep_generators():
            self.classifier = self._build_net(training, self._select_validation(validation), key)
            self._train(training)
        return self

    def _choose_classes(self, clips: Clips) -> None:
        """Take over the classes of the training clips, or names and scales of their values."""
        targets = clips.targets
        self.values = has_values(targets)
        self.classes_ = np.unique(clips.labels) if targets is None else np.array(targets.names)
        self.centre, self.spread = np.zeros(1), np.ones(1)
        if targets is not None and self.values:
            self.centre = targets.numbers.mean(axis=0)
            self.spread = np.maximum(targets.numbers.std(axis=0), SMALLEST_DEVIATION)

    def _number(self, clips: Clips) -> NDArray[Any]:
        """Return class numbers, shares of votes, or values without their mean and deviation."""
        if clips.targets is None:
            return np.searchsorted(self.classes_, clips.labels)
        return (clips.targets.numbers - self.centre) / self.spread

    def scale(self, streams: Streams) -> Streams:
        """Scale streams for the network."""
        pairs = zip(self.scalers, streams, strict=True)
        return tuple(scaler.transform(matrices) for scaler, matrices in pairs)

    def predict_proba(self, streams: Streams) -> NDArray[np.float64]:
        """Compute posteriors of clips, shape `(clips, classes)`, or their values."""
        # Clips of similar length in one batch need the least padding.
        order = np.argsort([len(matrix) for matrix in streams[0]], kind="stable")
        found = self.classifier.predict_proba(ClipSet(self.scale(pick_clips(streams, order))))
        posteriors = np.empty(found.shape)
        posteriors[order] = found
        return posteriors * self.spread + self.centre if self.values else posteriors

    @property
    def curve(self) -> Curve:
        """Return losses and validation UA, or CCC, after each epoch, to five digits."""
        known = ("train_loss", "valid_loss", "valid_ua", "valid_ccc")
        return tuple(
            {name: round(float(epoch[name]), 5) for name in known if name in epoch}
            for epoch in self.classifier.history
        )

    def _list_modes(self) -> Sequence[Any]:
        """Return the scaling of each stream."""
        scaling = self.recipe.scaling
        if not isinstance(scaling, str):
            return tuple(scaling)
        features = self.system.features(self.recipe)
        return [scaling if feature.scalable else "none" for feature in features]

    def _select_validation(self, validation: Clips | None) -> ClipSet | None:
        """Select validation clips of classes that are trained on, longest last."""
        if validation is None:
            return None
        any_class = validation.targets is not None
        known = np.flatnonzero(np.isin(validation.labels, self.classes_) | any_class)
        if len(known) == 0:
            return None
        lengths = [len(validation.streams[0][row]) for row in known]
        part = validation.take(known[np.argsort(lengths, kind="stable")])
        return ClipSet(self.scale(part.streams), self._number(part))

    def _build_net(self, training: ClipSet, validation: ClipSet | None, key: str | None) -> ClipNet:
        recipe = self.recipe
        torch.manual_seed(derive_epoch_seed(self.seed, 0))
        classes = tuple(str(label) for label in self.classes_)
        numbers = training.labels.numpy()
        if self.values:
            numbers = np.zeros(len(numbers), dtype=np.int64)
        elif numbers.ndim > 1:
            numbers = numbers.argmax(axis=1)
        shown = TrainingSet(training.streams, numbers, classes, self.seed)
        module = self.system.network(recipe, shown)
        monitor = "ccc" if self.values and recipe.monitor != "loss" else recipe.monitor
        best = None if validation is None else Best(monitor, recipe.patience)
        folder = None if key is None else self.checkpoints
        path = None if folder is None else Path(folder) / f"{key}.pt"
        self._checkpoint = Checkpoint(path, best)
        steps = -(-len(training) // recipe.batch)
        callbacks = [
            ("seeds", Seeds(self.seed)),
            *(
                (f"valid_{name}", EpochScoring(score, lower_is_better=False, name=f"valid_{name}"))
                for name, score in self._list_scores().items()
            ),
            ("schedule", LRScheduler("LambdaLR", lr_lambda=make_schedule(recipe, steps))),
            ("clip", GradientNormClipping(recipe.clip) if recipe.clip else None),
            ("bar", Bar(recipe.epochs)),
            ("log", make_logger(self.tracking, f"{self.system.name}-{(key or 'unknown')[:8]}")),
            ("best", best),
            ("checkpoint", self._checkpoint),
        ]
        return ClipNet(
            module,
            recipe,
            values=self.values,
            predict_nonlinearity=None if self.values else "auto",
            criterion=torch.nn.CrossEntropyLoss,
            classes=list(range(len(classes))),
            batch_size=recipe.batch,
            iterator_train=Batches,
            iterator_train__shuffle=True,
            iterator_valid=Batches,
            iterator_valid__batch_size=4 * recipe.batch,
            train_split=None if validation is None else predefined_split(validation),
            callbacks=[pair for pair in callbacks if pair[1] is not None],
            callbacks__valid_acc=None,
            callbacks__print_log=None,
            device=self.device,
            verbose=0,
            **get_optimiser(recipe),
        )

    def _list_scores(self) -> dict[str, Any]:
        """Return the scores on validation clips by name."""
        if self.values:
            return {"ccc": score_concordance}
        return {"ua": score_recall, "wa": score_accuracy}

    def _train(self, training: ClipSet) -> None:
        """Start or resume training, until the last epoch or until patience is over."""
        net, checkpoint = self.classifier, self._checkpoint
        keep_memory()
        net.initialize()
        checkpoint.load(net)
        if checkpoint.finished:
            return
        net.set_params(max_epochs=self.recipe.epochs - checkpoint.complete)
        net.partial_fit(training)
        patient = checkpoint.best is None or checkpoint.best.misses_ != checkpoint.best.patience
        if patient and checkpoint.complete < self.recipe.epochs:
            raise KeyboardInterrupt  # skorch takes the user's for an early stop
        checkpoint.close(net)

    def _describe_run(self) -> dict[str, Any]:
        versions = {name: importlib.metadata.version(name) for name in ("serenade", "torch")}
        recipe = dataclasses.asdict(self.recipe)
        stated = {"system": self.system.name, "recipe": recipe, "seed": self.seed, **versions}
        if self.system.version > 1:  # runs of version 1 keep their names
            stated["system_version"] = self.system.version
        start = self.system.fingerprint(self.recipe)
        return stated | ({"start": start} if start else {})

    def _make_key(self, clips: Clips, validation: Clips | None) -> str | None:
        """Make the name of the run; None, and a warning, if its code cannot be identified."""
        stated = self._describe_run()
        kinds = type(self.system), type(self.recipe)
        if any(map(is_own, kinds)):
            stated["source"] = hash_source_code(*kinds)
            if stated["source"] is None and self.checkpoints is not None:
                warnings.warn(
                    f"{self.system.name}: no checkpoints are kept, because its code cannot be "
                    "identified; define it in a file, not in a notebook or a function",
                    stacklevel=2,
                )
                return None
        return make_run_key(stated, clips, validation)
