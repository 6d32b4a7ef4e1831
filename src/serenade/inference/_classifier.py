"""Compute probabilities of emotions for a signal with the network of a model folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from serenade.errors import ModelError, TooLongError, TooShortError
from serenade.inference._head_checks import check_probabilities, check_values
from serenade.inference._model_folder import BUNDLED, PACKAGED, read_folder
from serenade.inference._prediction import Segment
from serenade.inference._windows import LONGEST_UTTERANCE
from serenade.runtime import run_session
from serenade.voice_activity import DETECTOR_RATE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from serenade.features import Feature
    from serenade.inference._adaptation import Adaptation
    from serenade.inference._model_folder import Folder
    from serenade.inference._source import RecordingLike


class Classifier:
    """Network of a model folder, perhaps with the statistics of one speaker; immutable.

    It can be pickled and copied: a copy reads the folder again, which must not have moved.

    Args:
        folder: model folder.
        shift: values `(dims,)` subtracted from the features of an enrolled speaker; None for a
            model without enrolment.
        enrolment: description of the speech that a speaker was enrolled with; empty without.
        adaptation: recordings that the model is adapted to; None without.
    """

    def __init__(
        self,
        folder: Folder,
        *,
        shift: NDArray[np.floating[Any]] | None = None,
        enrolment: str = "",
        adaptation: Adaptation | None = None,
    ) -> None:
        self.folder = folder
        self.enrolment = enrolment
        self.adaptation = adaptation
        self._head = folder.head("head.onnx" if shift is None else "enrolled.onnx")
        self._input_name = self._head.get_inputs()[0].name
        self._shift = None if shift is None else shift.astype(np.float32)

    def __reduce__(self) -> tuple[Any, ...]:
        # Sessions of onnxruntime cannot be pickled. Models of the package are named, because the
        # package may be installed elsewhere on another machine.
        here = self.folder.path
        path = next((name for name, place in PACKAGED.items() if place == here), here.absolute())
        return _reopen, (type(self), path, self._shift, self.enrolment, self.adaptation)

    def __repr__(self) -> str:
        here = self.folder.path
        place = here.name if here in PACKAGED.values() else str(here)
        place = "bundled" if here == BUNDLED else place
        system = self.description.get("system")
        parts = [str(system)] if system else []
        answers = f"{len(self.labels)} labels" if self.labels else ", ".join(self.dimensions)
        parts += [answers, place]
        parts += ["derived labels"] if self.folder.derivation else []
        parts += [f"enrolment: {self.enrolment}"] if self.enrolment else []
        if self.adaptation is not None and not self.enrolment:
            adapted = self.adaptation
            parts.append(f"adapted to {adapted.recordings} utterances, {adapted.assumed} expected")
        return f"{type(self).__name__}({', '.join(parts)})"

    def require_commercial_licence(self) -> None:
        """Raise an error if the licence of the weights is not known to allow commercial use.

        Raises:
            ModelError: see above.
        """
        self.folder.require_commercial_licence()

    @property
    def labels(self) -> tuple[str, ...]:
        """Emotions in the order of the probabilities; none for a model of values."""
        return self.folder.labels

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Names of the values that the model predicts, such as arousal; none for emotions."""
        return self.folder.dimensions

    @property
    def feature(self) -> Feature:
        """Feature of the first stream."""
        return self.folder.feature

    @property
    def sampling_rate(self) -> int:
        """Sampling rate in Hz of the signals that the features take."""
        return self.folder.sampling_rate

    @property
    def description(self) -> Mapping[str, Any]:
        """Content of `model.json`: training corpora, licence, recipe and more."""
        return self.folder.description

    def require_windows(self) -> None:
        """Refuse windows on a model that does not work at the speech detector's rate.

        Raises:
            ModelError: the model has another sampling rate than 16 kHz.
        """
        if self.sampling_rate != DETECTOR_RATE:
            raise ModelError(
                f"{self.folder.path}: the model takes {self.sampling_rate} Hz, and the speech "
                f"detector {DETECTOR_RATE} Hz; such a model only predicts recordings of up to "
                f"{LONGEST_UTTERANCE:g} s"
            )

    def refuse_long(self, name: str) -> None:
        """Refuse a recording of over 12 s if the model cannot divide it into windows.

        Args:
            name: file name of the recording.

        Raises:
            TooLongError: the model has another sampling rate than 16 kHz.
        """
        if self.sampling_rate != DETECTOR_RATE:
            raise TooLongError(
                name,
                f"lasts more than the {LONGEST_UTTERANCE:g} s that a model of "
                f"{self.sampling_rate} Hz takes",
                f"cut it into parts, or use a model of {DETECTOR_RATE} Hz",
            )

    def features(self, signal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute the feature `(rows, dims)` of a signal at the model's rate."""
        return self.feature(signal, self.sampling_rate)

    def embed(
        self,
        source: RecordingLike,
        sampling_rate: int | None = None,
        *,
        channel: int | str = "mix",
    ) -> NDArray[np.float32]:
        """Compute the embedding `(dims,)` of a recording; see `serenade.inference.embed`."""
        from serenade.inference._embedding import embed

        return embed(self, source, sampling_rate, channel=channel)

    def probabilities(self, signal: NDArray[np.float32]) -> NDArray[np.float64]:
        """Compute the probabilities `(classes,)` of a signal `(samples,)` at the model's rate.

        A model of values gives these, `(dimensions,)`.
        """
        return self.adapt_probabilities(self.plain_probabilities(signal))

    def adapt_probabilities(self, plain: NDArray[np.float64]) -> NDArray[np.float64]:
        """Adapt the probabilities `(classes,)` of `plain_probabilities`, if adapted."""
        return plain if self.adaptation is None else self.adaptation.probabilities(plain)

    def plain_probabilities(self, signal: NDArray[np.float32]) -> NDArray[np.float64]:
        """Compute the probabilities of a signal as `probabilities` does, without adaptation."""
        folder = self.folder
        found = run_session(self._head, folder.output, self._compute_inputs(signal))
        check = check_probabilities if folder.labels else check_values
        rows = check(found, len(folder.answers), folder.path)
        mean: NDArray[np.float64] = rows.mean(axis=0)
        return mean

    @property
    def remarks(self) -> dict[str, Any]:
        """Arguments that every prediction of the model has: enrolment, adaptation, threshold."""
        adapted = self.adaptation
        return {
            "enrolment": self.enrolment,
            "adapted_to": 0 if adapted is None else adapted.recordings,
            "assumed": "" if adapted is None else adapted.assumed,
            "uncertain_below": float(self.description.get("uncertain_below", 0.0)),
        }

    def segment(self, start: int, end: int, probabilities: NDArray[np.float64]) -> Segment:
        """Make a segment of the samples from `start` to before `end`."""
        rate = self.sampling_rate
        found = self.name_answers(probabilities)
        return Segment(start / rate, end / rate, found["probabilities"], values=found["values"])

    def name_answers(self, answers: NDArray[np.float64]) -> dict[str, dict[str, float]]:
        """Return the arguments `probabilities` and `values` of results from what was computed.

        Args:
            answers: probabilities of the emotions, or values of the dimensions.
        """
        named = dict(zip(self.folder.answers, map(float, answers), strict=True))
        return {
            "probabilities": named if self.labels else {},
            "values": {} if self.labels else named,
        }

    def _compute_inputs(self, signal: NDArray[np.float32]) -> dict[str, Any]:
        """Compute the head's inputs: features, frames and mask of each stream, or the signal."""
        if self._input_name == "signal":
            shortest = int(self._head.get_modelmeta().custom_metadata_map["shortest"])
            if signal.size < shortest:
                raise TooShortError(
                    "signal", f"{signal.size} samples", f"give at least {shortest} samples"
                )
            return {"signal": signal}
        known = {feature: feature(signal, self.sampling_rate) for feature in self.folder.features}
        streams = [known[feature] for feature in self.folder.features]
        if self._input_name == "features":
            features = np.concatenate(streams, axis=1)
            return {"features": features if self._shift is None else features - self._shift}
        inputs: dict[str, Any] = {}
        for place, values in enumerate(streams):
            inputs[f"values_{place}"] = values[None]
            inputs[f"mask_{place}"] = np.ones((1, len(values)), dtype=bool)
        return inputs


def _reopen(
    kind: type[Classifier],
    path: Path | str | None,
    shift: NDArray[np.float32] | None,
    enrolment: str,
    adaptation: Adaptation | None,
) -> Classifier:
    """Open a pickled classifier again from its folder."""
    return kind(read_folder(path), shift=shift, enrolment=enrolment, adaptation=adaptation)
