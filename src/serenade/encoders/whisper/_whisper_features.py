"""Hidden states of a frozen Whisper encoder, per step or pooled over an utterance."""

from __future__ import annotations

import dataclasses
import functools
import threading
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from serenade.audio import find_active_part
from serenade.encoders.whisper import _whisper_weights
from serenade.errors import ModelError, SignalFormatError, TooShortError
from serenade.extraction import get_file_state
from serenade.features import Feature, log_mel_whisper
from serenade.runtime import open_session, run_session

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

WHISPER_RATE = 16000
"""Of the signals, in Hz."""

WHISPER_PEAK = 0.5
"""Largest sample that signals are scaled to."""

WHISPER_SHORTEST = 400
"""Samples needed: one window of Whisper's transform."""

_LARGE = 1200  # frames: attention takes memory by their square


@dataclasses.dataclass(frozen=True)
class _Whisper(Feature):
    """What both features share: level, trimming, log-mel and the encoder's run.

    Args:
        encoder: see `serenade.encoders.whisper._whisper_weights.locate_whisper`.
        trim: leave out the silence before and after the speech. Corpora differ in how much they
            left there; a model that sees it learns the corpus.
        dynamic_range: in decades of power: quieter mel bins are raised to this much below the
            loudest. Whisper's own is 8; less hides the noise floor of the recording chain.
    """

    located: ClassVar[tuple[str, ...]] = ("encoder",)

    encoder: str = _whisper_weights.WHISPER_BASE
    trim: bool = True
    dynamic_range: float = 8.0

    def identity(self) -> dict[str, object]:
        """Return the identity of the feature, with a hash of the encoder's content."""
        return super().identity() | {"encoder": _whisper_weights.fingerprint_whisper(self.encoder)}

    def _compute_mels(
        self, signal: NDArray[np.float32], sampling_rate: int
    ) -> list[NDArray[np.float32]]:
        """Log-mel images `(1, mels, frames)` of at most the encoder's length each."""
        if sampling_rate != WHISPER_RATE:
            raise SignalFormatError(
                "signal",
                f"Whisper takes {WHISPER_RATE} Hz, not {sampling_rate}",
                "read it at that rate",
            )
        if signal.size < WHISPER_SHORTEST:
            raise TooShortError(
                "signal", f"{signal.size} samples", f"give at least {WHISPER_SHORTEST} samples"
            )
        if self.trim:
            signal = signal[find_active_part(signal, sampling_rate)]
        # The recording level tells of the microphone, not of the speaker.
        signal = signal * np.float32(WHISPER_PEAK / max(float(np.abs(signal).max(initial=0)), 1e-9))
        facts = get_encoder_properties(self.encoder)
        mel = log_mel_whisper(signal, facts["mels"]).T
        # Whisper's scale has four decades to the unit.
        np.maximum(mel, mel.max() - np.float32(self.dynamic_range / 4), out=mel)
        longest = 2 * facts["steps"]
        parts = max(1, -(-mel.shape[1] // longest))
        return [
            np.ascontiguousarray(part[None], dtype=np.float32)
            for part in np.array_split(mel, parts, axis=1)
        ]


@dataclasses.dataclass(frozen=True)
class WhisperStates(_Whisper):
    """Hidden states of the encoder, `(steps, width)`, a step every 20 ms.

    Args:
        layer: 0 is the input of the first layer, the last the normalised output; None for all
            states side by side, `(steps, states * width)`.

    >>> WhisperStates(layer=2)(np.sin(np.arange(16000, dtype=np.float32)), 16000).shape
    (50, 512)
    """

    layer: int | None = -1

    @property
    def layers(self) -> list[int]:
        """Numbers of the states that are taken."""
        return count_layers(self.encoder, () if self.layer is None else (self.layer,))

    @property
    def states(self) -> int:
        """Return the number of hidden states in a frame."""
        return len(self.layers)

    @property
    def names(self) -> tuple[str, ...]:
        """`state2_0`, …: layer and unit."""
        width = get_encoder_properties(self.encoder)["width"]
        return tuple(f"state{layer}_{unit}" for layer in self.layers for unit in range(width))

    def __call__(self, signal: NDArray[np.float32], sampling_rate: int) -> NDArray[np.float32]:
        """Run the encoder; parts of over 30 s are encoded one after the other."""
        layers = self.layers
        parts = (
            run_encoder(self.encoder, "states", mel)
            for mel in self._compute_mels(signal, sampling_rate)
        )
        return np.concatenate(
            [np.concatenate([states[layer, 0] for layer in layers], axis=1) for states in parts]
        )


@dataclasses.dataclass(frozen=True)
class WhisperPooled(_Whisper):
    """Mean and standard deviation over time of hidden states, `(1, layers * 2 * width)`.

    Args:
        layers: which states; empty for all.
        deviation: whether the standard deviation is appended to the mean.

    >>> WhisperPooled()(np.sin(np.arange(16000, dtype=np.float32)), 16000).shape
    (1, 6144)
    """

    layers: tuple[int, ...] = ()
    deviation: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """`state0_mean_0`, …: layer, statistic and unit."""
        width = get_encoder_properties(self.encoder)["width"]
        return tuple(
            f"state{layer}_{statistic}_{unit}"
            for layer in count_layers(self.encoder, self.layers)
            for statistic in ("mean", "std")[: 1 + self.deviation]
            for unit in range(width)
        )

    def __call__(self, signal: NDArray[np.float32], sampling_rate: int) -> NDArray[np.float32]:
        """Run the encoder and pool; parts of over 30 s are pooled as one."""
        layers = count_layers(self.encoder, self.layers)
        mels = self._compute_mels(signal, sampling_rate)
        parts = np.stack([run_encoder(self.encoder, "pooled", mel)[0] for mel in mels])
        weights = np.array([(mel.shape[2] + 1) // 2 for mel in mels], dtype=np.float64)  # steps
        pooled = pool_parts(parts, weights) if len(mels) > 1 else parts[0]
        chosen = pooled[layers, : 1 + self.deviation]
        return chosen.reshape(1, -1).astype(np.float32)


def pool_parts(
    parts: NDArray[np.float32], weights: NDArray[np.float64]
) -> NDArray[np.floating[Any]]:
    """Join means and deviations of parts to those of the whole, `(states, 2, width)`.

    Args:
        parts: shape `(parts, states, 2, width)`.
        weights: length of each part.
    """
    mean, deviation = parts[:, :, 0], parts[:, :, 1]
    overall = np.average(mean, axis=0, weights=weights)
    square = np.average(deviation**2 + (mean - overall) ** 2, axis=0, weights=weights)
    joined: NDArray[Any] = np.stack([overall, np.sqrt(square)], axis=1)
    return joined


def run_encoder(encoder: str, output: str, mel: NDArray[np.float32]) -> NDArray[np.float32]:
    """One output of the encoder's graph for one batch of log-mel images."""
    large = mel.shape[2] > _LARGE
    result: NDArray[np.float32] = run_session(
        open_encoder(encoder), output, {"mel": mel}, large=large
    )
    return result


def get_encoder_properties(encoder: str) -> dict[str, int]:
    """`states`, `width`, `mels` and `steps` of an encoder, as its file states them.

    Raises:
        ModelError: no such encoder, or its file is not one that this package wrote.
    """
    stated = open_encoder(encoder).get_modelmeta().custom_metadata_map
    try:
        return {name: int(stated[name]) for name in ("states", "width", "mels", "steps")}
    except (KeyError, ValueError):
        raise ModelError(
            f"{encoder}: an ONNX file that this package did not write; export it again"
        ) from None


def open_encoder(encoder: str) -> Any:
    """Return the session of an encoder: one per process, opened again if its file changed."""
    path = _whisper_weights.locate_whisper(encoder)
    changed = get_file_state(path) if path.is_file() else ()
    with _OPENING:  # threads that begin together share one
        return _open_session(path, changed)


_OPENING = threading.Lock()


@functools.lru_cache(maxsize=2)
def _open_session(path: Path, changed: tuple[int, ...]) -> Any:  # noqa: ARG001 - the memory's key
    return open_session(path)


def count_layers(encoder: str, layers: tuple[int, ...]) -> list[int]:
    """Numbers of the chosen states; all where none is chosen."""
    states = range(get_encoder_properties(encoder)["states"])
    try:
        return [states[layer] for layer in layers or states]
    except IndexError:
        raise ModelError(
            f"{encoder}: has no state {layers}; its states are 0 to {states[-1]}"
        ) from None
