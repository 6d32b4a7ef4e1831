"""Encode signals with a lossy codec and decode them again."""

from __future__ import annotations

import dataclasses
import io
from typing import TYPE_CHECKING

import numpy as np

from serenade.errors import MissingExtraError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CODECS = {"opus": ("ogg", "libopus"), "mp3": ("mp3", "libmp3lame")}
_RATE = 16000
"""Sampling rate in Hz of the encoded signals, which both codecs know."""


@dataclasses.dataclass(frozen=True)
class Coded:
    """Sound of a lossy codec. FFmpeg's libraries encode and decode it (extra: media).

    Args:
        codec: `opus` or `mp3`.
        bit_rate: in kbit/s.
    """

    codec: str
    bit_rate: int

    def __call__(
        self,
        signal: NDArray[np.float32],
        sampling_rate: int,
        rng: np.random.Generator,  # noqa: ARG002 - every change's
    ) -> NDArray[np.float32]:
        """Return the decoded copy, of the same shape.

        Raises:
            MissingExtraError: PyAV is not installed.
        """
        import soxr

        narrow = np.clip(signal, -1.0, 1.0)
        if sampling_rate != _RATE:
            narrow = soxr.resample(narrow, sampling_rate, _RATE)
        heard = _decode(_encode(narrow, self.codec, 1000 * self.bit_rate))
        if sampling_rate != _RATE:
            heard = soxr.resample(heard, _RATE, sampling_rate)
        copy = np.zeros_like(signal)
        copy[: heard.size] = heard[: signal.size]
        return copy


def _encode(signal: NDArray[np.float32], codec: str, bit_rate: int) -> bytes:
    """Return a file of the codec."""
    try:
        import av
    except ImportError:
        raise MissingExtraError("encoding speech as Opus and MP3", "media") from None
    container, encoder = _CODECS[codec]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as file:
        track = file.add_stream(encoder, rate=_RATE, layout="mono")
        track.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(signal[None], format="flt", layout="mono")
        frame.sample_rate = _RATE
        converter = av.AudioResampler(format=track.format, layout="mono", rate=_RATE)
        for part in [*converter.resample(frame), *converter.resample(None)]:
            file.mux(track.encode(part))
        file.mux(track.encode())
    return buffer.getvalue()


def _decode(content: bytes) -> NDArray[np.float32]:
    """Return the samples of a file that `_encode` wrote."""
    import av

    parts = []
    with av.open(io.BytesIO(content)) as file:
        converter = av.AudioResampler(format="flt", layout="mono", rate=_RATE)
        for frame in [*file.decode(audio=0), None]:
            parts += [part.to_ndarray()[0] for part in converter.resample(frame)]
    samples: NDArray[np.float32] = np.concatenate(parts)
    return samples
