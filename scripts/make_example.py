"""Create the examples: synthetic speech for tests, real speech for the demo and the web page.

Run `python scripts/make_example.py` for `examples/example.flac`, one synthetic speaker whose
emotion changes over time; every run gives the same samples. Run `python scripts/make_example.py
--emodb FOLDER` for the real one, six utterances of EMO-DB.
"""

from __future__ import annotations

import argparse
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
REAL = Path(__file__).parents[1] / "src" / "serenade" / "server" / "static" / "example.ogg"
# Speaker 14 of EMO-DB is one of two of whom the listeners recognised an utterance of every emotion
# without a mistake; of these utterances, the most natural ones. The order is ours.
UTTERANCES = ("14b02Na", "14a05Fb", "14b10Wc", "14a04Tc", "14a07Aa", "14b01Eb")
REAL_PAUSE = 0.6  # seconds
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


def join_utterances(folder: Path) -> NDArray[np.float32]:
    """Join the utterances of EMO-DB with pauses.

    Args:
        folder: folder `wav` of EMO-DB.

    Returns:
        Samples of shape `(samples,)` at 16 kHz.
    """
    pause = np.zeros(round(REAL_PAUSE * RATE), np.float32)
    pieces = []
    for name in UTTERANCES:
        (path,) = folder.glob(f"{name}.*")
        signal, rate = soundfile.read(path, dtype="float32")
        if rate != RATE:
            raise SystemExit(f"{path}: has {rate} Hz; give the original EMO-DB, which has {RATE}")
        pieces += [signal, pause]
    return np.concatenate(pieces[:-1])


def main(path: Path = PATH) -> None:
    """Write the synthetic recording and print its timeline."""
    signal, timeline = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, signal, RATE, format="FLAC", subtype="PCM_16")
    for start, end, emotion in timeline:
        print(f"{start:6.2f} {end:6.2f} {emotion}")
    print(f"{path}: {len(signal) / RATE:.2f} s, {path.stat().st_size} bytes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--emodb", type=Path, help="folder wav of EMO-DB")
    given = parser.parse_args()
    if given.emodb:
        joined = join_utterances(given.emodb)
        soundfile.write(REAL, joined, RATE, format="OGG", subtype="OPUS", compression_level=0.9)
        print(f"{REAL}: {len(joined) / RATE:.2f} s, {REAL.stat().st_size} bytes")
    else:
        main()
