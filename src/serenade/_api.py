"""Load a model, and open a stream of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

    from serenade.adaptation import Expect
    from serenade.inference import Model, Stream


def load(path: str | os.PathLike[str] | None = None) -> Model:
    """Load the bundled model, or a model folder that `serenade train` wrote.

    Args:
        path: the folder, or `USER/NAME` of a model on the Hugging Face hub, which is downloaded
            once; None, `bundled` or `adaptive` for the bundled model; `commercial` for the model
            whose licence allows commercial use; `arousal` for the model of arousal, whose labels
            are derived from emotions.

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
    adapt: Expect | None = None,
) -> Stream:
    """Open a stream that predicts a signal while it arrives, chunk by chunk.

    Args:
        model: model to predict with; None for the bundled model.
        sampling_rate: sampling rate of the samples in Hz.
        window: length of a window in seconds; None for the default.
        hop: distance between windows in seconds; None for the default.
        adapt: content of the stream, to adapt each utterance to those before it, see
            `Model.timeline`; None for no adaptation.

    Returns:
        A stream, whose `push(chunk)` and `close()` return updates. Its `latency` is their longest
        delay.

    >>> import numpy as np
    >>> round(stream(sampling_rate=16000).latency, 2)
    1.48
    """
    from serenade.inference import DEFAULT_HOP, DEFAULT_WINDOW

    return (model or load()).stream(
        sampling_rate,
        window=DEFAULT_WINDOW if window is None else window,
        hop=DEFAULT_HOP if hop is None else hop,
        adapt=adapt,
    )
