"""Check values from a file or a command line against the annotations of a dataclass."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCALARS = (bool, int, float, str)


def find_mismatch(kind: type, values: Mapping[str, Any]) -> str:
    """Describe the first value that does not fit its field of a dataclass; "" if all fit.

    Numbers, texts, tuples and choices of these are checked. An integer fits a float; NaN does not.
    Other annotations, and names that are not fields, are not checked.

    Args:
        kind: the dataclass.
        values: by field.

    >>> @dataclasses.dataclass
    ... class Window:
    ...     length: float = 0.025
    ...     bands: tuple[int, ...] = ()
    >>> find_mismatch(Window, {"length": 1, "bands": (1, 2)})
    ''
    >>> find_mismatch(Window, {"bands": 3})
    'bands is tuple[int, ...], got 3'
    """
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if field.name in values and not _fits(values[field.name], hints[field.name]):
            wanted = _describe_hint(hints[field.name])
            return f"{field.name} is {wanted}, got {_show_value(values[field.name])}"
    return ""


def _describe_hint(hint: Any) -> str:
    """Describe an annotation, and list its choices if it has some.

    >>> _describe_hint(typing.Literal["a", "b"] | typing.Literal["c"])
    'one of a, b, c'
    """
    choices = _list_choices(hint)
    if choices:
        return f"one of {', '.join(map(str, choices))}"
    return hint.__name__ if hint in _SCALARS else str(hint).replace("typing.", "")


def _list_choices(hint: Any) -> tuple[Any, ...]:
    """Return the values of an annotation that consists of literals only, else no value."""
    if typing.get_origin(hint) is typing.Literal:
        return typing.get_args(hint)
    if typing.get_origin(hint) not in {typing.Union, types.UnionType}:
        return ()
    parts = [_list_choices(part) for part in typing.get_args(hint)]
    return tuple(choice for part in parts for choice in part) if all(parts) else ()


def _show_value(value: Any) -> str:
    """Return a value as one short line."""
    try:
        text = repr(value)
    except ValueError:  # Python does not write integers of thousands of digits
        return "a number of thousands of digits"
    return text if len(text) <= 60 else f"{text[:60]}…"


def _fits(value: Any, hint: Any) -> bool:
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return any(type(value) is type(part) and value == part for part in parts)
    if origin in {typing.Union, types.UnionType}:
        return any(_fits(value, part) for part in parts)
    if origin is tuple and parts:
        return isinstance(value, tuple) and _fits_tuple(value, parts)
    return _fits_scalar(value, hint)


def _fits_tuple(values: tuple[Any, ...], hints: tuple[Any, ...]) -> bool:
    if hints[-1] is Ellipsis:
        return all(_fits(value, hints[0]) for value in values)
    return len(values) == len(hints) and all(map(_fits, values, hints))


def _fits_scalar(value: Any, hint: Any) -> bool:
    if hint is None or hint is type(None):
        return value is None
    if hint is float:
        # An integer that is too large for a float is refused like NaN.
        return type(value) in {int, float} and abs(value) < 1e308
    return hint not in _SCALARS or type(value) is hint
