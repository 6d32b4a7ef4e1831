"""Low-level descriptors of a voice, all from one short-time spectrum and one pitch track.

They are the usual ones of paralinguistics (Schuller et al. 2013, the ComParE set; Eyben et al.
2016, the Geneva minimalistic set), with our own definitions where those differ; each is
given at `SPECTRAL` and `VOICED`.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade._malloc import keep_scratch
from serenade.features.sets._descriptor_tables import (
    N_MELS,
    N_MFCC,
    DescriptorTables,
    make_descriptor_tables,
)
from serenade.features.spectral import (
    as_signal,
    framed_spectra,
    pad_ends,
    square,
    zero_crossing_rate,
)
from serenade.features.voice import find_cycles, find_formants

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from serenade.features.spectral import Framing
    from serenade.features.voice import PitchTrack, Voice

SPECTRAL = (
    *(f"mel{band:02d}_db" for band in range(1, N_MELS + 1)),
    *(f"mfcc{order:02d}" for order in range(1, N_MFCC + 1)),
    "loudness",
    "slope_0_500",
    "slope_500_1500",
    "entropy",
    "flatness_db",
    "flux_db",
    "energy_db",
    "alpha_ratio_db",
    "centroid_hz",
    "spread_hz",
    "zcr",
    "voicing",
)
"""Descriptors of every frame; where not said otherwise, of the power in 26 mel bands.

- `mel…_db`: the bands, triangles from 20 to 8000 Hz on HTK's mel scale; `mfcc…`: coefficients 1 to
  14 of their discrete cosine transform;
- `energy_db`: mean power; `loudness`: the bands weighted by the equal-loudness curve, compressed by
  a cube root and summed (perceptual linear prediction: Hermansky 1990);
- `slope_…`: of the line through the bands between two frequencies, in dB per kHz;
- `entropy` in nats, `flatness_db`: geometric over arithmetic mean;
- `alpha_ratio_db`: power in 50-1000 Hz over that in 1-5 kHz (Eyben et al. 2016); `centroid_hz`,
  `spread_hz`: mean and standard deviation of frequency; all three of the power spectrum itself;
- `flux_db`: root mean square rise of the bands since the frame before;
- `zcr`: zero crossings per sample; `voicing`: strength of the periodicity (see `PitchTrack`).
"""

VOICED = (
    "f0_semitones",
    "f0_slope",
    "jitter",
    "shimmer",
    "hnr_db",
    *(f"f{number}_hz" for number in (1, 2, 3)),
    *(f"b{number}_hz" for number in (1, 2, 3)),
)
"""Descriptors of voiced frames.

- `f0_semitones`: above 27.5 Hz; `f0_slope`: its change from the frame before to the frame after, in
  semitones per frame, 0 at either end of a voiced stretch;
