"""Cepstra, and log-mel energies as Kaldi computes them."""

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
    transposed,
)
from serenade.features import dct_matrix, kaldi_fbank, mel_bank, mfcc

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _librosa_mfcc(setting: Setting) -> Side:
    librosa = library("librosa")
    options = {"sr": setting.rate, "n_mels": setting.n_mels, **setting.librosa}
    return Side(
        lambda x: librosa.feature.mfcc(y=x, n_mfcc=setting.n_mfcc, **options), matrix=transposed
    )


def _torch_mfcc(setting: Setting) -> Side:
    torch, log_mel = library("torch"), torch_log_mel(setting)
    matrix = dct_matrix(setting.n_mels, setting.n_mfcc).T.astype(np.float32)
    transform = torch.from_numpy(matrix)
    return Side(lambda x: transform @ log_mel(x), matrix=transposed)


def _speech_features(setting: Setting) -> Side:
    library_ = library("python_speech_features")
    return Side(
        lambda x: library_.mfcc(
            x,
            setting.rate,
            winlen=setting.framing.length / setting.rate,
            winstep=setting.hop / setting.rate,
            numcep=setting.n_mfcc,
            nfilt=setting.n_mels,
            nfft=setting.n_fft,
            winfunc=np.hamming,
        )
    )


def _kaldi(setting: Setting, kind: str) -> Side:
    """Its frames stay inside it: handing them over, one by one, is not timed."""
    knf = library("kaldi_native_fbank")
    options = getattr(knf, f"{kind}Options")()
    options.frame_opts.dither = 0
    options.frame_opts.samp_freq = setting.rate
    options.mel_opts.num_bins = setting.n_mels
    if kind == "Mfcc":
        options.num_ceps, options.use_energy = setting.n_mfcc, False
        options.cepstral_lifter = 0

    def compute(signal: Any) -> Any:
        computer = getattr(knf, f"Online{kind}")(options)
        computer.accept_waveform(setting.rate, signal)
        computer.input_finished()
        return computer

    def frames(computer: Any) -> NDArray[np.float32]:
        return np.stack([computer.get_frame(i) for i in range(computer.num_frames_ready)])

    return Side(compute, np.ndarray.tolist, frames)


def _asrfront(setting: Setting) -> Side:
    fbank = library("asrfront").sensevoice.fbank_raw
    return Side(lambda x: fbank(x, n_mels=setting.n_mels))


def _mfcc(setting: Setting) -> Comparison:
    bank = mel_bank(setting.rate, setting.n_fft, setting.n_mels)
    return Comparison(
        f"MFCC ({setting})",
        setting.rate,
        lambda x: mfcc(x, setting.framing, bank, setting.n_mfcc),
        (
            Peer("librosa", lambda: _librosa_mfcc(setting), equal(1e-4)),
            Peer("torch.stft", lambda: _torch_mfcc(setting), equal(1e-4)),
        ),
    )


def _htk_mfcc(setting: Setting) -> Comparison:
    bank = mel_bank(setting.rate, setting.n_fft, setting.n_mels, scale="htk", norm=None)
    why = "other definition: pre-emphasis, filters on whole bins, energy for the zeroth"
    return Comparison(
        f"MFCC ({setting})",
        setting.rate,
        lambda x: mfcc(x, setting.framing, bank, setting.n_mfcc, lifter=22),
        (Peer("python_speech_features", lambda: _speech_features(setting), why),),
    )


def _kaldi_fbank(setting: Setting) -> Comparison:
    peers = [Peer("kaldi-native-fbank", lambda: _kaldi(setting, "Fbank"), equal(1e-3))]
    if setting.rate == 16000:  # the only one that it takes
        peers.append(Peer("asrfront", lambda: _asrfront(setting), "another window: Hamming"))
    return Comparison(
        f"Kaldi fbank ({setting})",
        setting.rate,
        lambda x: kaldi_fbank(x, setting.rate, setting.n_mels),
        tuple(peers),
    )


def _kaldi_mfcc(setting: Setting) -> Comparison:
    transform = dct_matrix(setting.n_mels, setting.n_mfcc).astype(np.float32)
    return Comparison(
        f"Kaldi MFCC ({setting})",
        setting.rate,
        lambda x: kaldi_fbank(x, setting.rate, setting.n_mels) @ transform,
        (Peer("kaldi-native-fbank", lambda: _kaldi(setting, "Mfcc"), equal(1e-3)),),
    )


COMPARISONS = (
    _kaldi_fbank(Setting(16000, 512, 160, 80, win=400, window="povey")),
    _kaldi_fbank(Setting(48000, 2048, 480, 80, win=1200, window="povey")),
    _kaldi_mfcc(Setting(16000, 512, 160, 23, 13, win=400, window="povey")),
    _mfcc(Setting(16000, 2048, 512, 128, 20)),
    _mfcc(Setting(48000, 1024, 512, 128, 40, win=512, window="hamming")),
    _htk_mfcc(Setting(16000, 512, 160, 26, 13, win=400, window="hamming")),
)
