"""Damaged recordings, made on the spot: every case is decided by its number alone."""

from __future__ import annotations

import dataclasses
import functools
import io
import itertools
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
from support.media import MEDIA, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

RATE = 16000
_EXAMPLE = Path(__file__).parents[2] / "examples" / "example.flac"
WRITTEN = {
    "wav16": ("WAV", "PCM_16"),
    "wav24": ("WAV", "PCM_24"),
    "wav32": ("WAV", "PCM_32"),
    "wavu8": ("WAV", "PCM_U8"),
    "wavfloat": ("WAV", "FLOAT"),
    "wavdouble": ("WAV", "DOUBLE"),
    "wavulaw": ("WAV", "ULAW"),
    "wavadpcm": ("WAV", "MS_ADPCM"),
    "wavex": ("WAVEX", "PCM_16"),
    "rf64": ("RF64", "PCM_16"),
    "w64": ("W64", "PCM_16"),
    "aiff": ("AIFF", "PCM_16"),
    "aifffloat": ("AIFF", "FLOAT"),
    "au": ("AU", "PCM_16"),
    "caf": ("CAF", "PCM_16"),
    "alac": ("CAF", "ALAC_16"),
    "flac": ("FLAC", "PCM_16"),
    "flac24": ("FLAC", "PCM_24"),
    "vorbis": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "nist": ("NIST", "PCM_16"),
    "voc": ("VOC", "PCM_16"),
}
"""Formats by the name that cases have: what libsndfile calls them."""

