"""Download models from the Hugging Face hub."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

from serenade._addresses import is_safe_url
from serenade._atomic import replace_atomically
from serenade._cache_folder import get_cache_folder
from serenade._progress import show_progress
from serenade.errors import MissingExtraError, ModelError

CONFIG = "config.json"
"""File that states the architecture and the sizes of a model."""

PREPROCESSOR = "preprocessor_config.json"
"""File that states how signals are scaled for a speech encoder."""

WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""Files of weights, the preferred one first."""

FORMER = {"whisper-tiny-en": "openai/whisper-tiny.en"}
"""Models of the hub by the names of encoders that version 0.1 contained."""

_BLOCK = 1 << 20
_TIMEOUT = 30.0  # seconds without a byte
_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_SUFFIXES = {".onnx", ".safetensors", ".json", ".pt", ".pth", ".ckpt", ".bin"}  # of paths


def is_hub_id(name: str) -> bool:
    """Return whether a name is the id of a model on the hub, and not a file or a folder.

    Names of `FORMER` count as ids.

    >>> is_hub_id("openai/whisper-base"), is_hub_id("models/weights.ckpt"), is_hub_id("tera")
    (True, False, False)
    """
    path = Path(name)
    return (
        bool(_ID.fullmatch(FORMER.get(name, name)))
        and path.suffix not in _SUFFIXES
        and not path.exists()
    )


def get_endpoint() -> str:
    """Return the address of the hub: `HF_ENDPOINT`, or huggingface.co.

    Raises:
        ModelError: the address is not https, so that files and tokens would not be protected.
    """
    stated = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    if not is_safe_url(stated):
        raise ModelError(f"HF_ENDPOINT={stated}: not an https address; give one, or leave it out")
    return stated.rstrip("/")


def download_model(model_id: str) -> tuple[Path, Path]:
    """Download the weights and the configuration of a model, once.

    Args:
        model_id: such as `openai/whisper-base`; `HF_ENDPOINT` names another hub.

    Returns:
        The paths of the weights and of `config.json`. Weights are `model.safetensors`, or
        `pytorch_model.bin` if the model has no such file. The settings of the input of a speech
        encoder lie in the same folder.

    Raises:
        ModelError: the model does not exist, or the connection failed; the message has the address.
        MissingExtraError: the extra "hub" is not installed.
    """
    if model_id in FORMER:
        return _download_former(model_id)
    folder = _get_folder(model_id)
    config = folder / CONFIG
    if not config.is_file():
        download_file(model_id, CONFIG, config)
    for name in _list_settings(folder):
        if not (folder / name).is_file():
            download_file(model_id, name, folder / name)
    try:
        weights = find_weights(folder) or download_file(model_id, WEIGHTS[0], folder / WEIGHTS[0])
    except ModelError as lacking:
        try:
            weights = download_file(model_id, WEIGHTS[1], folder / WEIGHTS[1])
        except ModelError:
            raise lacking from None
    return weights, config


def _download_former(name: str) -> tuple[Path, Path]:
    """Download an encoder that version 0.1 of the package contained; see `download_model`."""
    try:
        return download_model(FORMER[name])
    except ModelError as error:
        raise ModelError(
            f"{name}: not in the package since version 0.2; it is {FORMER[name]} of the hub, or "
            f"give a folder with that model ({error})"
        ) from None


def is_downloaded(model_id: str) -> bool:
    """Return whether `download_model` has downloaded a model."""
    folder = _get_folder(model_id)
    found = (folder / CONFIG).is_file() and find_weights(folder) is not None
    return found and all((folder / name).is_file() for name in _list_settings(folder))


def find_weights(folder: Path) -> Path | None:
    """Return the file of a model's weights in a folder; None if there is none."""
    return next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)


def read_model_type(config: Path) -> str:
    """Return the architecture that a configuration states; empty if it states none."""
    try:
        return str(json.loads(config.read_text("utf-8")).get("model_type") or "")
    except (OSError, ValueError, AttributeError, RecursionError):
        return ""


def make_folder_name(model_id: str) -> str:
    """Return a name for the folder of a model; no two models share it.

    >>> make_folder_name("openai/whisper-base")
    'openai--whisper-base'
    >>> make_folder_name("a--b/c"), make_folder_name("a/b--c")
    ('a%2D%2Db--c', 'a--b%2D%2Dc')
    """
    name = model_id.replace("/", "--")
    if name.count("--") == 1 and "---" not in name:
        return name
    return model_id.replace("-", "%2D").replace("/", "--")


def _get_folder(model_id: str) -> Path:
    """Return the folder of a downloaded model."""
    return get_cache_folder() / "hub" / make_folder_name(FORMER.get(model_id, model_id))


def _list_settings(folder: Path) -> tuple[str, ...]:
    """Return the further files that a downloaded encoder needs; Whisper and our own need none."""
    return () if read_model_type(folder / CONFIG) in {"", "whisper"} else (PREPROCESSOR,)


def download_file(model_id: str, name: str, target: Path) -> Path:
    """Download one file of a model; an interrupted download leaves no file.

    The user's token is sent, so that private models can be downloaded, but only to the hub itself:
    requests drops the header when an answer redirects to another host.

    Args:
        model_id: see `download_model`.
        name: of the file on the hub.
        target: where it is written.

    Returns:
        `target`.

    Raises:
        ModelError: the file does not exist, the connection failed, or the checksum differs.
        MissingExtraError: the extra "hub" is not installed.
    """
    try:
        import requests
    except ImportError:
        raise MissingExtraError("downloading from the hub", "hub") from None
    address = f"{get_endpoint()}/{model_id}/resolve/main/{name}"
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        # A compressed response would have another length than the file.
        headers = {"Accept-Encoding": "identity", "User-Agent": "serenade"}
        if token := _get_token():
            headers["Authorization"] = f"Bearer {token}"
        with (
            requests.get(address, headers=headers, timeout=_TIMEOUT, stream=True) as response,
            replace_atomically(target) as unfinished,
        ):
            response.raise_for_status()
            if not all(is_safe_url(answer.url) for answer in (*response.history, response)):
                raise ValueError("it leads to an address without https")
            _write_response(response, unfinished, f"downloading {model_id}")
    except (requests.RequestException, OSError, ValueError) as error:
        raise ModelError(
            f"{model_id}: could not be downloaded from {address} ({error}); check the id and "
            "the connection, or give a path"
        ) from None
    return target


def _get_token() -> str | None:
    """Return the token of `HF_TOKEN` or of `hf auth login`."""
    try:
        from huggingface_hub import get_token
    except ImportError:
        return os.environ.get("HF_TOKEN") or None
    token: str | None = get_token()
    return token


def _write_response(response: Any, file: Path, label: str) -> None:
    """Write the body of a response; raise ValueError if size or checksum differ from its header."""
    stated = response.headers.get("Content-Length", "")
    length = int(stated) if stated.isdecimal() else None
    digest, size = hashlib.sha256(), 0
    blocks = response.iter_content(_BLOCK)
    with file.open("wb") as opened:
        for block in show_progress(blocks, -(-(length or 0) // _BLOCK), label):
            opened.write(block)
            digest.update(block)
            size += len(block)
    if length not in {None, size}:
        raise ValueError(f"{size} of {length} bytes arrived")
    # The hub states the SHA-256 of large files, on the answer that redirects to them.
    for answer in (*response.history, response):
        checksum = answer.headers.get("X-Linked-ETag", "").strip('"')
        if re.fullmatch("[0-9a-f]{64}", checksum) and checksum != digest.hexdigest():
            raise ValueError("the file does not have the checksum that the hub states")
