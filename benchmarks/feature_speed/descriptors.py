"""Descriptors of frames, fundamental frequency, and vectors per utterance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.feature_speed.model import (
    Comparison,
    Peer,
    Side,
    equal,
    equal_by_column,
    library,
    mostly_equal_by_column,
    same_pitch,
    transposed,
)
from serenade.features import (
    AcousticSet,
    Framing,
    Pitch,
    Spectrum,
    chroma,
    short_term_features,
    spectral_contrast,
    spectral_flatness,
    spectral_rolloff,
    zero_crossing_rate,
)
from serenade.features.spectral._shape import centroid_and_spread

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RATE = 16000
_FRAMING = Framing(2048, 512)
_LENGTHS: dict[str, Any] = {"frame_length": 2048, "hop_length": 512}
_TRANSFORM: dict[str, Any] = {"n_fft": 2048, "hop_length": 512}
_PITCH = Pitch()
# librosa transforms in double precision. Contrast is over a band's valleys, and the highest band's
# lie where resampling has left nothing: below what single precision can tell from zero.
_SHAPE_CHECK = mostly_equal_by_column(1e-3, 0.99, "the contrast's highest band")
_RANGE: dict[str, Any] = {"fmin": _PITCH.fmin, "fmax": _PITCH.fmax}


def _py_audio_analysis(rate: int, window: int, hop: int) -> Side:
    features = library("pyAudioAnalysis.ShortTermFeatures")
    return Side(
        lambda x: features.feature_extraction(x, rate, window, hop, deltas=False)[0],
        prepare=lambda x: x.astype(np.float64) * 2**15,
        matrix=transposed,
    )


def _short_term(rate: int, window: float, hop: float) -> Comparison:
    length, step = round(window * rate), round(hop * rate)
    return Comparison(
        f"34 short-term features ({rate // 1000} kHz, {window * 1000:g}/{hop * 1000:g} ms)",
        rate,
        lambda x: short_term_features(x, rate, length, step),
        (
            Peer(
                "pyAudioAnalysis",
                lambda: _py_audio_analysis(rate, length, step),
                equal_by_column(1e-4),
            ),
        ),
    )


def _librosa_chroma() -> Side:
    librosa = library("librosa")
    return Side(
        lambda x: librosa.feature.chroma_stft(S=abs(librosa.stft(x, **_TRANSFORM)), sr=_RATE),
        matrix=transposed,
    )


def _shape(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    spectrum = Spectrum.of(signal, _RATE, _FRAMING)
    return np.column_stack(
        [
            *centroid_and_spread(spectrum),
            spectral_rolloff(spectrum),
            spectral_flatness(spectrum),
            spectral_contrast(spectrum),
        ]
    )


def _librosa_shape() -> Side:
    librosa = library("librosa")

    def shape(signal: NDArray[np.float32]) -> Any:
        magnitude = np.abs(librosa.stft(signal, **_TRANSFORM))
        return np.concatenate(
            [
                librosa.feature.spectral_centroid(S=magnitude, sr=_RATE),
                librosa.feature.spectral_bandwidth(S=magnitude, sr=_RATE),
                librosa.feature.spectral_rolloff(S=magnitude, sr=_RATE),
                librosa.feature.spectral_flatness(S=magnitude),
                librosa.feature.spectral_contrast(S=magnitude, sr=_RATE),
            ]
        )

    return Side(shape, matrix=transposed)


def _librosa_crossings() -> Side:
    librosa = library("librosa")
    return Side(
        lambda x: librosa.feature.zero_crossing_rate(x, **_LENGTHS),
        matrix=transposed,
    )


def _librosa_pitch(name: str) -> Side:
    tracker = getattr(library("librosa"), name)
    options = {"sr": _RATE, "frame_length": 1024, "hop_length": 160, **_RANGE}

    def column(found: Any) -> NDArray[Any]:
        frequency = found[0] if isinstance(found, tuple) else found  # pyin tells voicing too
        return np.asarray(np.nan_to_num(frequency))[:, None]

    return Side(lambda x: tracker(x, **options), matrix=column)


def _praat() -> Side:
    parselmouth = library("parselmouth")

    def track(signal: NDArray[np.float64]) -> Any:
        sound = parselmouth.Sound(signal, _RATE)
        return sound.to_pitch_ac(
            time_step=_PITCH.hop_seconds,
            pitch_floor=_PITCH.fmin,
            pitch_ceiling=_PITCH.fmax,
            max_number_of_candidates=15,
        )

    def on_our_frames(found: Any) -> NDArray[Any]:
        index = np.round(found.xs() / _PITCH.hop_seconds).astype(int)
        column = np.zeros((index[-1] + 1, 1))
        column[index, 0] = found.selected_array["frequency"]
        return column

    return Side(track, lambda x: x.astype(np.float64), on_our_frames)


def _open_smile(name: str) -> Side:
    opensmile = library("opensmile")
    smile = opensmile.Smile(getattr(opensmile.FeatureSet, name))
    return Side(lambda x: smile(x, _RATE))


_ACOUSTIC = AcousticSet()


COMPARISONS = (
    _short_term(16000, 0.100, 0.100),
    _short_term(16000, 0.050, 0.025),
    _short_term(48000, 0.100, 0.100),
    _short_term(48000, 0.050, 0.025),
    Comparison(
        "chroma (16 kHz, 2048/512)",
        _RATE,
        lambda x: chroma(Spectrum.of(x, _RATE, _FRAMING)),
        (Peer("librosa", _librosa_chroma, equal(1e-4)),),
    ),
    Comparison(
        "centroid, spread, roll-off, flatness, contrast (16 kHz, 2048/512)",
        _RATE,
        _shape,
        (Peer("librosa", _librosa_shape, _SHAPE_CHECK),),
    ),
    Comparison(
        "zero-crossing rate (16 kHz, 2048/512)",
        _RATE,
        lambda x: zero_crossing_rate(x, **_LENGTHS)[:, None],
        (Peer("librosa", _librosa_crossings, equal(1e-6)),),
    ),
    Comparison(
        "F0 (16 kHz, 60-500 Hz, every 10 ms)",
        _RATE,
        lambda x: _PITCH(x, _RATE),
        (
            Peer("librosa.pyin", lambda: _librosa_pitch("pyin"), same_pitch(0.05)),
            Peer("librosa.yin", lambda: _librosa_pitch("yin"), same_pitch(0.05)),
            Peer("Praat (parselmouth)", _praat, same_pitch(0.02)),
        ),
    ),
    Comparison(
        f"AcousticSet, {len(_ACOUSTIC.names)} values per utterance (16 kHz)",
        _RATE,
        lambda x: _ACOUSTIC(x, _RATE),
        (
            Peer(
                "openSMILE ComParE 2016",
                lambda: _open_smile("ComParE_2016"),
                "another set of the same use, 6373 values",
            ),
            Peer(
                "openSMILE eGeMAPS v02",
                lambda: _open_smile("eGeMAPSv02"),
                "another set of the same use, 88 values",
            ),
        ),
    ),
)
