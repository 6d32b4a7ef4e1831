from __future__ import annotations

from typing import TYPE_CHECKING

import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from serenade.errors import TooShortError
from serenade.features import (
    Framing,
    hz_to_mel,
    kaldi_fbank,
    log_mel_whisper,
    mel_bank,
    mel_spectrogram,
    mel_to_hz,
    power_to_db,
)
from serenade.features.spectral._chroma import chroma_bank

if TYPE_CHECKING:
    from pathlib import Path

    from serenade.features import FilterBank


@pytest.mark.parametrize("scale", ["slaney", "htk"])
def test_scales_equal_librosa_and_invert(scale: str) -> None:
    hertz = np.concatenate([[0.0, 999.9, 1000.0], np.geomspace(1, 24000, 100)])
    mels = hz_to_mel(hertz, scale)  # type: ignore[arg-type]
    np.testing.assert_allclose(mels, librosa.hz_to_mel(hertz, htk=scale == "htk"), rtol=1e-12)
    np.testing.assert_allclose(mel_to_hz(mels, scale), hertz, rtol=1e-9, atol=1e-9)  # type: ignore[arg-type]


@pytest.mark.parametrize("sizes", [(16000, 400, 80), (48000, 2048, 128)])
@pytest.mark.parametrize("scale", ["slaney", "htk"])
@pytest.mark.parametrize("norm", ["slaney", None])
@pytest.mark.parametrize("edges", [(0.0, None), (50.0, 7600.0)])
@pytest.mark.filterwarnings("ignore:Empty filters")
def test_filters_equal_librosa(
    sizes: tuple[int, int, int], scale: str, norm: str | None, edges: tuple[float, float | None]
) -> None:
    rate, n_fft, n_mels = sizes
    options = {"fmin": edges[0], "fmax": edges[1], "norm": norm}
    ours = mel_bank(*sizes, scale=scale, **options).weights  # type: ignore[arg-type]
    reference = librosa.filters.mel(
        sr=rate, n_fft=n_fft, n_mels=n_mels, htk=scale == "htk", **options
    )
    np.testing.assert_allclose(ours, reference, atol=1e-7 * reference.max())


def test_log_mel_equals_librosa(tone: np.ndarray) -> None:
    for framing, n_mels in [(Framing(400, 160), 64), (Framing(2048, 512), 128)]:
        ours = power_to_db(mel_spectrogram(tone, framing, mel_bank(16000, framing.n_fft, n_mels)))
        mel = librosa.feature.melspectrogram(
            y=tone, sr=16000, n_fft=framing.n_fft, hop_length=framing.hop_length, n_mels=n_mels
        )
        np.testing.assert_allclose(ours, librosa.power_to_db(mel).T, rtol=1e-4, atol=1e-3)


@given(
    ref=st.sampled_from([1.0, 0.01, np.max]),
    amin=st.sampled_from([1e-10, 1e-5]),
    top_db=st.sampled_from([None, 80.0, 10.0]),
    seed=st.integers(0, 100),
)
def test_decibels_equal_librosa(ref: float, amin: float, top_db: float | None, seed: int) -> None:
    power = 10 ** np.random.default_rng(seed).uniform(-12, 3, (5, 6)).astype(np.float32)
    ours = power_to_db(power, ref=ref, amin=amin, top_db=top_db)
    reference = librosa.power_to_db(power, ref=ref, amin=amin, top_db=top_db)
    np.testing.assert_allclose(ours, reference, atol=1e-4)
    assert ours.dtype == np.float32


def test_decibels_leave_their_input_alone() -> None:
    power = np.full((2, 2), 4.0, np.float32)
    power_to_db(power)
    assert (power == 4.0).all()


def test_gain_shifts_levels(tone: np.ndarray) -> None:
    framing, bank = Framing(400, 160), mel_bank(16000, 400, 64)
    quiet, loud = (
        power_to_db(mel_spectrogram(g * tone, framing, bank), amin=1e-20, top_db=None)
        for g in (np.float32(0.1), np.float32(1.0))
    )
    np.testing.assert_allclose(loud - quiet, 20.0, atol=1e-3)


def test_no_room_for_filters_is_refused() -> None:
    with pytest.raises(ValueError, match="fmin < fmax"):
        mel_bank(16000, 400, 80, fmin=9000.0)


@pytest.mark.parametrize(
    "bank",
    [
        mel_bank(16000, 400, 80),
        mel_bank(48000, 2048, 128),
        mel_bank(8000, 200, 5),
        mel_bank(16000, 64, 100),  # narrower than bins: some filters are empty
        chroma_bank(16000, 512),
    ],
)
def test_bands_equal_the_whole_product(bank: FilterBank) -> None:
    power = np.random.default_rng(0).random((7, bank.weights.shape[1])).astype(np.float32)
    expected = power.astype(np.float64) @ bank.weights.T.astype(np.float64)
    np.testing.assert_allclose(bank(power), expected, rtol=1e-5)
    out = np.full((7, len(bank.weights)), np.nan, np.float32)
    assert bank(power, out=out) is out
    np.testing.assert_allclose(out, expected, rtol=1e-5)


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
