from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
import soxr

from serenade import errors
from serenade.audio import read, read_blocks

if TYPE_CHECKING:
    from pathlib import Path

LOSSLESS = [
    ("wav", "PCM_U8", 2**-7),
    ("wav", "PCM_16", 2**-15),
    ("wav", "PCM_24", 2**-23),
    ("wav", "PCM_32", 2**-24),
    ("wav", "FLOAT", 2**-24),
    ("wav", "DOUBLE", 2**-24),
    ("wav", "ULAW", 2**-5),
    ("flac", "PCM_16", 2**-15),
    ("flac", "PCM_24", 2**-23),
    ("aiff", "PCM_16", 2**-15),
    ("aiff", "FLOAT", 2**-24),
    ("au", "PCM_16", 2**-15),
    ("caf", "PCM_16", 2**-15),
    ("caf", "ALAC_16", 2**-15),
    ("w64", "PCM_16", 2**-15),
    ("rf64", "PCM_16", 2**-15),
]
LOSSY = [("ogg", "VORBIS"), ("ogg", "OPUS"), ("mp3", "MPEG_LAYER_III")]


def write(path: Path, signal: np.ndarray, rate: int = 16000, **options: object) -> Path:
    soundfile.write(path, signal, rate, **options)
    return path


@pytest.mark.parametrize(("suffix", "subtype", "step"), LOSSLESS)
def test_read_returns_the_samples_of_lossless_formats(
    tmp_path: Path, tone: np.ndarray, suffix: str, subtype: str, step: float
) -> None:
    path = write(tmp_path / f"tone.{suffix}", tone, subtype=subtype)
    audio = read(path)
    np.testing.assert_allclose(audio.signal, tone, atol=1.01 * step)
    assert audio.signal.dtype == np.float32
    assert (audio.duration, audio.channels, audio.source_rate) == (1.0, 1, 16000)
    assert audio.source == str(path)


@pytest.mark.parametrize(("suffix", "subtype"), LOSSY)
@pytest.mark.parametrize("channels", [1, 2])
def test_read_returns_similar_samples_of_lossy_formats(
    tmp_path: Path, tone: np.ndarray, suffix: str, subtype: str, channels: int
) -> None:
    signal = np.stack([tone] * channels, axis=1)
    path = write(tmp_path / f"tone.{suffix}", signal, subtype=subtype)
    audio = read(path)
    assert (audio.duration, audio.channels, audio.source_rate) == (1.0, channels, 16000)
    assert np.corrcoef(audio.signal, tone)[0, 1] > 0.98
    assert audio.signal.std() == pytest.approx(tone.std(), rel=0.05)


def test_read_averages_channels(tmp_path: Path, tone: np.ndarray) -> None:
    channels = np.stack([tone, 0.5 * tone, np.zeros_like(tone)], axis=1)
    audio = read(write(tmp_path / "three.wav", channels, subtype="FLOAT"))
    np.testing.assert_allclose(audio.signal, tone / 2, atol=1e-7)
    assert audio.channels == 3


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff", "caf"])
@pytest.mark.parametrize(("start", "end"), [(0.0, 0.5), (0.25, 0.75), (0.5, None), (0.3, 9.0)])
def test_read_of_a_segment_equals_a_slice(
    tmp_path: Path, tone: np.ndarray, suffix: str, start: float, end: float | None
) -> None:
    path = write(tmp_path / f"tone.{suffix}", tone)
    part = read(path, start=start, end=end)
    stop = None if end is None else round(end * 16000)
    expected = read(path).signal[round(start * 16000) : stop]
    np.testing.assert_array_equal(part.signal, expected)
    assert part.duration == expected.size / 16000


@pytest.mark.parametrize(("suffix", "subtype"), LOSSY)
def test_read_of_a_segment_of_a_lossy_file_is_in_place(
    tmp_path: Path, suffix: str, subtype: str
) -> None:
    rng = np.random.default_rng(0)
    noise = np.convolve(rng.standard_normal(3 * 16000), np.ones(8) / 60, "same")
    path = write(tmp_path / f"noise.{suffix}", noise, subtype=subtype)
    whole, part = read(path).signal, read(path, start=1.25, end=2.0).signal
    assert part.shape == (12000,)
    # A decoder that starts in the middle lacks a little of the past.
    np.testing.assert_allclose(part[1000:], whole[21000:32000], atol=0.02)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000, 96000])
def test_read_keeps_frequency_and_level_when_it_resamples(tmp_path: Path, rate: int) -> None:
    time = np.arange(2 * rate) / rate
    signal = 0.5 * np.sin(2 * np.pi * 1000 * time)
    audio = read(write(tmp_path / "sine.wav", signal, rate, subtype="FLOAT"))
    assert (audio.signal.size, audio.source_rate, audio.duration) == (32000, rate, 2.0)
    spectrum = np.abs(np.fft.rfft(audio.signal[8000:24000] * np.hanning(16000)))
    assert spectrum.argmax() == 1000
    assert audio.signal[8000:24000].std() == pytest.approx(0.5 / np.sqrt(2), rel=1e-3)
    expected = soxr.resample(signal.astype(np.float32), rate, 16000, "HQ")
    np.testing.assert_array_equal(audio.signal, expected)


