"""Where in a recording a network with attention looked, as numbers and under the waveform."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade.audio import Audio, read
from serenade.errors import EvaluationError, MissingExtraError

if TYPE_CHECKING:
    import os

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from serenade.training import Estimator


@dataclasses.dataclass(frozen=True, eq=False)
class Attention:
    """Weights over a recording's time.

    Args:
        times: centre of each step, in seconds, shape `(steps,)`.
        weights: of each step, of sum one, shape `(steps,)`.
        emotion: what was recognised.
    """

    times: NDArray[np.float64]
    weights: NDArray[np.float64]
    emotion: str


def attention(estimator: Estimator, recording: Audio | str | os.PathLike[str]) -> Attention:
    """Weights that a fitted network gave the steps of a recording.

    Args:
        estimator: fitted, of `attentive-crnn` or a system like it.
        recording: a file, or audio that was read at the system's rate.

    Raises:
        EvaluationError: the estimator's network has no attention.
        AudioError: the recording cannot be used.
    """
    module: Any = getattr(estimator.classifier_, "module_", None)
    if not hasattr(module, "attention"):
        raise EvaluationError(
            f"{estimator.get_system().name}: has no attention over time; train attentive-crnn"
        )
    if estimator.speaker_standardisation:
        raise EvaluationError(
            "a single recording cannot be standardised by speaker; "
            "train without speaker standardisation"
        )
    import torch

    rate = estimator.get_system().sampling_rate
    audio = recording if isinstance(recording, Audio) else read(recording, sampling_rate=rate)
    (feature,) = estimator.features
    matrix = feature(audio.signal, audio.sampling_rate)  # type: ignore[call-arg]
    ((scaled,),) = estimator.learner_.scaled(([matrix],))  # type: ignore[attr-defined]
    values = torch.from_numpy(scaled)[None]
    values = values.to(estimator.classifier_.device)
    mask = torch.ones(values.shape[:2], dtype=torch.bool, device=values.device)
    module.eval()
    with torch.no_grad():
        weights = module.attention(values, mask)[0].double().cpu().numpy()
        best = int(module(values, mask).argmax())
    recipe = estimator.get_recipe()
    starts = np.arange(len(weights)) * recipe.window
    ends = np.minimum(starts + recipe.window, len(matrix)) - 1
    times = (starts + ends) / 2 * (recipe.step_seconds / recipe.window)
    return Attention(times, weights, str(estimator.classes_[best]))


def attention_figure(audio: Audio, found: Attention) -> Figure:
    """Draw a waveform, and attention over the same time below it.

    Args:
        audio: the recording.
        found: of `attention`.

    Returns:
        A matplotlib figure of two axes, which `savefig` writes.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("drawing figures", "train") from error
    figure = Figure(figsize=(6.0, 2.6), layout="constrained")
    above, below = figure.subplots(2, sharex=True, height_ratios=(3, 2))
    seconds = np.arange(len(audio.signal)) / audio.sampling_rate
    above.plot(seconds, audio.signal, color="0.35", linewidth=0.4)
    above.set_ylabel("amplitude")
    above.set_title(f"recognised: {found.emotion}", fontsize="medium")
    below.fill_between(found.times, found.weights, step="mid", color="0.35", linewidth=0)
    below.set_ylim(0, None)
    below.set_xlim(0, len(audio.signal) / audio.sampling_rate)
    below.set_ylabel("attention")
    below.set_xlabel("time (s)")
    return figure
