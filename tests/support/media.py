"""Recordings in the formats of phones, browsers and cameras, encoded on the spot."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from numpy.typing import NDArray

MEDIA = {
    "m4a": ("ipod", "aac", 16000),
    "mp4": ("mp4", "aac", 44100),
    "fragmented.mp4": ("mp4", "aac", 48000),
    "mov": ("mov", "pcm_s16le", 16000),
    "webm": ("webm", "libopus", 48000),
    "mkv": ("matroska", "pcm_s16le", 16000),
    "3gp": ("3gp", "libopencore_amrnb", 8000),
    "amr": ("amr", "libopencore_amrnb", 8000),
    "aac": ("adts", "aac", 16000),
    "wma": ("asf", "wmav2", 44100),
    "wav": ("wav", "libmp3lame", 16000),
}
"""Container, codec and rate of each kind."""

VIDEO = ("mp4", "fragmented.mp4", "mov", "mkv", "3gp")
"""Kinds that can be encoded with pictures."""


def encode(
    kind: str, signal: NDArray[np.floating], *, video: bool = False, sound: bool = True
) -> bytes:
    """Return a file of a kind of `MEDIA`.

    Args:
        kind: the kind.
        signal: mono samples at the rate of the kind.
        video: whether it has a picture track.
        sound: whether it has an audio track.
    """
    av = pytest.importorskip("av")
    container, codec, rate = MEDIA[kind]
    options = {"movflags": "frag_keyframe+empty_moov"} if kind.startswith("fragmented") else {}
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container, options=options) as file:
        if video:
            pictures = file.add_stream("mpeg4", rate=10, width=64, height=48, pix_fmt="yuv420p")
        if sound:
            track = file.add_stream(codec, rate=rate, layout="mono")
            if codec == "wmav2":
                track.bit_rate = 64000
        if video:
            for number in range(round(len(signal) / rate * 10)):
                picture = np.full((48, 64, 3), number % 256, np.uint8)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                file.mux(pictures.encode(frame))
            file.mux(pictures.encode())
        if sound:
            samples = np.round(signal * 32767).astype(np.int16)[None]
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate = rate
            file.mux(track.encode(frame))
            file.mux(track.encode())
    return buffer.getvalue()
