"""Serenade: speech emotion recognition.

The shortest use, offline and without PyTorch:

>>> import serenade
>>> serenade.__version__
'0.1.0'
>>> model = serenade.load()
>>> "angry" in model.labels
True

`model.predict("call.wav")` gives one prediction, `model.timeline("call.wav")` one per window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

    from serenade.inference import Model

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def load(path: str | os.PathLike[str] | None = None) -> Model:
    """Load a model: the bundled one, or a folder written by `serenade train`.

    Args:
        path: a model folder; None for the model inside the package.

    Raises:
        ModelError: the folder is missing, damaged or of a later version.
    """
    from serenade.inference import Model

    return Model.load(path)
