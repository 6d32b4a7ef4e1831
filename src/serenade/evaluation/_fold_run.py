"""Train and test an estimator on one fold, and state the software that did."""

from __future__ import annotations

import dataclasses
import functools
import importlib.metadata
import inspect
import json
import math
import os
import platform
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

import serenade
from serenade._targets import is_answer
from serenade.errors import EvaluationError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from serenade.protocols import Fold

    Names = NDArray[np.str_]


class FoldClassifier(Protocol):
    """Classifier that can be evaluated: the part of scikit-learn's contract that is used.

    Further members are used if they exist. `curve_`, numbers by name for each epoch, is kept in the
    report. `fit` may take `validation=(X, y)` and then gets the validation rows of the fold, unless
    an attribute `uses_validation` is false. `prepare(X)` is called first if folds run on a cluster,
    to fill a shared cache. `describe()` states system and recipe; see `Estimator.describe`.
    """

    classes_: NDArray[Any]

    def fit(self, X: pd.DataFrame, y: Any) -> Any:
        """Fit on the rows of a corpus table and their emotions, or columns of their targets."""

    def predict_proba(self, X: pd.DataFrame) -> NDArray[Any]:
        """Predict the probabilities of `classes_`, shape `(rows, classes)`; or their values."""


@dataclasses.dataclass(frozen=True)
class FoldOutcome:
    """Predictions of one fold as plain data, which a worker of a cluster can return.

    Args:
        probabilities: shape `(test rows, labels)`.
        changed: index of the predicted label of each test row, by the name of the condition.
        curve: measures of each training epoch.
        seconds: wall time of training and testing.
        fitted_before: attributes that show that the estimator was fitted before the fold.
        unused: number of validation rows that `fit` does not take.
        description: system and settings of the estimator, see `describe_estimator`.
        adapted: posteriors after adaptation, in the shape of `probabilities`; None without.
    """

    probabilities: NDArray[np.float64]
    changed: Mapping[str, list[int]]
    curve: Any
    seconds: float
    fitted_before: set[str]
    unused: int
    description: Mapping[str, Any]
    adapted: NDArray[np.float64] | None = None


def make_factory(
    estimator: str | os.PathLike[str] | FoldClassifier | Callable[[int], FoldClassifier],
) -> Callable[[int], FoldClassifier]:
    """Return a function that makes a new estimator for a fold from a seed.

    Args:
        estimator: name of a system, a scikit-learn classifier, or such a function.

    Raises:
        SerenadeError: no system has this name, or the object is none of these.
    """
    if isinstance(estimator, (str, os.PathLike)):
        from serenade.training import Estimator

        estimator = Estimator(estimator)
    if isinstance(estimator, type) or not hasattr(estimator, "fit"):
        if callable(estimator):
            return estimator
    elif hasattr(estimator, "get_params"):
        describe_estimator(estimator)  # an unknown name fails here, before a corpus is opened
        return functools.partial(clone_estimator, estimator)
    raise EvaluationError(
        f"estimator: cannot evaluate a {type(estimator).__name__}; give the name of a system, a "
        "scikit-learn classifier, or a function that makes one from a seed"
    )


def clone_estimator(estimator: Any, seed: int) -> Any:
    """Return an unfitted copy of a scikit-learn estimator for one fold.

    Args:
        estimator: estimator to copy; it is not changed.
        seed: value of its parameter `seed`, and of each `random_state` that is None.
    """
    try:
        from sklearn.base import clone
    except ImportError:
        raise MissingExtraError("evaluating an estimator", "train") from None
    copy = clone(estimator)
    parameters = copy.get_params()
    seeds = {
        name: seed
        for name, value in parameters.items()
        if name == "seed" or (name.split("__")[-1] == "random_state" and value is None)
    }
    return copy.set_params(**seeds) if seeds else copy


def predict_fold(
    make_estimator: Callable[[int], FoldClassifier],
    seed: int,
    table: pd.DataFrame,
    labels: Sequence[str],
    conditions: Mapping[str, Any],
    targets: Sequence[str],
    fold: Fold,
) -> FoldOutcome:
    """Fit a new estimator on the training rows of a fold and predict its test rows.

    Args:
        make_estimator: makes an estimator from a seed.
        seed: seed of the estimator.
        table: corpus table.
        labels: labels in the order of the probabilities.
        conditions: changes of test recordings, by name.
        targets: columns of numbers that are learnt; none for the emotions.
        fold: rows for training, validation and testing.

    Raises:
        EvaluationError: the estimator returns no probabilities of known labels.
    """
    started = time.perf_counter()
    estimator = make_estimator(seed)
    description = describe_estimator(estimator)
    fitted_before = find_fitted(estimator)
    unused = _fit(estimator, table, targets, fold)
    rows = drop_answers(table, fold.test, targets)
    probabilities = _predict(estimator, rows, labels)
    seconds = time.perf_counter() - started
    changed = {
        name: _predict(estimator, rows, labels, change).argmax(axis=1).tolist()
        for name, change in conditions.items()
    }
    curve = getattr(estimator, "curve_", ())
    return FoldOutcome(probabilities, changed, curve, seconds, fitted_before, unused, description)


