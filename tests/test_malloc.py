"""Freed memory stays with the process."""

from __future__ import annotations

import platform
import subprocess
import sys

import numpy as np
import pytest

from serenade._malloc import keep_memory

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


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators behave differently")
def test_keep_scratch_avoids_page_faults_of_features():
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], check=True, capture_output=True, text=True
    )
    assert float(done.stdout) < 20  # hundreds without


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these settings")
def test_keep_memory_reuses_freed_blocks() -> None:
    resource = pytest.importorskip("resource")

    def faults() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(20):
            np.ones(4 << 20, dtype=np.uint8)
        return int(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

    assert keep_memory()
    faults()  # the heap grows once
    assert faults() < 20 * 100  # of 1024 pages each where blocks are given back
