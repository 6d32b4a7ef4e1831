"""Write the files of a model folder as a whole, and check them against their checksums.

`model.json` comes last and holds the SHA-256 of the other files (`files`) and of itself
(`checksum`), so that a folder with parts of two models is refused. Folders of version 0.1 have no
checksums and are read without this check.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from serenade._atomic import lock_folder, write_atomically
from serenade.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DESCRIPTION = "model.json"
"""File that describes a model; a folder without it is not a model."""

_UNLISTED = ("MODEL_CARD.md", "encoder.onnx")
"""The card may be edited, and the features of the description hold the encoder's hash."""

_OPTIONAL = ("enrolled.onnx", "speakers.npz", "places.npz", "encoder.onnx")
"""Files that only some models have."""

_SIZE = 1 << 24  # bytes of a description
_DEPTH = 40  # of nested lists and objects in a description


def write_model_files(
    folder: Path, description: Mapping[str, Any], files: Mapping[str, bytes]
) -> None:
    """Write a model folder, so that an interrupted write cannot be loaded.

    Args:
        folder: created if it does not exist.
        description: content of `model.json`.
        files: contents of the other files by name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with lock_folder(folder):
        (folder / DESCRIPTION).unlink(missing_ok=True)
        for name in set(_OPTIONAL) - set(files):  # of an earlier model
            (folder / name).unlink(missing_ok=True)
        for name, content in files.items():
            write_atomically(folder / name, content)
        stated = {key: value for key, value in description.items() if key != "checksum"}
        stated["files"] = {name: hash_bytes(files[name]) for name in files if name not in _UNLISTED}
        stated["checksum"] = _hash_description(stated)
        text = json.dumps(stated, indent=2) + "\n"
        write_atomically(folder / DESCRIPTION, text.encode())


def read_description(folder: Path) -> dict[str, Any]:
    """Read the `model.json` of a folder and check it and the other files.

    Raises:
        ModelError: a file is missing, damaged or belongs to another model.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        raise ModelError(
            f"{folder}: not a model folder (no model.json); give one that serenade train wrote"
        )
    try:
        if path.stat().st_size > _SIZE:
            raise ValueError("too large")
        found = json.loads(path.read_text("utf-8"))
        if not isinstance(found, dict) or _measure_depth(found) > _DEPTH:
            raise TypeError
        if "checksum" in found and found["checksum"] != _hash_description(found):
            raise ValueError("another checksum")
        files = found.get("files", {})
        if not all(isinstance(part, str) for pair in files.items() for part in pair):
            raise TypeError
    except (OSError, ValueError, TypeError, AttributeError, RecursionError, MemoryError):
        raise ModelError(f"{path}: damaged; copy the model folder again") from None
    for name in files:
        read_model_file(folder, name, found)
    return found


def read_model_file(folder: Path, name: str, description: Mapping[str, Any]) -> bytes:
    """Read a file of a model folder.

    Args:
        folder: the folder.
        name: name of the file.
        description: content of `model.json`.

    Raises:
        ModelError: the file is missing, or it differs from its checksum.
    """
    path = folder / name
    if path.parent != folder or not path.is_file():
        raise ModelError(f"{path}: missing; install the package or copy the model again")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from None
    expected = description.get("files", {}).get(name)
    if expected is not None and hash_bytes(content) != expected:
        raise ModelError(
            f"{path}: damaged or of another model, because it differs from the checksum in "
            f"{DESCRIPTION}; copy the model folder again"
        )
    return content


def hash_bytes(content: bytes) -> str:
    """Return the SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()


def _hash_description(description: Mapping[str, Any]) -> str:
    stated = {key: value for key, value in description.items() if key != "checksum"}
    return hash_bytes(json.dumps(stated, sort_keys=True).encode())


def _measure_depth(value: Any) -> int:
    """Return how deep lists and objects are nested."""
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return depth
