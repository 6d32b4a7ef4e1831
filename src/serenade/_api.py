"""Load a model and open a stream: the shortest way into the package."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

    from serenade.inference import Model, Stream


def load(path: str | os.PathLike[str] | None = None) -> Model:
    """Load a model: the bundled one, or a folder written by `serenade train`.

    Args:
        path: a model folder; `USER/NAME` for one of the Hugging Face hub, downloaded once; None
            for the model inside the package.

    Raises:
        ModelError: the folder is missing, damaged or of a later version.
    """
    from serenade.inference import Model

    return Model.load(path)


def stream(
    model: Model | None = None,
    *,
    sampling_rate: int,
    window: float | None = None,
    hop: float | None = None,
) -> Stream:
    """Judge a signal while it comes, chunk by chunk.

    Args:
        model: None for the bundled one.
        sampling_rate: of the samples that will come, in Hz.
        window: length of a look in seconds; None for the default.
        hop: seconds between looks; None for the default.

    Returns:
        A `serenade.inference.Stream`: `push(chunk)` and `close()` give updates, `latency` says how
        long they take.

    >>> import numpy as np
    >>> round(stream(sampling_rate=16000).latency, 2)
    1.48
    """
    from serenade.inference import DEFAULT_HOP, DEFAULT_WINDOW

    return (model or load()).stream(
        sampling_rate,
        window=DEFAULT_WINDOW if window is None else window,
        hop=DEFAULT_HOP if hop is None else hop,
    )
