"""Find a system by name, or by the path of a Python file."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from serenade import _extensions
from serenade.errors import SerenadeError

if TYPE_CHECKING:
    from serenade.systems._system import System


_MODULES = {
    "attentive-crnn": "attentive_crnn",
    "cnn-transformer": "cnn_transformer",
    "crnn": "crnn",
    "dcnn": "dcnn",
    "dual-bilstm": "dual_bilstm",
    "fusion-transformer": "fusion_transformer",
    "lld-blstm": "lld_blstm",
    "lld-svm": "lld_svm",
    "stser": "stser",
    "whisper-probe": "whisper_probe",
}


def names() -> tuple[str, ...]:
    """The systems that can be trained and evaluated.

    >>> "whisper-probe" in names()
    True
    """
    return tuple(sorted(_MODULES))


def get(name: str) -> System:
    """A system by its name, or one's own by the path of its file.

    Args:
        name: one of `names()`, or a file of Python that defines `SYSTEM`, a
            `serenade.systems._system.System`; see `examples/own_system.py`.

    Raises:
        SerenadeError: no system of this name, or a file that cannot be used.

    >>> get("whisper-probe").recipes["default"].copies
    3
    """
    if _extensions.is_python_file(name):
        from serenade.systems._system import System

        example = "SYSTEM = System(name=..., recipes={'default': ...}, feature=..., ...)"
        own: System = _extensions.load_attribute(name, "SYSTEM", System, example)
        _check(own, name)
        return own
    if name not in _MODULES:
        raise SerenadeError(
            f"{name}: no system of this name; choose from {', '.join(names())}, "
            "or give the path of a .py file that defines SYSTEM"
        )
    module = importlib.import_module(f"serenade.systems.{_MODULES[name]}")
    system: System = module.SYSTEM
    return system


def _check(system: System, path: str) -> None:
    """Refuse what would fail long after it was given."""
    if "default" not in system.recipes:
        raise SerenadeError(f"{path}: its SYSTEM has no recipe default; name one of its recipes so")
    if system.name in _MODULES:
        raise SerenadeError(
            f"{path}: {system.name} is a built-in system; give SYSTEM a name of its own, "
            "or reports could not tell them apart"
        )
    if (system.classifiers is None) == (system.network is None):
        raise SerenadeError(f"{path}: SYSTEM needs classifiers or network, and one of them only")
