"""Inference: recordings to posteriors with onnxruntime alone, no PyTorch."""

from __future__ import annotations

from serenade.inference.model import Model
from serenade.inference.prediction import Prediction, Window

__all__ = ["Model", "Prediction", "Window"]
