"""Samples in blocks: signal and errors as for whole arrays; samples of pipes and microphones."""

from __future__ import annotations

import io
import os
import threading

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from serenade import errors
from serenade.audio import Intake, from_array, read_raw_samples, record_microphone

RATES = [8000, 11025, 16000, 22050, 44100, 48000]


def joined(intake: Intake, samples: np.ndarray, cuts: list[int]) -> np.ndarray:
    blocks = np.split(samples, sorted(cut % (len(samples) + 1) for cut in cuts))
    return np.concatenate([*(intake.push(block) for block in blocks), intake.finish()])


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(RATES),
    st.integers(2000, 30_000),
    st.lists(st.integers(0, 2**31), max_size=40),
    st.integers(1, 3),
)
def test_intake_does_not_depend_on_blocks(
    rate: int, size: int, cuts: list[int], channels: int
) -> None:
    samples = np.random.default_rng(size).uniform(-1, 1, (size, channels)).astype(np.float32)
    found = joined(Intake(rate, 16000, "array"), samples, cuts)
    mono = samples[:, 0] if channels == 1 else samples.mean(axis=1)
    expected = mono if rate == 16000 else soxr.resample(mono, rate, 16000, "HQ")
    np.testing.assert_array_equal(found, expected)


def test_intake_takes_a_channel() -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, (16000, 3)).astype(np.float32)
    for channel, place in {"left": 0, "right": 1, 3: 2, "3": 2}.items():
        found = joined(Intake(16000, 16000, "array", channel), samples, [5000])
        np.testing.assert_array_equal(found, samples[:, place])
    with pytest.raises(errors.SignalFormatError, match=r"call: has 3 channels and no channel 4;"):
        Intake(16000, 16000, "call", 4).push(samples)
    for wrong in (0, -1, 65, "both", "", "²", True, 1.0):
        with pytest.raises(errors.InputError, match="choose mix, left, right or a number from 1"):
            Intake(16000, 16000, "call", wrong)


def test_intake_names_the_silent_channel() -> None:
    samples = np.zeros((16000, 2), np.float32)
    samples[:, 0] = 0.1
    with pytest.raises(errors.SilenceError, match=r"silent in channel 2 .*choose another channel"):
        from_array(samples, 16000, channel="right")


@pytest.mark.parametrize("rate", [8000, 11025, 44100, 48000, 192_000])
@pytest.mark.parametrize("chunk", [0.001, 0.1])
def test_intake_delays_samples_less_than_documented(rate: int, chunk: float) -> None:
    from serenade.inference._stream import RESAMPLING

    intake, given_, size = Intake(rate, 16000, "stream"), 0, max(1, round(chunk * rate))
    rng = np.random.default_rng(0)
    for _ in range(round(2 / chunk)):
        given_ += intake.push(rng.uniform(-1, 1, (size, 1)).astype(np.float32)).size
        assert intake.duration - given_ / 16000 < RESAMPLING


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])
def test_intake_ignores_an_invalid_block(value: float) -> None:
    rng = np.random.default_rng(0)
    good = rng.uniform(-1, 1, (8000, 1)).astype(np.float32)
    bad = good.copy()
    bad[5000] = value
    intake = Intake(44100, 16000, "line in")
    first = intake.push(good)
    with pytest.raises(errors.AudioError, match="line in"):
        intake.push(bad)
    rest = np.concatenate([first, intake.push(good), intake.finish()])
    whole = soxr.resample(np.concatenate([good, good])[:, 0], 44100, 16000, "HQ")
    np.testing.assert_array_equal(rest, whole)


def test_intake_check_refuses_short_and_silent_recordings() -> None:
    intake = Intake(16000, 16000, "x")
    with pytest.raises(errors.NoSamplesError):
        intake.check()
    intake.push(np.full((800, 1), 0.5, np.float32))
    with pytest.raises(errors.TooShortError, match=r"0\.050"):
        intake.check()
    intake.push(np.full((800, 1), 0.5, np.float32))
    intake.check()
    quiet = Intake(16000, 16000, "x")
    quiet.push(np.zeros((1600, 2), np.float32))
    with pytest.raises(errors.SilenceError, match="check the microphone"):
        quiet.check()
    quiet.push(np.tile(np.float32([[0.5, -0.5]]), (1600, 1)))
    with pytest.raises(errors.SilenceError, match="cancel"):
        quiet.check()


@pytest.mark.parametrize("rate", [0, 16000.0, 10**7, "16000"])
def test_intake_refuses_impossible_rates(rate: object) -> None:
    with pytest.raises(errors.SignalFormatError, match="sampling rate"):
        Intake(rate, 16000, "x")


def test_intake_takes_an_array_as_one_block(tone: np.ndarray) -> None:
    intake = Intake(16000, 8000, "array")
    np.testing.assert_array_equal(
        joined(intake, tone[:, None], [100, 7000]),
        from_array(tone, 16000, sampling_rate=8000).signal,
    )


def test_read_raw_samples_yields_available_bytes(tone: np.ndarray) -> None:
    samples = (tone * 32767).astype("<i2")
    content = samples.tobytes()
    out, into = os.pipe()

    def write() -> None:
        with os.fdopen(into, "wb", buffering=0) as file:
            for start in range(0, len(content), 777):  # odd: samples are torn apart
                file.write(content[start : start + 777])

    writer = threading.Thread(target=write)
    writer.start()
    with os.fdopen(out, "rb") as file:
        chunks = list(read_raw_samples(file, 16000))
    writer.join()
    np.testing.assert_array_equal(np.concatenate(chunks), samples)
    assert all(chunk.size <= 1600 for chunk in chunks)


@pytest.mark.parametrize("name", ["WAV", "FLAC", "OGG", "AIFF"])
def test_read_raw_samples_refuses_files_with_a_header(tone: np.ndarray, name: str) -> None:
    file = io.BytesIO()
    soundfile.write(file, tone, 16000, format=name)
    file.seek(0)
    with pytest.raises(
        errors.InputError, match=r"not raw samples but a file that begins with .* -ar 16000 -"
    ):
        list(read_raw_samples(file, 16000))


def test_record_microphone_explains_a_missing_microphone() -> None:
    """Wherever this runs: with or without sounddevice, PortAudio and devices."""
    with pytest.raises(
        (errors.DeviceError, errors.MissingExtraError), match=r"--input -|serenade\[listen\]"
    ):
        next(record_microphone(16000, "there is no such microphone"))
