"""Read the formats that libsndfile does not know, such as MP4, WebM, AMR and WMA.

FFmpeg decodes them: its libraries by way of PyAV, or else the program `ffmpeg`. Both run in a
process of their own. FFmpeg reads hundreds of formats in C, and a hostile file can make it crash,
loop or allocate; a process can be limited and ended, and its failure is an error like others.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serenade import errors
from serenade.audio._media_process import FORMATS, NO_AUDIO_TRACK

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

_MEMORY = 512 << 20
"""Most memory of the process in bytes, where the system can limit it.

PyAV needs 155 MB of addresses, and the program ffmpeg 295 MB, for an hour of sound or a 4K video.
"""

_STALL = 60.0
"""Seconds without a sample after which the process is ended."""

_LEAST_BYTES = 10
"""Bytes per second of sound that the thinnest format needs; fewer are a forged header."""

_HEAD = 512


_MAGIC = {
    b"\x1a\x45\xdf\xa3": "WebM",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "WMA",
    b"#!AMR": "AMR",
    b"FLV\x01": "FLV",
    b"\x00\x00\x01\xba": "MPEG",
}
_BOXES = {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"styp"}
_OGG_CODECS = {b"Speex  ", b"\x80theora", b"fishead"}
_CAF_CODECS = {b"aac ", b"aace", b".mp3", b"ilbc"}
_WAV_CODECS = {0x50, 0x55, 0xFF, 0x1600, 0x1602, 0x1610, 0x160, 0x161, 0x162, 0x163, 0x2000}
"""Numbers of MPEG audio, AAC, WMA and AC-3 in a WAV file, which libsndfile does not read."""


class MediaFile:
    """Samples that a decoder in another process writes, with the methods of a sound file.

    Args:
        name: the file.
        kind: its format, for error messages.
        process: the decoder.
    """

    frames = 1 << 63
    """Unknown, as libsndfile states it."""

    def __init__(self, name: str, kind: str, process: subprocess.Popen[bytes]) -> None:
        self._name, self._kind, self._process = name, kind, process
        self._left = 60.0 + Path(name).stat().st_size / _LEAST_BYTES  # seconds
        header = self._take(24)
        if len(header) < 24:
            raise self._explain()
        _, offset, _, _, self.samplerate, self.channels = struct.unpack(">4s5I", header)
        self._take(max(0, offset - 24))

    def read(self, count: int, **_: Any) -> NDArray[np.float32]:
        """Return the next samples `(samples, channels)`; fewer than asked for only at the end."""
        import numpy as np

        width = 4 * self.channels
        content = self._take(count * width)
        samples = np.frombuffer(content[: len(content) // width * width], dtype=">f4")
        self._left -= len(content) / width / self.samplerate
        if (len(content) < count * width and self._process.wait()) or self._left < 0:
            raise self._explain()
        return samples.astype(np.float32).reshape(-1, self.channels)

    def seek(self, position: int) -> int:
        """Skip samples from the beginning, and return how many there were."""
        place = 0
        while place < position:
            skipped = len(self.read(min(position - place, 1 << 16)))
            if not skipped:
                break
            place += skipped
        return place

    def _take(self, size: int) -> bytes:
        """Return bytes that the process writes; end it if it writes nothing for a long time."""
        assert self._process.stdout is not None
        timer = threading.Timer(_STALL, self._process.kill)
        timer.start()
        try:
            return self._process.stdout.read(size)
        finally:
            timer.cancel()

    def _explain(self) -> errors.AudioError:
        """Return the error for a process that ended early."""
        self._process.kill()
        if self._process.wait() == NO_AUDIO_TRACK:
            return errors.NoSamplesError(
                self._name, "has no audio track", "choose the file that holds the sound"
            )
        return errors.TruncatedAudioError(
            self._name, f"is cut off or damaged (FFmpeg cannot decode this {self._kind} file)",
            "copy it again, or convert it to WAV or FLAC",
        )  # fmt: skip


def find_media_kind(path: Path) -> str:
    """Return the name of the format of a file that FFmpeg has to read, or ""; its content decides.

    Args:
        path: the file.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    codec = int.from_bytes(head[20:22], "little")
    signs = {
        "MP4": head[4:8] in _BOXES,
        "AAC": head[:1] == b"\xff" and head[1:] and head[1] & 0xF6 == 0xF0,
        "AVI": head[:4] == b"RIFF" and head[8:12] == b"AVI ",
        "WAV": head[:4] == b"RIFF" and head[8:16] == b"WAVEfmt " and codec in _WAV_CODECS,
        "Ogg": head[:4] == b"OggS" and head[28:35] in _OGG_CODECS,
        "CAF": head[:4] == b"caff" and head[28:32] in _CAF_CODECS,
        "MPEG-TS": head[:1] == b"G" and head[188:189] == head[376:377] == b"G",
    }
    signs |= {kind: head.startswith(magic) for magic, kind in _MAGIC.items()}
    return next((kind for kind, found in signs.items() if found), "")


