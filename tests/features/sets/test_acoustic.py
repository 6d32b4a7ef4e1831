"""AcousticSet: shapes, what each value means, and that emotions can be told by it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from serenade.errors import NoSamplesError, SignalFormatError
from serenade.features import AcousticSet, Pitch, Voice
from serenade.features.sets._descriptors import SPECTRAL, VOICED, describe

RATE = 16000


def named(signal: np.ndarray, rate: int = RATE) -> dict[str, float]:
    feature = AcousticSet()
    return dict(zip(feature.names, feature(signal, rate)[0].tolist(), strict=True))


def voice(f0: float, seconds: float = 1.0, rate: int = RATE) -> np.ndarray:
    time = np.arange(int(seconds * rate)) / rate
    return (0.05 * sum(np.sin(2 * np.pi * f0 * k * time + k * k) for k in range(1, 20))).astype(
        np.float32
    )


def descriptor(signal: np.ndarray, name: str, rate: int = RATE) -> np.ndarray:
    return describe(signal, rate, Voice()).spectral[:, SPECTRAL.index(name)]


def test_names_are_unique_and_many():
    names = AcousticSet().names
    assert len(names) == len(set(names))
    assert 500 < len(names) < 3000
    assert {"f0_semitones.mean", "mel01_db.delta.p50", "voiced_share", "f1_hz.std"} <= set(names)


def test_f0_is_in_semitones():
    low, high = named(voice(150)), named(voice(300))
    assert high["f0_semitones.mean"] - low["f0_semitones.mean"] == pytest.approx(12, abs=0.05)
    assert low["f0_semitones.mean"] == pytest.approx(12 * np.log2(150 / 27.5), abs=0.05)
    assert low["voiced_share"] > 0.95


def test_rhythm_counts_stretches():
    gap = np.zeros(RATE // 2, np.float32)
    signal = np.concatenate([gap, voice(150, 0.4), gap, voice(180, 0.8), gap])
    values = named(signal)
    seconds = signal.size / RATE
    assert values["voiced_stretches_per_second"] == pytest.approx(2 / seconds, rel=0.02)
    assert values["voiced_stretch_seconds.mean"] == pytest.approx(0.6, abs=0.05)
    assert values["voiced_stretch_seconds.max"] == pytest.approx(0.8, abs=0.05)
    assert values["voiceless_stretch_seconds.mean"] == pytest.approx(0.5, abs=0.05)


def test_spectral_shape_of_a_tone_and_of_noise():
    time = np.arange(RATE) / RATE
    tone = (0.5 * np.sin(2 * np.pi * 2000 * time)).astype(np.float32)
    noise = 0.1 * np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    inner = slice(5, -5)
    np.testing.assert_allclose(descriptor(tone, "centroid_hz")[inner], 2000, rtol=0.01)
    np.testing.assert_allclose(descriptor(noise, "centroid_hz").mean(), 4000, rtol=0.03)
    assert descriptor(tone, "spread_hz")[inner].max() < 300
    np.testing.assert_allclose(descriptor(noise, "spread_hz").mean(), 8000 / 12**0.5, rtol=0.05)
    # Full-scale white noise has a density of 0 dB by definition, of deviation 0.1 -20 dB.
    np.testing.assert_allclose(descriptor(noise, "energy_db")[inner].mean(), -20, atol=0.3)
    assert descriptor(tone, "entropy")[inner].mean() < 1
    np.testing.assert_allclose(descriptor(noise, "entropy")[inner].mean(), np.log(26), atol=0.3)
    assert descriptor(tone, "flatness_db")[inner].mean() < -15
    assert descriptor(noise, "flatness_db")[inner].mean() > -3
    assert descriptor(tone, "alpha_ratio_db")[inner].max() < -20
    np.testing.assert_allclose(descriptor(tone, "zcr")[inner], 2 * 2000 / RATE, rtol=0.03)


def test_gain_moves_levels_and_nothing_else():
    rng = np.random.default_rng(0)
    signal = voice(170) + 0.02 * rng.standard_normal(RATE).astype(np.float32)
    plain, quiet = describe(signal, RATE, Voice()), describe(signal / 4, RATE, Voice())
    by_level = {"energy_db", *(name for name in SPECTRAL if name.startswith("mel"))}
    for index, name in enumerate(SPECTRAL):
        before, after = plain.spectral[:, index], quiet.spectral[:, index]
        if name in by_level:
            np.testing.assert_allclose(before - after, 12.04, atol=0.05, err_msg=name)
        elif name == "loudness":
            np.testing.assert_allclose(before / after, 4 ** (2 / 3), rtol=1e-3)
        else:
            scale = np.abs(before).max()
            np.testing.assert_allclose(after, before, atol=0.005 * scale + 1e-3, err_msg=name)
    np.testing.assert_allclose(quiet.voiced, plain.voiced, rtol=1e-2, atol=1e-2)
    assert plain.voiced.shape == (np.count_nonzero(plain.track.voiced), len(VOICED))


def test_an_offset_does_not_matter():
    rng = np.random.default_rng(0)
    signal = voice(170) + 0.02 * rng.standard_normal(RATE).astype(np.float32)
    plain, shifted = (describe(one, RATE, Voice()) for one in (signal, signal + np.float32(0.25)))
    for before, after in ((plain.spectral, shifted.spectral), (plain.voiced, shifted.voiced)):
        scale = np.abs(before).max(axis=0)
        # A pulse's height is told from its neighbours' by the rounding of the sum: shimmer.
        assert np.all(np.quantile(np.abs(after - before) / scale, 0.99, axis=0) < 2e-3)
    constant, silent = AcousticSet()(np.full(RATE, 0.3, np.float32), RATE), np.zeros(RATE, "f4")
    np.testing.assert_allclose(constant, AcousticSet()(silent, RATE), atol=1e-3)


def test_silence_and_single_samples_are_finite():
    for signal in (np.zeros(RATE, np.float32), np.zeros(1, np.float32), np.ones(1, np.float32)):
        assert np.isfinite(AcousticSet()(signal, RATE)).all()
    assert named(np.zeros(RATE, np.float32))["f0_semitones.mean"] == 0


def test_the_same_signal_gives_the_same_values(tone):
    np.testing.assert_array_equal(AcousticSet()(tone, RATE), AcousticSet()(tone.copy(), RATE))
    assert AcousticSet().identity() != AcousticSet(Pitch(fmin=80)).identity()


def test_input_is_not_changed(tone):
    before = tone.copy()
    AcousticSet()(tone, RATE)
    np.testing.assert_array_equal(tone, before)


def test_bad_input_is_named():
    with pytest.raises(NoSamplesError):
        AcousticSet()(np.zeros(0, np.float32), RATE)
    with pytest.raises(SignalFormatError):
        AcousticSet()(np.zeros((RATE, 2), np.float32), RATE)
    with pytest.raises(SignalFormatError, match="resample"):
        AcousticSet()(np.zeros(1000, np.float32), 6000)
    with pytest.raises(ValueError, match="10 ms"):
        AcousticSet(Pitch(hop_seconds=0.005))


@settings(max_examples=40, deadline=None)
@given(
    hnp.arrays(np.float32, st.integers(800, 5000), elements=st.floats(-1, 1, width=32)),
    st.sampled_from([8000, 16000, 22050, 44100, 48000]),
)
def test_any_signal_gives_finite_values(signal, rate):
    values = AcousticSet()(signal, rate)
    assert values.shape == (1, len(AcousticSet().names))
    assert values.dtype == np.float32
    assert np.isfinite(values).all()


def test_emotions_of_unseen_speakers_are_told(corpora_root):
    """A linear classifier on two German speakers' anger and sadness, tested on a third."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    from serenade import audio

    values, labels, speakers = [], [], []
    for path in sorted((corpora_root / "emodb" / "wav").glob("*.flac")):
        if path.stem[:2] in {"03", "08", "14"} and path.stem[5] in "WT":
            values.append(AcousticSet()(audio.read(path).signal, RATE)[0])
            labels.append(path.stem[5])
            speakers.append(path.stem[:2])
    values, labels, test = np.array(values), np.array(labels), np.array(speakers) == "14"
    model = make_pipeline(StandardScaler(), LinearSVC(C=1e-3)).fit(values[~test], labels[~test])
    assert test.sum() > 10
    assert model.score(values[test], labels[test]) > 0.9