HEADER = 160  # bytes at whose every one a file is cut
NUMBERS = (0, 1, 2, 127, 255, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
RATES = (0, 1, 7, 999, 1000, 8000, 11025, 192_000, 768_000, 768_001, 10_000_000, 2**31, 2**32 - 1)
CHANNELS = (0, 1, 2, 3, 64, 65, 255, 256, 1024, 32767, 65535)


@dataclasses.dataclass(frozen=True)
class Sound:
    """A recording that may be damaged.

    Args:
        name: of the case, which tells how it was made.
        write: writes the file at a path.
        hours: how long it is, where that is long.
    """

    name: str
    write: Callable[[Path], object]
    hours: float = 0.0


@functools.cache
def speech() -> NDArray[np.float32]:
    """Return 0.6 s of the committed recording, mono at 16 kHz; without speech no model runs."""
    samples, _ = soundfile.read(_EXAMPLE, dtype="float32", start=8000, stop=17600)
    return samples


@functools.cache
def whole(kind: str) -> bytes:
    """Return a sound file of a kind of `WRITTEN`."""
    container, subtype = WRITTEN[kind]
    buffer = io.BytesIO()
    soundfile.write(buffer, speech(), RATE, subtype, format=container)
    return buffer.getvalue()


def systematic() -> list[Sound]:
    """Yield every case that is not drawn at random."""
    # Each large one three times in a row, for each of three uses.
    large = [sound for sound in _large() for _ in range(3)]
    return [*large, *_cut(), *_headers(), *_signals(), *_tagged(), *_odd(), *_media()]


def mutated(seed: int) -> Sound:
    """Return a sound file with random damage.

    Args:
        seed: decides everything.
    """
    rng = np.random.default_rng([17, seed])
    kind = str(rng.choice(list(WRITTEN)))
    changed = damaged(whole(kind), rng, head=200)
    return _bytes(f"mutated {kind} {seed}", changed)


def damaged(data: bytes, rng: np.random.Generator, head: int = 0) -> bytes:
    """Change one to eight bytes at random.

    Args:
        data: bytes to change.
        rng: decides everything.
        head: half of the changes are made within so many first bytes; 0 for anywhere.
    """
    content = bytearray(data)
    for _ in range(int(rng.integers(1, 9))):
        if not content:
            break
        bound = min(head, len(content)) if head and rng.random() < 0.5 else len(content)
        place = int(rng.integers(bound))
        size = int(rng.integers(1, 17))
        match int(rng.integers(7)):
            case 0:
                content[place] ^= 1 << int(rng.integers(8))
            case 1:
                content[place : place + 4] = struct.pack("<I", int(rng.choice(NUMBERS)))
            case 2:
                content[place : place + 2] = struct.pack(">H", int(rng.choice(NUMBERS)) & 0xFFFF)
            case 3:
                content[place : place + size] = rng.bytes(size)
            case 4:
                del content[place : place + size]
            case 5:
                content[place:place] = content[place : place + size]
            case _:
                del content[max(place, 1) :]
    return bytes(content)


def _bytes(name: str, data: bytes) -> Sound:
    return Sound(name, lambda path: path.write_bytes(data))


def _cut() -> Iterator[Sound]:
    """Yield files cut at every byte of their header, and at some of their body."""
    for kind in WRITTEN:
        size = len(whole(kind))
        body = range(HEADER, size, max(1, size // 10))
        for end in itertools.chain(range(min(HEADER, size)), body, [size - 1]):
            # The bytes are cut when asked for: thousands of copies would be held else.
            yield Sound(f"{kind} cut at {end}", functools.partial(_write_cut, kind, end))


def _write_cut(kind: str, end: int, path: Path) -> None:
    path.write_bytes(whole(kind)[:end])


def _headers() -> Iterator[Sound]:
    """Yield WAV and AIFF headers with impossible values."""
    for field, place, layout, values in (
        ("size", 4, "<I", NUMBERS),
        ("fmt length", 16, "<I", NUMBERS),
        ("format", 20, "<H", (0, 1, 2, 3, 6, 7, 17, 49, 80, 85, 0xFFFE, 0xFFFF)),
        ("channels", 22, "<H", CHANNELS),
        ("rate", 24, "<I", RATES),
        ("bytes a second", 28, "<I", NUMBERS),
        ("block", 32, "<H", (0, 1, 2, 3, 4, 8, 0xFFFF)),
        ("bits", 34, "<H", (0, 1, 7, 8, 12, 16, 20, 24, 32, 64, 65, 0xFFFF)),
        ("data length", 40, "<I", NUMBERS),
    ):
        for kind, value in itertools.product(("wav16", "wavfloat", "wavdouble"), values):
            yield _patched(kind, field, place, layout, value)
    for value in CHANNELS:
        yield _patched("aiff", "channels", whole("aiff").index(b"COMM") + 8, ">H", value)
    for value in NUMBERS:
        yield _patched("aiff", "frames", whole("aiff").index(b"COMM") + 10, ">I", value)
        yield _patched("au", "start", 4, ">I", value)
        yield _patched("au", "length", 8, ">I", value)
        yield _patched("au", "rate", 16, ">I", value)
        yield _patched("au", "channels", 20, ">I", value)
    for place in range(8, 26):  # of FLAC's STREAMINFO, whose fields are not whole bytes
        for value in (0, 1, 0x7F, 0xFF):
            yield _patched("flac", "streaminfo", place, "<B", value)


def _patched(kind: str, field: str, place: int, layout: str, value: int) -> Sound:
    data = bytearray(whole(kind))
    struct.pack_into(layout, data, place, value)
    return _bytes(f"{kind} {field} {value}", bytes(data))


def _signals() -> Iterator[Sound]:
    """Yield correct sound files that hold odd samples."""
    rng = np.random.default_rng(1)
    base = speech().astype(np.float64)
    spoilt = {"nan": np.nan, "inf": np.inf, "-inf": -np.inf, "huge": 1e30, "max": 1.7e308}
    for name, value in spoilt.items():
        for place in (0, base.size // 2, base.size - 1):
            changed = base.copy()
            changed[place] = value
            yield _samples(f"{name} at {place}", changed, RATE, "DOUBLE")
    odd = {
        "all nan": np.full(RATE, np.nan),
        "denormal": np.full(RATE, 1e-310),
        "float denormal": np.full(RATE, 1e-40),
        "denormal behind speech": np.concatenate([base, np.full(RATE, 1e-40)]),
        "dc": np.full(RATE, 0.9),
        "dc and speech": 0.2 * base + 0.7,
        "clipped": np.clip(40 * base, -1, 1),
        "square": np.sign(base),
        "nyquist": np.tile([1.0, -1.0], RATE // 2),
        "noise": rng.standard_normal(RATE),
        "click": np.eye(1, RATE, 500)[0],
        "silence": np.zeros(RATE),
        "barely": np.full(RATE, 1.1e-4),
        "one sample": np.ones(1),
        "no sample": np.zeros(0),
        "0.099 s": base[:1584],
        "0.1 s": base[:1600],
        "long": np.tile(base, 40),
    }
    for name, signal in odd.items():
        for subtype in ("PCM_24", "PCM_32", "FLOAT", "DOUBLE"):
            yield _samples(
                f"{name} {subtype}",
                np.nan_to_num(signal, nan=0.0) if "PCM" in subtype else signal,
                RATE,
                subtype,
            )
    for rate in (1, 7, 1000, 4000, 8001, 44100, 96000, 384_000, 768_000, 768_001, 10_000_000):
        yield _samples(f"speech at {rate} Hz", base, rate, "PCM_16")
    for channels in (2, 3, 8, 64, 65, 255, 1024):
        shape = np.repeat(base[:4000, None], channels, axis=1)
        yield _samples(f"{channels} channels", shape, RATE, "PCM_16")
        yield _samples(
            f"{channels} channels, one of them", shape * np.eye(1, channels), RATE, "FLOAT"
        )
    yield _samples("channels that cancel", np.stack([base, -base], axis=1), RATE, "FLOAT")


def _samples(name: str, signal: NDArray[np.float64], rate: int, subtype: str) -> Sound:
    return Sound(
        name,
        lambda path: soundfile.write(path, signal, rate, subtype, format="WAV"),
    )


def _tagged() -> Iterator[Sound]:
    """Yield MP3 files behind tags, some of which state a wrong length."""
    mp3 = whole("mp3")
    for size in (0, 1, 127, 128, 10_000, 4_000_000):
        stated = bytes((size >> 7 * place) & 127 for place in (3, 2, 1, 0))
        for name, header in (
            ("honest", stated),
            ("lying", b"\x7f\x7f\x7f\x7f"),
            ("short", bytes(4)),
        ):
            tag = b"ID3\4\0\0" + header + bytes(size)
            yield Sound(
                f"mp3 {name} tag of {size}", lambda path, tag=tag: path.write_bytes(tag + mp3)
            )
    yield Sound("mp3 1000 tags", lambda path: path.write_bytes(b"ID3\4\0\0\0\0\0\0" * 1000 + mp3))
    yield Sound("tag alone", lambda path: path.write_bytes(b"ID3\4\0\0\0\0\0\0"))
    yield Sound("mp3 twice", lambda path: path.write_bytes(mp3 + mp3))
    yield Sound("mp3 then wav", lambda path: path.write_bytes(mp3 + whole("wav16")))


def _large() -> Iterator[Sound]:
    """Yield small files that hold hours, and large ones that hold nothing."""
    # Opus is decoded at about a thousand times real time: longer ones take longer, in step.
    for kind, hours in (("flac", 0.5), ("flac", 4), ("vorbis", 0.5), ("vorbis", 4), ("opus", 1)):
        yield Sound(
            f"{hours} h of silence in {kind}", functools.partial(_silent, kind, hours), hours
        )
    for start in ("silence", "speech"):
        for size in (2**31 - 100, 2**32 - 1):
            yield Sound(
                f"sparse wav of {size}, {start}",
                functools.partial(_sparse, size, start),
                size / 2 / RATE / 3600,
            )


def _silent(kind: str, hours: float, path: Path) -> None:
    path.write_bytes(_encoded(kind, hours))


@functools.lru_cache(maxsize=1)  # the three uses of a file follow each other
def _encoded(kind: str, hours: float) -> bytes:
    container, subtype = WRITTEN[kind]
    block = np.zeros(60 * RATE, np.float32)
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", RATE, 1, subtype, format=container) as file:
        file.write(np.tile(speech(), 3))
        for _ in range(round(hours * 60)):
            file.write(block)
    return buffer.getvalue()


def _sparse(size: int, start: str, path: Path) -> None:
    data = bytearray(whole("wav16"))
    struct.pack_into("<I", data, 4, min(size - 8, 0xFFFFFFFF))
    struct.pack_into("<I", data, 40, min(size - 44, 0xFFFFFFFF))
    with path.open("wb") as file:
        file.write(data[:44] if start == "silence" else data)
        file.truncate(size)


def _media() -> Iterator[Sound]:
    """Files of the formats that FFmpeg reads: joined, cut, and with random damage."""
    for kind in MEDIA:
        yield Sound(f"{kind} twice", lambda path, kind=kind: path.write_bytes(2 * _media_of(kind)))
        for seed in range(6):
            yield Sound(f"{kind} damaged {seed}", functools.partial(_write_damaged, kind, seed))
        for tenth in range(10):
            yield Sound(f"{kind} cut at {tenth}/10", functools.partial(_write_start, kind, tenth))


def _write_damaged(kind: str, seed: int, path: Path) -> None:
    path.write_bytes(damaged(_media_of(kind), np.random.default_rng([23, seed]), head=400))


def _write_start(kind: str, tenth: int, path: Path) -> None:
    data = _media_of(kind)
    path.write_bytes(data[: max(12, tenth * len(data) // 10)])


@functools.cache
def _media_of(kind: str) -> bytes:
    rate = MEDIA[kind][2]
    return encode(kind, np.interp(np.arange(rate) / rate, np.arange(9600) / RATE, speech()))


def _odd() -> Iterator[Sound]:
    """Yield files that are not sound files at all."""
    rng = np.random.default_rng(2)
    yield _bytes("empty", b"")
    yield _bytes("text", b"this is not audio\n" * 100)
    yield _bytes("zip", b"PK\3\4" + rng.bytes(2000))
    yield _bytes("zeros", bytes(100_000))
    yield _bytes("ones", b"\xff" * 100_000)
    for size in (1, 3, 4, 12, 44, 1000, 100_000):
        yield _bytes(f"{size} random bytes", rng.bytes(size))
    for magic in (b"RIFF", b"RIFX", b"RF64", b"FORM", b"OggS", b"fLaC", b".snd", b"caff", b"riff"):
        yield _bytes(f"{magic.decode()} and zeros", magic + bytes(5000))
        yield _bytes(f"{magic.decode()} and ones", magic + b"\xff" * 5000)
        yield _bytes(f"{magic.decode()} and noise", magic + rng.bytes(5000))
    yield _bytes("wav in wav", whole("wav16")[:44] + whole("wav16"))
    yield _bytes("wav behind nothing", bytes(100) + whole("wav16"))
    yield _bytes("100,000 chunks", whole("wav16")[:36] + b"junk\0\0\0\0" * 100_000)
    yield Sound("folder", lambda path: path.mkdir())
    yield Sound("nothing", lambda path: None)  # noqa: ARG005