- `jitter`, `shimmer`, `hnr_db`: see `Voice`;
- `f…_hz`, `b…_hz`: formants and their bandwidths (see `Formants`), found in every other frame.
"""

_BLOCK = 64  # frames at a time, so that their spectra stay in the first caches
_FLOOR = 1e-10  # -100 dB, added to powers before their logarithm
_DECIBEL = 10 / math.log(10)


@dataclasses.dataclass(frozen=True, eq=False)
class Descriptors:
    """Descriptors of a signal's frames.

    Attributes:
        spectral: columns `SPECTRAL` of every frame, shape `(frames, len(SPECTRAL))`.
        voiced: columns `VOICED` of the voiced frames, shape `(voiced frames, len(VOICED))`.
        track: F0 and voicing of every frame.
    """

    spectral: NDArray[np.float32]
    voiced: NDArray[np.float32]
    track: PitchTrack


def describe(signal: NDArray[Any], sampling_rate: int, voice: Voice) -> Descriptors:
    """Compute all descriptors of a signal, its mean removed.

    Args:
        signal: mono samples, shape `(samples,)`.
        sampling_rate: in Hz, at least 8000; meant for 16000.
        voice: how F0, jitter and shimmer are found; its frames must be 10 ms apart.

    Returns:
        `1 + samples // hop` frames, centred on multiples of the hop.

    Raises:
        SignalFormatError: the signal is not one-dimensional and real, or its rate too low.
        NoSamplesError: it is empty.
    """
    given = as_signal(signal)
    keep_scratch()
    tables = make_descriptor_tables(sampling_rate)
    framing = tables.framing
    margin = framing.n_fft // 2
    padded = pad_ends(given, margin)  # once for all that look at frames
    samples = padded[margin : margin + given.size]
    samples -= given.sum() / np.float32(given.size)
    sums = _of_power(padded, tables)
    parts = {name: sums[:, columns] for name, columns in tables.parts.items()}
    track = voice.pitch.track(samples, sampling_rate)
    voiced = track.voiced
    spectral = np.concatenate(
        [
            *_of_mel(parts["mel"], tables),
            *_of_sums(parts, sampling_rate / 2),
            _crossings(padded, framing)[:, None],
            track.strength[:, None],
        ],
        axis=1,
    )
    lags = parts["lags"][voiced]
    formants = find_formants(lags[::2], tables.formant_band)
    of_voice = np.concatenate(
        [
            _melody(track),
            voice.of(find_cycles(samples, sampling_rate, track), track)[voiced],
            np.repeat(np.concatenate(formants, axis=1), 2, axis=0)[: len(lags)],
        ],
        axis=1,
    )
    return Descriptors(spectral, of_voice, track)


def _melody(track: PitchTrack) -> NDArray[np.float32]:
    """Compute `f0_semitones` and `f0_slope` of voiced frames, shape `(voiced frames, 2)`."""
    frame = np.flatnonzero(track.voiced)
    result = np.zeros((len(frame), 2), dtype=np.float32)
    result[:, 0] = 12 * np.log2(track.frequency[frame] / np.float32(27.5))
    inside = frame[2:] - frame[:-2] == 2
    result[1:-1, 1] = np.where(inside, (result[2:, 0] - result[:-2, 0]) / 2, 0)
    return result


def _crossings(padded: NDArray[np.float32], framing: Framing) -> NDArray[np.float32]:
    """Compute `zcr` of the middle of frames that are zero-padded to the transform."""
    beside = (framing.n_fft - framing.length) // 2
    inner = padded[beside : padded.size - beside]
    return zero_crossing_rate(inner, framing.length, framing.hop_length, center=False)


def _of_power(padded: NDArray[np.float32], tables: DescriptorTables) -> NDArray[np.float32]:
    """Compute weighted sums of the power spectrum, shape `(frames, columns of of_power)`."""
    framing = tables.framing
    sums = np.empty((framing.count(padded.size), tables.of_power.shape[1]), dtype=np.float32)
    power = np.empty((0, framing.bins), dtype=np.float32)
    for block, spectrum in framed_spectra(padded, framing):
        if not power.size:
            power = np.empty(spectrum.shape, dtype=np.float32)
        np.matmul(square(spectrum, power[: len(spectrum)]), tables.of_power, out=sums[block])
    return sums


def _decibels(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """Convert power to decibels above the floor."""
    level: NDArray[np.float32] = np.log(power + np.float32(_FLOOR))
    level *= np.float32(_DECIBEL)
    return level


def _of_mel(power: NDArray[np.float32], tables: DescriptorTables) -> list[NDArray[np.float32]]:
    """Compute the columns from `mel01_db` to `flux_db`."""
    floored = power + np.float32(_FLOOR)
    level: NDArray[np.float32] = np.log(floored)
    level *= np.float32(_DECIBEL)
    products = level @ tables.of_mel
    total = floored @ np.ones((N_MELS, 1), dtype=np.float32)
    log_total = np.log(total)
    # Of shares p / total, so that the logarithms are there already.
    entropy = log_total - np.einsum("ij,ij->i", floored, level)[:, None] / (
        total * np.float32(_DECIBEL)
    )
    rise = np.maximum(level[1:] - level[:-1], 0)
    flux = np.zeros((len(level), 1), dtype=np.float32)
    np.sqrt(np.einsum("ij,ij->i", rise, rise) / np.float32(N_MELS), out=flux[1:, 0])
    return [
        level,
        products[:, :N_MFCC],
        np.cbrt(power) @ tables.loudness[:, None],
        products[:, N_MFCC + 1 :],
        entropy,
        products[:, N_MFCC : N_MFCC + 1]
        - np.float32(_DECIBEL) * (log_total - np.float32(math.log(N_MELS))),
        flux,
    ]


def _of_sums(parts: dict[str, NDArray[np.float32]], nyquist: float) -> list[NDArray[np.float32]]:
    """Compute the columns from `energy_db` to `spread_hz`."""
    power = parts["power"]
    levels = _decibels(power)
    moments = parts["moments"] / np.maximum(power[:, :1], np.float32(_FLOOR))
    moments[:, 1] -= np.square(moments[:, 0])
    np.sqrt(np.maximum(moments[:, 1], 0), out=moments[:, 1])
    moments *= np.float32(nyquist)
    return [levels[:, :1], levels[:, 1:2] - levels[:, 2:], moments]
