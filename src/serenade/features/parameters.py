"""Values from a file or a command line, held against the annotations of a dataclass's fields."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCALARS = (bool, int, float, str)


def misfit(kind: type, values: Mapping[str, Any]) -> str:
    """What is wrong with values for a dataclass's fields, as a clause; empty for nothing.

    Numbers, texts, tuples and choices of these are checked; a whole number is also taken for a
    float, and NaN for none. Fields annotated otherwise, and names that are no field, are not
    judged.

    Args:
        kind: the dataclass.
        values: by field.

    >>> @dataclasses.dataclass
    ... class Window:
    ...     length: float = 0.025
    ...     bands: tuple[int, ...] = ()
    >>> misfit(Window, {"length": 1, "bands": (1, 2)})
    ''
    >>> misfit(Window, {"bands": 3})
    'bands is tuple[int, ...], got 3'
    """
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if field.name in values and not _fits(values[field.name], hints[field.name]):
            stated = hints[field.name]
            wanted = stated.__name__ if stated in _SCALARS else str(stated)
            return (
                f"{field.name} is {wanted.replace('typing.', '')}, got {_shown(values[field.name])}"
            )
    return ""


def _shown(value: Any) -> str:
    """A value on one short line."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no integer of thousands of digits
        return "a number of thousands of digits"
    return text if len(text) <= 60 else f"{text[:60]}…"


def _fits(value: Any, hint: Any) -> bool:
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    fits = True
    if hint is None or hint is type(None):
        fits = value is None
    elif hint is float:
        # Beyond what a float holds, an integer is as little a number as NaN.
        fits = type(value) in {int, float} and abs(value) < 1e308
    elif hint in _SCALARS:
        fits = type(value) is hint
    elif origin is typing.Literal:
        fits = any(type(value) is type(part) and value == part for part in parts)
    elif origin in {typing.Union, types.UnionType}:
        fits = any(_fits(value, part) for part in parts)
    elif origin is tuple and parts:
        of_one = (
            parts[:1] * len(value) if parts[-1] is Ellipsis and isinstance(value, tuple) else parts
        )
        fits = (
            isinstance(value, tuple)
            and len(value) == len(of_one)
            and all(map(_fits, value, of_one))
        )
    return fits
