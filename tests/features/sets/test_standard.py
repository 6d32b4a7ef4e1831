from __future__ import annotations

import json
from typing import TYPE_CHECKING

import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from serenade.errors import SignalFormatError
from serenade.features import MFCC40, KaldiFbank, LogMel, SpectralMeans

if TYPE_CHECKING:
    from pathlib import Path

    from serenade.features import Feature

EVERY = [
    LogMel(),
    LogMel(offset=0.2, duration=0.3),
    MFCC40(),
    MFCC40(offset=0.5, duration=3.0),
    KaldiFbank(delta_order=2),
]


@pytest.mark.parametrize("feature", [*EVERY, SpectralMeans()])
def test_names_match_columns_and_identity_is_json(tone: np.ndarray, feature: Feature) -> None:
    values = feature(tone, 16000)
    assert values.dtype == np.float32
    assert values.shape[1] == len(feature.names) == len(set(feature.names))
    assert json.loads(json.dumps(feature.identity())) == feature.identity()


@given(
    feature=st.sampled_from(EVERY),
    rate=st.integers(8000, 48000),
    extra=st.integers(0, 2001),
    kind=st.sampled_from(["silence", "constant", "impulse", "noise"]),
)
@settings(max_examples=50, deadline=None)
def test_any_signal_gives_finite_values(feature: Feature, rate: int, extra: int, kind: str) -> None:
    size = -(-rate // 10) + extra
    impulse = np.zeros(size)
    impulse[size // 3] = -1
    noise = np.random.default_rng(extra).uniform(-1, 1, size)
    choices = {"silence": 0 * noise, "constant": 0 * noise + 1, "impulse": impulse, "noise": noise}
    values = feature(choices[kind].astype(np.float32), rate)
    assert np.isfinite(values).all()
    assert len(values) > 0


def test_mfcc40_equals_librosa_on_a_clip(corpora_root: Path) -> None:
    path = corpora_root / "ravdess" / "Actor_12" / "03-01-05-02-01-01-12.flac"
    signal, rate = soundfile.read(path, dtype="float32")
    part = np.zeros(3 * rate, np.float32)
    cut = signal[rate // 2 :][: part.size]
    part[: cut.size] = cut
    reference = librosa.feature.mfcc(
        y=part, sr=rate, n_mfcc=40, n_fft=1024, win_length=512, window="hamming", hop_length=512
    ).T
    ours = MFCC40(offset=0.5, duration=3.0)(signal, rate)
    assert ours.shape == (282, 40)
    np.testing.assert_allclose(ours, reference, rtol=1e-4, atol=5e-3)


def test_spectral_means_equal_librosa(tone: np.ndarray) -> None:
    power = np.abs(librosa.stft(tone)) ** 2
    mel = librosa.feature.melspectrogram(S=power, sr=16000)
    classes = librosa.feature.chroma_stft(S=np.sqrt(power), sr=16000)
    reference = [
        librosa.feature.mfcc(S=librosa.power_to_db(mel), n_mfcc=40),
        classes,
        mel,
        librosa.feature.spectral_contrast(S=np.sqrt(power), sr=16000),
        librosa.feature.tonnetz(chroma=classes),
    ]
    expected = np.concatenate([part.mean(axis=1) for part in reference])
    np.testing.assert_allclose(SpectralMeans()(tone, 16000)[0], expected, rtol=1e-3, atol=1e-4)
    with pytest.raises(SignalFormatError):
        SpectralMeans()(tone, 8000)


@pytest.mark.parametrize("kind", [LogMel, MFCC40])
def test_the_stretch_is_the_one_asked_for(kind: type[LogMel | MFCC40], tone: np.ndarray) -> None:
    whole = kind()(tone[4000:12000], 16000)
    np.testing.assert_array_equal(kind(offset=0.25, duration=0.5)(tone, 16000), whole)
    late = kind(offset=2.0, duration=0.5)(tone, 16000)  # the clip is over: zeros
    np.testing.assert_allclose(late, np.tile(late[:1], (len(late), 1)), atol=2e-3)


def test_deltas_follow_the_energies(tone: np.ndarray) -> None:
    plain, full = KaldiFbank()(tone, 16000), KaldiFbank(delta_order=1)(tone, 16000)
    np.testing.assert_array_equal(full[:, :80], plain)
    middle = (plain[6] - plain[4] + 2 * (plain[7] - plain[3])) / 10
    np.testing.assert_allclose(full[5, 80:], middle, atol=1e-4)
