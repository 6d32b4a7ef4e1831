"""Write a fitted system as a model folder, which inference loads without training libraries."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import serenade
from serenade._model_files import write_model_files
from serenade.errors import MissingExtraError, SerenadeError
from serenade.features import TextFeature
from serenade.runtime import open_session
from serenade.systems import feature_to_json
from serenade.training._ensemble import list_members
from serenade.training._learners import PipelineLearner, is_network, stack_rows
from serenade.training._pipeline_onnx import export_pipeline

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from serenade.training._enrolled_probe import EnrolledProbe
    from serenade.training._estimator import Estimator

_FORMAT = 2
_VERSIONS = ("numpy", "onnx", "onnxruntime", "scikit-learn")
_TOLERANCE = 1e-4  # between a graph's probabilities and those of what it was made from


def write_model(
    estimator: Estimator,
    folder: str | os.PathLike[str],
    *,
    card: str,
    temperature: float = 1.0,
    labels: Sequence[str] | None = None,
    facts: Mapping[str, Any] | None = None,
    enrolled: tuple[EnrolledProbe, float] | None = None,
) -> None:
    """Write a model folder: `model.json`, `head.onnx` and `MODEL_CARD.md`.

    The graph takes features as they are extracted and scales them itself. Before anything is
    written, its probabilities on training clips of all lengths are compared with those of the
    fitted system.

    With enrolment the folder also holds `enrolled.onnx`, the head for enrolled speakers, and
    `speakers.npz`, the statistics that estimate a speaker's mean.

    Args:
        estimator: fitted, of a system that `require_writable` accepts.
        folder: created if it does not exist.
        card: the model card, Markdown.
        temperature: divides the logits; see `fit_temperature`. 1 for a model of values.
        labels: order of the probabilities, or of the values; the classifier's own if None.
        facts: JSON-ready entries for `model.json`, such as training corpus and licence.
        enrolled: the fitted probe for enrolled speakers and its temperature, if there is one.

    Raises:
        SerenadeError: see `require_writable`; or the graph gives other probabilities.
        MissingExtraError: the extra "train" is not installed.
    """
    if importlib.util.find_spec("onnx") is None:
        raise MissingExtraError("writing a model folder", "train")
    require_writable(estimator)
    order = [str(label) for label in (estimator.classes_ if labels is None else labels)]
    columns = find_columns(estimator, order)
    content, difference = _export_checked(estimator, columns, temperature)
    files = {"head.onnx": content}
    description = _describe(estimator, order, temperature, difference)
    if enrolled is not None:
        probe, own_temperature = enrolled
        files |= _export_enrolment(probe, find_columns(probe, order), own_temperature)
        neutral = probe.population_.neutral
        enrolment = {"temperature": round(own_temperature, 4), "neutral": neutral}
        description |= {"enrolment": enrolment}
    description |= facts or {}
    files["MODEL_CARD.md"] = card.encode()
    write_model_files(Path(folder), description, files)


def find_columns(fitted: Estimator | EnrolledProbe, order: Sequence[str]) -> list[int]:
    """Return the places of labels among the classes of a fitted estimator."""
    return [list(fitted.classes_).index(label) for label in order]


def _export_checked(
    estimator: Estimator, columns: list[int], temperature: float
) -> tuple[bytes, float]:
    """Return the graph of an estimator, and the largest difference of its probabilities.

    Raises:
        SerenadeError: the difference is too large.
    """
    learner = estimator.learner_
    content = _export_learner(learner, columns, temperature)
    trials = list(_make_trials(learner, columns, temperature))
    difference = measure_difference(content, trials)
    # Values have the scale of their ratings, of which float32 keeps about seven digits.
    largest = max(float(np.abs(expected).max()) for _, expected in trials)
    if not difference < _TOLERANCE * max(1.0, largest):
        raise SerenadeError(
            f"{estimator.get_system().name}: the exported graph's answers differ from the "
            f"trained system's by {difference:.1e}; report this"
        )
    return content, difference


def _export_enrolment(
    probe: EnrolledProbe, columns: list[int], temperature: float
) -> dict[str, bytes]:
    """Return the files of the head for enrolled speakers."""
    statistics = io.BytesIO()
    probe.population_.save(statistics)
    return {
        "enrolled.onnx": export_pipeline(probe.classifier_, columns, temperature),
        "speakers.npz": statistics.getvalue(),
    }


def _describe(
    estimator: Estimator, order: list[str], temperature: float, difference: float
) -> dict[str, Any]:
    """Return the content of `model.json` that every model has."""
    recipe, system = estimator.get_recipe(), estimator.get_system()
    versions = (*_VERSIONS, "torch") if is_network(recipe) else _VERSIONS
    return {
        "format": _FORMAT,
        "serenade": serenade.__version__,
        "system": system.name,
        "recipe": estimator.describe()["recipe"],
        "labels": [] if estimator.values_ else order,
        **({"dimensions": order} if estimator.values_ else {}),
        "sampling_rate": system.sampling_rate,
        "features": [feature_to_json(feature) for feature in estimator.features],
        "scaling": _list_scaling(estimator.learner_),
        "difference": float(f"{difference:.2g}"),
        "versions": {name: importlib.metadata.version(name) for name in versions},
        "temperature": round(temperature, 4),
    }


def require_writable(estimator: Estimator) -> None:
    """Raise an error before the training of a system that a model folder cannot hold.

    Raises:
        SerenadeError: features by speaker, of texts, or of an encoder that needs PyTorch.
    """
    if estimator.speaker_standardisation:
        raise SerenadeError(
            "a model with speaker standardisation cannot predict a single recording; "
            "train without speaker standardisation"
        )
    system = estimator.get_system()
    changes = " or ".join(f"--set {change}" for change in system.writable_with)
    advice = f"; train it with {changes}" if changes else ""
    for feature in estimator.features:
        if isinstance(feature, TextFeature):
            raise SerenadeError(
                f"{system.name}: uses transcripts, and a model folder predicts from recordings "
                f"alone{advice or '; evaluate it instead'}"
            )
        try:
            feature_to_json(feature)
        except SerenadeError as error:
            raise SerenadeError(f"{system.name}: {error}{advice}") from None


def fit_temperature(
    logits: NDArray[np.float64], reference: NDArray[np.int_], weights: NDArray[np.float64]
) -> float:
    """Fit the temperature that calibrates held-out probabilities (Guo et al. 2017, section 4.2).

    Args:
        logits: logits of recordings that were not trained on, shape `(rows, classes)`.
        reference: column of each true class, shape `(rows,)`.
        weights: weight of each row in the loss.

    Returns:
        The positive divisor of the logits that minimises the weighted log loss.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    rows = np.arange(len(reference))

    def loss(log_temperature: float) -> float:
        posteriors = log_softmax(logits / np.exp(log_temperature), axis=1)
        return -float(np.average(posteriors[rows, reference], weights=weights))

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))


