"""Memory for intermediate results that stays with the process from one call to the next."""

from __future__ import annotations

import functools

import numpy as np

_KEPT = 16 * 2**20  # bytes; below the 32 MiB up to which glibc adapts


@functools.cache
def keep_scratch() -> None:
    """Have the allocator keep the memory that a call frees; only the first call does anything.

    glibc gives freed memory at the end of the heap back once there is more than twice the largest
    block it ever mapped and unmapped (mallopt(3), M_TRIM_THRESHOLD). A feature's intermediate
    results of a few megabytes would then be given back after every call, and the faults when the
    next one touches them anew cost as much as its arithmetic. One large block, never written to,
    raises that mark to 32 MiB. Other allocators are not affected.
    """
    np.empty(_KEPT, dtype=np.uint8)
