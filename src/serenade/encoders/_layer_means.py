"""Means over time of all hidden states of a speech encoder; signals for encoders to be trained."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from serenade.encoders.whisper import (
    WHISPER_BASE,
    WHISPER_RATE,
    WHISPER_SHORTEST,
    WhisperPooled,
    fingerprint_whisper,
    open_encoder,
    pool_parts,
)
from serenade.errors import ModelError, SignalFormatError, TooShortError
from serenade.features import Feature, as_signal
from serenade.runtime import run_session

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LONGEST = 30 * WHISPER_RATE  # samples; attention takes memory by their square


@dataclasses.dataclass(frozen=True)
class LayerMeans(Feature):
    """Mean over time of each hidden state of a speech encoder, `(states, width)`.

    A row is a state, not a moment: a classifier that weighs the rows learns which layers tell most.
    Its weighted mean of rows is the mean over time of the weighted states.

    Attributes:
        encoder: a Whisper encoder, or any encoder of 16 kHz signals that transformers loads; see
            `serenade.encoders.whisper._whisper_weights.locate_whisper`.
        deviation: whether to append the standard deviation over time, `(states, 2 * width)`.

    >>> LayerMeans()(np.sin(np.arange(16000, dtype=np.float32)), 16000).shape
    (6, 512)
    """

    located: ClassVar[tuple[str, ...]] = ("encoder",)
    encoder: str = WHISPER_BASE
    deviation: bool = False

    def identity(self) -> dict[str, object]:
        """Return the identity of the feature, with a hash of the encoder's content."""
        return super().identity() | {"encoder": fingerprint_whisper(self.encoder)}

    @property
    def names(self) -> tuple[str, ...]:
        """`mean_0`, …, `std_0`, …: statistic and unit."""
        width = self._read_properties()["width"]
        statistics = ("mean", "std")[: 1 + self.deviation]
        return tuple(f"{statistic}_{unit}" for statistic in statistics for unit in range(width))

    def __call__(self, signal: NDArray[np.float32], sampling_rate: int) -> NDArray[np.float32]:
        """Run the encoder and pool; parts of over 30 s are encoded alone and pooled as one.

        Raises:
            SignalFormatError: not a signal at 16 kHz.
            TooShortError: the signal is shorter than 25 ms.
            ModelError: no such encoder.
            MissingExtraError: converting the encoder needs an extra that is not installed.
        """
        stated = self._read_properties()
        if "mels" in stated:
            whisper = WhisperPooled(self.encoder, trim=False, deviation=self.deviation)
            return whisper(signal, sampling_rate).reshape(stated["states"], -1)
        if sampling_rate != WHISPER_RATE:
            raise SignalFormatError(
                "signal",
                f"the encoder takes {WHISPER_RATE} Hz, not {sampling_rate}",
                "read it at that rate",
            )
        if signal.size < WHISPER_SHORTEST:
            raise TooShortError(
                "signal", f"{signal.size} samples", f"give at least {WHISPER_SHORTEST} samples"
            )
        session = open_encoder(self.encoder)
        parts = np.array_split(signal.astype(np.float32), -(-signal.size // _LONGEST))
        found = [run_session(session, "pooled", {"signal": part[None]})[0] for part in parts]
        pooled = pool_parts(np.stack(found), np.array([part.size for part in parts], np.float64))
        return pooled[:, : 1 + self.deviation].reshape(len(pooled), -1).astype(np.float32)

    def _read_properties(self) -> dict[str, int]:
        """Return the numbers that the encoder's file states, such as `states` and `width`."""
        stated = open_encoder(self.encoder).get_modelmeta().custom_metadata_map
        known = {name: int(value) for name, value in stated.items() if value.isdecimal()}
        if not {"states", "width"} <= set(known):
            raise ModelError(
                f"{self.encoder}: an ONNX file that this package did not write; export it again"
            )
        return known


@dataclasses.dataclass(frozen=True)
class Waveform(Feature):
    """Samples of a signal, `(samples, 1)`, for a network that takes signals.

    Attributes:
        longest: seconds after which a signal is cut off.

    >>> Waveform(0.5)(np.ones(16000, np.float32), 16000).shape
    (8000, 1)
    """

    longest: float = 10.0

    @property
    def names(self) -> tuple[str, ...]:
        """`sample`."""
        return ("sample",)

    def __call__(self, signal: NDArray[np.float32], sampling_rate: int) -> NDArray[np.float32]:
        """Return the samples.

        Raises:
            TooShortError: the signal is shorter than 25 ms.
        """
        if signal.size < WHISPER_SHORTEST:
            raise TooShortError(
                "signal", f"{signal.size} samples", f"give at least {WHISPER_SHORTEST} samples"
            )
        return as_signal(signal)[: round(self.longest * sampling_rate), None].astype(np.float32)
