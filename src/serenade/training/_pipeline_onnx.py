"""Export fitted scikit-learn pipelines to ONNX graphs from `features` to `probabilities`.

Pipelines that predict values, such as arousal, give `values` instead.
"""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade.errors import SerenadeError
from serenade.runtime import Graph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def to_affine(pipeline: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Join scaling and a linear model to one affine map, `(dims, classes)`, `(classes,)`."""
    scaler, classifier = (step for _, step in pipeline.steps)
    # A regression of one value has a vector and a number.
    coefficients = np.atleast_2d(classifier.coef_)
    intercept = np.atleast_1d(classifier.intercept_)
    # Two classes: scikit-learn keeps the second's logit only.
    if len(coefficients) == 1 and _is_classifier(classifier):
        coefficients = np.concatenate([np.zeros_like(coefficients), coefficients])
        intercept = np.array([0.0, intercept[0]])
    weights = coefficients / scaler.scale_
    return weights.T, intercept - weights @ scaler.mean_


def export_pipeline(pipeline: Any, columns: Sequence[int], temperature: float) -> bytes:
    """Export a fitted pipeline as an ONNX model.

    Args:
        pipeline: a scaler, then a linear classifier, a linear regression or a `KernelMachine`.
        columns: columns of its posteriors, in the order of the probabilities.
        temperature: divides the logits; 1 for a regression.

    Raises:
        SerenadeError: another kind of classifier.
    """
    last = pipeline.steps[-1][1]
    if hasattr(last, "coef_"):
        weights, bias = (values[..., list(columns)] / temperature for values in to_affine(pipeline))
        graph = Graph()
        logits = graph.add_node("Gemm", "features", graph.add_array(weights), graph.add_array(bias))
        if not _is_classifier(last):
            return _finish_graph(graph, logits, "values", *weights.shape)
        return _finish_probabilities(graph, logits, *weights.shape)
    if hasattr(last, "vectors_"):
        return _export_kernel_machine(pipeline, list(columns), temperature)
    raise SerenadeError(f"{type(last).__name__}: no model folder can hold this classifier")


def _export_kernel_machine(pipeline: Any, columns: list[int], temperature: float) -> bytes:
    """Export a support vector machine with an RBF kernel and one-against-one decisions.

    The graph uses matrix products, because the probabilities of ONNX' operator for such machines
    are libsvm's (Platt's), and ours are a softmax over joined decisions. Sums are in double
    precision, because distances are differences of large numbers.
    """
    scaler, machine = (step for _, step in pipeline.steps)
    vectors, svc = machine.vectors_.astype(np.float32), machine.machine_
    classes, dims = len(machine.classes_), vectors.shape[1]
    pairs = list(itertools.combinations(range(classes), 2))
    votes = np.zeros((2, len(pairs), classes))  # of a pair's first class, and of its second
    coefficients = np.zeros((len(vectors), len(pairs)))
    ends = np.concatenate([[0], np.cumsum(svc.n_support_)])
    for place, (first, second) in enumerate(pairs):
        votes[0, place, first] = votes[1, place, second] = 1
        # A vector of one class has a coefficient against each other class, in their order.
        for own, row in ((first, second - 1), (second, first)):
            mine = slice(ends[own], ends[own + 1])
            coefficients[mine, place] = svc.dual_coef_[row, mine]
    graph = Graph()
    array = functools.partial(graph.add_array, kind=np.float64)
    wide = graph.add_node("Cast", "features", to=graph.onnx.TensorProto.DOUBLE)
    centred = graph.add_node("Sub", wide, array(scaler.mean_))
    scaled = graph.add_node("Div", centred, array(scaler.scale_))
    squares = graph.add_node("ReduceSumSquare", scaled, graph.add_array([1], np.int64), keepdims=1)
    kept = graph.add_node("Cast", graph.add_array(vectors.T), to=graph.onnx.TensorProto.DOUBLE)
    products = graph.add_node("MatMul", scaled, kept)
    lengths = np.square(vectors, dtype=np.float64).sum(axis=1)
    distances = graph.add_node("Add", squares, array(lengths))
    distances = graph.add_node("Sub", distances, graph.add_node("Mul", products, array([2.0])))
    kernel = graph.add_node("Exp", graph.add_node("Mul", distances, array([-1.0 / dims])))
    decisions = graph.add_node("MatMul", kernel, array(coefficients))
    decisions = graph.add_node("Add", decisions, array(svc.intercept_))
    if classes == 2:
        logits = graph.add_node("MatMul", decisions, array([[-1.0, 1.0]]))
    else:
        # Votes, and sums of decisions too small to outvote them: scikit-learn's "ovr" shape.
        sums = graph.add_node("MatMul", decisions, array(votes[0] - votes[1]))
        size = graph.add_node("Add", graph.add_node("Abs", sums), array([1.0]))
        shares = graph.add_node("Div", sums, graph.add_node("Mul", size, array([3.0])))
        lost = graph.add_node("Less", decisions, array([0.0]))
        lost = graph.add_node("Cast", lost, to=graph.onnx.TensorProto.DOUBLE)
        counts = graph.add_node("MatMul", lost, array(votes[1] - votes[0]))
        counts = graph.add_node("Add", counts, array(votes[0].sum(axis=0)))
        logits = graph.add_node("Add", counts, shares)
    chosen = graph.add_node("Gather", logits, graph.add_array(columns, np.int64), axis=1)
    tempered = graph.add_node("Div", chosen, array([temperature]))
    narrow = graph.add_node("Cast", tempered, to=graph.onnx.TensorProto.FLOAT)
    return _finish_probabilities(graph, narrow, dims, classes)


def _is_classifier(model: Any) -> bool:
    return hasattr(model, "classes_")


def _finish_probabilities(graph: Graph, logits: str, dims: int, classes: int) -> bytes:
    """Return the graph of logits, whose output is probabilities, as the content of a file."""
    probabilities = graph.add_node("Softmax", logits, axis=1)
    return _finish_graph(graph, probabilities, "probabilities", dims, classes)


def _finish_graph(graph: Graph, result: str, name: str, dims: int, count: int) -> bytes:
    """Return the graph of a named result as the content of a file."""
    graph.name_output(result, name)
    model = graph.build_model("head", {"features": ["rows", dims]}, {name: ["rows", count]})
    content: bytes = model.SerializeToString()
    return content