def test_read_removes_frequencies_above_half_the_rate(tmp_path: Path) -> None:
    time = np.arange(48000) / 48000
    signal = 0.1 * np.sin(2 * np.pi * 440 * time) + 0.5 * np.sin(2 * np.pi * 12000 * time)
    audio = read(write(tmp_path / "high.wav", signal, 48000))
    assert audio.signal[2000:14000].std() == pytest.approx(0.1 / np.sqrt(2), rel=1e-2)


def test_read_takes_another_rate(wav: Path) -> None:
    audio = read(wav, sampling_rate=np.int64(8000))
    assert audio.signal.size == audio.sampling_rate == 8000
    assert audio.source_rate == 16000


@pytest.mark.parametrize(
    "name", ["mit Leerzeichen.wav", "грусть 悲しみ 😢.wav", "-.wav", "a%20b.wav"]
)
def test_read_takes_any_file_name(tmp_path: Path, tone: np.ndarray, name: str) -> None:
    path = write(tmp_path / "tone.wav", tone).rename(tmp_path / name)
    assert read(path).source == read(str(path)).source == read(os.fsencode(path)).source


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_read_takes_a_name_that_is_not_utf8(wav: Path) -> None:
    try:
        path = wav.rename(wav.parent / os.fsdecode(b"caf\xe9.wav"))
    except OSError:
        pytest.skip("the file system takes UTF-8 names only")
    assert read(path).duration == 1.0


def test_read_ignores_a_wrong_suffix(tmp_path: Path, wav: Path) -> None:
    assert read(wav.rename(tmp_path / "tone.mp3")).duration == 1.0


@pytest.mark.parametrize("channels", [1, 2])
def test_read_joins_many_blocks(tmp_path: Path, channels: int) -> None:
    signal = np.random.default_rng(0).uniform(-0.5, 0.5, (2_300_000, channels)).astype(np.float32)
    path = write(tmp_path / "long.wav", signal, subtype="FLOAT")
    np.testing.assert_allclose(read(path).signal, signal.mean(axis=1), atol=1e-7)


def test_read_imports_nothing_heavy(wav: Path) -> None:
    code = (
        "import sys; from serenade.audio import read; read(sys.argv[1], sampling_rate=8000); "
        "print(*(m for m in ('scipy', 'pandas', 'torch', 'sklearn') if m in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(wav)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


@pytest.mark.parametrize(
    ("suffix", "subtype"), [(s, t) for s, t, _ in LOSSLESS if t != "PCM_U8"] + LOSSY
)
@pytest.mark.parametrize("rate", [16000, 44100])
def test_read_blocks_yields_the_signal(
    tmp_path: Path, suffix: str, subtype: str, rate: int
) -> None:
    if subtype == "OPUS":
        rate = 48000
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (400_000, 2))
    path = write(tmp_path / f"long.{suffix}", noise, rate, subtype=subtype)
    blocks = list(read_blocks(path))
    assert len(blocks) > 2
    np.testing.assert_array_equal(np.concatenate(blocks), read(path).signal)


def test_read_blocks_raises_the_errors_of_read(tmp_path: Path, tone: np.ndarray) -> None:
    path = write(tmp_path / "cut.flac", np.tile(tone, 60))
    path.write_bytes(path.read_bytes()[:-5000])
    blocks = read_blocks(path)
    assert next(blocks).size  # what is there comes first
    with pytest.raises(errors.TruncatedAudioError):
        list(blocks)
    with pytest.raises(errors.SilenceError):
        list(read_blocks(write(tmp_path / "silent.wav", np.zeros(16000))))
    with pytest.raises(errors.TooShortError):
        list(read_blocks(write(tmp_path / "short.wav", tone[:160])))
    broken = tone.copy()
    broken[3] = np.nan
    with pytest.raises(errors.NonFiniteAudioError):
        list(read_blocks(write(tmp_path / "nan.wav", broken, subtype="FLOAT")))
    with pytest.raises(errors.MissingFileError):
        list(read_blocks(tmp_path / "absent.wav"))


def crashed(path: Path) -> Path:
    """Write a WAV file whose recorder stopped before it wrote the length."""
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = bytes(4)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("broken", [False, True])
def test_read_blocks_takes_little_memory(tmp_path: Path, broken: bool) -> None:
    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", 44100, 2, "PCM_16") as file:
        for _ in range(24):
            file.write(np.random.default_rng(0).uniform(-0.5, 0.5, (44100 * 5, 2)))
    if broken:
        crashed(path)
    size = path.stat().st_size
    tracemalloc.start()
    try:
        count = sum(block.size for block in read_blocks(path))
        assert tracemalloc.get_traced_memory()[1] < size / 3
    finally:
        tracemalloc.stop()
    assert count == 120 * 16000
