"""Open any input of `Model.predict` as blocks of signal; long files stay on disk."""

from __future__ import annotations

import atexit
import dataclasses
import functools
import io
import itertools
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from serenade.audio import Audio, from_array, inspect_file, parse_channel, read_blocks
from serenade.errors import AudioError, InputError, MissingFileError, SignalFormatError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


@dataclasses.dataclass
class Source:
    """Signal that arrives in blocks, which can be read once.

    Args:
        name: file name, or a description of the array; error messages show it.
        blocks: parts `(samples,)` of the signal at the model's rate; reading them may raise.
        samples: number of samples that `read` has given so far.
    """

    name: str
    blocks: Iterator[NDArray[np.float32]]
    samples: int = 0

    def read(self) -> Iterator[NDArray[np.float32]]:
        """Yield the blocks and count their samples."""
        for block in self.blocks:
            self.samples += block.size
            yield block

    def read_short(
        self, longest: float
    ) -> tuple[NDArray[np.float32] | None, Iterator[NDArray[np.float32]]]:
        """Return the signal of a short recording, or None for a longer one, and all blocks.

        Args:
            longest: most samples of a short recording; little more than these are read here.
        """
        blocks, held = self.read(), []
        for block in blocks:
            held.append(block)
            if self.samples > longest:
                return None, itertools.chain(held, blocks)
        return np.concatenate(held), iter(held)


if TYPE_CHECKING:
    RecordingLike = (
        str | os.PathLike[str] | bytes | IO[bytes] | Audio | Source | Mapping[str, Any] | ArrayLike
    )


def open_source(
    source: RecordingLike, sampling_rate: int | None, wanted: int, channel: int | str = "mix"
) -> Source:
    """Open one recording of any kind; see `Model.predict`.

    Args:
        source: the recording.
        sampling_rate: sampling rate in Hz, only for samples.
        wanted: sampling rate in Hz of the blocks.
        channel: see `Model.predict`.

    Raises:
        AudioError: the samples cannot be used. Problems of a file are raised while it is read.
        InputError: the input is not one recording, `sampling_rate` is missing or superfluous, or
            `channel` is not a channel.
    """
    parse_channel(channel)
    if _holds_several(source):
        raise InputError(
            "this call takes one recording, and got several: call "
            "[model.predict(path) for path in paths], or "
            "serenade.inference.predict_files(model, paths)"
        )
    if isinstance(source, Mapping):
        return _open_mapping(source, sampling_rate, wanted, channel)
    if _has_own_rate(source):
        if sampling_rate is not None:
            raise InputError("a file states its own sampling rate: leave sampling_rate out")
        return _open_file(source, wanted, channel)
    if source is None:
        raise InputError("None is not a recording: call predict(path) or predict(signal, rate)")
    if sampling_rate is None:
        raise InputError(
            "an array needs its sampling_rate in Hz: call predict(signal, sampling_rate=16000)"
        )
    samples: Any = source
    return _open_samples(samples, sampling_rate, wanted, "array", channel)


def count_channels(source: str | os.PathLike[str]) -> int:
    """Count the channels of a file, or of standard input for `-`.

    Args:
        source: path of the file.

    Raises:
        AudioError: the file cannot be used.
        InputError: standard input is a terminal.
    """
    name = os.fsdecode(source)
    try:
        return inspect_file(_keep_standard_input() if name == "-" else name).channels
    except AudioError as error:
        raise type(error)(name, error.problem, error.fix) from None


def list_recordings(
    recordings: RecordingLike | Iterable[RecordingLike],
) -> Iterable[RecordingLike]:
    """Return one recording or several as an iterable.

    >>> list_recordings("a.wav"), list_recordings(["a.wav", "b.wav"]), list_recordings([0.1, -0.1])
    (['a.wav'], ['a.wav', 'b.wav'], [[0.1, -0.1]])
    """
    given: Any = recordings
    if isinstance(given, Mapping) or _has_own_rate(given):
        return [given]
    if hasattr(given, "shape"):
        return list(given) if _holds_several(given) else [given]
    if isinstance(given, list | tuple) and given and isinstance(given[0], float):
        return [given]
    if not isinstance(given, Iterable):
        raise InputError(
            f"{type(given).__name__} is not a recording: give the path of one, or several paths"
        )
    return given


def _has_own_rate(source: Any) -> bool:
    """Tell files and checked recordings, whose rate is known, from samples."""
    kinds = (str, os.PathLike, bytes, bytearray, memoryview, Audio, Source)
    return isinstance(source, kinds) or hasattr(source, "read")


def _holds_several(source: Any) -> bool:
    """Tell a list or an array of paths or other recordings from one recording."""
    if hasattr(source, "shape"):
        kind = getattr(getattr(source, "dtype", None), "kind", "f")
        return kind in "OSU" and len(source.shape) > 0
    if isinstance(source, list | tuple | set | frozenset):
        first = next(iter(source), None)
        return isinstance(first, Mapping) or _has_own_rate(first)
    return False


