"""Test whether a trained model serves groups of speakers alike, and bears bad recordings.

The idea of a page of tests with thresholds for correctness, fairness and robustness is that of
Derington et al. 2023, "Testing Speech Emotion Recognition Machine Learning Models"
(arXiv:2312.06270). Tests, thresholds and statistics are our own.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade._printable import drop_nan
from serenade.audio import STRESS_CONDITIONS
from serenade.corpora import Item, list_items
from serenade.errors import EvaluationError
from serenade.evaluation._fairness import GroupScore, compare_groups
from serenade.evaluation._fold_run import list_versions
from serenade.evaluation._leaks import audit_training
from serenade.evaluation._robustness import ConditionScore, predict_conditions, score_condition
from serenade.evaluation._trained_model import evaluate_model, match_labels
from serenade.extraction import MAX_UNUSABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from serenade.audio import Condition
    from serenade.corpora import Corpus
    from serenade.evaluation._report import Report
    from serenade.evaluation._statistics import Interval
    from serenade.evaluation._trained_model import TrainedModel

UA_GAP = 0.10
"""Largest difference in UA between a group and the others that meets the test."""

SHARE_GAP = 0.10
"""Largest difference in how often an emotion is predicted that meets the test."""

UA_FALL = 0.05
"""Largest fall of UA under a condition that meets the test."""

UNCHANGED = 0.80
"""Least share of predictions that stay the same under a condition that meets the test."""

ATTRIBUTES = ("gender", "age")
"""Columns of a corpus' table whose groups are compared; others are added by name."""

_AGES = ((30, "under 30"), (50, "30 to 49"), (np.inf, "50 and over"))


@dataclasses.dataclass(frozen=True)
class CorpusStress:
    """Results on one corpus.

    Args:
        corpus: name of the corpus.
        incomplete: label of a corpus with missing recordings; empty if it is complete.
        licence: licence of the corpus.
        clips: number of recordings.
        speakers: number of known speakers.
        labels: emotions that the model chooses among.
        heard: whether the model heard recordings or speakers in training, as a phrase.
        notes: facts that a reader needs to interpret the scores, with the audit of the training
            data.
        ua: UA on the recordings as they are.
        groups: scores of groups of speakers.
        conditions: scores on changed recordings.
    """

    corpus: str
    incomplete: str
    licence: str
    clips: int
    speakers: int
    labels: tuple[str, ...]
    heard: str
    notes: tuple[str, ...]
    ua: Interval
    groups: tuple[GroupScore, ...]
    conditions: tuple[ConditionScore, ...]


