"""Features: pure functions and parameterised sets over a signal, NumPy and SciPy only.

Functions (`mel_spectrogram`, `spectral_centroid`, …) take a signal or a spectrum and return
arrays with time first; sets (`ShortTerm34`, `AcousticSet`, …) are frozen dataclasses, called as
`set(signal, sampling_rate)`, that the cache can name.

>>> import numpy as np
>>> noise = np.random.default_rng(0).standard_normal(16000).astype(np.float32) / 10
>>> ShortTerm34()(noise, 16000).shape
(10, 34)
"""

from __future__ import annotations

from serenade.features.acoustic import AcousticSet
from serenade.features.augmented import Augmented
from serenade.features.base import Feature
from serenade.features.cache import Cache
from serenade.features.chroma import chroma, tonnetz
from serenade.features.deltas import deltas, regression_deltas
from serenade.features.extraction import Segment, extract
from serenade.features.fbank import kaldi_fbank, log_mel_whisper
from serenade.features.filterbank import FilterBank
from serenade.features.formants import Formants
from serenade.features.functionals import Functionals
from serenade.features.lld import HeLLD
from serenade.features.mel import hz_to_mel, mel_bank, mel_spectrogram, mel_to_hz, power_to_db
from serenade.features.mfcc import mfcc
from serenade.features.opensmile import OpenSmile
from serenade.features.pitch import Pitch
from serenade.features.sets import MFCC40, KaldiFbank, LogMel, SpectralMeans
from serenade.features.short_term import ShortTerm34, short_term_features
from serenade.features.spectral import (
    spectral_centroid,
    spectral_contrast,
    spectral_entropy,
    spectral_flatness,
    spectral_flux,
    spectral_rolloff,
    spectral_spread,
)
from serenade.features.spectrum import Spectrum
from serenade.features.stft import Framing, power_spectrogram, stft
from serenade.features.temporal import energy, energy_entropy, rms, zero_crossing_rate
from serenade.features.voice import Voice

__all__ = [
    "MFCC40",
    "AcousticSet",
    "Augmented",
    "Cache",
    "Feature",
    "FilterBank",
    "Formants",
    "Framing",
    "Functionals",
    "HeLLD",
    "KaldiFbank",
    "LogMel",
    "OpenSmile",
    "Pitch",
    "Segment",
    "ShortTerm34",
    "SpectralMeans",
    "Spectrum",
    "Voice",
    "chroma",
    "deltas",
    "energy",
    "energy_entropy",
    "extract",
    "hz_to_mel",
    "kaldi_fbank",
    "log_mel_whisper",
    "mel_bank",
    "mel_spectrogram",
    "mel_to_hz",
    "mfcc",
    "power_spectrogram",
    "power_to_db",
    "regression_deltas",
    "rms",
    "short_term_features",
    "spectral_centroid",
    "spectral_contrast",
    "spectral_entropy",
    "spectral_flatness",
    "spectral_flux",
    "spectral_rolloff",
    "spectral_spread",
    "stft",
    "tonnetz",
    "zero_crossing_rate",
]