def _open_mapping(
    source: Mapping[str, Any], sampling_rate: int | None, wanted: int, channel: int | str
) -> Source:
    """Open a recording of a data set of Hugging Face: its samples with their rate."""
    if sampling_rate is not None:
        raise InputError("a dictionary states its own sampling rate: leave sampling_rate out")
    if not {"array", "sampling_rate"} <= set(source):
        raise InputError(
            'a dictionary needs "array" and "sampling_rate": call predict(row["audio"]) for a row '
            "of a Hugging Face data set"
        )
    name = str(source.get("path") or "array")
    return _open_samples(source["array"], source["sampling_rate"], wanted, name, channel)


def _open_file(source: Any, wanted: int, channel: int | str) -> Source:
    """Open a path, an open file, the bytes of a file, or a recording that was read."""
    if isinstance(source, Audio | Source) and parse_channel(channel):
        raise InputError(
            "this recording has one channel only: choose the channel where it is read, as in "
            "serenade.audio.read(path, channel=1)"
        )
    if isinstance(source, Source):
        return source
    if isinstance(source, Audio):
        if source.sampling_rate != wanted:
            raise SignalFormatError(
                source.source, f"read at {source.sampling_rate} Hz", f"read it at {wanted} Hz"
            )
        return Source(source.source, iter([source.signal]))
    if isinstance(source, str | os.PathLike):
        name = os.fsdecode(source)
        if _URL.match(name) and not Path(name).exists():
            raise MissingFileError(name, "is a URL", "download the file and give its path")
        if name == "-":
            return Source(name, _read_file(_keep_standard_input(), name, wanted, channel))
        return Source(name, read_blocks(name, sampling_rate=wanted, channel=channel))
    if isinstance(source, bytes | bytearray | memoryview):
        return Source("bytes", _read_content(io.BytesIO(source), "bytes", wanted, channel))
    if isinstance(source, io.TextIOBase):
        raise InputError('the file is open as text: open it with open(path, "rb")')
    stated = getattr(source, "name", None)
    name = os.fsdecode(stated) if isinstance(stated, str | bytes) else "file"
    return Source(name, _read_content(source, name, wanted, channel))


def _read_content(
    content: IO[bytes], name: str, wanted: int, channel: int | str
) -> Iterator[NDArray[np.float32]]:
    """Yield the signal of an open file from its position on, by way of a temporary file.

    The checks of damaged and unfinished files need to seek, which pipes and uploads cannot.
    """
    with tempfile.TemporaryDirectory(prefix="serenade-") as folder:
        path = Path(folder, "recording")
        with path.open("wb") as file:
            shutil.copyfileobj(content, file)
        yield from _read_file(path, name, wanted, channel)


def _read_file(
    path: Path, name: str, wanted: int, channel: int | str
) -> Iterator[NDArray[np.float32]]:
    """Yield the signal of a file whose errors state another name."""
    try:
        yield from read_blocks(path, sampling_rate=wanted, channel=channel)
    except AudioError as error:
        raise type(error)(name, error.problem, error.fix) from None


def _keep_standard_input() -> Path:
    """Copy standard input to a temporary file, which can be read several times.

    Raises:
        InputError: standard input is a terminal.
    """
    if sys.stdin.isatty():
        raise InputError("-: standard input is a terminal; pipe a recording to it")
    return _copy_stream(sys.stdin.buffer)


@functools.lru_cache(maxsize=1)
def _copy_stream(stream: IO[bytes]) -> Path:
    """Copy a stream to a file in a folder that is removed when the program ends."""
    folder = tempfile.mkdtemp(prefix="serenade-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = Path(folder, "recording")
    with path.open("wb") as file:
        shutil.copyfileobj(stream, file)
    return path


def _open_samples(
    samples: ArrayLike, sampling_rate: int, wanted: int, name: str, channel: int | str
) -> Source:
    """Check an array or a tensor, and resample it."""
    array = to_array(samples)
    shape = getattr(array, "shape", ())
    if len(shape) > 2:
        raise SignalFormatError(
            name,
            f"an array of shape {tuple(shape)}",
            "call predict(signal, sampling_rate) once for each recording, with a signal of shape "
            "(samples,) or (samples, channels)",
        )
    audio = from_array(array, sampling_rate, sampling_rate=wanted, source=name, channel=channel)
    return Source(audio.source, iter([audio.signal]))


def to_array(samples: Any) -> Any:
    """Copy a tensor of PyTorch to NumPy; return other samples as they are."""
    if not hasattr(samples, "detach"):
        return samples
    tensor = samples.detach().cpu()
    try:
        return tensor.numpy()
    except TypeError:  # NumPy has no bfloat16
        return tensor.float().numpy()
