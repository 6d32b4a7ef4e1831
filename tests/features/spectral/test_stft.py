from __future__ import annotations

import librosa
import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from serenade.errors import NoSamplesError, SignalFormatError, TooShortError
from serenade.features import Framing, Spectrum, frames, power_spectrogram, stft, window_function
from serenade.features.spectral._stft import frame_sums, pad_ends


@pytest.mark.parametrize(
    "framing",
    [
        Framing(),
        Framing(400, 160, pad_mode="reflect"),
        Framing(512, 160, 400, "hamming"),
        Framing(513, 100, 300, "hann", center=False),
        Framing(64, 200, 64, "boxcar"),
    ],
)
def test_equals_librosa(tone: np.ndarray, framing: Framing) -> None:
    reference = librosa.stft(
        tone,
        n_fft=framing.n_fft,
        hop_length=framing.hop_length,
        win_length=framing.length,
        window={"boxcar": "boxcar"}.get(framing.window, framing.window),
        center=framing.center,
        pad_mode=framing.pad_mode,
    ).T
    ours = stft(tone, framing)
    scale = np.abs(reference).max()
    np.testing.assert_allclose(ours, reference, atol=1e-6 * scale)
    np.testing.assert_allclose(
        power_spectrogram(tone, framing), np.abs(reference) ** 2, atol=1e-6 * scale**2
    )


def test_stft_of_many_blocks_equals_that_of_its_parts(tone: np.ndarray) -> None:
    framing = Framing(400, 160, 300)
    many = stft(np.tile(tone, 5), framing)  # 499 frames, in blocks of 122
    whole = stft(tone, framing)[2:-2]  # without the frames that contain the ends
    for start in range(0, 500, 100):
        np.testing.assert_allclose(many[start + 2 : start + 2 + len(whole)], whole, atol=1e-4)


@pytest.mark.parametrize("name", ["hann", "hamming", "boxcar"])
@pytest.mark.parametrize("length", [1, 2, 15, 400])
def test_windows_equal_scipy(name: str, length: int) -> None:
    reference = scipy.signal.get_window(name, length)
    np.testing.assert_allclose(window_function(name, length), reference, atol=1e-7)  # type: ignore[arg-type]


def test_windows_cannot_be_overwritten() -> None:
    with pytest.raises(ValueError, match="read-only"):
        window_function("hann", 8)[0] = 1


def test_unknown_window_and_padding_name_the_choices() -> None:
    with pytest.raises(ValueError, match="hamming"):
        window_function("kaiser", 8)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="reflect"):
        pad_ends(np.zeros(8, np.float32), 2, "wrap")  # type: ignore[arg-type]


@given(
    size=st.integers(1, 50),
    margin=st.integers(0, 60),
    mode=st.sampled_from(["constant", "reflect", "edge"]),
)
def test_padding_equals_numpy(size: int, margin: int, mode: str) -> None:
    signal = np.arange(size, dtype=np.float32) + 1
    np.testing.assert_array_equal(
        pad_ends(signal, margin, mode),  # type: ignore[arg-type]
        np.pad(signal, margin, mode=mode),  # type: ignore[call-overload]
    )


@given(size=st.integers(1, 200), length=st.integers(1, 60), hop=st.integers(1, 70))
def test_frames_and_their_sums(size: int, length: int, hop: int) -> None:
    signal = np.random.default_rng(size).standard_normal(size).astype(np.float32)
    if size < length:
        with pytest.raises(TooShortError):
            frames(signal, length, hop)
        return
    reference = np.stack([signal[s : s + length] for s in range(0, size - length + 1, hop)])
    rows = frames(signal, length, hop)
    np.testing.assert_array_equal(rows, reference)
    assert not rows.flags.writeable
    np.testing.assert_allclose(frame_sums(signal, length, hop), reference.sum(axis=1), atol=1e-4)


@given(
    samples=st.integers(1, 3000),
    n_fft=st.integers(2, 600),
    hop=st.integers(1, 400),
    center=st.booleans(),
)
@settings(max_examples=50, deadline=None)
def test_number_of_frames_is_as_promised(samples: int, n_fft: int, hop: int, center: bool) -> None:
    framing = Framing(n_fft, hop, center=center)
    signal = np.ones(samples, np.float32)
    if not center and samples < n_fft:
        assert framing.count(samples) == 0
        return
    assert power_spectrogram(signal, framing).shape == (framing.count(samples), n_fft // 2 + 1)


def test_float64_is_taken_and_other_things_are_refused(tone: np.ndarray) -> None:
    framing = Framing(256, 128)
    np.testing.assert_array_equal(stft(tone.astype(np.float64), framing), stft(tone, framing))
    with pytest.raises(SignalFormatError, match="int16"):
        stft(np.zeros(1000, np.int16), framing)
    with pytest.raises(SignalFormatError, match=r"\(2, 500\)"):
        stft(np.zeros((2, 500), np.float32), framing)
    with pytest.raises(NoSamplesError):
        stft(np.zeros(0, np.float32), framing)
    with pytest.raises(TooShortError, match="256"):
        stft(np.zeros(100, np.float32), Framing(256, 128, center=False))


@pytest.mark.parametrize("wrong", [(400, 0, 400), (400, 100, 500), (400, 100, 0)])
def test_impossible_framings_are_refused(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="win_length"):
        Framing(*wrong)


def test_spectrum_computes_each_quantity_once(tone: np.ndarray) -> None:
    spectrum = Spectrum.of(tone, 16000, Framing(512, 160))
    assert spectrum.magnitude is spectrum.magnitude
    np.testing.assert_allclose(spectrum.magnitude**2, spectrum.power, rtol=1e-6)
    np.testing.assert_allclose(spectrum.frequencies, np.fft.rfftfreq(512, 1 / 16000))
