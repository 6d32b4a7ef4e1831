"""Small corpora written for a test."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

Writer = Callable[..., Path]


@pytest.fixture(scope="session")
def record() -> Writer:
    """Write a recording of noise that depends on its name; returns its path."""

    def write(
        path: Path, seconds: float = 0.25, *, rate: int = 8000, channels: int = 1, seed: str = ""
    ) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(zlib.crc32((seed or str(path)).encode()))
        signal = rng.uniform(-0.3, 0.3, (round(seconds * rate), channels))
        soundfile.write(path, signal, rate)
        return path

    return write
