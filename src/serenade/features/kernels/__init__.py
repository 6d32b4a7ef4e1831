"""Compiled twins of functions marked `compilable`; what each one does is said there.

Imported by `serenade.features.compiled` only, because this package imports the compiler.
"""

from serenade.features.kernels.contours import higher_moments
from serenade.features.kernels.prediction import levinson, valley_roots
from serenade.features.kernels.short_term import (
    bin_sums,
    flux,
    magnitudes,
    sample_sums,
    widened,
)
from serenade.features.kernels.voice import (
    best_path,
    highest,
    matched,
    pulse_turns,
    sign_changes,
    strongest,
)

__all__ = [
    "best_path",
    "bin_sums",
    "flux",
    "higher_moments",
    "highest",
    "levinson",
    "magnitudes",
    "matched",
    "pulse_turns",
    "sample_sums",
    "sign_changes",
    "strongest",
    "valley_roots",
    "widened",
]
