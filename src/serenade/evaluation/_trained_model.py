"""Evaluate a trained model on labelled recordings, with an audit against its training data."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from serenade.audio import read
from serenade.corpora import list_items, order_labels
from serenade.errors import AudioError, EvaluationError, GraphError
from serenade.evaluation._adapted_report import AdaptedPosteriors
from serenade.evaluation._evaluate import check_targets, note_left_out
from serenade.evaluation._fold_result import FoldResult, ValueFold, label_predictions
from serenade.evaluation._fold_run import list_versions
from serenade.evaluation._leaks import audit_training
from serenade.evaluation._report import Report
from serenade.evaluation._value_report import ValueReport
from serenade.extraction import MAX_UNUSABLE, list_clips, require_usable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from serenade.audio import Audio
    from serenade.corpora import Corpus
    from serenade.evaluation._adapted_fold import AdaptationPlan
    from serenade.extraction import Clip
    from serenade.protocols import Classes

    Posteriors = NDArray[np.float64]


class TrainedModel(Protocol):
    """Model that predicts recordings; `serenade.inference.Model` is one."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Emotions in the order of the probabilities."""

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Names of the values that it predicts in place of emotions."""

    @property
    def sampling_rate(self) -> int:
        """Sampling rate in Hz of the recordings that it takes."""

    @property
    def description(self) -> Mapping[str, Any]:
        """Content of `model.json`."""

    def predict(self, source: Any, sampling_rate: int | None = None) -> Any:
        """Predict a recording; the result has `probabilities` by emotion, and `values`."""

    def adapt(self, recordings: Any, *, expect: Any, one_speaker: bool) -> Self:
        """Return a model that is adapted to unlabelled recordings."""


def evaluate_model(
    model: TrainedModel,
    corpus: Corpus,
    *,
    name: str = "",
    classes: Classes = "shared",
    adapt: AdaptationPlan | None = None,
    max_unusable: float = MAX_UNUSABLE,
    jobs: int | None = None,
    command: str = "",
) -> Report:
    """Evaluate a trained model on a corpus.

    The protocol of the report says whether the model heard the recordings in training.

    Args:
        model: the model.
        corpus: labelled recordings. If the model does not know the emotion calm, calm recordings
            count as neutral. Targets (see `Corpus.select_targets`) are compared with the values
            of the model, or votes with its probabilities of the emotions that were voted for.
        name: name of the model for the report; by default that of its system.
        classes: `shared` chooses among the emotions that the model and the corpus share, and
            leaves out recordings of others; `all` chooses among all emotions of the model and
            counts recordings of others as errors. UA is over the emotions that occur.
        adapt: also adapt the model to the unlabelled recordings of each place.
        max_unusable: largest share of recordings that may be left out because they cannot be
            used, or contain no speech; the report lists them.
        jobs: number of threads; None for one per core.
        command: shell command that repeats the evaluation, for the report.

    Raises:
        CorpusError: more recordings cannot be used.
        EvaluationError: model and corpus share no emotion or value, or targets are to be adapted.
        ModelError: the model cannot adapt.
    """
    started = time.perf_counter()
    check_targets(corpus, None, adapt)
    corpus, notes = match_labels(model, corpus, classes)
    corpus, found, lines = _predict_usable(model, corpus, max_unusable, jobs)
    labels = _list_answers(model, corpus, classes)
    rows = order_probabilities(found, labels, shares=not corpus.has_values)
    predictions = label_predictions(corpus, corpus.table, rows, labels)
    heard = audit_training(model.description, corpus)
    adapted = None
    if adapt is not None:
        adapted = AdaptedPosteriors.of(adapt, [_adapt(model, corpus, adapt, labels, jobs)])
    count = int(model.description.get("recordings", 0))
    seconds = round(time.perf_counter() - started, 3)
    warning = [corpus.info.warning] if corpus.info.warning else []
    kind, fold = (ValueReport, ValueFold) if corpus.has_values else (Report, FoldResult)
    return kind(
        system=name or str(model.description.get("system", "model")),
        corpus=corpus.info.name,
        licence=corpus.info.licence,
        protocol=f"trained model, {heard.verdict}",
        speaker_independent=heard.is_clean,
        seed=0,
        versions=list_versions(),
        seconds=seconds,
        folds=(fold.of("all", count, seconds, predictions, labels),),
        labels=labels,
        notes=(*warning, *notes, str(heard), *note_left_out(lines)),
        predictions=tuple(predictions),
        command=command,
        recipe=_describe_model(model),
        incomplete=corpus.incomplete,
        adapted=adapted,
    )


def _predict_usable(
    model: TrainedModel, corpus: Corpus, limit: float, jobs: int | None
) -> tuple[Corpus, list[Mapping[str, float]], tuple[str, ...]]:
    """Return the recordings that give a prediction, their probabilities, and a line for others."""
    clips = list_clips(corpus.table.index)
    found = _predict_clips(model, clips, jobs)
    failed = {row: one for row, one in enumerate(found) if isinstance(one, AudioError)}
    names = [item.file for item in list_items(corpus.table, corpus.root)]
    lines = require_usable(names, failed, limit)
    usable = corpus.select([row not in failed for row in range(len(clips))])
    return usable, [one for one in found if not isinstance(one, AudioError)], lines


def _describe_model(model: TrainedModel) -> dict[str, Any]:
    """Return the facts that identify a model, for the report."""
    stated = ("system", "trained_on", "precision", "checksum")
    return {name: model.description[name] for name in stated if name in model.description}


def match_labels(model: TrainedModel, corpus: Corpus, classes: Classes) -> tuple[Corpus, list[str]]:
    """Return the corpus with the emotions that are tested, and notes on what was changed.

    Args:
        model: the model.
        corpus: labelled recordings.
        classes: see `evaluate_model`.

    Raises:
        EvaluationError: model and corpus share no emotion or value.
    """
    wanted = set(corpus.labels)
    known = wanted <= set(model.dimensions) if corpus.has_values else wanted & set(model.labels)
    if corpus.targets and not known:
        hint = "choose another --target" if model.dimensions else "leave out --target"
        raise EvaluationError(
            f"{corpus.info.name}: its {', '.join(corpus.labels)} are not among what the model "
            f"predicts ({', '.join((*model.labels, *model.dimensions))}); {hint}"
        )
    if corpus.targets:
        return corpus, _note_votes(model, corpus)
    if not model.labels:
        raise EvaluationError(
            f"{corpus.info.name}: the model predicts {', '.join(model.dimensions)}, not emotions; "
            f"compare it with these values: serenade evaluate --model MODEL CORPUS --target "
            f"{','.join(model.dimensions)}"
        )
    notes = []
    if "calm" in corpus.labels and "neutral" in model.labels and "calm" not in model.labels:
        corpus = corpus.map_labels({"calm": "neutral"})
        notes.append("calm recordings count as neutral: the model does not know calm")
    shared = [label for label in corpus.labels if label in model.labels]
    if not shared:
        raise EvaluationError(
            f"{corpus.info.name}: its emotions {', '.join(corpus.labels)} are none of the model's "
            f"({', '.join(model.labels)}); rename them with --map OLD=NEW"
        )
    unknown = [label for label in corpus.labels if label not in model.labels]
    others = [label for label in model.labels if label not in corpus.labels]
    if classes == "shared":
        kept = corpus.select(labels=shared)
        if unknown:
            left = len(corpus) - len(kept)
            notes.append(
                f"left out: {left} recordings of {', '.join(unknown)}, unknown to the model"
            )
        if others:
            notes.append(f"not offered as answers: {', '.join(others)}, which the corpus lacks")
        return kept, notes
    if unknown:
        notes.append(f"always wrong: {', '.join(unknown)}, which the model does not know")
    return corpus, notes


def _note_votes(model: TrainedModel, corpus: Corpus) -> list[str]:
    """Return notes on the emotions that only the votes or only the model has."""
    if corpus.has_values:
        return []
    unknown = [label for label in corpus.labels if label not in model.labels]
    others = [label for label in model.labels if label not in corpus.labels]
    notes = []
    if unknown:
        notes.append(f"probability 0: {', '.join(unknown)}, which the model does not know")
    if others:
        notes.append(f"not offered as answers: {', '.join(others)}, which got no column of votes")
    return notes


def _list_answers(model: TrainedModel, corpus: Corpus, classes: Classes) -> tuple[str, ...]:
    """Return the labels of the report."""
    if classes == "shared" or corpus.targets:
        return corpus.labels
    return order_labels({*corpus.labels, *model.labels})


def _predict_clips(
    model: TrainedModel, clips: Sequence[Clip], jobs: int | None
) -> list[Mapping[str, float] | AudioError]:
    """Predict recordings; those that cannot be used give their errors."""

    def predict(clip: Clip) -> Mapping[str, float] | AudioError:
        try:
            found = model.predict(_read_clip(clip, model))
        except AudioError as error:
            return error
        except GraphError as error:
            return error.name_recording(str(clip.file))
        return {**found.probabilities, **found.values}

    with ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool:
        return list(pool.map(predict, clips))


def _read_clip(clip: Clip, model: TrainedModel) -> Audio:
    return read(clip.file, sampling_rate=model.sampling_rate, start=clip.start, end=clip.end)


def order_probabilities(
    found: Sequence[Mapping[str, float]], labels: Sequence[str], *, shares: bool = True
) -> Posteriors:
    """Return answers in the order of labels, without others; shares add up to one."""
    listed = [[one.get(label, 0.0) for label in labels] for one in found]
    rows: Posteriors = np.array(listed, dtype=np.float64)
    if not shares:
        return rows
    scaled: Posteriors = rows / np.maximum(rows.sum(axis=1, keepdims=True), 1e-30)
    return scaled


def _adapt(
    model: TrainedModel,
    corpus: Corpus,
    plan: AdaptationPlan,
    labels: Sequence[str],
    jobs: int | None,
) -> Posteriors:
    """Return the probabilities of each recording by the model that is adapted to its place."""
    clips = list_clips(corpus.table.index)
    rows = np.zeros((len(clips), len(labels)))
    for group in plan.list_groups(corpus.table):
        mine = [clips[row] for row in group]
        adapted = model.adapt(
            _read_clips(mine, model), expect=plan.expect, one_speaker=plan.by == "speaker"
        )
        found = []
        for one in _predict_clips(adapted, mine, jobs):
            if isinstance(one, AudioError):  # the file has changed since its first prediction
                raise one
            found.append(one)
        rows[group] = order_probabilities(found, labels)
    return rows


def _read_clips(clips: Sequence[Clip], model: TrainedModel) -> Iterator[Audio]:
    return (_read_clip(clip, model) for clip in clips)
