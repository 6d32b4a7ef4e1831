"""Features as JSON data: written into model folders, and built again from them."""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serenade._hub import is_downloaded, is_hub_id
from serenade._parameters import find_mismatch
from serenade.errors import ModelError, SerenadeError
from serenade.features import Feature

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES: Mapping[str, tuple[str, str]] = {
    "acoustic-set": ("serenade.features.sets._acoustic", "AcousticSet"),
    "he-lld": ("serenade.features.sets._lld", "HeLLD"),
    "kaldi-fbank": ("serenade.features.sets._standard", "KaldiFbank"),
    "layer-means": ("serenade.encoders", "LayerMeans"),
    "lld-functionals": ("serenade.systems.lld_svm", "LLDFunctionals"),
    "log-mel": ("serenade.features.sets._standard", "LogMel"),
    "log-spectrogram": ("serenade.systems.attentive_crnn", "LogSpectrogram"),
    "mfcc40": ("serenade.features.sets._standard", "MFCC40"),
    "opensmile": ("serenade.features.sets._opensmile", "OpenSmile"),
    "pitch": ("serenade.features.voice._pitch", "Pitch"),
    "pooled": ("serenade.features._segments", "Pooled"),
    "segments": ("serenade.features._segments", "Segments"),
    "short-term-34": ("serenade.features.sets._short_term", "ShortTerm34"),
    "spectral-means": ("serenade.features.sets._standard", "SpectralMeans"),
    "waveform": ("serenade.encoders", "Waveform"),
    "whisper-pooled": ("serenade.encoders", "WhisperPooled"),
    "whisper-states": ("serenade.encoders", "WhisperStates"),
}
"""Module and class of the features that model folders can hold; none needs PyTorch."""


def feature_to_json(feature: object) -> dict[str, Any]:
    """Convert a feature to JSON-ready data.

    Args:
        feature: feature of a class in `NAMES`; features in its fields are converted as well.

    Returns:
        `name`, `version`, `parameters`, and `encoder`, the hash of an encoder's file, if it has
        one.

    Raises:
        SerenadeError: a model folder cannot hold the feature.

    >>> from serenade.features import MFCC40
    >>> feature_to_json(MFCC40(duration=3.0))["parameters"]["duration"]
    3.0
    """
    kind = type(feature)
    places = [(key, *place) for key, place in NAMES.items() if place[1] == kind.__qualname__]
    # A user's feature may have the name of a built-in one.
    name = next(
        (
            key
            for key, module, cls in places
            if getattr(importlib.import_module(module), cls) is kind
        ),
        None,
    )
    if name is None or not isinstance(feature, Feature):
        raise SerenadeError(
            f"{kind.__name__}: no model folder can hold it; model folders hold features of this "
            "package that need only a recording and onnxruntime"
        )
    fields = {field.name: getattr(feature, field.name) for field in dataclasses.fields(feature)}
    statement: dict[str, Any] = {
        "name": name,
        "version": feature.version,
        "parameters": {
            key: feature_to_json(value) if isinstance(value, Feature) else value
            for key, value in fields.items()
        },
    }
    if "encoder" in fields:
        from serenade.encoders import fingerprint_whisper

        statement["encoder"] = fingerprint_whisper(fields["encoder"])
    return statement


def feature_from_json(statement: Mapping[str, Any], folder: Path) -> Feature:
    """Build the feature that JSON data describes.

    Args:
        statement: result of `feature_to_json`.
        folder: folder of encoders that are named by their file alone.

    Raises:
        ModelError: the feature or its encoder has changed since.
        KeyError: no such feature.
        TypeError: no such parameters.
        ValueError: no such parameters.
    """
    module, name = NAMES[statement["name"]]
    kind: type[Feature] = getattr(importlib.import_module(module), name)
    known = {field.name for field in dataclasses.fields(kind)}
    parameters = {
        key: _restore_value(value, folder)
        for key, value in statement["parameters"].items()
        if key in known
    }
    encoder = parameters.get("encoder")
    if isinstance(encoder, str) and encoder == Path(encoder).name and (folder / encoder).is_file():
        parameters["encoder"] = str(folder / encoder)
    if isinstance(encoder := parameters.get("encoder"), str):
        _require_local(encoder, folder)
    if problem := find_mismatch(kind, parameters):
        raise ValueError(problem)
    feature = kind(**parameters)
    if statement.get("version", feature.version) != feature.version:
        raise ModelError(
            f"{folder}: trained on another version of {statement['name']} than version "
            f"{feature.version}, which this package computes; train it again"
        )
    if expected := statement.get("encoder"):
        from serenade.encoders import fingerprint_whisper

        if expected != fingerprint_whisper(feature.encoder):  # type: ignore[attr-defined]
            raise ModelError(f"{folder}: trained on another version of its encoder; train it again")
    return feature


def _require_local(encoder: str, folder: Path) -> None:
    """Refuse an encoder that would have to be downloaded: reading a folder contacts no hub."""
    if is_hub_id(encoder) and not is_downloaded(encoder):
        raise ModelError(
            f"{folder}: needs the encoder {encoder}, which is not on this machine; if you trust "
            f"it, download it with serenade.encoders.locate_whisper({encoder!r})"
        )


def _restore_value(value: Any, folder: Path) -> Any:
    """Return a parameter as it was before its conversion to JSON."""
    if isinstance(value, dict):
        return feature_from_json(value, folder)
    return tuple(value) if isinstance(value, list) else value
