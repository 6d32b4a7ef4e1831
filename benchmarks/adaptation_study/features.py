"""Features of the three corpora, and of augmented copies, kept in a folder.

Of Whisper-base's hidden states 1 to 5, the means and standard deviations over the time of the
trimmed clip are kept. An augmented copy changes all clips of a speaker by the same room, line and
speed, as another place would.
"""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from serenade import corpora
from serenade.audio import add_noise, find_active_part, read
from serenade.audio._augment import change_speed, filter_band, reverberate
from serenade.encoders.whisper import WhisperPooled
from serenade.extraction import TrainingRecord
from serenade.features.sets import AcousticSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from serenade.features import Feature

COPIES = (1, 2)
EVERY = 4  # of nEMO's clips, which are many and of few speakers, one in four has copies
PEAK = 0.5
RATE = 16000
FULL = 32767  # clips are kept in 16 bits before they are changed
CORPORA = ("ravdess", "emodb", "nemo")


@dataclasses.dataclass(frozen=True)
class Features:
    """Hold the clips' table and their features.

    Args:
        table: columns `corpus`, `speaker`, `emotion`.
        states: means and standard deviations of the states of every clip, `(clips, 2, values)`.
        acoustic: the acoustic set of every clip.
        copies: for each copy, the numbers of the clips it has and their states.
    """

    table: pd.DataFrame
    states: NDArray[np.float32]
    acoustic: NDArray[np.float32]
    copies: tuple[tuple[NDArray[np.intp], NDArray[np.float32]], ...]


def list_clips(root: Path) -> pd.DataFrame:
    """List the recordings of RAVDESS, EMO-DB and nEMO, in a fixed order."""
    tables = []
    for name in CORPORA:
        table = corpora.open(name, root, drop_duplicates=True).table.reset_index()
        if name == "nemo":
            # Its own list fixes the order and the names of speakers, on which the copies depend.
            listed = pd.read_csv(root / "nemo" / "data.tsv", sep="\t")
            table.index = table["file"].map(lambda file: Path(file).stem)
            table = table.loc[[Path(file).stem for file in listed["file_id"]]]
            table["speaker"] = listed["speaker_id"].to_numpy()
        speaker = f"{name}/" + table["speaker"].astype(str)
        tables.append(table[["file", "emotion"]].assign(corpus=name, speaker=speaker))
    return pd.concat(tables, ignore_index=True)


def record_training(root: Path, names: Sequence[str], labels: Sequence[str]) -> dict[str, str]:
    """Return the record of the recordings of corpora that have one of the labels, as JSON data."""
    tables = []
    for name in names:
        corpus = corpora.open(name, root, drop_duplicates=True)
        table = corpus.map_labels({"calm": "neutral"} if name == "ravdess" else {}).table
        tables.append(table[table["emotion"].isin(labels)].assign(corpus=name))
    return TrainingRecord.of(pd.concat(tables), "").to_json()


def read_clip(file: str) -> NDArray[np.float32]:
    """Read a recording, cut off the silence around it, and scale its peak."""
    signal = read(file).signal
    signal = signal[find_active_part(signal, RATE)]
    signal = signal * (PEAK / max(float(np.abs(signal).max()), 1e-9))
    return np.round(signal * FULL).astype(np.int16).astype(np.float32) / np.float32(FULL)


def change(
    signal: NDArray[np.float32], speaker: str, copy: int, number: int
) -> NDArray[np.float32]:
    """Move a clip to another place, which is the same for all clips of a speaker in a copy."""
    digest = hashlib.sha256(f"{speaker}/{copy}".encode()).hexdigest()
    rng = np.random.default_rng(int(digest[:12], 16))
    speed = rng.uniform(0.88, 1.14) if rng.random() < 0.6 else None
    room = (rng.uniform(0.1, 0.6), rng.uniform(0, 12)) if rng.random() < 0.35 else None
    band = None
    if rng.random() < 0.6:
        band = rng.uniform(50, 300), rng.uniform(3000, 7800), rng.uniform(-4, 4)
    noise = (rng.uniform(10, 35), rng.uniform(0, 2)) if rng.random() < 0.5 else None
    seed = int(rng.integers(1 << 31))
    if speed is not None:
        signal = change_speed(signal, RATE, speed)
    if room is not None:
        signal = reverberate(signal, RATE, *room, np.random.default_rng(seed))
    if band is not None:
        signal = filter_band(signal, RATE, *band)
    if noise is not None:
        signal = add_noise(signal, noise[0], np.random.default_rng(seed + number), noise[1])
    return signal * np.float32(PEAK / max(float(np.abs(signal).max()), 1e-9))


def extract(root: Path, encoder: str, folder: Path) -> None:
    """Compute all features once and keep them in a folder; an hour on two cores."""
    folder.mkdir(parents=True, exist_ok=True)
    table = list_clips(root)
    states: Feature = WhisperPooled(
        encoder=encoder, trim=False, dynamic_range=5.0, layers=(1, 2, 3, 4, 5)
    )
    for name, feature in (("states", states), ("acoustic", AcousticSet())):
        found = np.stack([feature(read_clip(file), RATE)[0] for file in table["file"]])
        np.save(folder / f"{name}.npy", _split(found) if feature is states else found)
    for copy in COPIES:
        number = np.arange(len(table))
        chosen = number[(table["corpus"] != "nemo") | ((number + copy) % EVERY == 0)]
        rows = [
            states(change(read_clip(file), speaker, copy, int(i)), RATE)[0]
            for i, file, speaker in zip(
                chosen, table["file"][chosen], table["speaker"][chosen], strict=True
            )
        ]
        np.savez(folder / f"copy{copy}.npz", clips=chosen, states=_split(np.stack(rows)))
    table.drop(columns="file").to_csv(folder / "clips.csv", index=False)


def _split(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sort the statistics of layers by statistic."""
    layers = rows.reshape(len(rows), 5, 2, -1)
    return layers.transpose(0, 2, 1, 3).reshape(len(rows), 2, -1)


def load(folder: Path) -> Features:
    """Load what `extract` kept."""
    table = pd.read_csv(folder / "clips.csv")
    copies = []
    for copy in COPIES:
        with np.load(folder / f"copy{copy}.npz") as kept:
            copies.append((kept["clips"], kept["states"]))
    states, acoustic = (np.load(folder / f"{name}.npy") for name in ("states", "acoustic"))
    return Features(table, states, acoustic, tuple(copies))
