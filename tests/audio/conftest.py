from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import soundfile

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np


@pytest.fixture
def wav(tmp_path: Path, tone: np.ndarray) -> Path:
    """Write the tone as 16-bit WAV at 16 kHz."""
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone, 16000)
    return path
