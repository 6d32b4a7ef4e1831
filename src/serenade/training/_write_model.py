"""Writing a fitted system as a model folder that inference loads without what trained it."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import importlib.util
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade._atomic import write_atomically
from serenade.errors import MissingExtraError, SerenadeError
from serenade.features import TextFeature
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
_HEARING = {"stser": ": --set parts=speech", "dual-bilstm": ": --set branches=acoustic"}
_INSTEAD = {"fusion-transformer": "; train it with --set encoder=whisper or --set encoder=none"}


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

    The graph takes features as they are extracted: their scaling is inside it. Before anything is
    written, it is tried on training clips of all lengths against what was trained.

    With enrolment also `enrolled.onnx`, the head for enrolled speakers, and `speakers.npz`, what
    a speaker's mean is estimated by.

    Args:
        estimator: fitted, of a system that `require_writable` lets pass.
        folder: made where it does not exist.
        card: the model card, Markdown.
        temperature: divides the logits; see `fit_temperature`.
        labels: order of the probabilities; the classifier's own if None.
        facts: JSON-ready entries for `model.json`: what it was trained on, licence.
        enrolled: the fitted probe for enrolled speakers and its temperature, if there is one.

    Raises:
        SerenadeError: see `require_writable`; or the graph does not do as it should.
        MissingExtraError: the extra "train" is not installed.
    """
    if importlib.util.find_spec("onnx") is None:
        raise MissingExtraError("writing a model folder", "train")
    require_writable(estimator)
    order = [str(label) for label in (estimator.classes_ if labels is None else labels)]
    columns = [list(estimator.classes_).index(label) for label in order]
    learner = estimator.learner_
    content = _graph(learner, columns, temperature)
    difference = measure_difference(content, _trials(learner, columns, temperature))
    if not difference < _TOLERANCE:
        raise SerenadeError(
            f"{estimator.get_system().name}: the exported graph's probabilities differ from the "
            f"trained system's by {difference:.1e}; report this"
        )
    folder = Path(folder)
    write_atomically(folder / "head.onnx", content)
    known: dict[str, Any] = {}
    if enrolled is not None:
        probe, own_temperature = enrolled
        own = [list(probe.classes_).index(label) for label in order]
        write_atomically(
            folder / "enrolled.onnx", export_pipeline(probe.classifier_, own, own_temperature)
        )
        statistics = io.BytesIO()
        probe.population_.save(statistics)
        write_atomically(folder / "speakers.npz", statistics.getvalue())
        known = {
            "enrolment": {
                "temperature": round(own_temperature, 4),
                "neutral": probe.population_.neutral,
            }
        }
    description = {
        "format": _FORMAT,
        "serenade": importlib.metadata.version("serenade"),
        "system": estimator.get_system().name,
        "recipe": dataclasses.asdict(estimator.get_recipe()),
        "labels": order,
        "sampling_rate": estimator.get_system().sampling_rate,
        "features": [feature_to_json(feature) for feature in estimator.features],
        "scaling": _scaling(learner),
        "difference": float(f"{difference:.2g}"),
        "versions": {
            name: importlib.metadata.version(name)
            for name in (*_VERSIONS, *(("torch",) if is_network(estimator.get_recipe()) else ()))
        },
        "temperature": round(temperature, 4),
        **known,
        **(facts or {}),
    }
    write_atomically(folder / "MODEL_CARD.md", card.encode())
    # Last: a folder without it is not a model, so an interrupted write cannot be loaded.
    write_atomically(folder / "model.json", (json.dumps(description, indent=2) + "\n").encode())


def require_writable(estimator: Estimator) -> None:
    """Refuse what a model folder cannot hold, before hours of training.

    Raises:
        SerenadeError: features by speaker, of texts, or of an encoder that needs PyTorch.
    """
    name = estimator.get_system().name
    if estimator.speaker_standardisation:
        raise SerenadeError(
            "a model standardised by speaker cannot judge a single recording; "
            "train without speaker standardisation"
        )
    for feature in estimator.features:
        if isinstance(feature, TextFeature):
            raise SerenadeError(
                f"{name}: looks at what is said, and a model folder judges recordings alone; "
                f"evaluate it, or train what it hears{_HEARING.get(name, '')}"
            )
        try:
            feature_to_json(feature)
        except SerenadeError as error:
            raise SerenadeError(f"{name}: {error}{_INSTEAD.get(name, '')}") from None


def fit_temperature(
    logits: NDArray[np.float64], reference: NDArray[np.int_], weights: NDArray[np.float64]
) -> float:
    """The temperature that makes held-out probabilities honest (Guo et al. 2017, section 4.2).

    Args:
        logits: of recordings the classifier did not see, shape `(rows, classes)`.
        reference: column of each true class, shape `(rows,)`.
        weights: of the rows.

    Returns:
        The positive number that minimises the weighted log loss of `softmax(logits / it)`.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    rows = np.arange(len(reference))

    def loss(log_temperature: float) -> float:
        posteriors = log_softmax(logits / np.exp(log_temperature), axis=1)
        return -float(np.average(posteriors[rows, reference], weights=weights))

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))


def _scaling(learner: Any) -> list[str]:
    """How each stream of each network is scaled; the statistics are in the graph."""
    if isinstance(learner, PipelineLearner):
        return [type(learner.classifier.steps[0][1]).__name__]
    return [scaler.mode for network, _ in list_members(learner) for scaler in network.scalers]


def _graph(learner: Any, columns: list[int], temperature: float) -> bytes:
    """A learner's posteriors as an ONNX model."""
    if isinstance(learner, PipelineLearner):
        return export_pipeline(learner.classifier, columns, temperature)
    from serenade.training._network_onnx import export_network

    return export_network(learner, columns, temperature)


def _trials(
    learner: Any, columns: list[int], temperature: float
) -> Iterator[tuple[dict[str, Any], NDArray[np.float64]]]:
    """Inputs of a learner's graph, and the probabilities that the learner itself gives."""
    for inputs, posteriors in _judged(learner):
        powered = np.maximum(posteriors[:, columns], 1e-300) ** (1 / temperature)
        yield inputs, powered / powered.sum(axis=1, keepdims=True)


def _judged(learner: Any) -> Iterable[tuple[dict[str, Any], NDArray[np.float64]]]:
    """Inputs of a learner's graph, and its own posteriors of them."""
    if isinstance(learner, PipelineLearner):
        return [
            ({"features": stack_rows(learner.examples)}, learner.predict_proba(learner.examples))
        ]
    from serenade.training._network_onnx import make_trials

    return make_trials(learner)


def measure_difference(content: bytes, trials: Iterable[tuple[dict[str, Any], Any]]) -> float:
    """Between a graph's probabilities and those it must give.

    Args:
        content: the ONNX model.
        trials: inputs and expected probabilities.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return max(
        float(np.abs(session.run(["probabilities"], inputs)[0] - expected).max())
        for inputs, expected in trials
    )