def _list_scaling(learner: Any) -> list[str]:
    """Return the scaling of each stream of each network; its statistics are in the graph."""
    if isinstance(learner, PipelineLearner):
        return [type(learner.classifier.steps[0][1]).__name__]
    return [scaler.mode for network, _ in list_members(learner) for scaler in network.scalers]


def _export_learner(learner: Any, columns: list[int], temperature: float) -> bytes:
    """Export a fitted learner as an ONNX model of its posteriors."""
    if isinstance(learner, PipelineLearner):
        return export_pipeline(learner.classifier, columns, temperature)
    from serenade.training._network_onnx import export_network

    return export_network(learner, columns, temperature)


def _make_trials(
    learner: Any, columns: list[int], temperature: float
) -> Iterator[tuple[dict[str, Any], NDArray[np.float64]]]:
    """Yield inputs of a learner's graph and the calibrated probabilities of the learner itself."""
    for inputs, posteriors in _predict_examples(learner):
        if learner.values:
            yield inputs, posteriors[:, columns]
            continue
        powered = np.maximum(posteriors[:, columns], 1e-300) ** (1 / temperature)
        yield inputs, powered / powered.sum(axis=1, keepdims=True)


def _predict_examples(learner: Any) -> Iterable[tuple[dict[str, Any], NDArray[np.float64]]]:
    """Return inputs of a learner's graph and the learner's own posteriors of them."""
    if isinstance(learner, PipelineLearner):
        return [
            ({"features": stack_rows(learner.examples)}, learner.predict_proba(learner.examples))
        ]
    from serenade.training._network_onnx import make_trials

    return make_trials(learner)


def measure_difference(content: bytes, trials: Iterable[tuple[dict[str, Any], Any]]) -> float:
    """Return the largest difference between a graph's probabilities and the expected ones.

    Args:
        content: the ONNX model.
        trials: inputs and expected probabilities.
    """
    session = open_session(content, threads=1)
    return max(
        float(np.abs(session.run(None, inputs)[0] - expected).max()) for inputs, expected in trials
    )
