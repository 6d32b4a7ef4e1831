"""Change recordings at random without changing their emotion, to augment training clips."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Random speed, reverberation, filtering and noise, each with its own probability.

    Speed changes pitch and tempo together, as another speaker would; the others imitate other
    rooms, microphones and lines. Set a probability to zero to leave a change out.

    Args:
        speed: probability of another speed.
        speed_range: lowest and highest factor.
        reverberation: probability.
        reverberation_range: shortest and longest reverberation time (60 dB), in seconds.
        filtering: probability of a band limit and a spectral tilt.
        noise: probability of coloured noise.
        noise_range: lowest and highest signal-to-noise ratio, in dB.

    >>> changed = Augmentation()(np.ones(1600, np.float32), 16000, np.random.default_rng(3))
    >>> changed.dtype, changed.ndim
    (dtype('float32'), 1)
    """

    speed: float = 0.7
    speed_range: tuple[float, float] = (0.9, 1.12)
    reverberation: float = 0.5
    reverberation_range: tuple[float, float] = (0.1, 0.7)
    filtering: float = 0.6
    noise: float = 0.7
    noise_range: tuple[float, float] = (5.0, 35.0)

    def __call__(
        self, signal: NDArray[np.float32], sampling_rate: int, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Return a changed copy; its length differs if the speed changed.

        A copy that would exceed full scale is made quieter, so that it is not clipped.

        Args:
            signal: mono samples, shape `(samples,)`.
            sampling_rate: in Hz.
            rng: source of all random choices; the same state gives the same copy.
        """
        if rng.random() < self.speed:
            signal = change_speed(signal, sampling_rate, rng.uniform(*self.speed_range))
        if rng.random() < self.reverberation:
            signal = reverberate(
                signal,
                sampling_rate,
                rng.uniform(*self.reverberation_range),
                rng.uniform(0, 12),
                rng,
            )
        if rng.random() < self.filtering:
            low, high = rng.uniform(50, 300), rng.uniform(3000, 7600)
            signal = filter_band(signal, sampling_rate, low, high, rng.uniform(-3, 3))
        if rng.random() < self.noise:
            signal = add_noise(signal, rng.uniform(*self.noise_range), rng, rng.uniform(0, 2))
        peak = float(np.abs(signal).max(initial=0.0))
        return signal / np.float32(peak) if peak > 1 else signal


@dataclasses.dataclass(frozen=True)
class WhiteNoise:
    """Additive white Gaussian noise in every copy.

    Args:
        snr: lowest and highest signal-to-noise ratio, in dB, between which each copy's is drawn.

    >>> rng = np.random.default_rng(0)
    >>> changed = WhiteNoise((20.0, 20.0))(np.ones(1600, np.float32), 16000, rng)
    >>> round(float(changed.std()), 2)
    0.1
    """

    snr: tuple[float, float] = (15.0, 30.0)

    def __call__(
        self,
        signal: NDArray[np.float32],
        sampling_rate: int,  # noqa: ARG002 - white at every rate
        rng: np.random.Generator,
    ) -> NDArray[np.float32]:
        """Return a noisy copy of the same shape; samples can exceed full scale.

        Args:
            signal: mono samples, shape `(samples,)`.
            sampling_rate: in Hz.
            rng: source of all random choices; the same state gives the same copy.
        """
        return add_noise(signal, rng.uniform(*self.snr), rng)


def add_noise(
    signal: NDArray[np.float32], snr: float, rng: np.random.Generator, slope: float = 0.0
) -> NDArray[np.float32]:
    """Add Gaussian noise at a signal-to-noise ratio measured over the whole signal.

    Args:
        signal: mono samples, shape `(samples,)`.
        snr: in dB.
        rng: source of the noise.
        slope: its power falls as frequency to this power: 0 white, 1 pink, 2 brown.

    >>> clean = np.sin(np.arange(16000, dtype=np.float32))
    >>> noise = add_noise(clean, 20.0, np.random.default_rng(0)) - clean
    >>> float(round(10 * np.log10(np.mean(clean**2) / np.mean(noise**2)), 3))
    20.0
    """
    noise = rng.standard_normal(signal.size)
    if slope:
        spectrum = np.fft.rfft(noise)
        # The lowest bins would have all the power of brown noise, so the slope starts above them.
        bins = np.maximum(np.arange(spectrum.size), spectrum.size / 200)
        noise = np.fft.irfft(spectrum * bins ** (-slope / 2), signal.size)
    return mix(signal, noise, snr)


def mix(signal: NDArray[np.float32], noise: NDArray[np.float64], snr: float) -> NDArray[np.float32]:
    """Add other sound of the same shape at a signal-to-noise ratio in dB."""
    power = float(np.mean(np.square(signal, dtype=np.float64)))
    gain = math.sqrt(power / max(float(np.mean(noise**2)), 1e-20)) * 10 ** (-snr / 20)
    return (signal + gain * noise).astype(np.float32)


def change_speed(
    signal: NDArray[np.float32], sampling_rate: int, factor: float
) -> NDArray[np.float32]:
    """Play faster (factor above 1) or slower: pitch, formants and tempo move together.

    >>> change_speed(np.ones(1600, np.float32), 16000, 1.25).shape
    (1280,)
    """
    import soxr

    changed: NDArray[np.float32] = soxr.resample(signal, sampling_rate * factor, sampling_rate)
    return changed


def reverberate(
    signal: NDArray[np.float32],
    sampling_rate: int,
    time: float,
    direct: float,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Convolve with a direct path and exponentially decaying noise (Polack's room model).

    Args:
        signal: mono samples, shape `(samples,)`.
        sampling_rate: in Hz.
        time: until the reverberation has fallen by 60 dB, in seconds.
        direct: power of the direct path over that of the reverberation, in dB.
        rng: source of the room's response.

    Returns:
        The signal with reverberation, of the same shape; its end is cut off.
    """
    length = max(1, round(time * sampling_rate))
    response = rng.standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
    response *= 10 ** (-direct / 20) / np.sqrt(np.sum(response**2))
    response[0] += 1.0
    size = 1 << (signal.size + length - 1).bit_length()
    wet = np.fft.irfft(np.fft.rfft(signal, size) * np.fft.rfft(response, size), size)
    return wet[: signal.size].astype(np.float32)


def filter_band(
    signal: NDArray[np.float32], sampling_rate: int, low: float, high: float, tilt: float = 0.0
) -> NDArray[np.float32]:
    """Limit the band, as a line or a small microphone does, and tilt the spectrum.

    Args:
        signal: mono samples, shape `(samples,)`.
        sampling_rate: in Hz.
        low: lower edge (half power) in Hz, 12 dB per octave.
        high: upper edge in Hz, 48 dB per octave.
        tilt: in dB per octave around 1 kHz.
    """
    frequencies = np.fft.rfftfreq(signal.size, 1 / sampling_rate)
    gain = np.sqrt((frequencies / low) ** 4 / (1 + (frequencies / low) ** 4))
    gain /= np.sqrt(1 + (frequencies / high) ** 16)
    gain *= 10 ** (tilt * np.log2(np.maximum(frequencies, 100) / 1000) / 20)
    return np.fft.irfft(np.fft.rfft(signal) * gain, signal.size).astype(np.float32)
