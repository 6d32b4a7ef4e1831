from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from serenade import errors
from serenade.audio import from_array


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, ">f4"])
def test_from_array_keeps_floats(tone: np.ndarray, dtype: object) -> None:
    audio = from_array(tone.astype(dtype), 16000)
    assert audio.signal.dtype == np.float32
    assert audio.signal.dtype.isnative
    np.testing.assert_allclose(audio.signal, tone, atol=5e-4 if dtype is np.float16 else 0)
    assert (audio.source, audio.channels, audio.duration) == ("array", 1, 1.0)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, ">i2"])
def test_from_array_scales_integers_by_full_scale(dtype: str) -> None:
    limits = np.iinfo(dtype)
    samples = np.linspace(limits.min, limits.max, 1601).astype(dtype)
    signal = from_array(samples, 16000).signal
    assert signal[0] == -1
    assert signal[-1] == pytest.approx(1 - 2.0 ** (1 - limits.bits))
    np.testing.assert_allclose(signal, samples.astype(float) / -float(limits.min), atol=1e-7)


def test_from_array_averages_channels(tone: np.ndarray) -> None:
    stereo = np.stack([tone, np.zeros_like(tone)], axis=1)
    audio = from_array(stereo, 16000)
    np.testing.assert_array_equal(audio.signal, tone / 2)
    assert audio.channels == 2


def test_from_array_takes_a_list() -> None:
    assert from_array([0.5, -0.5] * 800, 16000).signal.shape == (1600,)


def test_from_array_copies(tone: np.ndarray) -> None:
    audio = from_array(tone, 16000)
    assert not np.shares_memory(audio.signal, tone)


@pytest.mark.parametrize("bits", [8, 16, 32, 64])
@pytest.mark.parametrize("signed", [True, False])
def test_from_array_scales_integers_by_the_range_of_their_type(
    tone: np.ndarray, bits: int, signed: bool
) -> None:
    kind = np.dtype(f"{'int' if signed else 'uint'}{bits}")
    half = 2.0 ** (bits - 1)
    integers = np.floor(tone.astype(np.float64) * half + (0 if signed else half)).astype(kind)
    found = from_array(integers, 16000).signal
    np.testing.assert_allclose(found, tone, atol=1.01 / half + 1e-6)


@pytest.mark.parametrize("channels", [1, 2])
def test_from_array_takes_one_or_two_channels_first(tone: np.ndarray, channels: int) -> None:
    samples = np.stack([tone, 0.5 * tone][:channels], axis=1)
    first, last = from_array(samples.T, 16000), from_array(samples, 16000)
    np.testing.assert_array_equal(first.signal, last.signal)
    assert first.channels == channels


def test_from_array_resamples(tone: np.ndarray) -> None:
    audio = from_array(tone, 16000, sampling_rate=8000, source="microphone")
    assert (audio.signal.size, audio.sampling_rate, audio.source_rate) == (8000, 8000, 16000)
    assert audio.source == "microphone"


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (0.5, r"shape \(\)"),
        (np.zeros((3, 16000)), r"shape \(3, 16000\); give \(samples,\) or \(samples, channels\)"),
        (np.zeros((16000, 0)), "shape"),
        (np.zeros((1, 16000, 2)), "shape"),
        ([[0.1, 0.2], [0.3]], "shape"),
        (np.full(16000, 9), r"array of int64 with values from 9 to 9; cast it"),
        (np.zeros(16000, np.uint64) + 1, r"array of uint64 with values from 1 to 1; cast it"),
        (np.zeros(16000, bool), "array of bool"),
        (np.zeros(16000, complex), "array of complex128"),
        (np.array(["speech"] * 16000), "array of <U6"),
        (np.array([None] * 16000), "array of object"),
        (np.full(16000, 20000.0), r"up to 20000; scale them to \[-1, 1\]"),
    ],
)
def test_from_array_refuses_arrays_that_are_not_signals(samples: object, words: str) -> None:
    with pytest.raises(errors.SignalFormatError, match=f"array: .*{words}"):
        from_array(samples, 16000)


