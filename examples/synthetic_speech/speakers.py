"""Invent speakers (size of the tract, pitch, voice and manner), by repeatable random numbers."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from typing import Literal

import numpy as np


def generator(*key: object) -> np.random.Generator:
    """Return the random generator for a purpose, the same in every process.

    Args:
        key: name of the purpose: strings, integers and such, compared by their `repr`.

    Returns:
        A PCG64 generator seeded by the BLAKE2 hash of the key (Python's own `hash` changes
        from process to process).

    >>> int(generator("a", 1).integers(1000)) == int(generator("a", 1).integers(1000))
    True
    """
    digest = hashlib.blake2b(repr(key).encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "little"))


@dataclasses.dataclass(frozen=True)
class Speaker:
    """Properties of a speaker in all utterances.

    Args:
        name: the speaker's name in the table.
        gender: decides where pitch and tract length are drawn from.
        tract_length: relative to 17.5 cm; formants go with its inverse.
        pitch: neutral mean F0 in Hz.
        liveliness: factor on the pitch range.
        rate: factor on the speaking rate.
        rd: neutral shape of the glottal pulse, Fant's Rd: 0.5 pressed, 1 modal, 2.5 breathy.
        breathiness: neutral level of aspiration noise in dB relative to the pulses.
        expressiveness: how far the speaker follows an emotion's pattern; 1 as it stands.
        formant_offsets: factors on F1 to F3 by which the tract differs from a scaled copy.
        seed: of everything else that is peculiar to the speaker.
    """

    name: str
    gender: Literal["female", "male"]
    tract_length: float = 1.0
    pitch: float = 120.0
    liveliness: float = 1.0
    rate: float = 1.0
    rd: float = 1.0
    breathiness: float = -32.0
    expressiveness: float = 1.0
    formant_offsets: tuple[float, float, float] = (1.0, 1.0, 1.0)
    seed: int = 0


def speaker(number: int, seed: int = 0) -> Speaker:
    """Return an invented speaker; the same number and seed give the same speaker.

    Args:
        number: counts from 1; odd numbers are women, even ones men.
        seed: another seed is another population.

    >>> speaker(2).gender, speaker(2) == speaker(2), speaker(2) == speaker(4)
    ('male', True, False)
    """
    rng = generator("speaker", seed, number)
    female = number % 2 == 1
    return Speaker(
        name=f"{number:02d}",
        gender="female" if female else "male",
        # The formants of Peterson and Barney's (1952) women lie about 15 % above their men's.
        tract_length=float((0.87 if female else 1.0) * math.exp(rng.normal(0, 0.03))),
        pitch=float((200.0 if female else 115.0) * math.exp(rng.normal(0, 0.10))),
        liveliness=float(math.exp(rng.normal(0, 0.15))),
        rate=float(math.exp(rng.normal(0, 0.07))),
        rd=float((1.15 if female else 0.95) * math.exp(rng.normal(0, 0.12))),
        breathiness=float((-30.0 if female else -34.0) + rng.normal(0, 2.0)),
        expressiveness=float(rng.uniform(0.8, 1.15)),
        formant_offsets=(
            float(1 + rng.normal(0, 0.025)),
            float(1 + rng.normal(0, 0.025)),
            float(1 + rng.normal(0, 0.025)),
        ),
        seed=seed,
    )
