"""Writing a fitted probe as a model folder that inference loads without scikit-learn."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import io
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade.encoders.whisper.source import fingerprint
from serenade.errors import MissingExtraError, SerenadeError
from serenade.training.learners import is_network

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from serenade.training.enrolment import EnrolledProbe
    from serenade.training.estimator import Estimator

_FORMAT = 1
_RATE = 16000


def save(
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

    With enrolment also `enrolled.onnx`, the head for enrolled speakers, and `speakers.npz`, what
    a speaker's mean is estimated by.

    Args:
        estimator: fitted, of a system whose classifier is linear.
        folder: made where it does not exist.
        card: the model card, Markdown.
        temperature: divides the logits; see `fit_temperature`.
        labels: order of the probabilities; the classifier's own if None.
        facts: JSON-ready entries for `model.json`: what it was trained on, licence.
        enrolled: the fitted probe for enrolled speakers and its temperature, if there is one.

    Raises:
        SerenadeError: see `require_writable`.
        MissingExtraError: the extra "train" is not installed.
    """
    try:
        import onnx
    except ImportError:
        raise MissingExtraError("writing a model folder", "train") from None
    require_writable(estimator)
    order = list(estimator.classes_) if labels is None else list(labels)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / "head.onnx", _head(onnx, estimator, order, temperature))
    known: dict[str, Any] = {}
    if enrolled is not None:
        probe, own_temperature = enrolled
        _replace(folder / "enrolled.onnx", _head(onnx, probe, order, own_temperature))
        statistics = io.BytesIO()
        probe.population_.save(statistics)
        _replace(folder / "speakers.npz", statistics.getvalue())
        known = {
            "enrolment": {
                "temperature": round(own_temperature, 4),
                "neutral": probe.population_.neutral,
            }
        }
    (feature,) = estimator.features
    description = {
        "format": _FORMAT,
        "serenade": importlib.metadata.version("serenade"),
        "system": estimator.system.name,
        "recipe": dataclasses.asdict(estimator.settings),
        "labels": order,
        "sampling_rate": _RATE,
        "feature": {
            "name": "whisper-pooled",
            "parameters": dataclasses.asdict(feature),
            "encoder": fingerprint(feature.encoder),  # type: ignore[union-attr]
        },
        "temperature": round(temperature, 4),
        **known,
        **(facts or {}),
    }
    _replace(folder / "MODEL_CARD.md", card.encode())
    # Last: a folder without it is not a model, so an interrupted write cannot be loaded.
    _replace(folder / "model.json", (json.dumps(description, indent=2) + "\n").encode())


def require_writable(estimator: Estimator) -> None:
    """Refuse what a model folder cannot hold, before hours of training.

    Raises:
        SerenadeError: features by speaker, or a system that is not a linear classifier on the
            pooled states of an encoder.
    """
    if estimator.speaker_standardisation:
        raise SerenadeError(
            "a model standardised by speaker cannot judge a single recording; "
            "train without speaker standardisation"
        )
    if is_network(estimator.settings) or not hasattr(estimator.features[0], "encoder"):
        raise SerenadeError(
            f"{estimator.system.name}: cannot be written as a model folder yet; "
            "evaluate it, or train whisper-probe"
        )


def linear_head(
    estimator: Estimator | EnrolledProbe,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scaling and classifier as one affine map, `(dims, classes)` and `(classes,)`."""
    scaler, classifier = (step for _, step in estimator.classifier_.steps)
    coefficients, intercept = classifier.coef_, classifier.intercept_
    if len(coefficients) == 1:  # two classes: scikit-learn keeps the second's logit only
        coefficients = np.concatenate([np.zeros_like(coefficients), coefficients])
        intercept = np.array([0.0, intercept[0]])
    weights = coefficients / scaler.scale_
    return weights.T, intercept - weights @ scaler.mean_


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


def _head(
    onnx: Any, estimator: Estimator | EnrolledProbe, order: Sequence[str], temperature: float
) -> bytes:
    """softmax((features @ weights + bias) / temperature) as an ONNX model, classes in an order."""
    columns = [list(estimator.classes_).index(label) for label in order]
    weights, bias = (values[..., columns] / temperature for values in linear_head(estimator))
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    tensors = [
        onnx.numpy_helper.from_array(array.astype(np.float32), name)
        for name, array in (("weights", weights), ("bias", bias))
    ]
    nodes = [
        helper.make_node("Gemm", ["features", "weights", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    dims, classes = weights.shape
    graph = helper.make_graph(
        nodes,
        "head",
        [helper.make_tensor_value_info("features", kind, ["rows", dims])],
        [helper.make_tensor_value_info("probabilities", kind, ["rows", classes])],
        initializer=tensors,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
        producer_name="serenade",
    )
    content: bytes = model.SerializeToString()
    return content


def _replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    unfinished.write_bytes(content)
    unfinished.replace(path)
