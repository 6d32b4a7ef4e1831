"""F0 against contours that are known, and against librosa on speech."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from serenade.errors import NoSamplesError, SignalFormatError
from serenade.features import Pitch
from serenade.features.voice._autocorrelation import decimate, parabola
from serenade.features.voice._pitch import find_best_path

RATE = 16000


def harmonic(f0: np.ndarray, rate: int = RATE, tilt: float = 1.0) -> np.ndarray:
    """Sum harmonics below 4 kHz, as a voice has, with the F0 contour given per sample."""
    phase = 2 * np.pi * np.cumsum(f0) / rate
    parts = [
        np.where(k * f0 < min(4000, rate / 2), np.sin(k * phase + k * k), 0) / k**tilt
        for k in range(1, 60)
    ]
    return (0.1 * np.sum(parts, axis=0)).astype(np.float32)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("f0", [65.0, 120.0, 233.0, 480.0])
def test_steady_f0_within_half_a_percent(rate, f0):
    track = Pitch().track(harmonic(np.full(rate, f0), rate), rate)
    inner = track.frequency[5:-5]
    assert np.all(track.voiced[5:-5])
    np.testing.assert_allclose(inner, f0, rtol=0.005)


@pytest.mark.parametrize(("low", "high"), [(80, 160), (150, 300), (250, 450)])
def test_gliding_f0_within_a_percent(low, high):
    time = np.arange(2 * RATE) / RATE
    contour = (low + high) / 2 + (high - low) / 2 * np.sin(2 * np.pi * 0.7 * time)
    track = Pitch().track(harmonic(contour), RATE)
    at = np.minimum(np.arange(len(track.frequency)) * 160, len(contour) - 1)
    inner = slice(6, -6)
    error = np.abs(track.frequency[inner] / contour[at][inner] - 1)
    assert track.voiced[inner].all()
    assert np.median(error) < 0.003
    assert np.percentile(error, 95) < 0.01


def test_a_missing_fundamental_is_found():
    time = np.arange(RATE) / RATE
    signal = sum(np.sin(2 * np.pi * 150 * k * time) for k in (3, 4, 5, 6)).astype(np.float32)
    np.testing.assert_allclose(Pitch().track(signal, RATE).frequency[6:-6], 150, rtol=0.005)


def test_voice_in_noise_keeps_its_f0():
    rng = np.random.default_rng(3)
    clean = harmonic(np.full(2 * RATE, 180.0))
    noise = rng.standard_normal(clean.size) * clean.std() * 10 ** (-5 / 20)  # 5 dB
    track = Pitch().track((clean + noise).astype(np.float32), RATE)
    found = track.frequency[track.voiced]
    assert track.voiced[5:-5].mean() > 0.95
    assert np.mean(np.abs(found / 180 - 1) < 0.01) > 0.98


def test_noise_and_silence_are_unvoiced():
    noise = np.random.default_rng(0).standard_normal(10 * RATE).astype(np.float32)
    assert Pitch().track(0.1 * noise, RATE).voiced.mean() < 0.01
    silent = Pitch().track(np.zeros(RATE, np.float32), RATE)
    assert not silent.voiced.any()
    assert not silent.strength.any()


def test_onset_and_offset_lie_where_the_voice_is():
    tone = harmonic(np.full(RATE, 140.0))
    gap = np.zeros(RATE // 2, np.float32)
    noise = 1e-4 * np.random.default_rng(1).standard_normal(2 * RATE).astype(np.float32)
    voiced = Pitch().track(np.concatenate([gap, tone, gap]) + noise, RATE).voiced
    edges = np.flatnonzero(np.diff(voiced.astype(int))) * 0.010
    assert len(edges) == 2
    np.testing.assert_allclose(edges, [0.5, 1.5], atol=0.025)


def test_level_does_not_matter(tone):
    loud = Pitch()(tone, RATE)
    # A power of two scales every intermediate exactly.
    np.testing.assert_allclose(Pitch()(tone / 1024, RATE), loud, rtol=1e-5, atol=1e-6)


def test_an_offset_does_not_matter(tone):
    plain, shifted = Pitch()(tone, RATE), Pitch()(tone + np.float32(0.3), RATE)
    np.testing.assert_allclose(shifted[5:-5, 0], plain[5:-5, 0], rtol=1e-3)


@pytest.mark.parametrize("formants", [(730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240)])
def test_vowels_have_the_f0_they_were_made_with(formants):
    """At least as near to the truth as librosa's YIN and pYIN are."""
    librosa = pytest.importorskip("librosa")
    from scipy.signal import lfilter

    time = np.arange(RATE) / RATE
    truth = 150 + 40 * np.sin(2 * np.pi * 1.5 * time)
    vowel = harmonic(truth).astype(np.float64)
    for frequency in formants:
        pair = 0.985 * np.exp(2j * np.pi * frequency / RATE)
        vowel = lfilter([1], [1, -2 * pair.real, abs(pair) ** 2], vowel)
    vowel = (0.3 * vowel / np.abs(vowel).max()).astype(np.float32)
    settings = {"fmin": 60, "fmax": 500, "sr": RATE, "frame_length": 1024, "hop_length": 160}
    tracks = [
        Pitch().track(vowel, RATE).frequency,
        librosa.yin(vowel, **settings),
        librosa.pyin(vowel, **settings)[0],
    ]
    inner = slice(6, 94)
    errors = [np.abs(track[inner] / truth[::160][inner] - 1) for track in tracks]
    mine, yin, pyin = (np.nanmedian(error) for error in errors)
    assert mine < 0.003
    assert mine < 1.2 * min(yin, pyin)
    assert errors[0].max() < 0.02


