"""Evaluate an estimator on a corpus: split it, train and test each fold, write the report."""

from __future__ import annotations

import dataclasses
import functools
import os
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade import _parallel, corpora, protocols
from serenade.corpora import Corpus
from serenade.errors import EvaluationError
from serenade.evaluation._adapted_fold import AdaptationPlan, predict_adapted_fold
from serenade.evaluation._adapted_report import AdaptedPosteriors
from serenade.evaluation._fold_result import (
    FoldResult,
    LabelledPrediction,
    ValueFold,
    label_predictions,
)
from serenade.evaluation._fold_run import (
    drop_answers,
    list_versions,
    make_factory,
    predict_fold,
)
from serenade.evaluation._leaks import CHECKED_ROWS, audit_folds
from serenade.evaluation._report import Report
from serenade.evaluation._usable_folds import leave_out_unusable
from serenade.evaluation._value_report import ValueReport
from serenade.extraction import MAX_UNUSABLE
from serenade.protocols import EvaluationProtocol, check_folds, find_shared_speakers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from serenade.evaluation._fold_run import FoldClassifier, FoldOutcome
    from serenade.protocols import Fold


def evaluate(
    estimator: str | os.PathLike[str] | FoldClassifier | Callable[[int], FoldClassifier],
    corpus: str | os.PathLike[str] | Corpus,
    protocol: str | EvaluationProtocol = "speaker-independent",
    *,
    root: str | os.PathLike[str] | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
    command: str = "",
    conditions: Mapping[str, Any] | None = None,
    max_unusable: float = MAX_UNUSABLE,
    adapt: AdaptationPlan | None = None,
) -> Report:
    """Evaluate a system on a corpus by a protocol.

    The report takes the name and the settings of the system from the estimator that ran.

    Args:
        estimator: name of a system, such as `"whisper-probe"`; or a classifier that follows
            scikit-learn's contract, which is cloned for each fold; or a function that makes one
            from a seed. Its `fit` and `predict_proba` get slices of `corpus.table` without the
            column `emotion`, indexed by `(file, start, end)`.
        corpus: a corpus, its name, or the path of its manifest. With targets (see
            `Corpus.select_targets`) these are learnt, and `fit` gets their columns as `y`.
        protocol: a protocol or its name; see `serenade.protocols.names`.
        root: folder of the corpus or of several corpora, if `corpus` is a name.
        seed: random seed of the folds and of the estimator of every fold. It replaces a parameter
            `seed` of the estimator, and each `random_state` that is None.
        progress: called with a line after each fold.
        command: shell command that repeats the evaluation, for the report.
        conditions: changes of the test recordings by name, such as `serenade.audio.CONDITIONS`;
            `predict_proba` must then accept `change=`.
        max_unusable: largest share of recordings that may be left out because they cannot be
            used, such as silent or damaged ones; the report lists them. A classifier of your own
            gets all rows.
        adapt: also adapt the posteriors to the unlabelled test recordings, by a model of places
            that is learnt on held-out training speakers of each fold; this fits up to six times
            as often. The report has these transductive scores next to the plain ones.

    Raises:
        CorpusError: more recordings cannot be used.
        EvaluationError: the corpus lacks what the protocol needs, its folds overlap, the
            estimator returns no probabilities of known labels, or targets other than emotions
            cannot be adapted or changed by conditions.
        SerenadeError: no system or corpus has this name.
    """
    started = time.perf_counter()
    make_estimator = make_factory(estimator)
    corpus = corpus if isinstance(corpus, Corpus) else corpora.open(corpus, root)
    check_targets(corpus, conditions, adapt)
    rule = _get_protocol(protocol)
    folds, left_out = split_corpus(corpus, rule, seed), tuple[str, ...]()
    if isinstance(estimator, (str, os.PathLike)) or hasattr(estimator, "prepare"):
        jobs = getattr(estimator, "jobs", None)
        folds, left_out = leave_out_unusable(folds, corpus, max_unusable, jobs)
        _require_classes(folds, corpus)
    tested = []
    for number, one in enumerate(
        predict_folds(make_estimator, corpus, folds, seed, conditions or {}, adapt), 1
    ):
        tested.append(one)
        if progress:
            result = one.result
            score = f"{result.summary}, {one.outcome.seconds:.1f} s"
            progress(f"{number}/{len(folds)} {result.name}: {score}")
    return assemble_report(
        corpus,
        rule,
        folds,
        tested,
        seed=seed,
        command=command,
        started=started,
        left_out=left_out,
        adapt=adapt,
    )


