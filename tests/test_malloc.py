"""Memory that calls free stays with the process."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

_PROGRAM = """
import resource
import numpy as np
from serenade.features.sets._acoustic import AcousticSet

signal = np.random.default_rng(0).standard_normal(64000).astype(np.float32)
features = AcousticSet()
for _ in range(3):
    features(signal, 16000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    features(signal, 16000)
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 10)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators adapt otherwise")
def test_calls_do_not_fault_their_memory_in_anew():
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], check=True, capture_output=True, text=True
    )
    assert float(done.stdout) < 20  # hundreds without
