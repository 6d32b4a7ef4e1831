"""Systems: one file each, from features to posteriors. Adding one is a file and a line here."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from serenade.errors import SerenadeError

if TYPE_CHECKING:
    from serenade.systems.base import System

__all__ = ["get", "names"]

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
    """A system by its name.

    Raises:
        SerenadeError: no system of this name.

    >>> get("whisper-probe").recipes["default"].copies
    3
    """
    if name not in _MODULES:
        raise SerenadeError(f"{name}: no system of this name; choose from {', '.join(names())}")
    module = importlib.import_module(f"serenade.systems.{_MODULES[name]}")
    system: System = module.SYSTEM
    return system
