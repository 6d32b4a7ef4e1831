"""Files that are not as they should be: each gives a typed error that names the file."""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import socket
import struct
import tracemalloc
import zipfile
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serenade import errors
from serenade.audio import read

if TYPE_CHECKING:
    from pathlib import Path


def encoded(signal: np.ndarray, rate: int = 16000, **options: object) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, signal, rate, **options)
    return buffer.getvalue()


def wave_header(size: int, *, rate: int = 16000, channels: int = 1, bits: int = 16) -> bytes:
    frame = channels * bits // 8 % 65536
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * frame % 2**32, frame, bits)
    return (
        b"RIFF" + struct.pack("<I", min(size + 36, 2**32 - 1)) + b"WAVEfmt " + struct.pack("<I", 16)
        + form + b"data" + struct.pack("<I", size)
    )  # fmt: skip


def png() -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 65 * 64)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("speech.wav", b"RIFF" * 1000)
    return buffer.getvalue()


def pcm(signal: np.ndarray) -> bytes:
    return (signal * 32767).astype("<i2").tobytes()


def fails(path: Path, kind: type[errors.AudioError], words: str | None = None) -> None:
    with pytest.raises(kind, match=words) as raised:
        read(path)
    assert type(raised.value) is kind
    assert str(path) in str(raised.value)
    assert raised.value.source == str(path)


def test_read_refuses_a_missing_file(tmp_path: Path, wav: Path) -> None:
    fails(tmp_path / "absent.wav", errors.MissingFileError, "does not exist")
    fails(wav / "below.wav", errors.MissingFileError, "does not exist|cannot be opened")
    fails(tmp_path, errors.MissingFileError, "is a folder")
    with pytest.raises(
        errors.MissingFileError, match=r"^\./absent: does not exist; check the path"
    ):
        read("./absent")
    with pytest.raises(errors.MissingFileError):
        read("null\0byte.wav")
    with pytest.raises(errors.MissingFileError):
        read("x" * 5000)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX permissions")
def test_read_refuses_a_file_without_permission(wav: Path) -> None:
    wav.chmod(0)
    wav.parent.chmod(0o755)
    me = os.geteuid()
    if me == 0:  # who may read everything
        os.seteuid(65534)
    try:
        fails(wav, errors.MissingFileError, "cannot be opened")
    finally:
        os.seteuid(me)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_read_refuses_pipes(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    fails(tmp_path / "pipe.wav", errors.MissingFileError, "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        fails(tmp_path / "s", errors.MissingFileError, "pipe")


def test_read_refuses_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    path.touch()
    fails(path, errors.EmptyFileError, "0 bytes")


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "raw", "txt"])
@pytest.mark.parametrize(
    "content",
    [
        b"This is a transcript, not a recording.\n" * 50,
        np.random.default_rng(0).bytes(5000),
        zipped(),
        png(),
        b"\0" * 4000,
        b"RIFF",
        b"\0",
        b'<?xml version="1.0"?><html></html>',
    ],
    ids=["text", "noise", "zip", "png", "zeros", "four bytes", "one byte", "html"],
)
def test_read_refuses_files_that_are_not_audio(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"file.{suffix}"
    path.write_bytes(content)
    fails(path, errors.NotAudioError, "convert it")


CONTAINERS = [
    ("WAV", "PCM_16"),
    ("WAV", "FLOAT"),
    ("WAVEX", "PCM_24"),
    ("RF64", "PCM_16"),
    ("W64", "PCM_16"),
    ("AIFF", "PCM_16"),
    ("AU", "PCM_16"),
    ("CAF", "PCM_16"),
    ("CAF", "ALAC_16"),
    ("FLAC", "PCM_16"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"),
]


@pytest.mark.parametrize(("container", "subtype"), CONTAINERS)
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.98])
def test_read_refuses_truncated_files(
    tmp_path: Path, tone: np.ndarray, container: str, subtype: str, kept: float
) -> None:
    whole = encoded(np.tile(tone, 3), format=container, subtype=subtype)
    path = tmp_path / "cut.bin"
    path.write_bytes(whole)
    assert read(path).duration == 3.0
    path.write_bytes(whole[: int(kept * len(whole))])
    fails(path, errors.TruncatedAudioError, "copy it again")


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0xFFFFFFFF - 36, 0x7FFFF000, 0x80000000, 0x7FFFFFFF])
def test_read_reads_a_streamed_wav_to_its_end(tmp_path: Path, tone: np.ndarray, size: int) -> None:
    path = tmp_path / "piped.wav"
    path.write_bytes(wave_header(size) + pcm(tone))
    np.testing.assert_allclose(read(path).signal, tone, atol=1e-4)


