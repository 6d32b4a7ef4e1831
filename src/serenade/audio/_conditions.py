"""Imitate recording conditions outside the studio, one at a time, for robustness tests."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from serenade.audio._augment import WhiteNoise, add_noise, filter_band, reverberate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True)
class PinkNoise:
    """Noise whose power falls with frequency, as that of most rooms does.

    Args:
        snr: signal-to-noise ratio in dB.
    """

    snr: float

    def __call__(
        self,
        signal: NDArray[np.float32],
        sampling_rate: int,  # noqa: ARG002 - every change's
        rng: np.random.Generator,
    ) -> NDArray[np.float32]:
        """Return a noisy copy of the same shape."""
        return add_noise(signal, self.snr, rng, slope=1.0)


@dataclasses.dataclass(frozen=True)
class Reverberation:
    """Reverberation of a room.

    Args:
        time: until the reverberation has fallen by 60 dB, in seconds.
        direct: power of the direct path over that of the reverberation, in dB.
    """

    time: float
    direct: float = 0.0

    def __call__(
        self, signal: NDArray[np.float32], sampling_rate: int, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Return a copy with reverberation, of the same shape."""
        return reverberate(signal, sampling_rate, self.time, self.direct, rng)


@dataclasses.dataclass(frozen=True)
class Telephone:
    """A line of 300 to 3400 Hz with 8-bit logarithmic samples (ITU-T G.711, µ-law)."""

    def __call__(
        self,
        signal: NDArray[np.float32],
        sampling_rate: int,
        rng: np.random.Generator,  # noqa: ARG002 - every change's
    ) -> NDArray[np.float32]:
        """Return a copy as the listener hears it, of the same shape."""
        band = filter_band(signal, sampling_rate, 300.0, 3400.0)
        peak = max(float(np.abs(band).max(initial=0.0)), 1e-9)
        level = np.sign(band) * np.log1p(255 * np.abs(band) / peak) / np.log(256)
        coded = np.round(level * 127) / 127
        heard: NDArray[np.float64] = (
            peak * np.sign(coded) * np.expm1(np.abs(coded) * np.log(256)) / 255
        )
        return heard.astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Level:
    """Other recording level; samples beyond full scale are clipped.

    Args:
        gain: in dB.
    """

    gain: float

    def __call__(
        self,
        signal: NDArray[np.float32],
        sampling_rate: int,  # noqa: ARG002 - every change's
        rng: np.random.Generator,  # noqa: ARG002
    ) -> NDArray[np.float32]:
        """Return a copy at the other level, of the same shape."""
        gain = np.float32(10 ** (self.gain / 20))
        clipped: NDArray[np.float32] = np.clip(signal * gain, -1.0, 1.0)
        return clipped


Condition = WhiteNoise | PinkNoise | Reverberation | Telephone | Level

CONDITIONS: Mapping[str, Condition] = {
    **{f"white noise, {snr} dB": WhiteNoise((snr, snr)) for snr in (20, 10, 0)},
    **{f"pink noise, {snr} dB": PinkNoise(snr) for snr in (20, 10, 0)},
    **{f"reverberation, {time} s": Reverberation(time) for time in (0.3, 0.8)},
    "telephone": Telephone(),
    "20 dB quieter": Level(-20.0),
    "20 dB louder, clipped": Level(20.0),
}
"""Conditions of a robustness report, by name."""
