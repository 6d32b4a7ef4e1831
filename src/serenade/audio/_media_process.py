"""Decode the first audio track of a file with FFmpeg's libraries, as a program of its own.

It writes the samples to standard output as an AU stream of 32-bit floats. Its exit status is one
of the numbers below.
"""

from __future__ import annotations

import array
import struct
import sys
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

NO_AUDIO_TRACK = 3
DAMAGED = 4

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,asf,amr,aac,ogg,wav,avi,flv,mpegts,mpeg,caf"
"""Demuxers that may run; none of them opens other files or addresses."""

_BAD_SHARE = 20  # one packet in so many may be damaged: a lost packet does not spoil a recording
_SHORTFALL = 1.0  # seconds that may be missing of the duration that an MP4 file states


def main(path: str, output: IO[bytes]) -> int:
    """Decode a file.

    Args:
        path: the file.
        output: takes the samples.

    Returns:
        The exit status.
    """
    import av

    with open(path, "rb") as file:  # noqa: PTH123 - a Path would not keep every name
        try:
            options = {"format_whitelist": FORMATS, "protocol_whitelist": "pipe"}
            container: Any = av.open(file, options=options, metadata_errors="ignore")
        except av.FFmpegError:
            return DAMAGED
        with container:
            if not container.streams.audio:
                return NO_AUDIO_TRACK
            stream = container.streams.audio[0]
            stream.codec_context.thread_count = 1
            written = 0.0
            try:
                for frame in _convert(_decode(container, stream)):
                    if not written:
                        output.write(_make_header(frame))
                    written += frame.samples / frame.sample_rate
                    output.write(_get_bytes(frame))
            except (av.FFmpegError, ValueError):
                return DAMAGED
            return DAMAGED if written < _get_duration(container, stream) - _SHORTFALL else 0


def _decode(container: Any, stream: Any) -> Iterator[Any]:
    """Yield the frames of a track, and raise an error if many packets are damaged."""
    import av

    packets = bad = 0
    for packet in container.demux(stream):
        packets += 1
        try:
            yield from packet.decode()
        except av.EOFError:
            return
        except av.FFmpegError:
            bad += 1
            if bad > 1 + packets // _BAD_SHARE + _BAD_SHARE:
                raise
    if bad > 1 + packets // _BAD_SHARE:
        raise ValueError("damaged packets")


def _convert(frames: Iterator[Any]) -> Iterator[Any]:
    """Yield frames of interleaved floats, with the channels and the rate of the first one."""
    import av

    resampler: Any = None
    kind = wanted = None
    for frame in frames:
        found = frame.format.name, frame.layout.name, frame.sample_rate
        wanted = wanted or (frame.layout, frame.sample_rate)
        if found != kind:
            kind = found
            resampler = av.AudioResampler("flt", *wanted)
        frame.pts = None
        yield from resampler.resample(frame)


def _make_header(frame: Any) -> bytes:
    channels = len(frame.layout.channels)
    return struct.pack(">4s5I", b".snd", 24, 0xFFFFFFFF, 6, frame.sample_rate, channels)


def _get_bytes(frame: Any) -> bytes:
    """Return the samples of a frame, the first byte of each first."""
    size = 4 * frame.samples * len(frame.layout.channels)  # the buffer may be longer
    samples = array.array("f", bytes(frame.planes[0])[:size])
    if sys.byteorder == "little":
        samples.byteswap()
    return samples.tobytes()


def _get_duration(container: Any, stream: Any) -> float:
    """Return the duration that a file states for a track in seconds; 0 where it is an estimate."""
    if "mp4" not in container.format.name or not stream.duration or stream.time_base is None:
        return 0.0
    return float(stream.duration * stream.time_base)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.stdout.buffer))
