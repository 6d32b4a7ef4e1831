from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from serenade.errors import TooShortError
from serenade.features import kaldi_fbank, log_mel_whisper

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def speech(corpora_root: Path) -> np.ndarray:
    """Read a sentence at 16 kHz."""
    return soundfile.read(corpora_root / "emodb" / "wav" / "03a01Fa.flac", dtype="float32")[0]


def reference_fbank(signal: np.ndarray, rate: int, n_mels: int) -> np.ndarray:
    knf = pytest.importorskip("kaldi_native_fbank")
    options = knf.FbankOptions()
    options.frame_opts.dither = 0
    options.frame_opts.samp_freq = rate
    options.mel_opts.num_bins = n_mels
    computer = knf.OnlineFbank(options)
    computer.accept_waveform(rate, signal)
    computer.input_finished()
    return np.stack([computer.get_frame(i) for i in range(computer.num_frames_ready)])


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 48000])
@pytest.mark.parametrize("scale", [1, 32768])
def test_fbank_equals_kaldi(tone: np.ndarray, rate: int, scale: int) -> None:
    signal = (scale * (tone + 0.05)).astype(np.float32)  # an offset that must be removed
    ours = kaldi_fbank(signal, rate, 40)
    np.testing.assert_allclose(ours, reference_fbank(signal, rate, 40), rtol=1e-4, atol=2e-3)


def test_fbank_of_speech_equals_kaldi(speech: np.ndarray) -> None:
    np.testing.assert_allclose(
        kaldi_fbank(speech, 16000), reference_fbank(speech, 16000, 80), rtol=1e-4, atol=1e-4
    )


def test_fbank_of_silence_is_the_floor() -> None:
    np.testing.assert_allclose(
        kaldi_fbank(np.zeros(1600, np.float32), 16000), np.log(np.finfo(np.float32).eps), rtol=1e-6
    )
    with pytest.raises(TooShortError, match="400"):
        kaldi_fbank(np.zeros(399, np.float32), 16000)


@pytest.mark.parametrize("n_mels", [80, 128])
def test_whisper_equals_transformers(tone: np.ndarray, n_mels: int) -> None:
    transformers = pytest.importorskip("transformers")
    extractor = transformers.WhisperFeatureExtractor(feature_size=n_mels)
    for signal in (tone, tone[:1601], np.zeros(1600, np.float32)):
        reference = extractor(
            signal, sampling_rate=16000, padding=False, return_tensors="np"
        ).input_features[0]
        ours = log_mel_whisper(signal, n_mels)
        np.testing.assert_allclose(ours, reference.T, atol=2e-4)
