"""Compiled code in place of some passes over arrays, where the user asks for it.

    serenade.features.compiled.use(True)        # or: SERENADE_COMPILED=1 in the environment

Functions marked `compilable` then run as the kernel of the same name in `serenade.features.kernels`
(the extra "compiled" brings what compiles it): the 34 short-term features, pitch, cycles, linear
prediction, zero crossings and moments. Values are the same but for rounding. Off by default:
loading the compiler takes half a second and more, and compiling, which a machine does once and
keeps on disk, several seconds. It pays for whole corpora, not for single recordings. Processes
that work for this one heed the environment only.
"""

from __future__ import annotations

import functools
import importlib
import os
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from serenade.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

_wanted = os.environ.get("SERENADE_COMPILED", "") == "1"


def use(wanted: bool) -> None:
    """Say whether to run compiled code, in this process, from now on.

    Raises:
        MissingExtraError: it is wanted but cannot be compiled.

    >>> use(False)
    >>> in_use()
    False
    """
    global _wanted  # noqa: PLW0603 - one switch per process, like the environment variable
    if wanted:
        _kernels()
    _wanted = wanted


def in_use() -> bool:
    """Whether compiled code runs."""
    return _wanted


def compilable(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Mark a function that has a kernel of the same name, arguments and results.

    A kernel raises nothing and checks no bounds, so callers see to it that arguments fit.
    """
    name = function.__name__.lstrip("_")

    @functools.wraps(function)
    def call(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        if not _wanted:
            return function(*args, **kwargs)
        result: _Result = getattr(_kernels(), name)(*args, **kwargs)
        return result

    return call


@functools.cache
def _kernels() -> ModuleType:
    try:
        return importlib.import_module("serenade.features.kernels")
    except ModuleNotFoundError as error:
        raise MissingExtraError("compiled features", "compiled") from error
