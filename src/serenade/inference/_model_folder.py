"""Read a model folder and check it before anything runs.

A folder contains

- `model.json`: labels, features with their parameters, training corpora, licence;
- `head.onnx`: the network from features to probabilities, or to `values` for a model of
  `dimensions`, such as arousal, without labels. Its inputs are `features`, rows of
  single-row features; or `values_0`, `mask_0`, ... for each stream of frames; or `signal`, if the
  features are inside the network;
- `MODEL_CARD.md`;
- `encoder.onnx`, if the encoder is not one of the package;
- for enrolment, `speakers.npz`, the variances of features within and between speakers, and
  `enrolled.onnx`, the head for features minus the speaker's mean;
- for adaptation, `places.npz`, the model of places (`serenade.adaptation.Places`).
"""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from serenade._model_files import DESCRIPTION, read_description
from serenade.adaptation import Expectation, Places, Population, read_expectations
from serenade.errors import ModelError
from serenade.inference._head_checks import check_description, check_head
from serenade.runtime import open_session
from serenade.systems import feature_from_json
from serenade.voice_activity import DETECTOR_RATE

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from serenade.features import Feature

FORMATS = (1, 2)
"""Versions of the folder's layout that this package reads; the first one has a single feature."""

ENCODER = "encoder.onnx"
"""File name of an encoder that belongs to one model."""

FILES = ("head.onnx", "enrolled.onnx", "speakers.npz", "places.npz", ENCODER, "MODEL_CARD.md")
"""Files that a folder may contain in addition to `model.json`."""

BUNDLED = Path(__file__).parent / "adaptive"
"""Folder of the bundled model."""

PACKAGED: Mapping[Any, Path] = {
    None: BUNDLED,
    "bundled": BUNDLED,
    **{name: BUNDLED.with_name(name) for name in (BUNDLED.name, "commercial", "arousal")},
}
"""Models of the package by the names that load them."""

COMMERCIAL_LICENCES = frozenset(
    [
        *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CC-BY-3.0"),
        *("CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0", "ISC", "MIT", "MPL-2.0", "Unlicense"),
    ]
)
"""Licences, by their SPDX names, that are known to allow commercial use."""


