"""Files that hold more or less than their first header states."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from serenade import errors
from serenade.audio import _ogg, _parts, measure_duration, read, read_blocks

if TYPE_CHECKING:
    from pathlib import Path

JOINED = [
    ("WAV", "PCM_16"),
    ("WAV", "IMA_ADPCM"),
    ("RF64", "PCM_16"),
    ("W64", "PCM_16"),
    ("AIFF", "PCM_16"),
    ("AU", "PCM_16"),
    ("FLAC", "PCM_16"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"),
]


def encoded(signal: np.ndarray, rate: int = 16000, **options: object) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, signal, rate, **options)
    return buffer.getvalue()


def encoded_in_pieces(signal: np.ndarray, **options: str) -> bytes:
    """Encode as a recorder does, which gives an Ogg file several pages."""
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", 16000, 1, **options) as file:
        for start in range(0, len(signal), 1600):
            file.write(signal[start : start + 1600])
    return buffer.getvalue()


def split_pages(content: bytes) -> list[bytes]:
    pages = []
    while content:
        header = 27 + content[26]
        size = header + sum(content[27:header])
        pages.append(content[:size])
        content = content[size:]
    return pages


def shift_stamps(pages: list[bytes], samples: int, first: int) -> bytes:
    """Increase the time stamps from one page on, as a recorder that missed packets does."""
    changed = b""
    for number, page in enumerate(pages):
        content = bytearray(page)
        (stamp,) = struct.unpack_from("<q", content, 6)
        struct.pack_into("<q", content, 6, stamp + samples * (number >= first))
        content[22:26] = bytes(4)
        struct.pack_into("<I", content, 22, _ogg._compute_checksum(content))
        changed += bytes(content)
    return changed


@pytest.mark.parametrize(("container", "subtype"), JOINED)
def test_read_reads_joined_files_to_the_end(
    tmp_path: Path, tone: np.ndarray, container: str, subtype: str
) -> None:
    path = tmp_path / "joined.bin"
    parts = [encoded(gain * tone, format=container, subtype=subtype) for gain in (1, 0.3, 0.6)]
    alone = []
    for part in parts:
        path.write_bytes(part)
        alone.append(read(path).signal)
    path.write_bytes(b"".join(parts))
    signal = read(path).signal
    np.testing.assert_array_equal(signal, np.concatenate(alone))
    assert sum(map(len, read_blocks(path))) == len(signal)
    assert measure_duration(path) == pytest.approx(len(signal) / 16000)
    length = len(alone[0]) / 16000
    segment = read(path, start=length + 0.25, end=length + 0.5)
    np.testing.assert_allclose(segment.signal, alone[1][4000:8000], atol=0.02)
    across = read(path, start=length - 0.25, end=length + 0.25)
    assert across.signal.size == 8000
    with pytest.raises(errors.SignalFormatError, match="but it lasts"):
        read(path, start=4.0)


@pytest.mark.parametrize(
    "empty",
    [
        b"fLaC\x80\0\0\x22" + bytes(34),
        b"ID3\x03" + bytes(6),
        (b"\xff\xf3\x18\xc4" + bytes(9) + b"Xing").ljust(36, b"\0"),
        b"OggS\0\2" + bytes(21) + b"OggS" + bytes(23),
        b".snd" + struct.pack(">5I", 24, 0, 3, 16000, 1),
    ],
    ids=["flac", "tags", "mp3", "ogg", "au"],
)
def test_find_parts_refuses_thousands_of_empty_parts(tmp_path: Path, empty: bytes) -> None:
    path = tmp_path / "empty.bin"
    path.write_bytes(5 * empty + bytes(8))
    assert list(_parts.find_parts(path))
    path.write_bytes(1100 * empty + bytes(8))
    with pytest.raises(errors.SignalFormatError, match=r"joins more than 1000 .*; divide it"):
        list(_parts.find_parts(path))


@pytest.mark.parametrize(("container", "subtype"), JOINED)
def test_read_refuses_joined_files_whose_last_part_is_cut(
    tmp_path: Path, tone: np.ndarray, container: str, subtype: str
) -> None:
    if (container, subtype) == ("WAV", "IMA_ADPCM"):
        pytest.skip("a cut of ADPCM is found by the length of its chunk alone")
    content = encoded(tone, format=container, subtype=subtype)
    path = tmp_path / "joined.bin"
    path.write_bytes(content + content[: int(0.6 * len(content))])
    with pytest.raises(errors.TruncatedAudioError):
        read(path)


def test_read_refuses_joined_files_of_several_rates(tmp_path: Path, tone: np.ndarray) -> None:
    path = tmp_path / "joined.flac"
    path.write_bytes(encoded(tone, format="FLAC") + encoded(tone, 8000, format="FLAC"))
    with pytest.raises(errors.SignalFormatError, match="16000 and 8000 Hz"):
        read(path)


@pytest.mark.parametrize("stated", [0, 16000])
@pytest.mark.parametrize(
    ("container", "field", "layout"),
    [("WAV", b"data", "<I"), ("AIFF", b"SSND", ">I"), ("AU", b".snd", ">I"), ("CAF", b"data", ">q"),
     ("RF64", b"ds64", "<q")],
)  # fmt: skip
def test_read_reads_beyond_a_header_that_was_written_early(
    tmp_path: Path, tone: np.ndarray, container: str, field: bytes, layout: str, stated: int
) -> None:
    content = bytearray(encoded(tone, format=container, subtype="PCM_16"))
    offset = {"AU": 8, "RF64": 16}.get(container, 4)
    struct.pack_into(layout, content, content.rindex(field) + offset, stated)
    path = tmp_path / "early.bin"
    path.write_bytes(content)
    np.testing.assert_allclose(read(path).signal[:16000], tone, atol=1e-4)
    np.testing.assert_allclose(read(path, start=0.6, end=0.8).signal, tone[9600:12800], atol=1e-4)


def test_read_reads_beyond_the_length_of_a_flac(tmp_path: Path, tone: np.ndarray) -> None:
    content = bytearray(encoded(np.tile(tone, 3), format="FLAC", subtype="PCM_16"))
    struct.pack_into(">I", content, 22, 16000)
    path = tmp_path / "early.flac"
    path.write_bytes(content)
    np.testing.assert_allclose(read(path).signal, np.tile(tone, 3), atol=1e-4)
    np.testing.assert_allclose(read(path, start=1.5, end=2).signal, tone[8000:], atol=1e-4)


@pytest.mark.parametrize(
    "trailer",
    [
        b"TAG".ljust(128, b"\0"),
        b"LIST\x1a\0\0\0INFOISFT\x0e\0\0\0Lavf58.29.100\0",
        b"\0",
        b"APETAGEX" * 20,
    ],
)
@pytest.mark.parametrize("container", ["WAV", "AIFF", "FLAC", "MP3"])
def test_read_does_not_take_tags_for_samples(
    tmp_path: Path, tone: np.ndarray, container: str, trailer: bytes
) -> None:
    path = tmp_path / "tagged.bin"
    path.write_bytes(encoded(tone, format=container) + trailer)
    assert read(path).duration == 1.0


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
@pytest.mark.parametrize("gap", [960, 240_000])
def test_read_accepts_gaps_in_the_time_stamps_of_ogg(
    tmp_path: Path, tone: np.ndarray, subtype: str, gap: int
) -> None:
    """A packet was lost before it was written, or the microphone was muted."""
    pages = split_pages(encoded_in_pieces(np.tile(tone, 12), format="OGG", subtype=subtype))
    path = tmp_path / "gap.ogg"
    for first in (3, len(pages) // 2 + 1, len(pages) - 1):
        path.write_bytes(shift_stamps(pages, gap, first))
        assert read(path).duration == pytest.approx(12, abs=0.1)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_read_refuses_ogg_with_missing_or_damaged_pages(tmp_path: Path, subtype: str) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(12 * 16000)
    pages = split_pages(encoded_in_pieces(noise, format="OGG", subtype=subtype))
    assert len(pages) > 6
    path = tmp_path / "damaged.ogg"
    path.write_bytes(b"".join(pages[:5] + pages[6:]))
    with pytest.raises(errors.TruncatedAudioError):
        read(path)
    spoilt = bytearray(b"".join(pages))
    spoilt[len(spoilt) // 2] ^= 1
    path.write_bytes(spoilt)
    with pytest.raises(errors.TruncatedAudioError):
        read(path)


def change_frame_count(content: bytes, frames: int) -> bytes:
    place = content.index(b"Xing" if b"Xing" in content[:200] else b"Info") + 8
    return content[:place] + struct.pack(">I", frames) + content[place + 4 :]


def test_read_counts_the_frames_of_an_mp3(tmp_path: Path, tone: np.ndarray) -> None:
    """Recorders that crash, and encoders that write to a pipe, leave a wrong number."""
    content = encoded(np.tile(tone, 3), format="MP3", bitrate_mode="VARIABLE")
    place = content.index(b"Xing") + 8
    (stated,) = struct.unpack_from(">I", content, place)
    path = tmp_path / "stated.mp3"
    for frames in (0, 1, 20, stated - 1, stated + 1):
        path.write_bytes(change_frame_count(content, frames))
        assert read(path).duration == pytest.approx(3, abs=0.15)
    path.write_bytes(change_frame_count(content, stated + 5))
    with pytest.raises(errors.TruncatedAudioError):
        read(path)


@pytest.mark.parametrize("rate", [44100, 16000, 8000])
def test_read_reads_an_mp3_of_variable_rate_without_a_length(tmp_path: Path, rate: int) -> None:
    rng = np.random.default_rng(0)
    quiet = 1e-3 * np.sin(np.arange(19 * rate) / 20)
    signal = np.concatenate([0.5 * rng.standard_normal(rate), quiet])
    content = encoded(signal, rate, format="MP3", bitrate_mode="VARIABLE")
    second = content.index(content[:2], 4)
    path = tmp_path / "stream.mp3"
    tag = b"ID3\x03\0\0\0\0\x10\0" + b"\0" * 2048
    for before in (b"", tag):
        path.write_bytes(before + content[second:])
        assert read(path).duration == pytest.approx(20, abs=0.2)
        assert read(path, start=15, end=16).duration == pytest.approx(1)


def test_measure_duration_counts_the_samples_of_a_flac_without_a_length(
    tmp_path: Path, tone: np.ndarray
) -> None:
    content = bytearray(encoded(np.tile(tone, 3), format="FLAC", subtype="PCM_16"))
    path = tmp_path / "piped.flac"
    for stated in (0, 16000, 48000):
        struct.pack_into(">I", content, 22, stated)
        path.write_bytes(content)
        assert measure_duration(path) == 3.0
