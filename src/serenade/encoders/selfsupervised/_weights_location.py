"""Where an encoder's weights come from: a folder, a checkpoint, the package, or the hub."""

from __future__ import annotations

import functools
import hashlib
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from serenade._hub import download_model, is_hub_id
from serenade.encoders.selfsupervised._encoder_folder import CONFIG, ENCODER_WEIGHTS
from serenade.errors import MissingExtraError, ModelError
from serenade.extraction import get_file_state, hash_content

if TYPE_CHECKING:
    from serenade.encoders.selfsupervised._build import Network
    from serenade.encoders.selfsupervised._encoder_settings import EncoderSettings

SHIPPED = Path(__file__).parent.parent / "pretrained"
"""Folders that come with the package, by name; some installations have none."""

_CHECKPOINTS = {".ckpt", ".pth", ".pt"}


def locate_weights(encoder: str) -> Path:
    """Return the folder or checkpoint of an encoder, downloaded on first use.

    Args:
        encoder: a folder that `serenade pretrain` wrote; a checkpoint of s3prl (`.ckpt`, `.pth`);
            the name of a folder that comes with the package, such as `tera`; or a hub id.

    Raises:
        ModelError: no such encoder, or it could not be downloaded.
    """
    path = Path(encoder)
    shipped = SHIPPED / encoder if re.fullmatch(r"[\w-]+", encoder) else path
    for folder in (path, shipped):
        if (folder / CONFIG).is_file() and (folder / ENCODER_WEIGHTS).is_file():
            return folder
    if path.suffix in _CHECKPOINTS and path.is_file():
        return path
    if is_hub_id(encoder):
        weights, _ = download_model(encoder)
        return weights.parent
    here = sorted(folder.parent.name for folder in SHIPPED.glob(f"*/{ENCODER_WEIGHTS}"))
    names = f"one of {', '.join(here)}, " if here else ""
    raise ModelError(
        f"{encoder}: no such encoder; give {names}a folder with {CONFIG} and {ENCODER_WEIGHTS} (as "
        "`serenade pretrain` writes it), an s3prl checkpoint (.ckpt, .pth) or a hub id"
    )


def fingerprint_weights(encoder: str) -> str:
    """Return a hash of the encoder's content, which identifies it in caches and model folders.

    Raises:
        ModelError: there is no such encoder, or a file cannot be read.
    """
    files = _list_files(locate_weights(encoder))
    try:
        hashes = [hash_content(file) for file in files]
    except OSError as error:
        raise ModelError(f"{files[-1]}: cannot be read ({error.strerror})") from None
    return hashlib.blake2b(" ".join(hashes).encode(), digest_size=16).hexdigest()


def load_weights(encoder: str) -> tuple[EncoderSettings, Network]:
    """Load settings and network: one per process, loaded again if the files changed.

    Raises:
        ModelError: there is no such encoder, or its files are damaged.
        MissingExtraError: PyTorch is not installed.
    """
    path = locate_weights(encoder)
    changed = tuple(get_file_state(file) for file in _list_files(path))
    with _LOADING:  # threads that begin together share one
        return _load(path, changed)


_LOADING = threading.Lock()


@functools.lru_cache(maxsize=4)
def _load(path: Path, changed: tuple[tuple[int, ...], ...]) -> tuple[EncoderSettings, Network]:  # noqa: ARG001 - the memory's key
    if path.is_dir():
        from serenade.encoders.selfsupervised import _encoder_folder as folder

        return folder.load_encoder(path)
    try:
        from serenade.encoders.selfsupervised import _official
    except ImportError:
        raise MissingExtraError("running a self-supervised encoder", "train") from None
    return _official.load_official(path)


def _list_files(path: Path) -> list[Path]:
    return [path / CONFIG, path / ENCODER_WEIGHTS] if path.is_dir() else [path]
