"""Fixtures every room shares."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest


def _folder(variable: str, beside: str) -> Path:
    """A folder of test material: named by an environment variable, else beside the checkout."""
    named = os.environ.get(variable)
    path = Path(named) if named else Path(__file__).parents[2] / "shared" / beside
    if not path.is_dir():
        pytest.skip(f"real {beside} not found: set {variable} to a folder that holds them")
    return path


@pytest.fixture(scope="session")
def corpora_root() -> Path:
    """The folder that holds `ravdess`, `emodb`, `nemo`, …; skips where there is none."""
    return _folder("SERENADE_CORPORA", "corpora")


@pytest.fixture(scope="session")
def models_root() -> Path:
    """The folder that holds pre-trained encoder weights; skips where there is none."""
    return _folder("SERENADE_MODELS", "models")


@pytest.fixture
def tone() -> np.ndarray:
    """One second of a 220 Hz harmonic tone with a little noise, 16 kHz."""
    rng = np.random.default_rng(0)
    time = np.arange(16000) / 16000
    harmonics = sum(np.sin(2 * np.pi * 220 * k * time) / k for k in range(1, 9))
    return (0.2 * harmonics + 0.001 * rng.standard_normal(16000)).astype(np.float32)