@dataclasses.dataclass(frozen=True)
class Folder:
    """Model folder that was read and checked.

    Args:
        path: the folder.
        labels: emotions in the order of the probabilities; none for a model of values.
        features: features that the head takes, one for each stream.
        sampling_rate: sampling rate in Hz of the signals that the features take.
        description: content of `model.json`.
        dimensions: names of the values; none for a model of emotions.
    """

    path: Path
    labels: tuple[str, ...]
    features: tuple[Feature, ...]
    sampling_rate: int
    description: Mapping[str, Any]
    dimensions: tuple[str, ...] = ()

    @property
    def output(self) -> str:
        """Name of the head's output."""
        return "values" if self.dimensions else "probabilities"

    @property
    def answers(self) -> tuple[str, ...]:
        """Names of the columns of the head's output."""
        return self.labels or self.dimensions

    @property
    def feature(self) -> Feature:
        """Feature of the first stream."""
        return self.features[0]

    @property
    def derivation(self) -> str:
        """How the labels of a model were derived; empty if people gave them."""
        return str(self.description.get("derived", ""))

    @property
    def allows_commercial_use(self) -> bool:
        """Whether the licence is known to allow commercial use."""
        return self.description.get("licence") in COMMERCIAL_LICENCES

    def require_commercial_licence(self) -> None:
        """Refuse a model that may not be used commercially.

        Raises:
            ModelError: the model states no licence, or one that is not known to allow it.
        """
        if not self.allows_commercial_use:
            licence = self.description.get("licence") or "none"
            raise ModelError(
                f"{self.path}: its licence ({licence}) is not known to allow commercial use; use "
                "the model 'commercial', or train a model on recordings that allow it"
            )

    def require_own_files(self) -> None:
        """Refuse a model whose files are links: pushing or exporting it would copy their targets.

        The cache of Hugging Face consists of links to its folder "blobs", which are allowed.

        Raises:
            ModelError: a file is a link to another place.
        """
        if self.path in PACKAGED.values():  # some installers link every file of a package
            return
        cache = self.path.resolve().parent
        blobs = cache.with_name("blobs") if cache.name == "snapshots" else None
        for path in (self.path / name for name in (*FILES, DESCRIPTION)):
            if path.is_symlink() and path.resolve().parent != blobs:
                raise ModelError(
                    f"{path}: is a link, and the file that it names would be copied; if it is "
                    "part of the model, replace the link by the file"
                )

    def head(self, name: str = "head.onnx") -> Any:
        """Open an onnxruntime session of a head, from features to `output`.

        Args:
            name: file name of the head.

        Raises:
            ModelError: the file is missing, damaged, or belongs to another model.
        """
        head = open_session(self.path / name)
        widths = [len(feature.names) for feature in self.features]
        check_head(head, str(self.path / name), widths, self.output, len(self.answers))
        return head

    def population(self) -> Population:
        """Read how features vary within and between speakers.

        Raises:
            ModelError: the model does not support enrolment, or the file is damaged.
        """
        path = self.path / "speakers.npz"
        if "enrolment" not in self.description:
            problem = (
                "predicts values, which cannot be enrolled; leave the enrolment out"
                if self.dimensions
                else "cannot be enrolled; train it on a corpus that names its speakers"
            )
            raise ModelError(f"{self.path}: {problem}")
        with _open_arrays(path) as file:
            population = Population.load(file)
        if population.mean.size != len(self.feature.names):
            raise ModelError(f"{path}: belongs to another model; copy the model folder again")
        return population

    def places(
        self,
    ) -> tuple[Places, tuple[float, Mapping[str, float]], Mapping[str, Expectation]]:
        """Read the model of places.

        Returns:
            The model; the temperature of the head's probabilities, and those of adapted log
            posteriors by their expectation; the settings by their expectation.

        Raises:
            ModelError: the model does not support adaptation, or a file is damaged.
        """
        path = self.path / "places.npz"
        if "adaptation" not in self.description:
            raise ModelError(
                f"{self.path}: has no model of places and cannot adapt; use the bundled model"
            )
        with _open_arrays(path) as file:
            places = Places.load(file)
            alone, stated = float(self.description["temperature"]), self.description["adaptation"]
            adapted = {str(name): float(each) for name, each in stated["temperature"].items()}
            settings = read_expectations(stated.get("settings", {}))
            if not all(0.01 < each < 100 for each in (alone, *adapted.values())):
                raise ValueError(f"temperatures {alone}, {adapted}")
        if len(places.means) != len(self.labels):
            raise ModelError(f"{path}: belongs to another model; copy the model folder again")
        return places, (alone, adapted), settings


@contextlib.contextmanager
def _open_arrays(path: Path) -> Iterator[BinaryIO]:
    """Open a file of arrays, and name it in one error if it or its use shows damage."""
    try:
        with path.open("rb") as file:  # NumPy would leave a damaged file open
            yield file
    except (OSError, ValueError, KeyError, EOFError, TypeError, AttributeError, MemoryError):
        raise ModelError(f"{path}: damaged; copy the model folder again") from None


def read_folder(path: str | os.PathLike[str] | None = None) -> Folder:
    """Read and check `model.json` of a folder.

    Args:
        path: the folder; None, `bundled` or `adaptive` for the bundled model, `commercial` for the
            model for commercial use, `arousal` for the model of arousal.

    Raises:
        ModelError: the folder is missing, damaged or of a later version, or its encoder differs
            from the one it was trained with.
    """
    folder = PACKAGED[path] if path in PACKAGED else Path(path)  # type: ignore[arg-type]
    description = _read_description(folder)
    version = description["format"]
    try:
        labels, dimensions = check_description(description)
        entries = description["features"] if version > 1 else [description["feature"]]
        features = tuple(feature_from_json(each, folder) for each in entries)
        rate = int(description["sampling_rate"])
        if not features or rate < 8000 or (version == 1 and rate != DETECTOR_RATE):
            raise ValueError(f"{len(features)} features, sampling_rate {rate}")
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ModelError(
            f"{folder / 'model.json'}: damaged ({type(error).__name__}: {error}); "
            "copy the model folder again"
        ) from None
    return Folder(folder, labels, features, rate, description, dimensions)


def _read_description(folder: Path) -> dict[str, Any]:
    """Read `model.json` of a folder and check its format."""
    description = read_description(folder)
    path = folder / DESCRIPTION
    if "format" not in description:
        raise ModelError(f"{path}: damaged; copy the model folder again")
    version = description["format"]
    if version not in FORMATS:
        raise ModelError(
            f"{path}: format {version}, but this package reads {FORMATS[-1]}; update serenade"
        )
    return description