def describe_estimator(estimator: Any) -> dict[str, Any]:
    """Describe an estimator for a report, as JSON data.

    Returns:
        `system` (name), `recipe` (settings by name) and `speaker_standardisation`. They come from
        the estimator's method `describe`, or from its class and `get_params`.

    Raises:
        EvaluationError: `describe` returns data that JSON cannot hold.
    """
    if not hasattr(estimator, "describe"):
        settings: dict[str, Any] = getattr(estimator, "get_params", dict)()
        recipe = {name: _to_json(value) for name, value in settings.items()}
        name = type(estimator).__name__
        return {"system": name, "recipe": recipe, "speaker_standardisation": False}
    stated = estimator.describe()
    name = stated.get("recipe_name")
    recipe = {**({"name": name} if name else {}), **stated["recipe"]}
    _require_json(recipe)
    standardised = stated.get("speaker_standardisation", False)
    return {"system": stated["system"], "recipe": recipe, "speaker_standardisation": standardised}


def find_fitted(estimator: Any) -> set[str]:
    """Return the attributes that scikit-learn's contract reserves for fitted values."""
    names = getattr(estimator, "__dict__", {})
    return {name for name in names if name.endswith("_") and not name.startswith("_")}


def drop_answers(
    table: pd.DataFrame, rows: NDArray[np.int64] | slice, targets: Sequence[str] = ()
) -> pd.DataFrame:
    """Return rows without emotions, ratings, votes and targets, which estimators must not read."""
    answers = [name for name in table if is_answer(str(name)) or name in targets]
    return table.iloc[rows].drop(columns=answers)


def take_answers(
    table: pd.DataFrame, rows: NDArray[np.int64], targets: Sequence[str] = ()
) -> Names | pd.DataFrame:
    """Return the emotions of rows, or the columns of their targets."""
    if targets:
        return table[list(targets)].iloc[rows]
    return table["emotion"].to_numpy(dtype=np.str_)[rows]


def _require_json(recipe: Mapping[str, Any]) -> None:
    """Check that a report can hold a recipe, before hours of training."""
    try:
        json.dumps(recipe, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise EvaluationError(
            f"recipe: {error}; `describe` must return text, numbers, lists and mappings only"
        ) from error


def _to_json(value: Any) -> Any:
    """Return a parameter as JSON data: paths are shortened, and objects become class names."""
    if isinstance(value, (str, os.PathLike)):
        text = os.fspath(value)
        return Path(text).name if isinstance(text, str) and Path(text).is_absolute() else str(text)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, (list, tuple)):
        return [_to_json(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _to_json(item) for name, item in value.items()}
    return type(value).__name__


def _fit(estimator: FoldClassifier, table: pd.DataFrame, targets: Sequence[str], fold: Fold) -> int:
    """Fit on the training rows; return the number of validation rows that cannot be used."""

    def select(rows: NDArray[np.int64]) -> tuple[pd.DataFrame, Any]:
        return drop_answers(table, rows, targets), take_answers(table, rows, targets)

    X, y = select(fold.train)
    if len(fold.validation) == 0:
        estimator.fit(X, y)
        return 0
    takes_validation = "validation" in inspect.signature(estimator.fit).parameters
    if takes_validation and getattr(estimator, "uses_validation", True):
        estimator.fit(X, y, validation=select(fold.validation))  # type: ignore[call-arg]
        return 0
    estimator.fit(X, y)
    return len(fold.validation)


def _predict(
    estimator: FoldClassifier, X: pd.DataFrame, labels: Sequence[str], change: Any = None
) -> NDArray[np.float64]:
    """Predict probabilities in the order of `labels`; a label that was not trained has 0."""
    classes = [str(label) for label in estimator.classes_]
    options = {} if change is None else {"change": change}
    found = np.asarray(estimator.predict_proba(X, **options), dtype=np.float64)
    name = type(estimator).__name__
    if found.shape != (len(X), len(classes)):
        raise EvaluationError(
            f"{name}: predict_proba returned shape {found.shape} for {len(X)} rows and "
            f"{len(classes)} classes; return one row per item and one column per class"
        )
    if not np.isfinite(found).all():
        raise EvaluationError(
            f"{name}: predict_proba returned NaN or infinity; training diverged, so lower its "
            "learning rate"
        )
    if unknown := [label for label in classes if label not in labels]:
        raise EvaluationError(
            f"{name}: classes_ holds {', '.join(unknown)}, which the corpus does not have; "
            "keep the labels that fit was given"
        )
    ordered = np.zeros((len(X), len(labels)))
    ordered[:, [labels.index(label) for label in classes]] = found
    return ordered


def list_versions() -> dict[str, str]:
    """Return the versions of the libraries in use, and the platform, by name.

    Names of users, machines and folders are left out, so that reports can be published.
    """
    parts = {"numpy": "numpy", "scipy": "scipy", "sklearn": "scikit-learn"}
    parts["onnxruntime"] = "onnxruntime"
    if "torch" in sys.modules:
        parts |= {"torch": "torch", "skorch": "skorch"}
    # The metadata of an editable installation keep the version at which it was made.
    found = {"python": platform.python_version(), "serenade": serenade.__version__}
    for name, distribution in parts.items():
        try:
            found[name] = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    machine = f"{platform.system()} {platform.machine()}"
    return found | {"platform": machine, "threads": str(count_threads())}


def count_threads() -> int:
    """Return the number of threads that training computes with; results depend on it."""
    torch = sys.modules.get("torch")
    if torch is not None:
        return int(torch.get_num_threads())
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