@dataclasses.dataclass(frozen=True)
class FoldPredictions:
    """Labelled predictions of a fold, with their scores.

    Args:
        result: scores of the fold, of labels or of values.
        predictions: predictions of its test rows.
        changed: predicted labels of changed test rows, by the name of the condition.
        outcome: output of the estimator.
    """

    result: FoldResult | ValueFold
    predictions: Sequence[LabelledPrediction]
    changed: Mapping[str, Sequence[str]]
    outcome: FoldOutcome


def split_corpus(corpus: Corpus, protocol: EvaluationProtocol, seed: int) -> list[Fold]:
    """Divide a corpus into folds and check them.

    Raises:
        EvaluationError: rows lack an emotion, or folds overlap.
    """
    table = corpus.table
    if "emotion" not in table or len(table) == 0 or table["emotion"].isna().any():
        raise EvaluationError("the corpus has no rows, or rows without an emotion; label them")
    folds = protocol.split(table, seed)
    check_folds(folds, table, speaker_independent=protocol.speaker_independent)
    _require_classes(folds, corpus)
    return folds


def check_targets(
    corpus: Corpus, conditions: Mapping[str, Any] | None, adapt: AdaptationPlan | None
) -> None:
    """Raise an error for parts of a report that need emotions."""
    if corpus.targets and (adapt is not None or (conditions and corpus.has_values)):
        raise EvaluationError(
            f"{corpus.info.name}: only predictions of emotions can be adapted, and tested on "
            "changed recordings; leave out --adapt and --robustness (adapt, conditions)"
        )


def _require_classes(folds: Sequence[Fold], corpus: Corpus) -> None:
    """Raise an error if emotions are learnt and the training rows of a fold have only one."""
    emotion = corpus.table["emotion"].to_numpy(dtype=np.str_)
    for fold in folds if not corpus.has_values else ():
        classes = np.unique(emotion[fold.train])
        if len(classes) < 2:
            raise EvaluationError(
                f'fold "{fold.name}": all {len(fold.train)} training rows are '
                f"{', '.join(classes) or 'missing'}, and a classifier needs two emotions or more; "
                "choose another protocol, or add recordings"
            )


def predict_folds(
    make_estimator: Callable[[int], FoldClassifier],
    corpus: Corpus,
    folds: Sequence[Fold],
    seed: int,
    conditions: Mapping[str, Any],
    adapt: AdaptationPlan | None = None,
) -> Iterator[FoldPredictions]:
    """Train and test a new estimator on each fold, on a cluster in parallel.

    Args:
        make_estimator: makes an estimator from a seed.
        corpus: corpus of the folds.
        folds: rows for training, validation and testing.
        seed: seed of every estimator.
        conditions: changes of test recordings, by name.
        adapt: see `evaluate`.

    Yields:
        The folds in their order, as they are finished.
    """
    table = corpus.table
    if _parallel.has_cluster():  # features are extracted once for all folds
        prepare = getattr(make_estimator(seed), "prepare", lambda _: None)
        prepare(drop_answers(table, slice(None), corpus.targets))
    given = make_estimator, seed, table, corpus.labels, conditions
    task = (
        functools.partial(predict_fold, *given, corpus.targets)
        if adapt is None
        else functools.partial(predict_adapted_fold, *given, adapt)
    )
    for fold, outcome in zip(folds, _parallel.run_parallel(task, folds, jobs=1), strict=True):
        yield _score_fold(corpus, fold, outcome)


def assemble_report(
    corpus: Corpus,
    protocol: EvaluationProtocol,
    folds: Sequence[Fold],
    tested: Sequence[FoldPredictions],
    *,
    seed: int,
    command: str,
    started: float,
    left_out: Sequence[str] = (),
    adapt: AdaptationPlan | None = None,
) -> Report:
    """Make the report of tested folds, with an audit for leaks and notes.

    Args:
        corpus: corpus of the folds.
        protocol: protocol that made the folds.
        folds: rows for training, validation and testing.
        tested: results of the folds, in their order.
        seed: seed of folds and estimators.
        command: shell command that repeats the evaluation.
        started: value of `time.perf_counter` when the evaluation began.
        left_out: a line for each recording that cannot be used.
        adapt: what posteriors were adapted to.
    """
    description = tested[0].outcome.description
    kind = ValueReport if corpus.has_values else Report
    return kind(
        system=description["system"],
        corpus=corpus.info.name,
        licence=corpus.info.licence,
        protocol=protocol.label,
        speaker_independent=not any(_find_known_speakers(corpus.table, fold) for fold in folds),
        seed=seed,
        versions=list_versions(),
        folds=tuple(one.result for one in tested),
        labels=corpus.labels,
        notes=(
            *_note_folds(corpus, protocol, folds),
            *_note_estimators(tested),
            *note_left_out(left_out),
        ),
        predictions=tuple(found for one in tested for found in one.predictions),
        recipe=description["recipe"],
        conditions={
            name: tuple(label for one in tested for label in one.changed[name])
            for name in tested[0].changed
        },
        incomplete=corpus.incomplete,
        adapted=_join_adapted(tested, adapt),
        command=command,
        seconds=round(time.perf_counter() - started, 3),
    )


