"""Recordings that several benchmarks use: three corpora, clips joined into long ones, noises."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from serenade import corpora, systems
from serenade.audio import compute_frame_power, read

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

RATE = 16000
LEVEL = 0.05  # root mean square of the speech


@dataclasses.dataclass(frozen=True, eq=False)
class Joined:
    """A recording and, for each sample, the number of its clip; -1 between clips."""

    signal: NDArray[np.float32]
    clip: NDArray[np.int32]


def name_probe(recipe: str) -> dict[str, str]:
    """Return the encoder and the recipe of `whisper-probe`, for the versions of a page."""
    return {"encoder": systems.get("whisper-probe").recipe(recipe).encoder, "recipe": recipe}


def speech_of(file: str) -> NDArray[np.float32]:
    """Read a clip from its first to its last sound, at the common level.

    A sound is what lies less than 38 dB below the loud frames, and 6 dB above the quiet ones.
    """
    signal = read(file, sampling_rate=RATE).signal
    power = compute_frame_power(signal, RATE)
    floor = max(np.percentile(power, 95) * 10**-3.8, np.percentile(power, 5) * 10**0.6)
    loud = np.flatnonzero(power > floor)
    part = signal[max(0, loud[0] * 160 - 160) : loud[-1] * 160 + 560]
    return part * np.float32(LEVEL / np.sqrt(np.mean(part**2)))


def join(
    files: Sequence[str],
    gaps: tuple[float, float],
    rng: np.random.Generator,
    *,
    gain: float = 0.0,
) -> Joined:
    """Join clips one after the other.

    Args:
        files: in order.
        gaps: shortest and longest silence before each, in seconds.
        rng: of the gaps and gains.
        gain: most that a clip is louder or softer, in dB.
    """
    parts, clips = [], []
    for number, file in enumerate(files):
        pause = np.zeros(int(rng.uniform(*gaps) * RATE), np.float32)
        speech = speech_of(file) * np.float32(10 ** (rng.uniform(-gain, gain) / 20))
        parts += [pause, speech]
        clips += [np.full(pause.size, -1, np.int32), np.full(speech.size, number, np.int32)]
    return Joined(np.concatenate(parts), np.concatenate(clips))


def white(size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Make white noise."""
    return rng.standard_normal(size)


def pink(size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Make noise whose power falls with frequency."""
    spectrum = np.fft.rfft(rng.standard_normal(size))
    return np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(spectrum.size), 1)), size)


def hum(size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Make mains hum with its harmonics."""
    time = np.arange(size) / RATE
    tones = sum(np.sin(2 * np.pi * 50 * k * time + k) / k for k in range(1, 12))
    return tones + 0.1 * rng.standard_normal(size)


def clicks(size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Make short random bursts, like those of keys or dishes."""
    noise = 0.05 * rng.standard_normal(size)
    for place in rng.integers(0, size - 800, size // 8000):
        length = rng.integers(80, 800)
        burst = rng.standard_normal(length) * np.exp(-np.arange(length) / (length / 4))
        noise[place : place + length] += burst * rng.uniform(1, 4)
    return noise


def music(size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Make three voices of decaying notes."""
    noise = 0.01 * rng.standard_normal(size)
    for _ in range(3):
        place = 0
        while place < size:
            end = min(size, place + int(rng.uniform(0.15, 0.8) * RATE))
            time = np.arange(end - place) / RATE
            pitch, decay = 110 * 2 ** (rng.integers(0, 30) / 12), rng.uniform(1, 5)
            if rng.random() < 0.85:
                tones = sum(np.sin(2 * np.pi * pitch * k * time) / k**1.3 for k in range(1, 7))
                noise[place:end] += tones * np.minimum(1, 80 * time) * np.exp(-decay * time)
            place = end
    return noise


NOISES = {"white": white, "pink": pink, "hum": hum, "clicks": clicks, "music": music}


SOURCES = ("ravdess", "emodb", "nemo")
LABELS = ("angry", "happy", "neutral", "sad", "fear", "disgust", "surprise")
FEW = 20
"""Recordings of a class that a corpus needs for a result of this class."""


def load_rows(root: Path) -> pd.DataFrame:
    """Return the rows of all corpora, with a column `corpus`; calm is taken as neutral."""
    tables = []
    for name in SOURCES:
        corpus = corpora.open(name, root, drop_duplicates=True)
        table = corpus.table.assign(
            emotion=corpus.table["emotion"].replace("calm", "neutral"),
            speaker=name + "/" + corpus.table["speaker"].astype(str),
            corpus=name,
        )
        tables.append(table[table["emotion"].isin(LABELS)])
    return pd.concat(tables, join="inner")


def list_incomplete(root: Path) -> dict[str, str]:
    """Return the label of each corpus of which recordings are missing, by its name."""
    return {name: corpora.open(name, root).incomplete for name in SOURCES}
