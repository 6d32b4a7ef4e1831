"""Power spectrograms and log-mel energies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.feature_speed.model import (
    Comparison,
    Peer,
    Setting,
    Side,
    equal,
    library,
    torch_log_mel,
    torch_power,
    transposed,
)
from serenade.features import (
    log_mel_whisper,
    mel_bank,
    mel_spectrogram,
    power_spectrogram,
    power_to_db,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _librosa_power(setting: Setting) -> Side:
    librosa = library("librosa")
    return Side(lambda x: np.abs(librosa.stft(x, **setting.librosa)) ** 2, matrix=transposed)


def _librosa_log_mel(setting: Setting) -> Side:
    librosa = library("librosa")
    options = {"sr": setting.rate, "n_mels": setting.n_mels, **setting.librosa}
    return Side(
        lambda x: librosa.power_to_db(librosa.feature.melspectrogram(y=x, **options)),
        matrix=transposed,
    )


def _librosa_ready_mel(setting: Setting) -> Side:
    """As `melspectrogram`, which makes its filters in every call, but with filters made before."""
    librosa = library("librosa")
    bank = librosa.filters.mel(sr=setting.rate, n_fft=setting.n_fft, n_mels=setting.n_mels)
    return Side(
        lambda x: librosa.power_to_db(bank @ np.abs(librosa.stft(x, **setting.librosa)) ** 2),
        matrix=transposed,
    )


def _transformers_whisper() -> Side:
    extractor = library("transformers").WhisperFeatureExtractor()
    return Side(
        lambda x: extractor(x, sampling_rate=16000, padding=False, return_tensors="np"),
        matrix=lambda found: found.input_features[0].T,
    )


def _asrfront_whisper() -> Side:
    log_mel = library("asrfront").whisper.log_mel
    return Side(lambda x: log_mel(x, pad_or_trim=False), matrix=transposed)


def _torch_whisper(setting: Setting) -> Side:
    torch, power = library("torch"), torch_power(setting, "reflect")
    bank = torch.from_numpy(mel_bank(setting.rate, setting.n_fft, 80, fmax=8000.0).weights)

    def whisper(signal: NDArray[np.float32]) -> Any:
        level = torch.log10_(torch.clamp_(bank @ power(signal)[:, :-1], min=1e-10))
        return torch.clamp_(level, min=level.max() - 8).add_(4).div_(4)

    return Side(whisper, matrix=transposed)


def _power(setting: Setting) -> Comparison:
    return Comparison(
        f"power spectrogram ({setting})",
        setting.rate,
        lambda x: power_spectrogram(x, setting.framing),
        (
            Peer("librosa", lambda: _librosa_power(setting), equal(1e-5)),
            Peer("torch.stft", lambda: Side(torch_power(setting), matrix=transposed), equal(1e-5)),
        ),
    )


def _log_mel(setting: Setting) -> Comparison:
    bank = mel_bank(setting.rate, setting.n_fft, setting.n_mels)
    return Comparison(
        f"log-mel ({setting})",
        setting.rate,
        lambda x: power_to_db(mel_spectrogram(x, setting.framing, bank)),
        (
            Peer("librosa", lambda: _librosa_log_mel(setting), equal(1e-4)),
            Peer("librosa, filters ready", lambda: _librosa_ready_mel(setting), equal(1e-4)),
            Peer(
                "torch.stft", lambda: Side(torch_log_mel(setting), matrix=transposed), equal(1e-4)
            ),
        ),
    )


_WHISPER = Setting(16000, 400, 160, 80)

COMPARISONS = (
    _power(Setting(16000, 400, 160)),
    _power(Setting(48000, 2048, 512)),
    _log_mel(Setting(16000, 400, 160, 64)),
    _log_mel(Setting(16000, 400, 160, 80)),
    _log_mel(Setting(48000, 2048, 512, 128)),
    Comparison(
        f"Whisper log-mel ({_WHISPER})",
        16000,
        log_mel_whisper,
        (
            Peer("transformers", _transformers_whisper, equal(1e-4)),
            Peer("asrfront", _asrfront_whisper, equal(1e-3)),
            Peer("torch.stft", lambda: _torch_whisper(_WHISPER), equal(1e-4)),
        ),
    ),
)