def _join_adapted(
    tested: Sequence[FoldPredictions], adapt: AdaptationPlan | None
) -> AdaptedPosteriors | None:
    """Return the adapted posteriors of all folds, if there are any."""
    found = [one.outcome.adapted for one in tested if one.outcome.adapted is not None]
    return AdaptedPosteriors.of(adapt, found) if adapt is not None and found else None


def _get_protocol(protocol: str | EvaluationProtocol) -> EvaluationProtocol:
    if isinstance(protocol, EvaluationProtocol):
        return protocol
    if isinstance(protocol, str):
        return protocols.get(protocol)
    raise EvaluationError(
        f"protocol: cannot use a {type(protocol).__name__}; give the name of a protocol "
        f"({', '.join(protocols.names())}) or a result of serenade.protocols.get"
    )


def _score_fold(corpus: Corpus, fold: Fold, outcome: FoldOutcome) -> FoldPredictions:
    """Label the predictions of a fold and compute its scores."""
    labels = corpus.labels
    rows = corpus.table.iloc[fold.test]
    predictions = label_predictions(corpus, rows, outcome.probabilities, labels)
    seconds = round(outcome.seconds, 3)
    kind: type[FoldResult | ValueFold] = ValueFold if corpus.has_values else FoldResult
    result = kind.of(fold.name, len(fold.train), seconds, predictions, labels, outcome.curve)
    changed = {name: [labels[best] for best in found] for name, found in outcome.changed.items()}
    return FoldPredictions(result, predictions, changed, outcome)


def _find_known_speakers(table: pd.DataFrame, fold: Fold) -> list[str]:
    """Return the test speakers that also occur in training or validation, or may occur."""
    seen: NDArray[np.int64] = np.concatenate([fold.train, fold.validation])
    return find_shared_speakers(table, seen, fold.test)


def _note_folds(corpus: Corpus, protocol: EvaluationProtocol, folds: Sequence[Fold]) -> list[str]:
    """Return notes on the corpus, the division and leaks between its parts."""
    notes = [f"protocol {protocol.label}: {protocol.description}"]
    notes += [corpus.info.warning] if corpus.info.warning else []
    if validation := [len(fold.validation) for fold in folds if len(fold.validation)]:
        notes.append(f"validation: {min(validation)} to {max(validation)} rows of each fold")
    emotion = corpus.table["emotion"].to_numpy(dtype=np.str_)
    for fold in folds if not corpus.has_values else ():
        if unseen := set(emotion[fold.test]) - set(emotion[fold.train]):
            notes.append(f'fold "{fold.name}": no training row is {", ".join(sorted(unseen))}')
    found = audit_folds(folds, corpus.table, corpus.root)
    notes += map(str, found)
    if not any(finding.leak for finding in found):
        notes.append(f"audit: no leak found; looked for {CHECKED_ROWS}")
    return notes


def note_left_out(lines: Sequence[str]) -> list[str]:
    """Return a note that lists the recordings that cannot be used."""
    if not lines:
        return []
    return [f"left out, because they cannot be used ({len(lines)}): {'; '.join(lines)}"]


def _note_estimators(tested: Sequence[FoldPredictions]) -> list[str]:
    """Return notes on fitted estimators, unused validation rows and standardisation."""
    notes = []
    if fitted := set[str]().union(*(one.outcome.fitted_before for one in tested)):
        notes.append(
            f"leak: estimators were fitted before ({', '.join(sorted(fitted))}), perhaps on test "
            "rows; make a new one for each fold"
        )
    if unused := sum(one.outcome.unused for one in tested):
        notes.append(f"{unused} validation rows were not used: fit() takes no validation=")
    if tested[0].outcome.description["speaker_standardisation"]:
        notes.append(
            "uses unlabelled test speech of each speaker: features are standardised per speaker"
        )
    return notes
