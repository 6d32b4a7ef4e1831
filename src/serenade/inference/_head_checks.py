"""Check what the graph and the description of a model folder take and give."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

_FLOAT, _BOOL = "tensor(float)", "tensor(bool)"
_TEXTS = ("licence", "system", "serenade", "derived")


def check_head(head: Any, name: str, widths: Sequence[int], output: str, labels: int) -> None:
    """Check the inputs and the output of a head.

    Args:
        head: session of onnxruntime.
        name: file of the head, for the message.
        widths: number of dimensions of the feature of each stream.
        output: name of the output.
        labels: number of the model's labels, or values.

    Raises:
        ModelError: the graph belongs to another model, or is not one of Serenade.
    """
    taken = {each.name: (each.type, each.shape) for each in head.get_inputs()}
    given = {each.name: (each.type, each.shape) for each in head.get_outputs()}
    if set(taken) == {"features"}:
        wanted = {"features": (_FLOAT, [None, sum(widths)])}
    elif set(taken) == {"signal"}:
        wanted = {"signal": (_FLOAT, [None])}
        if not head.get_modelmeta().custom_metadata_map.get("shortest", "").isdecimal():
            raise ModelError(f"{name}: does not state its shortest signal; export the model again")
    else:
        wanted = {f"values_{n}": (_FLOAT, [None, None, width]) for n, width in enumerate(widths)}
        wanted |= {f"mask_{n}": (_BOOL, [None, None]) for n in range(len(widths))}
    result = {output: (_FLOAT, [None, labels])}
    given = {key: value for key, value in given.items() if key in result}
    if not (_fits(taken, wanted) and _fits(given, result)):
        raise ModelError(
            f"{name}: takes {_describe(taken)} and gives {_describe(given)}, but model.json "
            f"has {_describe(wanted)} and {labels} labels; copy the model folder again"
        )


def check_description(
    description: Mapping[str, Any],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return labels and dimensions of a description, and check the types of its other entries.

    Raises:
        ValueError: they are not distinct texts, or another entry that should be text is not.
    """
    labels, dimensions = description["labels"], description.get("dimensions", [])
    if not isinstance(dimensions, list) or (dimensions and labels):
        raise ValueError("dimensions are not a list, or there are labels as well")
    names = labels or dimensions
    if not (isinstance(names, list) and names and all(isinstance(each, str) for each in names)):
        raise ValueError("labels are not a list of texts")
    if len(set(names)) < len(names):
        raise ValueError("labels occur twice")
    for each in (*names, *(description.get(key, "") for key in _TEXTS)):
        if not isinstance(each, str):
            raise ValueError("an entry is not a text")
        each.encode()  # UnicodeEncodeError is a ValueError
    for name in ("enrolment", "adaptation"):
        if not isinstance(description.get(name, {}), dict):
            raise ValueError(f"{name} is not an object")
    if not 0 <= float(description.get("uncertain_below", 0)) <= 1:
        raise ValueError("uncertain_below is not a probability")
    _check_facts(description)
    return tuple(labels), tuple(dimensions)


def _check_facts(description: Mapping[str, Any]) -> None:
    """Check the training data and the figures of a description, which commands print.

    Raises:
        ValueError: one has another type.
    """
    stated = description.get("trained_on", "")
    names = [stated] if isinstance(stated, str) else stated
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise ValueError("trained_on is not a list of texts")
    figures = description.get("measured", {})
    if not isinstance(figures, dict):
        raise ValueError("measured is not an object")
    numbers = [description.get("recordings", 0)]
    numbers += [number for each in figures.values() for number in each.values()]
    if not all(isinstance(number, int | float) for number in numbers):
        raise ValueError("recordings or a figure is not a number")


def check_probabilities(found: Any, labels: int, place: str | os.PathLike[str]) -> NDArray[Any]:
    """Return the probabilities `(rows, labels)` that a head gave.

    Raises:
        ModelError: they are no probabilities, as of a damaged or hostile graph.
    """
    rows = np.asarray(found, dtype=np.float64)
    # NaN fails every comparison.
    if rows.ndim == 2 and rows.shape[0] and rows.shape[1] == labels:
        near = np.abs(rows.sum(axis=1) - 1) < 1e-2
        if near.all() and (rows >= 0).all():
            return rows
    raise ModelError(
        f"{os.fspath(place)}: its graph gave values that are not probabilities; copy the model "
        "folder again, or train it again"
    )


def check_values(found: Any, count: int, place: str | os.PathLike[str]) -> NDArray[Any]:
    """Return the values `(rows, dimensions)` that a head gave.

    Raises:
        ModelError: they are not finite numbers, as of a damaged or hostile graph.
    """
    rows = np.asarray(found, dtype=np.float64)
    if rows.ndim == 2 and rows.shape[0] and rows.shape[1] == count and np.isfinite(rows).all():
        return rows
    raise ModelError(
        f"{os.fspath(place)}: its graph gave values that are not numbers; copy the model folder "
        "again, or train it again"
    )


def _fits(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Return whether inputs have the types and sizes; a traced graph may leave sizes open."""
    return set(found) == set(wanted) and all(
        kind == found[name][0]
        and len(shape) == len(found[name][1])
        and all(
            one is None or not isinstance(other, int) or one == other
            for one, other in zip(shape, found[name][1], strict=True)
        )
        for name, (kind, shape) in wanted.items()
    )


def _describe(tensors: Mapping[str, Any]) -> str:
    """Describe tensors by name, type and last size."""
    return ", ".join(f"{name} {kind}{shape}" for name, (kind, shape) in tensors.items()) or "none"
