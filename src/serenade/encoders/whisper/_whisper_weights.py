"""Where an encoder's ONNX file comes from: the package, a path, or the Hugging Face hub."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from serenade._atomic import replace_atomically
from serenade._cache_folder import get_cache_folder
from serenade._hub import (
    CONFIG,
    PREPROCESSOR,
    download_model,
    find_weights,
    is_hub_id,
    read_model_type,
)
from serenade.errors import ModelError
from serenade.extraction import hash_content

WHISPER_BASE = "whisper-base"
"""Encoder inside the package: the first five layers of openai/whisper-base (MIT licence)."""


def locate_whisper(encoder: str) -> Path:
    """Return the ONNX file of an encoder, exported or downloaded on first use.

    Args:
        encoder: `whisper-base` (inside the package); an `.onnx` file; a `.safetensors` file with
            the model's `config.json` in its folder; a folder with both; or a hub id such as
            `openai/whisper-tiny.en`, whose short name is `whisper-tiny-en`. For
            `serenade.encoders.LayerMeans` the folder or the hub id may be of any speech encoder
            that transformers loads.

    Raises:
        ModelError: no such encoder, or it could not be downloaded.
        MissingExtraError: converting weights needs the extra "train", or "ssl" for encoders other
            than Whisper's.

    >>> locate_whisper("whisper-base").name
    'whisper-base.onnx'
    """
    if encoder == WHISPER_BASE:
        return Path(__file__).parent / f"{encoder}.onnx"
    path = Path(encoder)
    if path.suffix == ".onnx" and path.is_file():
        return path
    if path.suffix == ".safetensors" and path.is_file():
        return _export_weights(path, find_config(path))
    if (path / CONFIG).is_file() and (weights := find_weights(path)):
        return _export_weights(weights, path / CONFIG)
    if "emotion2vec" in encoder.lower():
        from serenade.encoders._pooled_graph import refuse_known

        refuse_known(encoder)
    if is_hub_id(encoder):
        return _export_weights(*download_model(encoder))
    raise ModelError(
        f"{encoder}: no such encoder; give {WHISPER_BASE!r}, an .onnx or .safetensors file that "
        "exists, a folder with config.json, or a hub id such as 'openai/whisper-base'"
    )


def fingerprint_content(content: bytes) -> str:
    """Return the hash that `fingerprint_whisper` returns for a file with this content."""
    return hashlib.blake2b(content).hexdigest()[:32]


def fingerprint_whisper(encoder: str) -> str:
    """Return a hash of the encoder's file, which identifies it in caches and model folders.

    Raises:
        ModelError: there is no such encoder, or the file cannot be read.
    """
    path = locate_whisper(encoder)
    try:
        return hash_content(path)[:32]
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from None


def find_config(weights: Path) -> Path:
    """Return the configuration of a weights file: `config.json`, or a file named after it."""
    stem = weights.stem.removesuffix("-encoder")
    for name in (f"{stem}-config.json", "config.json"):
        if (weights.parent / name).is_file():
            return weights.parent / name
    raise ModelError(f"{weights}: no config.json in its folder; copy the model's there")


def _export_weights(weights: Path, config: Path) -> Path:
    """Export weights to ONNX, once for each content, into the user's cache."""
    if read_model_type(config) in {"", "whisper"}:
        from serenade.encoders.whisper._whisper_graph import REVISION, count_heads, export_encoder

        heads = count_heads(config)
        name = f"{hash_content(weights)[:32]}-{heads}-{REVISION}.onnx"
        export = functools.partial(export_encoder, weights, heads)
    else:
        from serenade.encoders import _pooled_graph

        parts = [weights, config, *weights.parent.glob(PREPROCESSOR)]
        content = fingerprint_content(" ".join(map(hash_content, parts)).encode())
        name = f"{content}-pooled-{_pooled_graph.REVISION}.onnx"
        export = functools.partial(_pooled_graph.export_pooled, weights.parent)
    target = get_cache_folder() / "encoders" / name
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        with replace_atomically(target) as unfinished:
            export(unfinished)
    return target
