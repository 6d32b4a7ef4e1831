"""Create the corpus on disk once, and recognise it by its settings."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from serenade._atomic import replace_atomically, write_atomically
from serenade.corpora import build_table, to_absolute, write_table
from serenade.errors import CorpusError
from synthetic_speech.lexicon import SENTENCES
from synthetic_speech.render import RATES, Utterance, render
from synthetic_speech.speakers import speaker

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

_MARKER = "synthetic.json"
_MANIFEST = "manifest.csv"


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings that determine the samples; see `synthetic_corpus.load`."""

    speakers: int
    sentences: int
    repetitions: int
    seed: int
    sampling_rate: int

    def __post_init__(self) -> None:
        ranges = {
            "speakers": (1, 999),
            "sentences": (1, len(SENTENCES)),
            "repetitions": (1, 999),
            "sampling_rate": RATES,
        }
        for name, (lowest, highest) in ranges.items():
            if not lowest <= (given := getattr(self, name)) <= highest:
                raise CorpusError(
                    f"synthetic: {name}={given}; give a number from {lowest} to {highest}"
                )

    def identity(self) -> dict[str, object]:
        """Return the settings and a hash of the source of the synthesiser, as JSON-ready data."""
        digest = hashlib.sha256()
        for source in sorted(files(__package__).iterdir(), key=lambda file: file.name):
            if source.name.endswith(".py"):
                digest.update(source.read_bytes())
        return {**dataclasses.asdict(self), "synthesiser": digest.hexdigest()[:16]}


def get_folder(root: str | os.PathLike[str] | None, settings: Settings) -> Path:
    """Return the folder of the corpus: as the user gave it, or in the cache by the settings."""
    if root is not None:
        return to_absolute(root)
    import platformdirs

    key = hashlib.sha256(json.dumps(settings.identity()).encode()).hexdigest()[:12]
    return platformdirs.user_cache_path("serenade") / f"synthetic-{key}"


def create_rows(folder: Path, settings: Settings, labels: Sequence[str]) -> list[dict[str, object]]:
    """Return the rows of the corpus, and create files that are missing.

    The marker is written first and the manifest last, each file atomically, so that an interrupted
    run can be resumed and two runs at a time do not interfere.

    Args:
        folder: empty, missing, or the folder of this corpus.
        settings: of the corpus.
        labels: the emotions.

    Returns:
        Rows as `serenade.corpora.build_table` takes them.

    Raises:
        CorpusError: the folder holds other files.
    """
    _claim(folder, settings)
    if (folder / _MANIFEST).is_file():
        rows = _read(folder)
        if all(Path(str(row["file"])).is_file() for row in rows):
            return rows
    (folder / "wav").mkdir(exist_ok=True)
    rows = list(_synthesise_rows(folder, settings, labels))
    with replace_atomically(folder / _MANIFEST) as unfinished:
        write_table(build_table(rows), folder, unfinished)
    return rows


def _claim(folder: Path, settings: Settings) -> None:
    """Check that the folder is empty or holds this corpus, and mark it."""
    if folder.exists() and not folder.is_dir():
        raise CorpusError(f"{folder}: is a file; give a folder to make the corpus in")
    marker = folder / _MARKER
    if marker.is_file():
        if json.loads(marker.read_text("utf-8")) != settings.identity():
            raise CorpusError(
                f"{folder}: holds a synthetic corpus of other settings or another version; "
                "give another folder, or delete this one"
            )
        return
    if folder.is_dir() and any(not entry.name.startswith(".") for entry in folder.iterdir()):
        raise CorpusError(
            f"{folder}: is not empty and holds no synthetic corpus; give an empty or a new folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(settings.identity(), indent=2) + "\n"
    write_atomically(marker, text.encode())


def _synthesise_rows(
    folder: Path, settings: Settings, labels: Sequence[str]
) -> Iterator[dict[str, object]]:
    sessions = (settings.speakers + 1) // 2
    for number in range(1, settings.speakers + 1):
        voice = speaker(number, settings.seed)
        session = (number + 1) // 2
        for emotion in labels:
            for sentence, text in enumerate(SENTENCES[: settings.sentences], start=1):
                for repetition in range(1, settings.repetitions + 1):
                    utterance = render(text, voice, emotion, settings.sampling_rate, repetition)
                    name = f"{voice.name}-{emotion}-{sentence:02d}-{repetition}.wav"
                    path = folder / "wav" / name
                    with replace_atomically(path) as unfinished:
                        _write(unfinished, utterance)
                    yield {
                        "file": str(path),
                        "speaker": voice.name,
                        "emotion": emotion,
                        "session": str(session),
                        "gender": voice.gender,
                        "text": text,
                        "language": "en",
                        "split": "test" if session == sessions > 1 else "train",
                        "repetition": repetition,
                        "arousal": round(utterance.style.arousal, 4),
                        "valence": round(utterance.style.valence, 4),
                        "words": json.dumps(
                            [(word, round(a, 4), round(b, 4)) for word, a, b in utterance.words]
                        ),
                    }


def _write(path: Path, utterance: Utterance) -> None:
    import soundfile

    samples = (utterance.signal * 32768).astype("int16")  # exact: they are on that grid
    rate = utterance.sampling_rate
    soundfile.write(path, samples, rate, format="WAV", subtype="PCM_16")


def _read(folder: Path) -> list[dict[str, object]]:
    """Read the rows of the manifest."""
    with (folder / _MANIFEST).open(encoding="utf-8", newline="") as file:
        return [
            {name: cell for name, cell in row.items() if name not in ("file", "start", "end")}
            | {"file": str(folder / row["file"])}
            for row in csv.DictReader(file)
        ]
