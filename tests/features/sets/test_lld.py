"""The 275 descriptors: what the paper lists, each equal to its own definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from serenade.errors import SignalFormatError
from serenade.features import Formants, HeLLD, Pitch

RATE = 16000


def columns(signal: np.ndarray, rate: int = RATE) -> dict[str, np.ndarray]:
    feature = HeLLD()
    return dict(zip(feature.names, feature(signal, rate).T, strict=True))


def test_the_papers_list():
    names = HeLLD().names
    assert len(names) == len(set(names)) == 256 + 1 + 3 + 1 + 1 + 13
    assert names[0] == "fft000_db"
    assert names[255:263] == (
        *("fft255_db", "f0_hz", "f1_hz", "f2_hz", "f3_hz", "energy_db", "zcr"),
        "mfcc00",
    )


def test_spectrum_is_librosas(tone):
    """In float64 there, in float32 here, whose rounding lies 120 dB below each frame's peak."""
    librosa = pytest.importorskip("librosa")
    values = HeLLD()(tone, RATE)[:, :256].astype(np.float64)
    spectrum = librosa.stft(
        tone.astype(np.float64),
        n_fft=512,
        hop_length=160,
        win_length=320,
        window="hamming",
        pad_mode="constant",
    )
    magnitude = np.abs(spectrum)[:256].T
    peak = magnitude.max(axis=1, keepdims=True)
    assert np.max(np.abs(10 ** (values / 20) - magnitude) / peak) < 1e-6
    reference = 20 * np.log10(magnitude)
    for below, tolerance in ((60, 1e-3), (80, 1e-2)):
        heard = magnitude > peak * 10 ** (-below / 20)
        assert heard.mean() > 0.4
        np.testing.assert_allclose(values[heard], reference[heard], rtol=0, atol=tolerance)


def test_mfcc_is_librosas(tone):
    librosa = pytest.importorskip("librosa")
    power = 10 ** (HeLLD()(tone, RATE)[:, :256].T / 10)
    power = np.vstack([power, np.zeros_like(power[:1])])
    bank = librosa.filters.mel(sr=RATE, n_fft=512, n_mels=26, htk=True)
    reference = librosa.feature.mfcc(
        S=librosa.power_to_db(bank @ power, top_db=None), n_mfcc=13, dct_type=2, norm="ortho"
    )
    found = np.stack([columns(tone)[f"mfcc{k:02d}"] for k in range(13)])
    np.testing.assert_allclose(found, reference, atol=0.05)


def test_the_rest_is_the_rooms_own(tone):
    found = columns(tone)
    np.testing.assert_array_equal(found["f0_hz"], Pitch()(tone, RATE)[:, 0])
    formants = Formants(window_seconds=0.020)(tone, RATE)
    both = (found["f1_hz"] > 0) & (formants[:, 0] > 0)
    assert both.mean() > 0.9
    assert np.median(np.abs(found["f1_hz"][both] - formants[both, 0])) < 15
    inner = slice(5, -5)
    rms = np.sqrt(np.mean(tone.astype(float) ** 2))
    np.testing.assert_allclose(found["energy_db"][inner], 20 * np.log10(rms), atol=0.5)
    crossings = np.mean(np.diff(np.sign(tone)) != 0)
    np.testing.assert_allclose(found["zcr"][inner].mean(), crossings, rtol=0.05)


def test_gain_moves_levels_and_nothing_else(tone):
    plain, quiet = columns(tone), columns(tone / 2)
    inner = slice(5, -5)
    for name, values in plain.items():
        if name.startswith("fft"):
            loud = values > -60
            np.testing.assert_allclose((values - quiet[name])[loud], 6.02, atol=0.01)
        elif name == "energy_db":
            np.testing.assert_allclose(values[inner] - quiet[name][inner], 6.02, atol=0.01)
        elif name == "mfcc00":
            # The DCT is orthonormal, so a shift of every band grows by the root of their number.
            np.testing.assert_allclose(values - quiet[name], 6.02 * np.sqrt(26), atol=0.1)
        else:
            np.testing.assert_allclose(quiet[name], values, rtol=1e-3, atol=0.02, err_msg=name)


def test_frames_that_do_not_fit_are_named():
    with pytest.raises(SignalFormatError, match="16000"):
        HeLLD()(np.zeros(48000, np.float32), 48000)


@settings(max_examples=30, deadline=None)
@given(
    hnp.arrays(np.float32, st.integers(800, 4000), elements=st.floats(-1, 1, width=32)),
    st.sampled_from([8000, 16000, 22050]),
)
def test_any_signal_gives_finite_values(signal, rate):
    values = HeLLD()(signal, rate)
    assert values.shape == (1 + signal.size // round(rate * 0.010), 275)
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
