from __future__ import annotations

import platform

import pytest

from serenade.training import keep_memory


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_freed_blocks_are_met_again() -> None:
    resource = pytest.importorskip("resource")
    import numpy as np

    def faults() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(20):
            np.ones(4 << 20, dtype=np.uint8)
        return int(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

    assert keep_memory()
    faults()  # the heap grows once
    assert faults() < 20 * 100  # of 1024 pages each where blocks are given back