@contextlib.contextmanager
def open_media(name: str, kind: str) -> Iterator[MediaFile]:
    """Start a decoder for a file, and end it afterwards.

    Args:
        name: the file.
        kind: its format, from `find_media_kind`.

    Raises:
        NoDecoderError: no decoder is installed.
        AudioError: the file cannot be used.
    """
    command = _make_command(os.path.abspath(name))  # noqa: PTH100 - keeps every name
    if not command:
        raise errors.NoDecoderError(
            name,
            f'is a {kind} file, which needs the extra "media"',
            'pip install "serenade[media]", or put ffmpeg on the PATH',
        )
    _check_elements(name, kind)
    with subprocess.Popen(  # noqa: S603 - this interpreter or ffmpeg, and a path
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # glibc reserves up to 128 MiB of addresses for each thread of ffmpeg otherwise.
        env={**os.environ, "MALLOC_ARENA_MAX": "1"},
    ) as process:
        try:
            _limit_memory(process.pid)
            yield MediaFile(name, kind, process)
        finally:
            process.kill()


def _make_command(path: str) -> list[str]:
    """Return the command that decodes a file to an AU stream; empty if nothing is installed."""
    if importlib.util.find_spec("av"):
        script = str(Path(__file__).with_name("_media_process.py"))
        return [sys.executable, "-P", script, path]
    program = shutil.which("ffmpeg")
    if program is None:
        return []
    limits = ["-format_whitelist", FORMATS, "-protocol_whitelist", "file", "-threads", "1"]
    output = ["-map", "0:a:0", "-c:a", "pcm_f32be", "-f", "au", "-"]
    return [program, "-nostdin", "-v", "quiet", *limits, "-i", f"file:{path}", *output]


def _limit_memory(pid: int) -> None:
    """Limit the memory of a process, where the system can.

    If the memory of the machine is exhausted, the system ends this process before the others.
    """
    if sys.platform == "linux":
        import resource

        with contextlib.suppress(OSError, ValueError):
            resource.prlimit(pid, resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        with contextlib.suppress(OSError):
            Path(f"/proc/{pid}/oom_score_adj").write_text("1000", encoding="ascii")


def _check_elements(name: str, kind: str) -> None:
    """Check the elements that an MP4, WebM, WMA, AVI or WAV file consists of.

    Raises:
        TruncatedAudioError: the last element ends behind the file.
        SignalFormatError: a second recording was joined to the first, of which FFmpeg reads one.
    """
    path = Path(name)
    measure = _MEASURES.get(kind)
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        position = 0
        while measure and position < size:
            file.seek(position)
            head = file.read(24)
            if position and head[_START.get(kind, slice(0))] in _STARTS:
                raise errors.SignalFormatError(
                    name, "joins several recordings", "divide it into files of one recording"
                )
            length = measure(head)
            if length < 8:  # the element extends to the end, or what follows is no element
                return
            position += length
    if position > size and kind in {"MP4", "WebM", "WMA"}:
        raise errors.TruncatedAudioError(
            name, "is cut off (it is shorter than it states)", "copy it again"
        )


_START = {"MP4": slice(4, 8), "WMA": slice(0, 8), "AVI": slice(8, 12), "WAV": slice(8, 12)}
_STARTS = {b"ftyp", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", b"AVI ", b"WAVE"}
"""Bytes by which the first element of a recording is known; FFmpeg reads joined WebM files."""


def _measure_box(head: bytes) -> int:
    length = int.from_bytes(head[:4], "big")
    return int.from_bytes(head[8:16], "big") if length == 1 else length


def _measure_object(head: bytes) -> int:
    return int.from_bytes(head[16:24], "little")


def _measure_ebml(head: bytes) -> int:
    """Return the length of an EBML element, 0 if it is not stated (RFC 8794, sections 4 to 6)."""
    name = 9 - head[0].bit_length()
    if len(head) < 12 or name > 4:
        return 0
    width = 9 - head[name].bit_length()
    length = int.from_bytes(head[name : name + width], "big") - (1 << 7 * width)
    unknown = (1 << 7 * width) - 1
    return 0 if width > 8 or length == unknown else name + width + length


def _measure_chunk(head: bytes) -> int:
    length = int.from_bytes(head[4:8], "little")
    return 8 + length + length % 2


_MEASURES = {
    "MP4": _measure_box,
    "WebM": _measure_ebml,
    "WMA": _measure_object,
    "AVI": _measure_chunk,
    "WAV": _measure_chunk,
}
