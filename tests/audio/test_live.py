"""Samples from pipes and microphones."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest

from serenade.audio import read_raw_samples, record_microphone
from serenade.errors import DeviceError, MissingExtraError


def test_read_raw_samples_yields_available_bytes(tone: np.ndarray) -> None:
    samples = (tone * 32767).astype("<i2")
    content = samples.tobytes()
    out, into = os.pipe()

    def write() -> None:
        with os.fdopen(into, "wb", buffering=0) as file:
            for start in range(0, len(content), 777):  # odd: samples are torn apart
                file.write(content[start : start + 777])

    writer = threading.Thread(target=write)
    writer.start()
    with os.fdopen(out, "rb") as file:
        chunks = list(read_raw_samples(file, 16000))
    writer.join()
    np.testing.assert_array_equal(np.concatenate(chunks), samples)
    assert all(chunk.size <= 1600 for chunk in chunks)


def test_record_microphone_explains_a_missing_microphone() -> None:
    """Wherever this runs: with or without sounddevice, PortAudio and devices."""
    with pytest.raises((DeviceError, MissingExtraError), match=r"--input -|serenade\[listen\]"):
        next(record_microphone(16000, "there is no such microphone"))
