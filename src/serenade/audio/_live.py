"""Read live samples from a microphone, or raw samples from a pipe."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from serenade.errors import DeviceError, InputError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

CHUNK = 0.1
"""Seconds in a chunk."""

# First bytes of WAV, FLAC, Ogg and AIFF.
_CONTAINERS = {b"RIFF", b"RF64", b"fLaC", b"OggS", b"FORM"}
_WAITING = (
    600  # most chunks in the queue, one minute; if the reader is too slow, new chunks are lost
)


def read_raw_samples(file: BinaryIO, sampling_rate: int) -> Iterator[NDArray[np.int16]]:
    r"""Yield chunks of raw mono samples, signed 16-bit little-endian, until the file ends.

    Args:
        file: binary file. Chunks are yielded as they arrive; half a sample at the end is
            ignored.
        sampling_rate: in Hz.

    Yields:
        Arrays `(samples,)` of at most a tenth of a second.

    Raises:
        InputError: the file begins as WAV, FLAC, Ogg or AIFF does, so it holds no raw samples.

    >>> import io
    >>> [chunk.tolist() for chunk in read_raw_samples(io.BytesIO(b"\x01\x00\xff\xff\x07"), 16000)]
    [[1, -1]]
    """
    size = 2 * max(1, round(CHUNK * sampling_rate))
    read = getattr(file, "read1", file.read)  # does not wait for a whole chunk
    content, rest = read(size), b""
    if content[:4] in _CONTAINERS:
        raise InputError(
            f"these are not raw samples but a file that begins with {content[:4].decode()}; "
            f"convert it, such as with ffmpeg -i - -f s16le -ac 1 -ar {sampling_rate} -"
        )
    while content:
        content = rest + content
        whole = len(content) // 2 * 2
        rest = content[whole:]
        if whole:
            yield np.frombuffer(content[:whole], dtype="<i2").astype(np.int16)
        content = read(size - len(rest))


def record_microphone(
    sampling_rate: int, device: str | int | None = None
) -> Iterator[NDArray[np.int16]]:
    """Yield chunks from a microphone, without end.

    Args:
        sampling_rate: in Hz.
        device: its number or a part of its name; None for the default of the system.

    Yields:
        Arrays `(samples,)` of a tenth of a second.

    Raises:
        MissingExtraError: python-sounddevice is not installed.
        DeviceError: PortAudio or the microphone is missing, busy or does not know the rate.
    """
    sounddevice = _import_sounddevice()
    chunks: queue.Queue[NDArray[np.int16]] = queue.Queue(_WAITING)

    def queue_samples(data: NDArray[np.int16], *_: Any) -> None:
        if not chunks.full():
            chunks.put_nowait(data[:, 0].copy())

    try:
        with sounddevice.InputStream(
            samplerate=sampling_rate,
            channels=1,
            dtype="int16",
            blocksize=max(1, round(CHUNK * sampling_rate)),
            device=device,
            callback=queue_samples,
        ):
            while True:
                yield chunks.get()
    except (sounddevice.PortAudioError, ValueError) as error:
        raise DeviceError(
            f"microphone: cannot be opened ({error}); connect one, name another with --device, or "
            "pipe samples in with --input -"
        ) from None


def _import_sounddevice() -> Any:
    try:
        import sounddevice
    except ImportError:
        raise MissingExtraError("listening to a microphone", "listen") from None
    except OSError:  # its shared library is missing
        raise DeviceError(
            "microphone: the PortAudio library is missing; install it (Debian: libportaudio2), or "
            "pipe samples in with --input -"
        ) from None
    return sounddevice
