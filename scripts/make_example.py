"""Create `examples/example.flac`: one synthetic speaker whose emotion changes over time.

Run `python scripts/make_example.py`; every run gives the same samples.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

sys.path.append(str(Path(__file__).parents[1] / "examples"))

import synthetic_corpus

if TYPE_CHECKING:
    from numpy.typing import NDArray

PATH = Path(__file__).parents[1] / "examples" / "example.flac"
RATE = 16000
SPEAKER = 1
PARTS = (
    ("neutral", ("the letter is on the table", "they said we leave now")),
    ("angry", ("you never said it", "tell your mother we are away")),
    ("sad", ("my mother will call you again", "we will go home now")),
    ("happy", ("the red car is in the water", "you will see it all soon")),
)
PAUSE = 0.2  # seconds after every sentence, besides its own margins
FLOOR = 10 ** (-65 / 20)  # amplitude of the noise in pauses, equal to that in sentences


def make() -> tuple[NDArray[np.int16], list[tuple[float, float, str]]]:
    """Synthesise the recording.

    Returns:
        16-bit samples of shape `(samples,)`, and start and end of every emotion in seconds.
    """
    rng = np.random.default_rng(0)
    voice = synthetic_corpus.speaker(SPEAKER)
    pieces: list[NDArray[np.int16]] = []
    timeline = []
    samples = 0
    for emotion, sentences in PARTS:
        start = samples
        for sentence in sentences:
            utterance = synthetic_corpus.synthesise(sentence, voice, emotion, sampling_rate=RATE)
            pause = FLOOR * rng.standard_normal(round(PAUSE * RATE))
            for piece in (utterance.signal, pause):
                pieces.append(np.round(piece * 32768).astype(np.int16))
                samples += len(piece)
        timeline.append((start / RATE, samples / RATE, emotion))
    return np.concatenate(pieces), timeline


def main(path: Path = PATH) -> None:
    """Write the recording and print its timeline."""
    signal, timeline = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, signal, RATE, format="FLAC", subtype="PCM_16")
    for start, end, emotion in timeline:
        print(f"{start:6.2f} {end:6.2f} {emotion}")
    print(f"{path}: {len(signal) / RATE:.2f} s, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
