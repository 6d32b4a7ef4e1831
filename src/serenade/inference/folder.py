"""Model folders: what is in one, checked before anything runs.

A folder holds `model.json` (labels, the feature it looks at with its parameters, what it was
trained on, its licence), `head.onnx` (features to probabilities) and a model card. One that can be
enrolled also holds `speakers.npz` (how features vary within and between speakers) and
`enrolled.onnx` (the head for features with the speaker's own mean taken away).
"""

from __future__ import annotations

import dataclasses
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serenade.encoders.runtime import open_session
from serenade.encoders.voice import RATE
from serenade.encoders.whisper import WhisperPooled
from serenade.encoders.whisper.source import fingerprint
from serenade.errors import ModelError
from serenade.features.speakers import Population

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from serenade.features.base import Feature

FORMAT = 1
"""Version of the folder's layout that this package writes and reads."""

FEATURES: Mapping[str, type[Feature]] = {"whisper-pooled": WhisperPooled}
"""The features a model folder may name."""

BUNDLED = Path(__file__).parent / "bundled"


@dataclasses.dataclass(frozen=True)
class Folder:
    """A model folder that was read.

    Args:
        path: of the folder.
        labels: emotions in the order of the probabilities.
        feature: what the head looks at.
        sampling_rate: in Hz, of the signals that `feature` takes.
        description: all of `model.json`.
    """

    path: Path
    labels: tuple[str, ...]
    feature: Feature
    sampling_rate: int
    description: Mapping[str, Any]

    def head(self, name: str = "head.onnx") -> Any:
        """An onnxruntime session of a head, `features` to `probabilities`.

        Raises:
            ModelError: missing, damaged, or not of this folder.
        """
        head = open_session(self.path / name)
        width, classes = head.get_inputs()[0].shape[1], head.get_outputs()[0].shape[1]
        if (width, classes) != (len(self.feature.names), len(self.labels)) or not self.labels:
            raise ModelError(
                f"{self.path}: {name} takes {width} values and gives {classes}, model.json states "
                f"{len(self.feature.names)} and {len(self.labels)}; copy the model folder again"
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
    """Read and check `model.json` of a folder; None for the bundled model.

    Raises:
        ModelError: the folder is missing, damaged, of a later version, or its encoder is another
            one than it was trained on.
    """
    folder = BUNDLED if path is None else Path(path)
    description = _described(folder)
    try:
        labels = tuple(str(label) for label in description["labels"])
        stated = description["feature"]
        feature = _feature(stated["name"], stated["parameters"])
        rate = int(description["sampling_rate"])
        expected = stated.get("encoder")
        if rate != RATE:
            raise ValueError(f"sampling_rate {rate}")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(
            f"{folder / 'model.json'}: damaged ({type(error).__name__}: {error}); "
            "copy the model folder again"
        ) from None
    if expected and expected != fingerprint(feature.encoder):  # type: ignore[attr-defined]
        raise ModelError(f"{folder}: trained on another version of its encoder; train it again")
    return Folder(folder, labels, feature, rate, description)


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
    except (OSError, ValueError, KeyError, TypeError):
        raise ModelError(f"{path}: damaged; copy the model folder again") from None
    if version != FORMAT:
        raise ModelError(f"{path}: format {version}, this package reads {FORMAT}; update serenade")
    return dict(description)


def _feature(name: str, parameters: Mapping[str, Any]) -> Feature:
    """A feature from its name and JSON parameters."""
    kind = FEATURES[name]
    known = {field.name for field in dataclasses.fields(kind)}
    return kind(
        **{k: tuple(v) if isinstance(v, list) else v for k, v in parameters.items() if k in known}
    )
