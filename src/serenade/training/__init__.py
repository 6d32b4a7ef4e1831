"""Training: the scikit-learn contract over a system."""

from __future__ import annotations

from serenade.training.estimator import Estimator

__all__ = ["Estimator"]