@pytest.mark.parametrize("extra", [b"", b"LIST\x04\0\0\0INFO"])
def test_read_reads_a_wav_without_a_length(tmp_path: Path, tone: np.ndarray, extra: bytes) -> None:
    path = tmp_path / "crashed.wav"
    head = wave_header(0)
    path.write_bytes(head[:-8] + extra + head[-8:] + pcm(tone))
    np.testing.assert_allclose(read(path).signal, tone, atol=1e-4)
    np.testing.assert_allclose(read(path, start=0.5).signal, tone[8000:], atol=1e-4)


def test_read_refuses_a_file_without_samples(tmp_path: Path) -> None:
    path = tmp_path / "none.wav"
    path.write_bytes(wave_header(0))
    fails(path, errors.NoSamplesError, "no samples")
    path.write_bytes(wave_header(0) + b"LIST\x04\0\0\0INFO")
    fails(path, errors.NoSamplesError, "no samples")
    for kind in ("AIFF", "AU", "CAF"):
        path.write_bytes(encoded(np.zeros(0), format=kind, subtype="PCM_16"))
        fails(path, errors.NoSamplesError)


def flac_with_length(signal: np.ndarray, samples: int) -> bytes:
    """Return a FLAC file whose header states a number of samples (36 bits from bit 108 on)."""
    content = bytearray(encoded(signal, format="FLAC", subtype="PCM_16"))
    content[21] = content[21] & 0xF0 | samples >> 32
    content[22:26] = struct.pack(">I", samples & 0xFFFFFFFF)
    return bytes(content)


