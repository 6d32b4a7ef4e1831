"""Inference: recordings and streams to posteriors with onnxruntime alone, no PyTorch."""

from __future__ import annotations

from serenade.inference.model import Model
from serenade.inference.prediction import Prediction, Segment, Timeline, Update
from serenade.inference.stream import Stream

__all__ = ["Model", "Prediction", "Segment", "Stream", "Timeline", "Update"]
