"""Running a protocol: fit on each fold's training rows, predict its test rows, report."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import json
import time
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from serenade import _parallel
from serenade.corpora import list_items
from serenade.errors import EvaluationError
from serenade.evaluation._leaks import CHECKED_ROWS, audit_folds
from serenade.evaluation._report import FoldResult, LabelledPrediction, Report
from serenade.evaluation._versions import list_versions
from serenade.protocols import check_folds, find_shared_speakers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from serenade.corpora import Corpus
    from serenade.protocols import Fold, _protocols

    Names = NDArray[np.str_]


class Estimator(Protocol):
    """The part of scikit-learn's contract an evaluation uses.

    An attribute `curve_`, numbers by name for each epoch of the training, is kept in the report.
    `fit` may also take `validation=(X, y)`; it is then given a fold's validation rows, unless the
    estimator says by an attribute `uses_validation` that it would not look at them. A method
    `prepare(X)` is called first where folds are spread over a cluster, to fill a shared cache.
    """

    classes_: NDArray[Any]

    def fit(self, X: pd.DataFrame, y: Names) -> Any:
        """Learn from a table's rows and their emotions."""

    def predict_proba(self, X: pd.DataFrame) -> NDArray[Any]:
        """Probabilities of `classes_`, shape `(rows, classes)`."""


def evaluate(
    estimator_factory: Callable[[int], Estimator],
    corpus: Corpus,
    protocol: _protocols.EvaluationProtocol,
    *,
    seed: int = 0,
    speaker_standardisation: bool = False,
    progress: Callable[[str], None] | None = None,
    system: str | None = None,
    command: str = "",
    recipe: Mapping[str, Any] | None = None,
    conditions: Mapping[str, Any] | None = None,
) -> Report:
    """Evaluate a system on a corpus by a protocol.

    Args:
        estimator_factory: makes a new estimator from a seed, once for each fold; it is given
            slices of `corpus.table` without the column `emotion`, indexed by
            `(file, start, end)`, and reads audio or features itself.
        corpus: what to train and test on.
        protocol: how it is divided.
        seed: of the folds and of every estimator.
        speaker_standardisation: whether the estimators standardise per speaker; only recorded.
        progress: called with a line after each fold.
        system: name for the report; by default the estimator's class.
        command: what to type to run this again, for the report.
        recipe: the system's settings as JSON data, for the report.
        conditions: changes of test recordings by name, as `serenade.audio.CONDITIONS`; estimators
            must then take `predict_proba(X, change=…)`.

    Returns:
        The report.

    Raises:
        EvaluationError: the corpus lacks what the protocol needs, its folds are not disjoint, or
            an estimator gives no probabilities of known labels.
    """
    started = time.perf_counter()
    _require_json(recipe)
    table = corpus.table
    emotion = _emotions(table)
    folds = protocol.split(table, seed)
    check_folds(folds, table, speaker_independent=protocol.speaker_independent)
    rows, speakers = list_items(table, corpus.root), _names(table, "speaker")
    genders = _names(table, "gender")
    changed: dict[str, list[str]] = {name: [] for name in conditions or {}}
    results, predictions, unused = [], [], 0
    stale = set[str]()
    if _parallel.has_cluster():  # features once for all folds, where estimators can say which
        getattr(estimator_factory(seed), "prepare", lambda _: None)(_inputs(table, slice(None)))
    task = functools.partial(
        _judged, estimator_factory, seed, table, emotion, corpus.labels, conditions or {}
    )
    for number, (fold, done) in enumerate(
        zip(folds, _parallel.run_parallel(task, folds, jobs=1), strict=True), 1
    ):
        stale |= done.stale
        unused += done.unused
        part = [
            LabelledPrediction(
                **rows[row]._asdict(),
                speaker=speakers[row],
                gender=genders[row],
                reference=str(emotion[row]),
                predicted=corpus.labels[int(np.argmax(of_row))],
                # Six digits keep reports small; the label is chosen before rounding.
                probabilities=tuple(round(float(value), 6) for value in of_row),
            )
            for row, of_row in zip(fold.test.tolist(), done.probabilities, strict=True)
        ]
        for name, best in done.changed.items():
            changed[name] += [corpus.labels[label] for label in best]
        stated = (fold.name, len(fold.train), round(done.seconds, 3))
        result = FoldResult.of(*stated, part, corpus.labels, done.curve)
        results.append(result)
        predictions += part
        if progress:
            progress(f"{number}/{len(folds)} {fold.name}: UA {result.ua:.3f}, {done.seconds:.1f} s")
    notes = _notes(corpus, protocol, folds, emotion)
    if stale:
        notes.append(
            f"leak: estimators came fitted ({', '.join(sorted(stale))}), perhaps on test rows; "
            "make a new one for each fold"
        )
    if unused:
        notes.append(f"{unused} validation rows were not used: fit() takes no validation=")
    if speaker_standardisation:
        notes.append(
            "uses unlabelled test speech of each speaker: features are standardised per speaker"
        )
    return Report(
        system=system or done.estimator,
        corpus=corpus.info.name,
        licence=corpus.info.licence,
        protocol=protocol.name,
        speaker_independent=not any(_known(table, fold) for fold in folds),
        seed=seed,
        versions=list_versions(),
        seconds=round(time.perf_counter() - started, 3),
        folds=tuple(results),
        labels=corpus.labels,
        notes=tuple(notes),
        predictions=tuple(predictions),
        command=command,
        recipe=dict(recipe or {}),
        conditions={name: tuple(found) for name, found in changed.items()},
        incomplete=corpus.incomplete,
    )