def test_read_reads_a_flac_without_a_length(tmp_path: Path, tone: np.ndarray) -> None:
    path = tmp_path / "piped.flac"
    content = flac_with_length(np.tile(tone, 3), 0)
    path.write_bytes(content)
    np.testing.assert_allclose(read(path).signal, np.tile(tone, 3), atol=1e-4)
    np.testing.assert_allclose(read(path, end=0.5).signal, tone[:8000], atol=1e-4)
    np.testing.assert_allclose(read(path, start=1.5, end=2).signal, tone[8000:], atol=1e-4)
    path.write_bytes(content[: len(content) // 2])
    with contextlib.suppress(errors.TruncatedAudioError):  # newer versions of libsndfile notice
        assert read(path).duration < 3


def promising_petabytes(kind: str, tone: np.ndarray) -> bytes:
    if kind == "FLAC":
        return flac_with_length(tone, 2**36 - 1)
    if kind == "WAV":
        return wave_header(0x7FFFE000) + pcm(tone)
    content = encoded(tone, format=kind, subtype="PCM_16")
    size = {"CAF": struct.pack(">q", 32004), "W64": struct.pack("<q", 32024)}[kind]
    assert content.count(size) == 1
    return content.replace(size, struct.pack(">q" if kind == "CAF" else "<q", 2**60))


@pytest.mark.parametrize("kind", ["FLAC", "WAV", "CAF", "W64"])
def test_read_does_not_allocate_the_stated_length(
    tmp_path: Path, tone: np.ndarray, kind: str
) -> None:
    path = tmp_path / "huge.bin"
    path.write_bytes(promising_petabytes(kind, tone))
    tracemalloc.start()
    try:
        fails(path, errors.TruncatedAudioError)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "header",
    [{"rate": 0}, {"rate": 2**31}, {"rate": 3}, {"channels": 65535}, {"channels": 0}, {"bits": 0}],
    ids=str,
)
def test_read_refuses_absurd_headers(
    tmp_path: Path, tone: np.ndarray, header: dict[str, int]
) -> None:
    path = tmp_path / "absurd.wav"
    path.write_bytes(wave_header(32000, **header) + pcm(tone))
    fails(path, errors.NotAudioError)


@pytest.mark.parametrize("padded", [True, False])
def test_read_reads_odd_chunks(tmp_path: Path, tone: np.ndarray, padded: bool) -> None:
    """Some writers leave out the byte that makes a chunk's length even."""
    path = tmp_path / "odd.wav"
    head = wave_header(32000)
    odd = b"LIST\x05\0\0\0INFO!" + b"\0" * padded
    path.write_bytes(head[:-8] + odd + head[-8:] + pcm(tone))
    try:
        signal = read(path).signal
    except errors.NotAudioError:
        assert not padded  # libsndfile's own view
    else:
        np.testing.assert_allclose(signal, tone, atol=1e-4)


@pytest.mark.parametrize("claimed", [32036, 32044])
def test_read_accepts_a_length_that_counts_the_header(
    tmp_path: Path, tone: np.ndarray, claimed: int
) -> None:
    path = tmp_path / "sloppy.wav"
    path.write_bytes(wave_header(claimed) + pcm(tone))
    assert read(path).duration == 1.0


def mp3_frame_length(frame: bytes) -> int:
    """Of MPEG-2 layer III."""
    rates = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
    return 72000 * rates[frame[2] >> 4] // 16000 + (frame[2] >> 1 & 1)


@pytest.mark.skipif(
    "bitrate_mode" not in inspect.signature(soundfile.SoundFile).parameters,
    reason="this soundfile cannot write a constant bit rate",
)
@pytest.mark.parametrize("tag", [b"", b"ID3\x03\0\0\0\0\x10\0" + b"\0" * 2048], ids=["bare", "ID3"])
def test_read_reads_an_mp3_without_a_length(tmp_path: Path, tone: np.ndarray, tag: bytes) -> None:
    """Read a file for whose tag libsndfile guesses a wrong length: nothing is cut."""
    options = {"bitrate_mode": "CONSTANT", "compression_level": 0.5}
    content = encoded(np.tile(tone, 3), format="MP3", subtype="MPEG_LAYER_III", **options)
    assert b"Info" in content[:100]
    path = tmp_path / "stream.mp3"
    path.write_bytes(tag + content[mp3_frame_length(content) :])
    assert read(path).duration == pytest.approx(3, abs=0.2)


def test_read_reads_an_mp3_with_a_tag_and_a_length(tmp_path: Path, tone: np.ndarray) -> None:
    content = encoded(np.tile(tone, 3), format="MP3", subtype="MPEG_LAYER_III")
    tag = b"ID3\x03\0\0\0\0\x10\0" + b"\0" * 2048
    path = tmp_path / "tagged.mp3"
    path.write_bytes(tag + content)
    assert read(path).duration == 3.0
    path.write_bytes(tag + content[: len(content) // 2])
    fails(path, errors.TruncatedAudioError)


def test_read_refuses_a_damaged_flac(tmp_path: Path, tone: np.ndarray) -> None:
    content = bytearray(encoded(np.tile(tone, 3), format="FLAC", subtype="PCM_16"))
    middle = len(content) // 2
    content[middle : middle + 3000] = bytes(3000)
    path = tmp_path / "damaged.flac"
    path.write_bytes(content)
    fails(path, errors.TruncatedAudioError, "damaged")


@pytest.mark.parametrize(("start", "end"), [(2.0, None), (1e300, None), (1.0, 2.0)])
def test_read_refuses_segments_beyond_the_end(wav: Path, start: float, end: float | None) -> None:
    with pytest.raises(errors.SignalFormatError, match=r"lasts 1\.00 s"):
        read(wav, start=start, end=end)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (-1, None),
        (0.5, 0.5),
        (0.7, 0.2),
        (float("nan"), None),
        (float("inf"), None),
        (0, float("nan")),
    ],
)
def test_read_refuses_impossible_segments(wav: Path, start: float, end: float | None) -> None:
    with pytest.raises(errors.SignalFormatError, match="start before end"):
        read(wav, start=start, end=end)


@pytest.mark.parametrize("start", [0.0, 0.5])
def test_read_refuses_segments_of_less_than_a_sample(wav: Path, start: float) -> None:
    with pytest.raises(errors.SignalFormatError, match="less than one sample"):
        read(wav, start=start, end=start + 1e-6)


@pytest.mark.parametrize("end", [float("inf"), 1e306, 1.0, None])
def test_read_stops_at_the_end_of_the_file(wav: Path, end: float | None) -> None:
    assert read(wav, end=end).duration == 1.0


def test_read_refuses_a_short_segment(wav: Path) -> None:
    with pytest.raises(errors.TooShortError, match=r"0\.050"):
        read(wav, start=0.2, end=0.25)


def contents() -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    speech = 0.3 * np.sin(np.arange(6000) / 8) + 0.01 * rng.standard_normal(6000)
    kinds = [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"),
             ("OGG", "OPUS"), ("AIFF", "PCM_16"), ("CAF", "PCM_16"), ("W64", "PCM_16"),
             ("RF64", "PCM_16"), ("AU", "PCM_16"), ("MP3", "MPEG_LAYER_III")]  # fmt: skip
    return {
        f"{kind}-{subtype}": encoded(speech, format=kind, subtype=subtype)
        for kind, subtype in kinds
    }


CONTENTS = contents()


@settings(
    max_examples=250,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data(), kind=st.sampled_from(sorted(CONTENTS)))
def test_read_reads_or_refuses_mutated_files(
    tmp_path: Path, data: st.DataObject, kind: str
) -> None:
    content = bytearray(CONTENTS[kind])
    # Headers decide more than samples do: every other change falls on one.
    positions = st.one_of(st.integers(0, 120), st.integers(0, len(content) - 1))
    for position, value in data.draw(
        st.lists(st.tuples(positions, st.integers(0, 255)), max_size=8)
    ):
        content[position] = value
    kept = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    path = tmp_path / "mutated"
    path.write_bytes(content[:kept])
    try:
        audio = read(path)
    except errors.AudioError as error:
        assert str(path) in str(error)  # noqa: PT017 - any other error fails the test
    else:
        assert audio.signal.dtype == np.float32
        assert audio.signal.ndim == 1
        assert np.isfinite(audio.signal).all()
        assert audio.duration >= 0.1