@dataclasses.dataclass(frozen=True)
class StressReport:
    """Results of a stress test; `to_markdown` makes its page and `to_dict` its data.

    Args:
        model: name of the model.
        recipe: facts that identify the model.
        speakers: largest number of speakers of a corpus.
        per_speaker: largest number of recordings of a speaker.
        seed: random seed of the choice of recordings and of the conditions.
        corpora: results on each corpus.
        languages: scores of each corpus next to the others, over emotions that all share.
        versions: versions of the libraries, by name.
        command: shell command that repeats the test; empty if there is none.
    """

    model: str
    recipe: Mapping[str, Any]
    speakers: int
    per_speaker: int
    seed: int
    corpora: tuple[CorpusStress, ...]
    languages: tuple[GroupScore, ...]
    versions: Mapping[str, str]
    command: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the results as JSON data; NaN becomes None."""
        found: dict[str, Any] = drop_nan(dataclasses.asdict(self))
        return found

    def to_markdown(self) -> str:
        """Return the page in Markdown, with thresholds and verdicts."""
        from serenade.evaluation._stress_page import format_stress

        return format_stress(self)


def stress_model(
    model: TrainedModel,
    corpora: Sequence[Corpus],
    *,
    name: str = "",
    by: Sequence[str] = (),
    conditions: Mapping[str, Condition] | None = None,
    speakers: int = 10,
    per_speaker: int = 12,
    seed: int = 0,
    max_unusable: float = MAX_UNUSABLE,
    jobs: int | None = None,
    command: str = "",
) -> StressReport:
    """Compare groups of speakers, and predict recordings as they are and changed.

    Args:
        model: the model.
        corpora: labelled recordings; a subset of each is tested.
        name: name of the model for the page.
        by: further columns of the corpora whose groups are compared, such as `accent`.
        conditions: changes of the recordings; by default `serenade.audio.STRESS_CONDITIONS`.
        speakers: largest number of speakers of a corpus; genders take turns.
        per_speaker: largest number of recordings of a speaker; emotions take turns.
        seed: random seed of the choice of recordings and of the conditions.
        max_unusable: largest share of recordings that may be left out because they cannot be used.
        jobs: number of threads; None for one per core.
        command: shell command that repeats the test, for the page.

    Raises:
        CorpusError: more recordings cannot be used.
        EvaluationError: model and corpus share no emotion, a corpus has targets that are values,
            or none has a column of `by`.
        MissingExtraError: conditions with codecs need the extra "media".
    """
    conditions = STRESS_CONDITIONS if conditions is None else conditions
    _check_corpora(corpora, by)
    found, reports = [], []
    for corpus in corpora:
        matched, notes = match_labels(model, corpus, "shared")
        chosen = choose_clips(matched, speakers, per_speaker, seed)
        report = evaluate_model(model, chosen, name=name, max_unusable=max_unusable, jobs=jobs)
        changed = predict_conditions(model, chosen.root, report, conditions, seed, jobs)
        scores = [score_condition(report, *one) for one in changed.items()]
        groups = _compare_columns(report, chosen, (*ATTRIBUTES, *by))
        found.append(
            CorpusStress(
                corpus=report.corpus,
                incomplete=report.incomplete,
                licence=report.licence,
                clips=len(report.predictions),
                speakers=len(report.folds[0].speakers),
                labels=report.labels,
                heard=audit_training(model.description, chosen).verdict,
                notes=tuple(dict.fromkeys((*notes, *report.notes))),
                ua=report.metrics["ua"],
                groups=tuple(groups),
                conditions=tuple(scores),
            )
        )
        reports.append((_name_language(chosen), report))
    return StressReport(
        model=name or reports[0][1].system,
        recipe=reports[0][1].recipe,
        speakers=speakers,
        per_speaker=per_speaker,
        seed=seed,
        corpora=tuple(found),
        languages=tuple(_compare_languages(reports)),
        versions=list_versions(),
        command=command,
    )


def _check_corpora(corpora: Sequence[Corpus], by: Sequence[str]) -> None:
    """Raise an error for corpora of values, and for groups that no corpus has."""
    for corpus in corpora:
        if corpus.has_values:
            raise EvaluationError(
                f"{corpus.info.name}: a stress test needs emotions; open the corpus without target"
            )
    columns = dict.fromkeys(str(name) for corpus in corpora for name in corpus.table)
    if absent := [name for name in by if name not in columns]:
        raise EvaluationError(
            f"by: no corpus has the column {absent[0]}; choose from {', '.join(columns)}"
        )


def choose_clips(corpus: Corpus, speakers: int, per_speaker: int, seed: int) -> Corpus:
    """Return some recordings of some speakers, chosen at random; genders and emotions take turns.

    Recordings of unknown speakers count as those of one speaker. Names are drawn, so a recording
    that is drawn for one model is mostly drawn for another with fewer emotions.

    Args:
        corpus: labelled recordings.
        speakers: largest number of speakers.
        per_speaker: largest number of recordings of a speaker.
        seed: random seed.
    """
    table = corpus.table.reset_index(drop=True)
    table = table.assign(speaker=table["speaker"].fillna(""))
    table = table.iloc[_shuffle(map(str, list_items(corpus.table, corpus.root)), seed)]
    people = table.drop_duplicates("speaker")
    people = people.iloc[_shuffle(people["speaker"], seed)]
    if "gender" in people:
        turn = people.groupby(people["gender"].fillna("").astype(str)).cumcount()
        people = people.iloc[np.argsort(turn.to_numpy(), kind="stable")]
    table = table[table["speaker"].isin(people["speaker"].iloc[:speakers])]
    turn = table.groupby(["speaker", "emotion"]).cumcount()
    table = table.iloc[np.argsort(turn.to_numpy(), kind="stable")]
    rows = table.index[table.groupby("speaker").cumcount() < per_speaker]
    return corpus.select(np.isin(np.arange(len(corpus)), rows))


def _shuffle(names: Iterable[str], seed: int) -> NDArray[np.intp]:
    """Return a random order of names, in which the place of a name does not depend on others."""
    marks = [hashlib.blake2b(f"{seed} {name}".encode()).hexdigest() for name in names]
    return np.argsort(marks, kind="stable")


def _compare_columns(
    report: Report, corpus: Corpus, columns: Sequence[str]
) -> Iterator[GroupScore]:
    """Compare the groups of each column that the corpus has."""
    items = list_items(corpus.table, corpus.root)
    for column in columns:
        if column in corpus.table:
            values = corpus.table[column]
            names = dict(zip(items, _name_groups(values, ages=column == "age"), strict=True))
            groups = [names[Item(one.file, one.start, one.end)] for one in report.predictions]
            yield from compare_groups(column, report.predictions, groups, report.labels)


def _name_groups(column: pd.Series[Any], *, ages: bool) -> list[str | None]:
    """Return the group of each value: a range for numbers of years, None where it is unknown."""
    import pandas as pd

    def name(value: Any) -> str | None:
        if pd.isna(value):
            return None
        if ages and isinstance(value, int | float | np.number):
            return next(words for limit, words in _AGES if float(value) < limit)
        return str(value)

    return [name(value) for value in column]


def _name_language(corpus: Corpus) -> str:
    """Return the language and the name of a corpus."""
    known = "language" in corpus.table
    spoken = sorted(map(str, corpus.table["language"].dropna().unique())) if known else []
    return f"{', '.join(spoken) or 'unknown'} ({corpus.info.name})"


def _compare_languages(reports: Sequence[tuple[str, Report]]) -> list[GroupScore]:
    """Compare corpora over the emotions that all share, which the model then chooses among."""
    first = reports[0][1].labels
    shared = [label for label in first if all(label in report.labels for _, report in reports)]
    predictions, groups = [], []
    for name, report in reports:
        places = [report.labels.index(label) for label in shared]
        for one in report.predictions:
            if one.reference in shared:
                row = [one.probabilities[place] for place in places]
                speaker = None if one.speaker is None else f"{report.corpus}/{one.speaker}"
                best = shared[int(np.argmax(row))]
                predictions.append(dataclasses.replace(one, speaker=speaker, predicted=best))
                groups.append(name)
    return compare_groups("language", predictions, groups, shared) if len(reports) > 1 else []