@dataclasses.dataclass(frozen=True)
class _Judged:
    """What comes of a fold: plain data, since it may come from another machine."""

    probabilities: NDArray[np.float64]
    changed: Mapping[str, list[int]]
    curve: Any
    seconds: float
    stale: set[str]
    unused: int
    estimator: str


def _judged(
    estimator_factory: Callable[[int], Estimator],
    seed: int,
    table: pd.DataFrame,
    emotion: Names,
    labels: Sequence[str],
    conditions: Mapping[str, Any],
    fold: Fold,
) -> _Judged:
    """Fit on a fold's training rows and predict its test rows."""
    begun = time.perf_counter()
    estimator = estimator_factory(seed)
    stale = _fitted(estimator)
    unused = _fit(estimator, table, emotion, fold)
    rows = _inputs(table, fold.test)
    probabilities = _probabilities(estimator, rows, labels)
    taken = time.perf_counter() - begun
    changed = {
        name: _probabilities(estimator, rows, labels, change).argmax(axis=1).tolist()
        for name, change in conditions.items()
    }
    curve = getattr(estimator, "curve_", ())
    name = type(estimator).__name__
    return _Judged(probabilities, changed, curve, taken, stale, unused, name)


def _require_json(recipe: Mapping[str, Any] | None) -> None:
    """Refuse a recipe that could not be written, before hours of training."""
    try:
        json.dumps(recipe, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise EvaluationError(
            f"recipe: {error}; give text, numbers, lists and mappings only"
        ) from error


def _emotions(table: pd.DataFrame) -> Names:
    """The reference, refused where it has gaps."""
    if "emotion" not in table or len(table) == 0 or table["emotion"].isna().any():
        raise EvaluationError("the corpus has no rows, or rows without an emotion; label them")
    return np.array([str(label) for label in table["emotion"]], dtype=np.str_)


def _names(table: pd.DataFrame, column: str) -> list[str | None]:
    """A column's names, None where unknown."""
    if column not in table:
        return [None] * len(table)
    known = table[column].notna()
    return [str(name) if there else None for name, there in zip(table[column], known, strict=True)]


def _inputs(table: pd.DataFrame, rows: NDArray[np.int64] | slice) -> pd.DataFrame:
    """Rows as estimators get them: without the answer."""
    return table.iloc[rows].drop(columns="emotion")


def _fit(estimator: Estimator, table: pd.DataFrame, emotion: Names, fold: Fold) -> int:
    """Fit on a fold's training rows; returns how many validation rows it could not use."""
    X, y = _inputs(table, fold.train), emotion[fold.train]
    if len(fold.validation) == 0:
        estimator.fit(X, y)
        return 0
    takes = "validation" in inspect.signature(estimator.fit).parameters
    if takes and getattr(estimator, "uses_validation", True):
        validation = _inputs(table, fold.validation), emotion[fold.validation]
        estimator.fit(X, y, validation=validation)  # type: ignore[call-arg]
        return 0
    estimator.fit(X, y)
    return len(fold.validation)


def _probabilities(
    estimator: Estimator, X: pd.DataFrame, labels: Sequence[str], change: Any = None
) -> NDArray[np.float64]:
    """Probabilities in the order of the report's labels; 0 for one the estimator never saw."""
    classes = [str(label) for label in estimator.classes_]
    options = {} if change is None else {"change": change}
    given = np.asarray(estimator.predict_proba(X, **options), dtype=np.float64)
    name = type(estimator).__name__
    if given.shape != (len(X), len(classes)):
        raise EvaluationError(
            f"{name}: predict_proba gave shape {given.shape} for {len(X)} rows and "
            f"{len(classes)} classes; give one row per item and one column per class"
        )
    if not np.isfinite(given).all():
        raise EvaluationError(f"{name}: predict_proba gave NaN or infinity; training diverged")
    if strange := [label for label in classes if label not in labels]:
        raise EvaluationError(
            f"{name}: classes_ holds {', '.join(strange)}, which the corpus does not have; "
            "keep the labels that fit was given"
        )
    ordered = np.zeros((len(X), len(labels)))
    ordered[:, [labels.index(label) for label in classes]] = given
    return ordered


def _known(table: pd.DataFrame, fold: Fold) -> list[str]:
    """Test speakers that are trained or validated on, or may be."""
    return find_shared_speakers(table, np.concatenate([fold.train, fold.validation]), fold.test)


def _notes(
    corpus: Corpus, protocol: _protocols.EvaluationProtocol, folds: Sequence[Fold], emotion: Names
) -> list[str]:
    """What a reader of the numbers must know before trusting them."""
    notes = [f"protocol {protocol.name}: {protocol.description}"]
    notes += [corpus.info.warning] if corpus.info.warning else []
    if validation := [len(fold.validation) for fold in folds if len(fold.validation)]:
        notes.append(f"validation: {min(validation)} to {max(validation)} rows of each fold")
    for fold in folds:
        if unseen := set(emotion[fold.test]) - set(emotion[fold.train]):
            notes.append(f'fold "{fold.name}": no training row is {", ".join(sorted(unseen))}')
    found = audit_folds(folds, corpus.table, corpus.root)
    notes += map(str, found)
    if not any(finding.leak for finding in found):
        notes.append(f"audit: no leak found; looked for {CHECKED_ROWS}")
    return notes


def _fitted(estimator: Estimator) -> set[str]:
    """Attributes that scikit-learn's contract reserves for what was learnt."""
    names = getattr(estimator, "__dict__", {})
    return {name for name in names if name.endswith("_") and not name.startswith("_")}
