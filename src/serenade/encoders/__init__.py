"""Learnt representations of speech and text."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from serenade.encoders.whisper import WhisperPooled

if TYPE_CHECKING:
    from serenade.encoders.selfsupervised import SelfSupervised

__all__ = ["SelfSupervised", "WhisperPooled"]


def __getattr__(name: str) -> Any:
    # Needs PyTorch when it runs, which predicting, which imports this package, never does.
    if name == "SelfSupervised":
        return importlib.import_module("serenade.encoders.selfsupervised").SelfSupervised
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
