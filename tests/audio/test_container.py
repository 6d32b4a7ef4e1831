from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import pytest
import soundfile

from serenade.audio._container import count_missing_bytes

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np


def encoded(signal: np.ndarray, **options: str) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, signal, 16000, **options)
    return buffer.getvalue()


def missing(folder: Path, content: bytes) -> int:
    path = folder / "file"
    path.write_bytes(content)
    return count_missing_bytes(path)


@pytest.mark.parametrize("kind", ["WAV", "RF64", "W64", "AIFF", "AU", "CAF"])
@pytest.mark.parametrize("lost", [66, 1000, 20000])
def test_count_missing_bytes_counts_a_cut(
    tmp_path: Path, tone: np.ndarray, kind: str, lost: int
) -> None:
    content = encoded(tone, format=kind, subtype="PCM_16")
    assert missing(tmp_path, content) == 0
    assert missing(tmp_path, content + b"trailing bytes") == 0
    assert missing(tmp_path, content[:-lost]) == lost


def test_count_missing_bytes_reads_big_endian_wav(tmp_path: Path, tone: np.ndarray) -> None:
    content = encoded(tone, format="WAV", subtype="PCM_16", endian="BIG")
    assert content[:4] == b"RIFX"
    assert missing(tmp_path, content) == 0
    assert missing(tmp_path, content[:-1000]) == 1000


@pytest.mark.parametrize("padding", [b"\0", b""])
def test_count_missing_bytes_accepts_odd_chunks_with_and_without_padding(
    tmp_path: Path, tone: np.ndarray, padding: bytes
) -> None:
    content = encoded(tone, format="WAV", subtype="PCM_16")
    start = content.index(b"data")
    content = content[:start] + b"LIST\x05\0\0\0INFO!" + padding + content[start:]
    assert missing(tmp_path, content) == 0
    assert missing(tmp_path, content[:-1000]) == 1000


def test_count_missing_bytes_accepts_a_cut_header(tmp_path: Path) -> None:
    head = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + bytes(16)
    assert missing(tmp_path, head + b"LIST" + struct.pack("<I", 5000) + b"INFO") > 0
    assert missing(tmp_path, b"RIFF") == missing(tmp_path, b".snd") == missing(tmp_path, b"") == 0


def test_count_missing_bytes_ends_on_a_header_of_zeros(tmp_path: Path) -> None:
    """Chunks of no length, a million of them."""
    assert missing(tmp_path, b"RIFF\0\0\0\0WAVE" + bytes(8_000_000)) == 0


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_count_missing_bytes_reads_ogg_pages(
    tmp_path: Path, tone: np.ndarray, subtype: str
) -> None:
    content = encoded(tone, format="OGG", subtype=subtype)
    assert missing(tmp_path, content) == 0
    assert missing(tmp_path, content[:-1]) == 1
    assert missing(tmp_path, content[:-500]) == 500
    last = content.rindex(b"OggS")
    assert missing(tmp_path, content[: last + 20]) > 0
    assert missing(tmp_path, content + b"TAG") == 0


@pytest.mark.parametrize("chance", [b"OggS\x07\x00", b"OggS\x00\xff"])
def test_count_missing_bytes_ignores_the_capture_pattern_in_a_packet(
    tmp_path: Path, tone: np.ndarray, chance: bytes
) -> None:
    content = encoded(tone, format="OGG", subtype="VORBIS")
    chanced = content[: -len(chance) - 40] + chance + content[-40:]
    assert missing(tmp_path, chanced) == 0
    assert missing(tmp_path, chanced[:-10]) == 10


def test_count_missing_bytes_looks_into_joined_files(tmp_path: Path, tone: np.ndarray) -> None:
    content = encoded(tone, format="WAV", subtype="PCM_16")
    assert missing(tmp_path, content * 3) == 0
    assert missing(tmp_path, (content * 3)[:-1000]) == 1000


@pytest.mark.parametrize("start", [0, 1, 24, 1 << 31])
def test_count_missing_bytes_ends_on_headers_without_length(tmp_path: Path, start: int) -> None:
    head = b".snd" + struct.pack(">IIIII", start, 0, 3, 16000, 1)
    assert missing(tmp_path, head * 50_000) == 0
