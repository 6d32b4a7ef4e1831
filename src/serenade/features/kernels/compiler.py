"""How kernels are compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numba

if TYPE_CHECKING:
    from collections.abc import Callable

    Compiler: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]

# Sums may be taken in another order, which is what makes them vectors.
compiled: Compiler = numba.njit(
    cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"}
)