def test_speech_agrees_with_librosa(corpora_root):
    """F0 of real speech: hardly any octave errors against pYIN, and voicing that mostly agrees."""
    librosa = pytest.importorskip("librosa")
    from serenade import audio

    gross = both = agree = total = 0
    for name in ("03a01F", "08a01N", "13b03T", "16a02W"):
        path = min((corpora_root / "emodb" / "wav").glob(f"{name}*"))
        signal = audio.read(path).signal
        frequency = Pitch().track(signal, RATE).frequency
        reference, voiced, _ = librosa.pyin(
            signal, fmin=60, fmax=500, sr=RATE, frame_length=1024, hop_length=160
        )
        count = min(len(frequency), len(reference))
        frequency, reference, voiced = frequency[:count], reference[:count], voiced[:count]
        shared = (frequency > 0) & voiced
        gross += np.sum(np.abs(frequency[shared] / reference[shared] - 1) > 0.2)
        both += shared.sum()
        agree += np.sum((frequency > 0) == voiced)
        total += count
    assert both > 200
    assert gross / both < 0.03
    # pYIN, which tracks voicing through breaths, is no truth here: Praat agrees to 89%, see below.
    assert agree / total > 0.75


def test_speech_agrees_with_praat(corpora_root):
    """The same method in the reference implementation, with the whole band."""
    parselmouth = pytest.importorskip("parselmouth")
    from serenade import audio

    gross = both = agree = total = 0
    for path in sorted((corpora_root / "emodb" / "wav").glob("*a0[17]*.flac"))[::6]:
        signal = audio.read(path).signal
        frequency = Pitch().track(signal, RATE).frequency
        praat = parselmouth.Sound(signal.astype(float), RATE).to_pitch_ac(
            time_step=0.010, pitch_floor=60, pitch_ceiling=500
        )
        nearest = np.round((np.arange(len(frequency)) * 0.010 - praat.xs()[0]) / 0.010)
        nearest = np.clip(nearest.astype(int), 0, len(praat.xs()) - 1)
        reference = praat.selected_array["frequency"][nearest]
        shared = (frequency > 0) & (reference > 0)
        gross += np.sum(np.abs(frequency[shared] / reference[shared] - 1) > 0.2)
        both += shared.sum()
        agree += np.sum((frequency > 0) == (reference > 0))
        total += len(frequency)
    assert both > 500
    assert gross / both < 0.02
    assert agree / total > 0.88


@settings(max_examples=40, deadline=None)
@given(
    hnp.arrays(np.float32, st.integers(1600, 6000), elements=st.floats(-1, 1, width=32)),
    st.sampled_from([8000, 16000, 44100]),
)
def test_any_signal_gives_finite_values_in_range(signal, rate):
    values = Pitch()(signal, rate)
    assert values.shape == (1 + signal.size // round(rate * 0.010), 2)
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    f0, strength = values.T
    assert np.all((f0 == 0) | ((f0 > 55) & (f0 < 550)))
    assert np.all((strength >= 0) & (strength <= 1))


def test_one_sample_gives_one_frame():
    assert Pitch()(np.ones(1, np.float32), RATE).shape == (1, 2)


def test_bad_input_is_named():
    with pytest.raises(SignalFormatError):
        Pitch()(np.zeros((2, 100), np.float32), RATE)
    with pytest.raises(SignalFormatError, match="resample"):
        Pitch()(np.zeros(1000, np.float32), 3000)
    with pytest.raises(NoSamplesError):
        Pitch()(np.zeros(0, np.float32), RATE)
    with pytest.raises(ValueError, match="fmin"):
        Pitch(fmin=300, fmax=200)


def test_identity_follows_parameters():
    assert Pitch().identity() == Pitch().identity()
    assert Pitch().identity() != Pitch(fmax=400).identity()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_best_path_is_viterbis(frames, states, seed):
    rng = np.random.default_rng(seed)
    local = rng.standard_normal((frames, states))
    transition = rng.standard_normal((frames - 1, states, states))
    score, back = local[0], []
    for t in range(frames - 1):
        total = score[:, None] + transition[t]
        back.append(total.argmax(axis=0))
        score = total.max(axis=0) + local[t + 1]
    path = [int(score.argmax())]
    for step in reversed(back):
        path.append(int(step[path[-1]]))
    found = find_best_path(local.T, transition.transpose(1, 2, 0))
    np.testing.assert_array_equal(found, path[::-1])


@pytest.mark.parametrize("factor", [2, 4, 9])
def test_decimation_passes_low_and_stops_high_frequencies(factor):
    rate = 4000 * factor
    time = np.arange(rate) / rate
    low = np.sin(2 * np.pi * 1300 * time).astype(np.float32)
    high = np.sin(2 * np.pi * 2450 * time[:, None]).ravel().astype(np.float32)
    kept = decimate(low, factor)
    assert kept.shape == (-(-low.size // factor),)
    np.testing.assert_allclose(kept[20:-20], low[::factor][20:-20], atol=0.01)
    assert np.abs(decimate(high, factor)[20:-20]).max() < 0.01
    assert decimate(low, 1) is low
    with pytest.raises(ValueError, match="factor"):
        decimate(low, 0)


def test_decimation_is_the_convolution_it_claims_to_be():
    signal = np.random.default_rng(5).standard_normal(1001).astype(np.float32)
    offsets = np.arange(-32, 33)
    taps = np.sinc(0.9 * offsets / 4) * np.kaiser(65, 6.0)
    expected = np.convolve(signal, taps / taps.sum())[32:-32][::4]
    np.testing.assert_allclose(decimate(signal, 4), expected, atol=1e-5)


def test_parabola_of_a_flat_line_stays_in_the_middle():
    shift, height = parabola(*np.ones((3, 2), np.float32))
    np.testing.assert_array_equal(shift, 0)
    np.testing.assert_array_equal(height, 1)