@pytest.mark.parametrize("rate", [0, -16000, 16000.0, 16, 2**31, float("nan"), None, "16000", True])
def test_from_array_refuses_impossible_rates(tone: np.ndarray, rate: object) -> None:
    with pytest.raises(errors.SignalFormatError, match="whole number"):
        from_array(tone, rate)
    with pytest.raises(errors.SignalFormatError, match="whole number"):
        from_array(tone, 16000, sampling_rate=rate)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("channels", [1, 2])
def test_from_array_refuses_nonfinite_values(tone: np.ndarray, value: float, channels: int) -> None:
    samples = np.stack([tone] * channels, axis=1).astype(np.float64)
    samples[5000] = value
    with pytest.raises(errors.NonFiniteAudioError, match="NaN or infinite"):
        from_array(samples, 16000)


def test_from_array_refuses_channels_with_an_overflow() -> None:
    with pytest.raises(errors.AudioError):
        from_array(np.full((16000, 2), 3e38, np.float32), 16000)


def test_from_array_refuses_short_silent_and_empty_arrays(tone: np.ndarray) -> None:
    assert from_array(tone[:1600], 16000).duration == 0.1
    with pytest.raises(errors.TooShortError, match=r"lasts 0\.100 s"):
        from_array(tone[:1599], 16000)
    with pytest.raises(errors.NoSamplesError):
        from_array([], 16000)
    with pytest.raises(errors.SilenceError, match="microphone"):
        from_array(np.full(16000, 0.99e-4), 16000)
    assert from_array(np.full(16000, 1.01e-4), 16000).duration == 1.0


def test_from_array_explains_channels_that_cancel(tone: np.ndarray) -> None:
    with pytest.raises(errors.SilenceError, match=r"channels, which cancel.*choose one channel"):
        from_array(np.stack([tone, -tone], axis=1), 16000)


@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64, np.int16, np.int32, np.uint8, np.int64]),
        hnp.array_shapes(max_dims=3, max_side=40).map(lambda s: (s[0] * 60, *s[1:])),
        fill=st.just(0),
    ),
    st.sampled_from([1000, 8000, 16000, 48000]),
)
def test_from_array_takes_or_refuses_any_array(samples: np.ndarray, rate: int) -> None:
    try:
        audio = from_array(samples, rate)
    except errors.AudioError as error:
        assert str(error).startswith("array: ")  # noqa: PT017 - any other error fails the test
    else:
        assert np.isfinite(audio.signal).all()
        assert audio.signal.dtype == np.float32


@pytest.mark.parametrize("kind", [errors.AudioError, *errors.AudioError.__subclasses__()])
def test_audio_errors_can_be_pickled(kind: type[errors.AudioError]) -> None:
    sent = kind("a.wav", "is silent", "speak up")
    came = pickle.loads(pickle.dumps(sent))
    assert type(came) is kind
    assert str(came) == str(sent) == "a.wav: is silent; speak up"
    assert (came.source, came.problem, came.fix) == ("a.wav", "is silent", "speak up")


def test_missing_extra_error_can_be_pickled() -> None:
    came = pickle.loads(pickle.dumps(errors.MissingExtraError("training", "train")))
    assert isinstance(came, ImportError)
    assert 'pip install "serenade[train]"' in str(came)


def test_from_array_recognises_16_bit_samples_in_an_array_of_32_bits() -> None:
    tone = (3000 * np.sin(np.arange(16000) / 8)).astype(np.int32)
    with pytest.raises(errors.SignalFormatError, match=r"int32 with values from -\d+ to \d+; cast"):
        from_array(tone, 16000)
    assert from_array(tone * 2**16, 16000).duration == 1.0
    with pytest.raises(errors.SilenceError):
        from_array(0 * tone, 16000)
