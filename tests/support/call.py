"""A recorded call in chunks, as frameworks for voice agents deliver it."""

from pathlib import Path

import numpy as np

from serenade.audio import read

RATE = 16000
CHUNK = 0.02  # seconds
EXAMPLE = Path(__file__).parents[2] / "examples" / "example.flac"


def read_call(speech, *, silence=0.0):
    """Return the first seconds of the example, then silence, as chunks `(samples,)` of int16."""
    signal = read(EXAMPLE, sampling_rate=RATE).signal[: round(speech * RATE)]
    samples = np.concatenate([signal, np.zeros(round(silence * RATE))])
    return np.split((samples * 32767).astype(np.int16), round((speech + silence) / CHUNK))
