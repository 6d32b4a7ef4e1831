"""Find a system by its name, or by the path of a Python file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serenade._registry import Registry
from serenade.errors import SerenadeError

if TYPE_CHECKING:
    from serenade.systems._system import System

_REGISTRY = Registry(
    kind="system",
    package="serenade.systems",
    attribute="SYSTEM",
    error=SerenadeError,
    files="a .py file that defines SYSTEM",
    type_name="System",
    variants={"crnn": "attentive_crnn:CRNN"},
    example="SYSTEM = OwnSystem(), with OwnSystem a subclass of serenade.systems.System",
)


def names() -> tuple[str, ...]:
    """Return the names of the systems that can be trained and evaluated.

    >>> "whisper-probe" in names()
    True
    """
    return _REGISTRY.names()


def check_name(name: str) -> None:
    """Raise an error if no system has this name; unlike `get`, it imports no system.

    Args:
        name: as in `get`.

    Raises:
        SerenadeError: no system has this name.

    >>> check_name("whisper-probe")
    """
    _REGISTRY.check_name(name)


def describe(name: str) -> str:
    """Describe a system in one line: its title and its source.

    Args:
        name: as in `get`.

    Raises:
        SerenadeError: as in `get`.

    >>> describe("crnn").endswith("(He, Ren & He, experiment three)")
    True
    """
    system = get(name)
    return f"{system.title} ({system.source})"


def get(name: str) -> System:
    """Return a built-in system by its name, or a user's system by the path of its file.

    Args:
        name: one of `names()`, or a Python file that defines `SYSTEM`, a
            `serenade.systems.System`; see `examples/own_system.py`.

    Raises:
        SerenadeError: no system has this name, or the file cannot be used.

    >>> get("whisper-probe").recipes["default"].copies
    3
    """
    system: System = _REGISTRY.get(name)
    if name not in names():
        _check(system, name)
    return system


def _check(system: System, path: str) -> None:
    """Raise an error for a user's system that would fail later, in training or in a report."""
    if "default" not in system.recipes:
        raise SerenadeError(f"{path}: SYSTEM has no recipe default; rename one of its recipes")
    if system.name in names():
        raise SerenadeError(
            f"{path}: {system.name} is a built-in system; give SYSTEM a name of its own, "
            "or reports could not tell them apart"
        )
    try:
        system.require_learner(system.recipes["default"])
    except SerenadeError as error:
        raise SerenadeError(f"{path}: {error}") from None
