"""A system as a scikit-learn classifier over the rows of a corpus table."""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from serenade import systems
from serenade.errors import InputError, MissingExtraError, SerenadeError
from serenade.extraction import extract, extract_texts, list_clips, prefetch
from serenade.features import Augmented, TextFeature
from serenade.systems import System
from serenade.training._clips import Clips, compute_weights, require_classes
from serenade.training._input_checks import check_answers, check_rows, require_column
from serenade.training._learners import is_network, make_learner
from serenade.training._scaling import standardise_speakers

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils.validation import check_is_fitted
except ImportError:
    raise MissingExtraError("training", "train") from None

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from serenade.audio import Augmentation, Condition, WhiteNoise
    from serenade.features import Feature
    from serenade.training._clips import Matrices, Streams
    from serenade.training._learners import Learner


class Estimator(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A system that is fitted on recordings: features, augmentation, weights and classifier.

    `X` is a table of recordings, indexed by file, start and end as `Corpus.table` is, or a list of
    paths. scikit-learn's splitters, scorers and searches take it as it is. Features are extracted
    on all cores and kept in the cache.

    Args:
        system: a name of `serenade.systems.names()`, the path of a .py file that defines `SYSTEM`,
            or a `serenade.systems.System`.
        recipe: name of the system's recipe, or a recipe object.
        seed: random seed of the classifier.
        speaker_standardisation: subtract each speaker's mean and divide by their deviation, in
            training and test. It needs all speech of the test speakers beforehand (no labels), and
            a report must say so.
        jobs: processes for extraction; None for all cores.
        device: device that networks are trained on: `cpu`, `cuda` or any that PyTorch knows.
        checkpoints: folder that keeps the state of a network after each epoch. A run that was
            killed resumes there and ends with the same weights; a finished run is not repeated.
        tracking: log of a network's epochs: `tensorboard=FOLDER` or `mlflow[=URI]`.
        changes: fields of the recipe and their new values.

    Attributes:
        classes_: labels in the order of the posteriors, or names of the values.
        values_: whether values are predicted, not emotions.
        classifier_: the fitted scikit-learn pipeline or skorch net.
        learner_: the fitted learner, with its scalers where it has any.
        curve_: losses and validation UA of a network after each epoch; empty for other classifiers.

    >>> Estimator("whisper-probe", C=0.01)
    Estimator('whisper-probe', C=0.01)
    """

    def __init__(
        self,
        system: str | os.PathLike[str] | System = "whisper-probe",
        recipe: Any = "default",
        *,
        seed: int = 0,
        speaker_standardisation: bool = False,
        jobs: int | None = None,
        device: str = "cpu",
        checkpoints: str | os.PathLike[str] | None = None,
        tracking: str | None = None,
        **changes: Any,
    ) -> None:
        self.system = system
        self.recipe = recipe
        self.seed = seed
        self.speaker_standardisation = speaker_standardisation
        self.jobs = jobs
        self.device = device
        self.checkpoints = checkpoints
        self.tracking = tracking
        self.changes = changes

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        """Return the call that makes this estimator, without arguments that have their defaults."""
        system = self.system.name if isinstance(self.system, System) else self.system
        defaults = inspect.signature(type(self).__init__).parameters
        shown = [repr(system)]
        for name, value in self.get_params(deep=False).items():
            usual = defaults[name].default if name in defaults else inspect.Parameter.empty
            # An array has no single truth value when it is compared.
            if name != "system" and (type(value) is not type(usual) or value != usual):
                shown.append(f"{name}={_show_value(value)}")
        return f"{type(self).__name__}({', '.join(shown)})"[:N_CHAR_MAX]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the arguments of this estimator by name, changed fields of the recipe included.

        Args:
            deep: see scikit-learn; no argument has parameters of its own.
        """
        return {**super().get_params(deep), **self.changes}

    def set_params(self, **params: Any) -> Self:
        """Set arguments of this estimator by name; other names are fields of the recipe.

        Args:
            params: names and new values; `fit` checks them.
        """
        own = self._get_param_names()
        super().set_params(**{name: value for name, value in params.items() if name in own})
        fields = {name: value for name, value in params.items() if name not in own}
        self.changes = {**self.changes, **fields}
        return self

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: `X` is a table of recordings, not a matrix of numbers."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.no_validation = True
        return tags

    def get_system(self) -> System:
        """Return the system, found by its name or path where one was given.

        Raises:
            SerenadeError: no such system.
        """
        if isinstance(self.system, System):
            return self.system
        if not isinstance(self.system, (str, os.PathLike)):
            raise InputError(
                f"system: a {type(self.system).__name__}; give a name such as whisper-probe, the "
                "path of a .py file, or a serenade.systems.System"
            )
        return systems.get(os.fspath(self.system))

    def get_recipe(self) -> Any:
        """Return the recipe with the changed fields.

        Raises:
            SerenadeError: no such recipe or field, or a value of another type.
        """
        return self.get_system().recipe(self.recipe, **self.changes)

    def describe(self) -> dict[str, Any]:
        """Describe the run for a report.

        Returns:
            JSON-ready data: `system` (name), `recipe` (fields by name, without this machine's
            folders), `recipe_name` (empty where the recipe has none), `speaker_standardisation`
            and `seed`.

        >>> Estimator("whisper-probe", "nested", C=0.01).describe()["recipe"]["C"]
        [0.01]
        """
        fields = dataclasses.asdict(self.get_recipe())
        return {
            "system": self.get_system().name,
            "recipe": json.loads(json.dumps({key: _hide(value) for key, value in fields.items()})),
            "recipe_name": self.recipe if isinstance(self.recipe, str) else "",
            "speaker_standardisation": self.speaker_standardisation,
            "seed": self.seed,
        }

    @property
    def uses_validation(self) -> bool:
        """Whether `fit` uses validation recordings: networks do, to find the best epoch."""
        return is_network(self.get_recipe())

    def fit(
        self,
        X: pd.DataFrame | Sequence[str | os.PathLike[str]],
        y: ArrayLike | pd.DataFrame,
        validation: tuple[pd.DataFrame, ArrayLike | pd.DataFrame] | None = None,
    ) -> Self:
        """Fit the system on recordings.

        Args:
            X: table of recordings, shape `(rows, columns)`, or a list of paths.
            y: emotion of each recording, shape `(rows,)`. Or a table of targets: a column of
                numbers for each value, such as `arousal`, or for the votes of each emotion
                (`votes_happy` and so on).
            validation: recordings and emotions that choose a network's best epoch; nothing is
                fitted on them. Without them a recipe may set training speakers aside for that.

        Raises:
            AudioError: a recording cannot be used; the corpus' own check lists them beforehand.
            InputError: `X` or `y` is not what is described here.
            SerenadeError: a system, device, recipe or checkpoint that cannot be used.
        """
        rows = check_rows(X)
        labels, targets = check_answers(y, len(rows))
        recipe = self.get_recipe()  # a wrong name of a system is the first mistake to correct
        require_classes(labels, targets)
        learner: Learner = make_learner(
            self.get_system(),
            recipe,
            self.seed,
            device=self.device,
            checkpoints=self.checkpoints,
            tracking=self.tracking,
        )
        aside = None
        if validation is not None and self.uses_validation:
            aside = self.clips(*validation, copies=0)
        self.learner_ = learner.fit(self.clips(rows, y, recipe.copies), aside)
        self.values_ = self.learner_.values
        self.classifier_ = self.learner_.classifier
        self.classes_ = self.learner_.classes_
        self.curve_ = self.learner_.curve
        return self

    def prepare(self, X: pd.DataFrame) -> None:
        """Fill the cache of a cluster with the features that `fit` uses; see `serenade._parallel`.

        Args:
            X: table of recordings.
        """
        rate = self.get_system().sampling_rate
        for features in self._list_rounds(self.get_recipe().copies):
            for feature in features:
                if not isinstance(feature, TextFeature):
                    prefetch(list_clips(X.index), feature, sampling_rate=rate)

    def predict_proba(
        self,
        X: pd.DataFrame | Sequence[str | os.PathLike[str]],
        change: Augmentation | WhiteNoise | Condition | None = None,
    ) -> NDArray[np.float64]:
        """Compute posteriors of recordings, or values if these were learnt.

        Args:
            X: table of recordings, or a list of paths.
            change: alteration of each recording beforehand, to measure robustness.

        Returns:
            Shape `(rows, classes)`, in the order of `classes_`.

        Raises:
            sklearn.exceptions.NotFittedError: `fit` was not called.
        """
        check_is_fitted(self, "learner_")
        features = self.features
        if change is not None:
            features = tuple(_change(each, change, 0) for each in features)
        return self.learner_.predict_proba(self._extract_streams(check_rows(X), features))

    def predict(self, X: pd.DataFrame | Sequence[str | os.PathLike[str]]) -> NDArray[Any]:
        """Predict the most probable emotion of each recording, `(rows,)`; or values, 2-D."""
        found = self.predict_proba(X)
        best: NDArray[Any] = found if self.values_ else self.classes_[found.argmax(axis=1)]
        return best

    @property
    def features(self) -> tuple[Feature | TextFeature, ...]:
        """The system's features under the recipe, one for each stream."""
        return self.get_system().features(self.get_recipe())

    def clips(self, rows: pd.DataFrame, y: ArrayLike | pd.DataFrame, copies: int) -> Clips:
        """Extract recordings as a learner takes them.

        Args:
            rows: table of recordings.
            y: see `fit`.
            copies: augmented copies of each recording.
        """
        labels, targets = check_answers(y, len(rows))
        streams = [self._extract_streams(rows, each) for each in self._list_rounds(copies)]
        known = "speaker" in rows and rows["speaker"].notna().all()
        return Clips(
            streams[0],
            labels,
            compute_weights(rows, labels, self.get_recipe().balance),
            rows["speaker"].to_numpy(dtype=str) if known else None,
            tuple(streams[1:]),
            targets,
        )

    def _list_rounds(self, copies: int) -> list[tuple[Feature | TextFeature, ...]]:
        """Return the features of the clips, then those of each round of augmented copies."""
        change = self.get_system().augmentation(self.get_recipe())
        features, numbers = self.features, range(copies)
        return [features, *(tuple(_change(each, change, n) for each in features) for n in numbers)]

    def _extract_streams(
        self, rows: pd.DataFrame, features: Sequence[Feature | TextFeature]
    ) -> Streams:
        """Extract each feature of each row; texts are those of the column `text`."""
        return tuple(
            extract_texts(_list_texts(rows, self), each)
            if isinstance(each, TextFeature)
            else self._standardise(self._extract(rows, each), rows)
            for each in features
        )

    def _extract(self, rows: pd.DataFrame, feature: Feature) -> Matrices:
        rate = self.get_system().sampling_rate
        return extract(list_clips(rows.index), feature, sampling_rate=rate, jobs=self.jobs)

    def _standardise(self, matrices: Matrices, rows: pd.DataFrame) -> Matrices:
        """Standardise features by their speaker's mean and deviation where that is asked for."""
        if not self.speaker_standardisation:
            return matrices
        require_column(rows, "speaker", "speaker standardisation")
        return standardise_speakers(matrices, rows["speaker"].to_numpy(dtype=str))


def _show_value(value: Any) -> str:
    """Return an argument as text; of a recipe object, only the fields without their defaults."""
    if not dataclasses.is_dataclass(value):
        return repr(value)
    shown = [
        f"{field.name}={getattr(value, field.name)!r}"
        for field in dataclasses.fields(value)
        if getattr(value, field.name) != field.default
    ]
    return f"{type(value).__name__}({', '.join(shown)})"


def _hide(value: Any) -> Any:
    """Return a recipe's value without this machine's folders."""
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


def _change(
    feature: Feature | TextFeature, change: Augmentation | WhiteNoise | Condition, copy: int
) -> Feature | TextFeature:
    """Return the feature of an altered copy; texts stay as they are."""
    return feature if isinstance(feature, TextFeature) else Augmented(feature, change, copy)


def _list_texts(rows: pd.DataFrame, estimator: Estimator) -> list[object]:
    """Return the transcript of each row; missing ones are empty.

    Raises:
        SerenadeError: the table has no transcripts.
    """
    # A few recordings to predict may all lack a transcript; a training table may not.
    fitted = hasattr(estimator, "learner_")
    if "text" not in rows or (not fitted and rows["text"].isna().all()):
        raise SerenadeError(
            f"{estimator.get_system().name}: this recipe needs transcripts, and the column "
            "text is missing or empty; write it with serenade transcribe and use its manifest"
        )
    return list(rows["text"])
