"""Imitate recording conditions outside the studio, one at a time, for robustness tests."""

from __future__ import annotations

import dataclasses
import io
from typing import TYPE_CHECKING

import numpy as np

from serenade.audio._activity import find_active_part
from serenade.audio._augment import WhiteNoise, add_noise, filter_band, mix, reverberate
from serenade.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


_CODECS = {"opus": ("ogg", "libopus"), "mp3": ("mp3", "libmp3lame")}
_RATE = 16000
"""Sampling rate in Hz of the encoded signals, which both codecs know."""


@dataclasses.dataclass(frozen=True)
class PinkNoise:
    """Noise whose power falls with frequency, as that of most rooms does.

    Args:
        snr: signal-to-noise ratio in dB.
    """

    snr: float

    def __call__(
        self,
        signal: NDArray[np.float32],
        sampling_rate: int,  # noqa: ARG002 - every change's
        rng: np.random.Generator,
    ) -> NDArray[np.float32]:
        """Return a noisy copy of the same shape."""
        return add_noise(signal, self.snr, rng, slope=1.0)


@dataclasses.dataclass(frozen=True)
class Reverberation:
    """Reverberation of a room.

    Args:
        time: until the reverberation has fallen by 60 dB, in seconds.
        direct: power of the direct path over that of the reverberation, in dB.
    """

    time: float
    direct: float = 0.0

    def __call__(
        self, signal: NDArray[np.float32], sampling_rate: int, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Return a copy with reverberation, of the same shape."""
        return reverberate(signal, sampling_rate, self.time, self.direct, rng)


@dataclasses.dataclass(frozen=True)
class Telephone:
    """A line of 300 to 3400 Hz with 8-bit logarithmic samples (ITU-T G.711, µ-law)."""

    def __call__(
        self,
        signal: NDArray[np.float32],
        sampling_rate: int,
        rng: np.random.Generator,  # noqa: ARG002 - every change's
    ) -> NDArray[np.float32]:
        """Return a copy as the listener hears it, of the same shape."""
        band = filter_band(signal, sampling_rate, 300.0, 3400.0)
        peak = max(float(np.abs(band).max(initial=0.0)), 1e-9)
        level = np.sign(band) * np.log1p(255 * np.abs(band) / peak) / np.log(256)
        coded = np.round(level * 127) / 127
        heard: NDArray[np.float64] = (
            peak * np.sign(coded) * np.expm1(np.abs(coded) * np.log(256)) / 255
        )
        return heard.astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Level:
    """Other recording level.

    Args:
        gain: in dB.
        clip: whether samples beyond full scale are clipped; files of floats can hold them.
    """

    gain: float
    clip: bool = True

    def __call__(
        self,
        signal: NDArray[np.float32],
        sampling_rate: int,  # noqa: ARG002 - every change's
        rng: np.random.Generator,  # noqa: ARG002
    ) -> NDArray[np.float32]:
        """Return a copy at the other level, of the same shape."""
        louder: NDArray[np.float32] = signal * np.float32(10 ** (self.gain / 20))
        return np.clip(louder, -1.0, 1.0) if self.clip else louder


@dataclasses.dataclass(frozen=True, eq=False)
class Babble:
    """Other voices that speak at the same time.

    Args:
        snr: signal-to-noise ratio in dB.
        voices: recordings of the voices at the sampling rate of the signal; see `among`.
    """

    snr: float
    voices: tuple[NDArray[np.float32], ...] = ()

    def among(self, voices: Sequence[NDArray[np.float32]]) -> Babble:
        """Return the condition with recordings of the voices."""
        return dataclasses.replace(self, voices=tuple(voices))

    def __call__(
        self, signal: NDArray[np.float32], sampling_rate: int, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Return a copy with the voices, of the same shape; each is as loud as the others."""
        babble = np.zeros(signal.size)
        for voice in self.voices:
            speech = voice[find_active_part(voice, sampling_rate)].astype(np.float64)
            rolled = np.resize(np.roll(speech, int(rng.integers(speech.size))), signal.size)
            babble += rolled / max(float(np.sqrt(np.mean(rolled**2))), 1e-9)
        return mix(signal, babble, self.snr)


@dataclasses.dataclass(frozen=True)
class Tilt:
    """Brighter or duller sound, as other microphones and distances give.

    Args:
        slope: in dB per octave; the overall level stays as it is.
    """

    slope: float

    def __call__(
        self,
        signal: NDArray[np.float32],
        sampling_rate: int,
        rng: np.random.Generator,  # noqa: ARG002 - every change's
    ) -> NDArray[np.float32]:
        """Return a tilted copy of the same shape."""
        tilted = filter_band(signal, sampling_rate, 1.0, 1e6, self.slope)
        before, after = (
            float(np.mean(np.square(one, dtype=np.float64))) for one in (signal, tilted)
        )
        return tilted * np.float32(np.sqrt(before / max(after, 1e-20)))


@dataclasses.dataclass(frozen=True)
class LateStart:
    """Recording that starts after the speaker has begun.

    Args:
        time: seconds of speech that are missing; a recording with less speech keeps the last
            quarter of it.
    """

    time: float

    def __call__(
        self,
        signal: NDArray[np.float32],
        sampling_rate: int,
        rng: np.random.Generator,  # noqa: ARG002 - every change's
    ) -> NDArray[np.float32]:
        """Return the rest of the signal."""
        part = find_active_part(signal, sampling_rate, margin=0.0)
        missing = min(round(self.time * sampling_rate), 3 * (part.stop - part.start) // 4)
        return signal[part.start + missing :]


@dataclasses.dataclass(frozen=True)
class Excerpt:
    """Short piece from the middle of the speech.

    Args:
        time: seconds; speech that is shorter is kept whole.
    """

    time: float

    def __call__(
        self,
        signal: NDArray[np.float32],
        sampling_rate: int,
        rng: np.random.Generator,  # noqa: ARG002 - every change's
    ) -> NDArray[np.float32]:
        """Return the piece."""
        part = find_active_part(signal, sampling_rate)
        length = min(round(self.time * sampling_rate), part.stop - part.start)
        start = (part.start + part.stop - length) // 2
        return signal[start : start + length]


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


Condition = (
    WhiteNoise | PinkNoise | Reverberation | Telephone | Level
    | Babble | Tilt | LateStart | Excerpt | Coded
)  # fmt: skip

CONDITIONS: Mapping[str, Condition] = {
    **{f"white noise, {snr} dB": WhiteNoise((snr, snr)) for snr in (20, 10, 0)},
    **{f"pink noise, {snr} dB": PinkNoise(snr) for snr in (20, 10, 0)},
    **{f"reverberation, {time} s": Reverberation(time) for time in (0.3, 0.8)},
    "telephone": Telephone(),
    "20 dB quieter": Level(-20.0),
    "20 dB louder, clipped": Level(20.0),
}
"""Conditions of the report of an evaluation, by name."""

STRESS_CONDITIONS: Mapping[str, Condition] = {
    **{name: one for name, one in CONDITIONS.items() if "pink" not in name},
    "20 dB louder, not clipped": Level(20.0, clip=False),
    **{f"babble of 6 voices, {snr} dB": Babble(snr) for snr in (20, 10, 0)},
    **{f"Opus, {rate} kbit/s": Coded("opus", rate) for rate in (8, 12, 24)},
    **{f"MP3, {rate} kbit/s": Coded("mp3", rate) for rate in (16, 64)},
    **{f"spectral tilt, {slope:+} dB per octave": Tilt(slope) for slope in (-3, 3)},
    **{f"first {time} s of speech missing": LateStart(time) for time in (0.1, 0.3)},
    **{f"{time} s of speech": Excerpt(time) for time in (0.5, 1.0, 1.5, 2.0)},
}
"""Conditions of a stress test, by name; a condition of babble is given its voices for each clip."""
