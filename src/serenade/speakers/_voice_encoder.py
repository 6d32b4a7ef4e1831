"""Embed voices: a vector for a window of speech that depends on the speaker.

The network is the speaker encoder of Resemblyzer 0.1.4, with weights in half precision; its licence
is Apache-2.0, like that of this package. Emotions move its embedding. A projection that was learned
on acted emotions moves it back in part; see docs/benchmarks/speakers.md.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade.features import Framing, mel_bank, mel_spectrogram
from serenade.runtime import open_session, run_session

if TYPE_CHECKING:
    from numpy.typing import NDArray

VOICE_RATE = 16000
"""Sampling rate of the signals in Hz."""

VOICE_WINDOW = 1.6
"""Length in seconds of the windows that the network was trained on."""

VOICE_HOP = 0.4
"""Distance between windows in seconds."""

VOICE_FILES = (
    {
        "name": "speaker-encoder",
        "title": "distinguishes speakers: three recurrent layers on mel spectrograms",
        "licence": "Apache-2.0",
        "source": "Resemblyzer 0.1.4",
        "size": "1.4 M parameters, in the package",
    },
    {
        "name": "emotion-projection",
        "title": "reduces the effect of emotions on embeddings of the speaker encoder",
        "licence": "CC-BY-NC-SA-4.0, not used with models that allow commercial use",
        "source": "learned on RAVDESS, EMO-DB and nEMO",
        "size": "74,000 parameters, in the package",
    },
)
"""Facts of the files of this package."""

_LEVEL = 10 ** (-30 / 20)  # root mean square that windows are scaled to
_FRAMES = 160  # of a window
_FRAMING = Framing(n_fft=400, hop_length=160)
_BANDS = 40
_HERE = Path(__file__).parent


class VoiceEncoder:
    """Encoder of voices; the embeddings of one speaker point in similar directions.

    Args:
        projected: whether to apply the projection, whose licence is CC-BY-NC-SA-4.0.

    Attributes:
        threshold: cosine distance from which clusters of windows are different speakers.
        recording_threshold: the same for clusters of recordings.

    >>> VoiceEncoder().embed(np.sin(np.arange(25600, dtype=np.float32))).shape
    (288,)
    """

    def __init__(self, *, projected: bool = True) -> None:
        self._projection = _read_projection() if projected else None
        self.threshold = 0.725 if projected else 0.425
        self.recording_threshold = 0.6 if projected else 0.36

    def embed(self, signal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute the embedding `(dims,)`, of length one, of up to 1.6 s of speech at 16 kHz."""
        return self._project(_embed_plain(signal))

    def embed_recording(self, signal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute the embedding `(dims,)`, of length one, of speech of one voice of any length."""
        size = round(VOICE_WINDOW * VOICE_RATE)
        count = max(1, -(-signal.size // size))
        starts = np.linspace(0, max(0, signal.size - size), count).astype(int)
        return self._project(
            np.mean(
                [_embed_plain(signal[start : start + size]) for start in starts],
                axis=0,
                dtype=np.float32,
            )
        )

    def _project(self, voice: NDArray[np.float32]) -> NDArray[np.float32]:
        """Apply the projection, if there is one, and scale to a length of one."""
        if self._projection is not None:
            mean, matrix = self._projection
            voice = np.asarray((voice - mean) @ matrix, dtype=np.float32)
        unit: NDArray[np.float32] = voice / np.maximum(np.linalg.norm(voice), np.float32(1e-9))
        return unit


def compute_mels(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute the mel power `(frames, 40)` of a window at a common level, as the network takes it.

    Args:
        signal: samples `(samples,)` at 16 kHz.
    """
    level = np.sqrt(np.mean(signal**2, dtype=np.float64))
    scaled = signal * np.float32(_LEVEL / max(level, 1e-6))
    return mel_spectrogram(scaled, _FRAMING, mel_bank(VOICE_RATE, 400, _BANDS))[:_FRAMES]


def _embed_plain(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute the embedding `(256,)` of a window without the projection.

    Args:
        signal: see `compute_mels`.
    """
    mels = compute_mels(signal)[None]
    found: NDArray[np.float32] = run_session(_open_encoder(), "embedding", {"mels": mels})[0]
    return found


@functools.cache
def _open_encoder() -> Any:
    return open_session(_HERE / "speaker-encoder.onnx")


@functools.cache
def _read_projection() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Read the mean and the matrix of the projection."""
    with np.load(_HERE / "emotion-projection.npz", allow_pickle=False) as stored:
        mean, matrix = (stored[name].astype(np.float32) for name in ("mean", "matrix"))
    return mean, matrix
