"""Upload model folders to the Hugging Face hub, and download them with checksums."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from serenade._atomic import lock_folder, replace_atomically
from serenade._cache_folder import get_cache_folder
from serenade._hub import (
    download_file,
    download_model,
    get_endpoint,
    is_hub_id,
    make_folder_name,
)
from serenade._model_files import hash_bytes, read_description
from serenade.errors import MissingExtraError, ModelError, SerenadeError
from serenade.inference._model_folder import FILES, read_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from serenade.inference._model_folder import Folder

CHECKSUMS = "checksums.json"
"""File of an uploaded model that contains the SHA-256 of its other files by name."""

_DESCRIPTION = "model.json"


def open_folder(path: str | os.PathLike[str] | None = None) -> Folder:
    """Read a model folder that is on this machine or on the Hugging Face hub.

    Args:
        path: the folder; `USER/NAME`, if that is not a folder, for a model of the hub, which is
            downloaded once; or a name of a model of the package, see `read_folder`.

    Raises:
        ModelError: see `read_folder` and `fetch_model`.
        MissingExtraError: the model is on the hub and the extra "hub" is not installed.
    """
    if path is not None and is_hub_id(os.fspath(path)):
        return read_folder(fetch_model(os.fspath(path)))
    return read_folder(path)


def push_model(folder: str | os.PathLike[str], repository: str, *, private: bool = False) -> str:
    """Upload a model folder to the Hugging Face hub.

    The model card becomes the page's `README.md`, with the licence in the header that the hub
    reads. `HF_TOKEN` or `hf auth login` authenticates the user; `HF_ENDPOINT` sets another hub.

    Args:
        folder: model folder.
        repository: `USER/NAME`, which is created if it does not exist.
        private: whether a new repository is private.

    Returns:
        The address of the page.

    Raises:
        ModelError: the folder is not a model folder, or a file in it is a link.
        SerenadeError: the hub refuses the upload or cannot be reached; the message says why.
        MissingExtraError: the extra "hub" is not installed.
    """
    try:
        import huggingface_hub
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError
    except ImportError:
        raise MissingExtraError("pushing to the Hugging Face hub", "hub") from None
    model = read_folder(folder)
    model.require_own_files()
    model.head()  # checks the file
    found = {name: Path(folder) / name for name in (*FILES, _DESCRIPTION)}
    contents = {name: path.read_bytes() for name, path in found.items() if path.is_file()}
    contents[CHECKSUMS] = (json.dumps(_hash_files(contents), indent=2) + "\n").encode()
    contents["README.md"] = _make_page(model.description, contents.get("MODEL_CARD.md", b""))
    api = huggingface_hub.HfApi(endpoint=get_endpoint())
    operations = [
        huggingface_hub.CommitOperationAdd(name, content) for name, content in contents.items()
    ]
    try:
        address = api.create_repo(repository, private=private, exist_ok=True)
        api.create_commit(repository, operations, commit_message="Model of Serenade")
    except (HfHubHTTPError, HFValidationError, OSError, ValueError) as error:
        raise SerenadeError(
            f"{repository}: the hub refused the upload ({str(error).splitlines()[0]}); check the "
            "name, HF_TOKEN and the connection"
        ) from None
    return str(address)


def fetch_model(repository: str) -> Path:
    """Download a model folder from the hub, once, and return its path.

    Each file is compared with the checksum that was uploaded with it, now and at every later
    call.

    Args:
        repository: `USER/NAME`; `HF_ENDPOINT` sets another hub.

    Raises:
        ModelError: the repository does not exist, is not a model of Serenade or cannot be
            reached, or a file differs from its checksum.
        MissingExtraError: the extra "hub" is not installed.
    """
    folder = get_cache_folder() / "models" / make_folder_name(repository)
    folder.mkdir(parents=True, exist_ok=True)
    with lock_folder(folder):  # processes that load it at once download it once
        if not all((folder / name).is_file() for name in (CHECKSUMS, _DESCRIPTION)):
            _download_files(repository, folder)
        else:
            _check_files(folder)
    return folder


def _download_files(repository: str, folder: Path) -> None:
    """Download the files of a model, each to the name it has after its check."""
    sums = _read_checksums(download_file(repository, CHECKSUMS, folder / CHECKSUMS))
    # The description comes last: a folder without it is not a model.
    for name in (*FILES, _DESCRIPTION):
        if name in sums:
            with replace_atomically(folder / name) as unchecked:
                download_file(repository, name, unchecked)
                if hash_bytes(unchecked.read_bytes()) != sums[name]:
                    raise ModelError(
                        f"{repository}: {name} differs from the uploaded file; load the model "
                        "again, or report it to the owner"
                    )
    for encoder in _list_encoders(read_description(folder)):
        download_model(encoder)


def _check_files(folder: Path) -> None:
    """Compare the files of a downloaded model with their checksums."""
    sums = _read_checksums(folder / CHECKSUMS)
    for name in (*FILES, _DESCRIPTION):
        path = folder / name
        if name in sums and not (path.is_file() and hash_bytes(path.read_bytes()) == sums[name]):
            raise ModelError(
                f"{path}: damaged since its download; delete {folder} and load the model again"
            )


def _list_encoders(description: object) -> Iterator[str]:
    """Yield the encoders in a description that are models of the hub."""
    if isinstance(description, dict):
        encoder = description.get("encoder")
        if isinstance(encoder, str) and is_hub_id(encoder):
            yield encoder
        for value in description.values():
            yield from _list_encoders(value)
    elif isinstance(description, list):
        for value in description:
            yield from _list_encoders(value)


def _hash_files(contents: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hash_bytes(content) for name, content in contents.items()}


def _read_checksums(path: Path) -> dict[str, str]:
    """Read a downloaded list of checksums."""
    try:
        sums = json.loads(path.read_text("utf-8"))
        if not (isinstance(sums, dict) and {_DESCRIPTION, "head.onnx"} <= set(sums)):
            raise ValueError
    except (ValueError, RecursionError):
        path.unlink()
        raise ModelError(f"{path.parent.name}: not a model that serenade push uploaded") from None
    return sums


def _make_page(description: Mapping[str, object], card: bytes) -> bytes:
    """Return the model card with the header that the hub reads."""
    head = {
        "library_name": "serenade",
        "pipeline_tag": "audio-classification",
        "tags": ["speech-emotion-recognition", "onnx"],
        "license": "other",
        "license_name": str(description.get("licence", "unknown")),
    }
    # JSON is valid YAML and needs no further library.
    lines = [f"{key}: {json.dumps(value)}" for key, value in head.items()]
    return "\n".join(["---", *lines, "---", "", ""]).encode() + card
