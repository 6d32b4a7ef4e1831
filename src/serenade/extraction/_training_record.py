"""Record the recordings and speakers that a model was trained on, as short hashes.

A hash of 40 bits finds a recording and tells nothing about its sound. It is a hash of the samples
where a format keeps them exactly, so that a copy in another such format is found, and otherwise of
the file's bytes. Names of speakers are hashed with a salt, because model folders are published.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Self

from serenade.audio import inspect_file, read
from serenade.errors import AudioError, ModelError
from serenade.extraction._content import hash_content

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

_BYTES = 5
_EXACT = {".wav", ".flac", ".aif", ".aiff"}  # suffixes of formats that keep samples as they are


@dataclasses.dataclass(frozen=True)
class TrainingRecord:
    """Hashes of the recordings and speakers of a model's training data.

    Args:
        recordings: hashes of the samples or of the content of files.
        speakers: hashes of corpus and name of the known speakers.
        salt: text that these names are hashed with; records of other models have another one, so
            that no table of hashed names fits all models.
    """

    recordings: frozenset[bytes]
    speakers: frozenset[bytes]
    salt: str = ""

    @classmethod
    def of(cls, table: pd.DataFrame, corpus: str) -> Self:
        """Record the recordings and speakers of a table.

        Args:
            table: rows that a model is trained on; those of several corpora have a column `corpus`.
            corpus: name of the corpus of a table without this column.
        """
        recordings = frozenset(map(_hash_recording, set(_list_files(table))))
        # The same recordings give the same record.
        salt = hashlib.blake2b(b"".join(sorted(recordings)), digest_size=8).hexdigest()
        speakers = _hash_speakers(table, corpus, salt)
        return cls(recordings, frozenset(one for one in speakers if one is not None), salt)

    @classmethod
    def from_json(cls, data: Mapping[str, str]) -> Self:
        """Read a record from the description of a model.

        Raises:
            ModelError: the record is damaged.
        """
        try:
            recordings, speakers = (_unpack(data[name]) for name in ("recordings", "speakers"))
            salt = str(data.get("salt", ""))
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"record of the training data: damaged ({type(error).__name__}: {error}); copy the "
                "model folder again"
            ) from None
        return cls(recordings, speakers, salt)

    def to_json(self) -> dict[str, str]:
        """Return the record as texts, hashes in base64, for the description of a model."""
        hashes = {"recordings": _pack(self.recordings), "speakers": _pack(self.speakers)}
        return hashes | ({"salt": self.salt} if self.salt else {})

    def find_recordings(self, table: pd.DataFrame) -> list[bool]:
        """Return for each row whether its recording was trained on."""
        files = _list_files(table)
        known = {file: _is_known(file, self.recordings) for file in set(files)}
        return [known[file] for file in files]

    def find_speakers(self, table: pd.DataFrame, corpus: str) -> list[bool]:
        """Return for each row whether its speaker was trained on; see `of` for the arguments."""
        hashes = _hash_speakers(table, corpus, self.salt)
        return [speaker in self.speakers for speaker in hashes]


def _list_files(table: pd.DataFrame) -> list[str]:
    return [str(file) for file in table.index.get_level_values("file")]


def _is_known(file: str, recordings: frozenset[bytes]) -> bool:
    try:
        return bool({_hash_recording(file), _hash_content(file)} & recordings)
    except OSError:  # a missing file
        return False


def _hash_recording(file: str) -> bytes:
    """Hash the samples of a recording, or the content of a file that does not keep them exactly."""
    if Path(file).suffix.lower() not in _EXACT:
        return _hash_content(file)
    try:
        rate = inspect_file(file).rate
        samples = read(file, sampling_rate=rate).signal
    except AudioError:  # also of files that are too short, or silent
        return _hash_content(file)
    return hashlib.blake2b(samples.tobytes(), digest_size=_BYTES).digest()


def _hash_content(file: str) -> bytes:
    return bytes.fromhex(hash_content(file))[:_BYTES]


def _hash_speakers(table: pd.DataFrame, corpus: str, salt: str) -> list[bytes | None]:
    """Hash corpus and speaker of each row; None where the speaker is not known."""
    count = len(table)
    corpora = [str(name) for name in table["corpus"]] if "corpus" in table else [corpus] * count
    names = list(table["speaker"]) if "speaker" in table else [None] * count
    known = table["speaker"].notna() if "speaker" in table else [False] * count
    return [
        # Speakers of joined corpora have the name of their corpus before theirs.
        _hash_text(f"{of}\0{str(name).removeprefix(of + '/')}", salt) if there else None
        for of, name, there in zip(corpora, names, known, strict=True)
    ]


def _hash_text(text: str, salt: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=_BYTES, key=salt.encode()[:64]).digest()


def _pack(hashes: frozenset[bytes]) -> str:
    return base64.b64encode(b"".join(sorted(hashes))).decode()


def _unpack(text: str) -> frozenset[bytes]:
    content = base64.b64decode(text, validate=True)
    if len(content) % _BYTES:
        raise ValueError(f"{len(content)} bytes")
    return frozenset(content[at : at + _BYTES] for at in range(0, len(content), _BYTES))
