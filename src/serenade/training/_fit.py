"""Fit a model for use: score it on held-out data, calibrate it, then fit it on all data."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade._atomic import check_output
from serenade._concordance import compute_concordance
from serenade._targets import has_values, is_answer
from serenade.errors import SerenadeError
from serenade.extraction import (
    MAX_UNUSABLE,
    TrainingRecord,
    drop_unusable,
)
from serenade.training._clips import compute_mean_recall
from serenade.training._enrolled_probe import SPEAKERS, EnrolledProbe
from serenade.training._input_checks import check_answers
from serenade.training._learners import is_network
from serenade.training._write_model import fit_temperature, require_writable, write_model

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from serenade.training._estimator import Estimator

_FOLDS = 5
_SCORES = {"UA": "Unweighted average recall", "CCC": "Concordance correlation (CCC, Lin 1989)"}


@dataclasses.dataclass(frozen=True)
class HeldOut:
    """Predictions of recordings by estimators that were not trained on them.

    Args:
        probabilities: shape `(rows, classes)`, or values.
        classes: names of the columns.
        reference: true labels, shape `(rows,)`, or a table of targets.
        speaker_independent: whether training and test shared no speaker.
        complete: whether all rows of the table were predicted.
        folds: number of folds that the rows were divided into.
    """

    probabilities: NDArray[np.float64]
    classes: tuple[str, ...]
    reference: NDArray[np.str_] | pd.DataFrame
    speaker_independent: bool
    complete: bool = True
    folds: int = _FOLDS

    @property
    def ua(self) -> float:
        """Compute the unweighted average recall over the rows, of votes for most of them."""
        predicted = np.array(self.classes)[self.probabilities.argmax(axis=1)]
        return compute_mean_recall(self.labels, predicted)

    @property
    def labels(self) -> NDArray[np.str_]:
        """The true labels; empty texts for values."""
        return check_answers(self.reference, len(self.probabilities))[0]

    @property
    def values(self) -> bool:
        """Whether values were predicted."""
        return has_values(check_answers(self.reference, len(self.probabilities))[1])

    @property
    def summary(self) -> str:
        """The score in words, with its name."""
        if self.values:
            score = compute_concordance(self.reference, self.probabilities)
            return f"CCC {score:.3f}"
        return f"UA {self.ua:.3f}"

    def temperature(self) -> float:
        """Fit the temperature that calibrates the logits, with equal weights of all classes.

        For votes, it calibrates to their shares, with equal weights of all recordings.
        """
        labels, targets = check_answers(self.reference, len(self.probabilities))
        if has_values(targets):
            return 1.0
        logits = np.log(np.maximum(self.probabilities, 1e-12))
        if targets is not None:
            rows, labels, shares = targets.weigh_emotions(np.ones(len(labels)))
            column = np.array([self.classes.index(label) for label in labels])
            return fit_temperature(logits[rows], column, shares)
        column = np.array([self.classes.index(label) for label in labels])
        counts = np.bincount(column, minlength=len(self.classes))
        return fit_temperature(logits, column, 1.0 / counts[column])


def predict_held_out(
    estimator: Estimator | EnrolledProbe,
    X: pd.DataFrame,
    y: NDArray[np.str_] | pd.DataFrame,
    groups: NDArray[Any] | None = None,
    *,
    rounds: int | None = None,
) -> HeldOut:
    """Predict recordings by estimators fitted without their groups.

    Args:
        estimator: estimator that is cloned for each fold.
        X: table of recordings.
        y: emotion of each recording, shape `(rows,)`, or a table of targets.
        groups: group of each row, such as its corpus; groups are never divided. None for the column
            `speaker` or, if that is missing, for folds drawn at random.
        rounds: number of folds that are held out; None for all, so that every recording is
            predicted.

    Raises:
        SerenadeError: fewer than two emotions, fewer than two recordings of one (unless votes are
            given), or fewer than two recordings with values.
    """
    from sklearn.base import clone
    from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold

    if groups is None and "speaker" in X and X["speaker"].notna().all():
        groups = X["speaker"].to_numpy(dtype=str)
    labels, targets = check_answers(y, len(X))
    values = has_values(targets)
    classes, counts = np.unique(labels, return_counts=True)
    # A rare emotion may have the most votes of one recording; others hold some of its votes.
    if not values and (len(classes) < 2 or (targets is None and counts.min() < 2)):
        raise SerenadeError(
            "training needs at least two emotions with two recordings each; this data has "
            + ", ".join(f"{label}: {count}" for label, count in zip(classes, counts, strict=True))
        )
    known = 0 if groups is None else len(np.unique(groups))
    if values and len(labels) < 2:
        raise SerenadeError("training needs at least two recordings with values; this data has one")
    draw, most = (StratifiedKFold, counts.min()) if targets is None else (KFold, len(labels))
    folds: Any = (
        GroupKFold(min(_FOLDS, known))
        if known > 1
        else draw(min(_FOLDS, int(most)), shuffle=True, random_state=0)
    )
    names = list(map(str, classes)) if targets is None else list(targets.names)
    probabilities = np.zeros((len(labels), len(names)))
    predicted = np.zeros(len(labels), dtype=bool)
    for train, test in itertools.islice(folds.split(labels, labels, groups), rounds):
        predicted[test] = True
        fitted = clone(estimator).fit(X.iloc[train], _take(y, train))
        # A class keeps probability zero if all its recordings are held out.
        columns = [names.index(name) for name in fitted.classes_]
        probabilities[np.ix_(test, columns)] = fitted.predict_proba(X.iloc[test])
    return HeldOut(
        probabilities[predicted],
        tuple(names),
        _take(y, np.flatnonzero(predicted)),
        known > 1,
        bool(predicted.all()),
        folds.get_n_splits(),
    )


def _take(y: Any, rows: NDArray[np.int64]) -> Any:
    """Return some of the emotions, or rows of a table of targets."""
    return y[rows] if isinstance(y, np.ndarray) else y.iloc[rows]


def train_model(
    estimator: Estimator,
    table: pd.DataFrame,
    out: str | os.PathLike[str],
    *,
    corpus: str,
    licence: str,
    citation: str,
    progress: Callable[[str], None] = lambda _: None,
    max_unusable: float = MAX_UNUSABLE,
    targets: Sequence[str] = (),
) -> HeldOut:
    """Fit on all of a corpus and write a model folder.

    Args:
        estimator: unfitted estimator.
        table: table of the corpus, with the column `emotion`.
        out: folder of the model.
        corpus: name of the corpus, for the model card.
        licence: licence of the corpus, which the weights inherit.
        citation: citation of the corpus.
        progress: called with a line after each step.
        max_unusable: largest share of recordings that may be left out because they cannot be
            used, such as silent or damaged ones; a line is printed for each.
        targets: columns that are learnt in place of the emotions, see `Corpus.select_targets`.

    Returns:
        Predictions of held-out recordings, which calibration and the model card use.

    Raises:
        SerenadeError: too little data, or a system that cannot be written.
    """
    require_writable(estimator)
    check_output(out, folder=True)
    table = drop_unusable(table, max_unusable, estimator.jobs, progress)
    X = table.drop(columns=[name for name in map(str, table) if is_answer(name) or name in targets])
    y = table[list(targets)] if targets else table["emotion"].to_numpy(dtype=str)
    # A network may take hours: only one group of speakers is held out, not each in turn.
    network = is_network(estimator.get_recipe())
    unseen = predict_held_out(estimator, X, y, rounds=1 if network else None)
    who = "speakers" if unseen.speaker_independent else "recordings (speakers unknown)"
    progress(f"held-out {who}: {unseen.summary}")
    temperature = unseen.temperature()
    estimator.fit(X, y)
    enrolled, again = None, None
    linear = not network and hasattr(estimator.classifier_.steps[-1][1], "coef_")
    if targets or not linear:
        progress(f"no enrolment: it needs {'emotions' if targets else 'a linear classifier'}")
    elif unseen.speaker_independent and (X["speaker"].value_counts() > 1).sum() > SPEAKERS:
        again = predict_held_out(EnrolledProbe(estimator), X, y)
        progress(f"the same, enrolled with some recordings each: {again.summary}")
        enrolled = EnrolledProbe(estimator).fit(X, y), again.temperature()
    else:
        progress(f"no enrolment: it needs {SPEAKERS + 1} speakers or more with several recordings")
    card = _write_card(estimator, unseen, again, len(y), corpus, licence, citation)
    facts = {"trained_on": corpus, "licence": licence, "recordings": len(y)}
    facts |= {"heard": TrainingRecord.of(X, corpus).to_json()}
    write_model(estimator, out, card=card, temperature=temperature, facts=facts, enrolled=enrolled)
    return unseen


def _write_card(
    estimator: Estimator,
    unseen: HeldOut,
    enrolled: HeldOut | None,
    rows: int,
    corpus: str,
    licence: str,
    citation: str,
) -> str:
    """Write the model card of a model on one corpus."""
    groups = f"{unseen.folds} groups of speakers"
    how = {
        (True, True): f"{groups}, each predicted by a model trained without them",
        (True, False): f"one of {groups}, predicted by a model trained without them",
    }
    drawn = (
        "drawn at random: speakers are not known, so training and test may share voices and the "
        "figure is too good"
    )
    protocol = how.get((unseen.speaker_independent, unseen.complete), drawn)
    enrolment = (
        "not possible: too few speakers were known in training, the classifier is not linear, or "
        "it does not predict emotions"
        if enrolled is None
        else f"{enrolled.ua:.3f} on the same recordings, each speaker enrolled with 0 to 40 others"
    )
    labels = ", ".join(str(label) for label in estimator.classes_)
    calibration = (
        "Values are in the units of the ratings they were learnt from, and are not limited to their"
        " range."
        if unseen.values
        else "Probabilities are calibrated by temperature on the same held-out predictions."
    )
    name, figure = unseen.summary.split()
    score = f"{_SCORES[name]}: {figure}"
    return f"""# {estimator.get_system().name} trained on {corpus}

{estimator.get_system().title} ({estimator.get_system().source}).

- {"Values" if unseen.values else "Emotions"}: {labels}
- Data: {rows} recordings of {corpus}. {citation}
- Licence of the data, which these weights inherit: {licence}
- {score} ({protocol};
  for an interval run `serenade evaluate`)
- With enrolment: {enrolment}
- {calibration}

It describes how speech sounds, not what a person feels. It was evaluated on this corpus only;
results with other microphones, languages and situations will be worse. Do not use it to assess
people.
"""
