"""Model folders: what is in one, checked before anything runs.

A folder holds `model.json` (labels, the features it looks at with their parameters, what it was
trained on, its licence), `head.onnx` (features to probabilities: rows of single-row features as
`features`, or `values_0`, `mask_0`, … of each stream of frames; or, with the features inside it, a
`signal`), a model card, and `encoder.onnx`
where it has an encoder of its own. One that can be enrolled also holds `speakers.npz` (how features
vary within and between speakers) and `enrolled.onnx` (the head for features with the speaker's own
mean taken away).
"""

from __future__ import annotations

import dataclasses
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serenade.adaptation import Population
from serenade.errors import ModelError
from serenade.runtime import open_session
from serenade.systems import feature_from_json
from serenade.voice_activity import DETECTOR_RATE

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from serenade.features import Feature

FORMATS = (1, 2)
"""Versions of the folder's layout that this package reads; of the first, one feature is stated."""

ENCODER = "encoder.onnx"
"""File of an encoder that a folder has for itself."""

FILES = ("head.onnx", "enrolled.onnx", "speakers.npz", ENCODER, "MODEL_CARD.md")
"""What may lie in a folder beside `model.json`."""

BUNDLED = Path(__file__).parent / "bundled"


@dataclasses.dataclass(frozen=True)
class Folder:
    """A model folder that was read.

    Args:
        path: of the folder.
        labels: emotions in the order of the probabilities.
        features: what the head looks at, one per stream.
        sampling_rate: in Hz, of the signals that the features take.
        description: all of `model.json`.
    """

    path: Path
    labels: tuple[str, ...]
    features: tuple[Feature, ...]
    sampling_rate: int
    description: Mapping[str, Any]

    @property
    def feature(self) -> Feature:
        """Of the first stream."""
        return self.features[0]

    def head(self, name: str = "head.onnx") -> Any:
        """An onnxruntime session of a head, features to `probabilities`.

        Raises:
            ModelError: missing, damaged, or not of this folder.
        """
        head = open_session(self.path / name)
        taken = {each.name: each.shape[-1] for each in head.get_inputs()}
        classes = head.get_outputs()[0].shape[1]
        widths = [len(feature.names) for feature in self.features]
        stated = {f"values_{place}": width for place, width in enumerate(widths)}
        if "features" in taken:
            stated = {"features": sum(widths)}
        elif list(taken) == ["signal"]:
            stated = {}
        pairs = [(classes, len(self.labels) or -1)]
        pairs += [(taken.get(each, -1), width) for each, width in stated.items()]
        # A traced graph may leave a size open, by a name or none.
        if any(isinstance(found, int) and found != wanted for found, wanted in pairs):
            raise ModelError(
                f"{self.path}: {name} takes {taken} and gives {classes} values, model.json states "
                f"{stated} and {len(self.labels)}; copy the model folder again"
            )
        return head

    def population(self) -> Population:
        """How features vary within and between speakers.

        Raises:
            ModelError: the model cannot be enrolled, or the file is damaged.
        """
        path = self.path / "speakers.npz"
        if "enrolment" not in self.description:
            raise ModelError(
                f"{self.path}: cannot be enrolled; train it on a corpus that names its speakers"
            )
        try:
            with path.open("rb") as file:  # NumPy leaves one open that is no archive
                population = Population.load(file)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            raise ModelError(f"{path}: damaged; copy the model folder again") from None
        if population.mean.size != len(self.feature.names):
            raise ModelError(f"{path}: of another model; copy the model folder again")
        return population


def read_folder(path: str | os.PathLike[str] | None = None) -> Folder:
    """Read and check `model.json` of a folder.

    Args:
        path: the folder; None for the bundled model.

    Raises:
        ModelError: the folder is missing, damaged, of a later version, or its encoder is another
            one than it was trained on.
    """
    folder = BUNDLED if path is None else Path(path)
    description = _described(folder)
    version = description["format"]
    try:
        labels = tuple(str(label) for label in description["labels"])
        stated = description["features"] if version > 1 else [description["feature"]]
        features = tuple(feature_from_json(each, folder) for each in stated)
        rate = int(description["sampling_rate"])
        if not features or rate < 8000 or (version == 1 and rate != DETECTOR_RATE):
            raise ValueError(f"{len(features)} features, sampling_rate {rate}")
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ModelError(
            f"{folder / 'model.json'}: damaged ({type(error).__name__}: {error}); "
            "copy the model folder again"
        ) from None
    return Folder(folder, labels, features, rate, description)


def _described(folder: Path) -> dict[str, Any]:
    """`model.json` of a folder, its format checked."""
    path = folder / "model.json"
    if not path.is_file():
        raise ModelError(
            f"{folder}: not a model folder (no model.json); give one that serenade train wrote"
        )
    try:
        description = json.loads(path.read_text("utf-8"))
        version = description["format"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise ModelError(f"{path}: damaged; copy the model folder again") from None
    if version not in FORMATS:
        raise ModelError(
            f"{path}: format {version}, this package reads {FORMATS[-1]}; update serenade"
        )
    return dict(description)
