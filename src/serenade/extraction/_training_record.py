"""Record the recordings and speakers that a model was trained on, as short hashes.

A hash of 40 bits finds a recording by its bytes and tells nothing about its sound. Names of
speakers are hashed, because model folders are published.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from typing import TYPE_CHECKING, Self

from serenade.errors import ModelError
from serenade.extraction._content import hash_content

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

_BYTES = 5


@dataclasses.dataclass(frozen=True)
class TrainingRecord:
    """Hashes of the recordings and speakers of a model's training data.

    Args:
        recordings: hashes of the content of files.
        speakers: hashes of corpus and name of the known speakers.
    """

    recordings: frozenset[bytes]
    speakers: frozenset[bytes]

    @classmethod
    def of(cls, table: pd.DataFrame, corpus: str) -> Self:
        """Record the recordings and speakers of a table.

        Args:
            table: rows that a model is trained on; those of several corpora have a column `corpus`.
            corpus: name of the corpus of a table without this column.
        """
        speakers = _hash_speakers(table, corpus)
        return cls(
            frozenset(map(_hash_file, set(_list_files(table)))),
            frozenset(speaker for speaker in speakers if speaker is not None),
        )

    @classmethod
    def from_json(cls, data: Mapping[str, str]) -> Self:
        """Read a record from the description of a model.

        Raises:
            ModelError: the record is damaged.
        """
        try:
            recordings, speakers = (_unpack(data[name]) for name in ("recordings", "speakers"))
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"record of the training data: damaged ({type(error).__name__}: {error}); copy the "
                "model folder again"
            ) from None
        return cls(recordings, speakers)

    def to_json(self) -> dict[str, str]:
        """Return the record as texts in base64, for the description of a model."""
        return {"recordings": _pack(self.recordings), "speakers": _pack(self.speakers)}

    def find_recordings(self, table: pd.DataFrame) -> list[bool]:
        """Return for each row whether the content of its file was trained on."""
        files = _list_files(table)
        known = {file: _is_known(file, self.recordings) for file in set(files)}
        return [known[file] for file in files]

    def find_speakers(self, table: pd.DataFrame, corpus: str) -> list[bool]:
        """Return for each row whether its speaker was trained on; see `of` for the arguments."""
        return [speaker in self.speakers for speaker in _hash_speakers(table, corpus)]


def _list_files(table: pd.DataFrame) -> list[str]:
    return [str(file) for file in table.index.get_level_values("file")]


def _is_known(file: str, recordings: frozenset[bytes]) -> bool:
    try:
        return _hash_file(file) in recordings
    except OSError:  # a missing file
        return False


def _hash_file(file: str) -> bytes:
    return bytes.fromhex(hash_content(file))[:_BYTES]


def _hash_speakers(table: pd.DataFrame, corpus: str) -> list[bytes | None]:
    """Hash corpus and speaker of each row; None where the speaker is not known."""
    count = len(table)
    corpora = [str(name) for name in table["corpus"]] if "corpus" in table else [corpus] * count
    names = list(table["speaker"]) if "speaker" in table else [None] * count
    known = table["speaker"].notna() if "speaker" in table else [False] * count
    return [
        # Speakers of joined corpora have the name of their corpus before theirs.
        _hash_text(f"{of}\0{str(name).removeprefix(of + '/')}") if there else None
        for of, name, there in zip(corpora, names, known, strict=True)
    ]


def _hash_text(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=_BYTES).digest()


def _pack(hashes: frozenset[bytes]) -> str:
    return base64.b64encode(b"".join(sorted(hashes))).decode()


def _unpack(text: str) -> frozenset[bytes]:
    content = base64.b64decode(text, validate=True)
    if len(content) % _BYTES:
        raise ValueError(f"{len(content)} bytes")
    return frozenset(content[at : at + _BYTES] for at in range(0, len(content), _BYTES))
