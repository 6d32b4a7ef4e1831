"""A trained model: a folder of JSON and ONNX, loaded and run without PyTorch.

A folder holds `model.json` (labels, the feature it looks at with its parameters, what it was
trained on, its licence), `head.onnx` (features to probabilities) and a model card.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from serenade.audio import Audio, frame_power, from_array, read
from serenade.encoders.runtime import open_session, run_session
from serenade.encoders.whisper import WhisperPooled
from serenade.encoders.whisper.source import fingerprint
from serenade.errors import ModelError
from serenade.inference.prediction import Prediction, Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import ArrayLike, NDArray

    from serenade.features.base import Feature

FORMAT = 1
"""Version of the folder's layout that this package writes and reads."""

FEATURES: Mapping[str, type[Feature]] = {"whisper-pooled": WhisperPooled}
"""The features a model folder may name."""

WHOLE = 12.0
"""Longest recording, in seconds, that is looked at in one piece; others go by windows."""

_WINDOW, _HOP = 4.0, 2.0


class Model:
    """Tells the emotion of recordings.

    Args:
        labels: emotions in the order of the probabilities.
        feature: what the head looks at.
        head: an onnxruntime session, `features` to `probabilities`.
        sampling_rate: in Hz, of the signals that `feature` takes.
        description: the rest of `model.json`.
    """

    def __init__(
        self,
        labels: tuple[str, ...],
        feature: Feature,
        head: Any,
        sampling_rate: int,
        description: Mapping[str, Any],
    ) -> None:
        self.labels = labels
        self.feature = feature
        self.sampling_rate = sampling_rate
        self.description = description
        self._head = head

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None) -> Self:
        """Load a model folder; None for the bundled model.

        Raises:
            ModelError: the folder is missing, damaged, of a later version, or its encoder is
                another one than it was trained on.
        """
        folder = Path(__file__).parent / "bundled" if path is None else Path(path)
        description = _described(folder)
        try:
            labels = tuple(str(label) for label in description["labels"])
            stated = description["feature"]
            feature = _feature(stated["name"], stated["parameters"])
            rate = int(description["sampling_rate"])
            expected = stated.get("encoder")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelError(
                f"{folder / 'model.json'}: damaged ({type(error).__name__}: {error}); "
                "copy the model folder again"
            ) from None
        if expected and expected != fingerprint(feature.encoder):  # type: ignore[attr-defined]
            raise ModelError(f"{folder}: trained on another version of its encoder; train it again")
        head = open_session(folder / "head.onnx")
        width, classes = head.get_inputs()[0].shape[1], head.get_outputs()[0].shape[1]
        if (width, classes) != (len(feature.names), len(labels)) or not labels:
            raise ModelError(
                f"{folder}: its head takes {width} values and gives {classes}, model.json states "
                f"{len(feature.names)} and {len(labels)}; copy the model folder again"
            )
        return cls(labels, feature, head, rate, description)

    def predict(
        self,
        source: str | os.PathLike[str] | Audio | ArrayLike,
        sampling_rate: int | None = None,
    ) -> Prediction:
        """The emotion of a recording as a whole.

        Recordings of over 12 s are looked at in windows, whose probabilities are averaged with
        the windows' speech energy in mind: silent windows do not count.

        Args:
            source: a file, a recording of `serenade.audio.read` at the model's rate, or samples
                `(samples,)` or `(samples, channels)`.
            sampling_rate: of the samples, in Hz; only with samples.

        Raises:
            AudioError: the recording cannot be used; the message says why.
        """
        audio = self._audio(source, sampling_rate)
        if audio.duration <= WHOLE:
            probabilities = self._probabilities(audio.signal)
        else:
            windows = [w for w in self._windows(audio, _WINDOW, _HOP) if w.speech]
            probabilities = np.mean([list(w.probabilities.values()) for w in windows], axis=0)
        return Prediction(audio.source, audio.duration, self._named(probabilities))

    def timeline(
        self,
        source: str | os.PathLike[str] | Audio | ArrayLike,
        sampling_rate: int | None = None,
        *,
        window: float = 3.0,
        hop: float = 1.0,
    ) -> list[Window]:
        """The emotion over time: one prediction per window.

        Args:
            source: as of `predict`.
            sampling_rate: likewise.
            window: length of a window in seconds, at least 0.5.
            hop: distance between windows in seconds.

        Returns:
            Windows from the start to the end of the recording; a shorter recording gives one.

        Raises:
            AudioError: the recording cannot be used; the message says why.
            ValueError: a window under 0.5 s, or a hop that is not positive.
        """
        if not window >= 0.5 or not hop > 0:
            raise ValueError(f"need window >= 0.5 and hop > 0 in seconds, got {window} and {hop}")
        return list(self._windows(self._audio(source, sampling_rate), window, hop))

    def _windows(self, audio: Audio, window: float, hop: float) -> Iterator[Window]:
        rate, size = audio.sampling_rate, audio.signal.size
        length, step = round(window * rate), max(1, round(hop * rate))
        count = 1 + max(0, math.ceil((size - length) / step))
        # As quiet as this beside the loudest speech is a pause, not quiet speech.
        floor = np.percentile(frame_power(audio.signal, rate), 95) * 10**-4
        for first in range(0, count * step, step):
            # The last window is moved back to be whole: a fragment would be judged unlike others.
            start = max(0, min(first, size - length))
            part = audio.signal[start : start + length]
            speech = bool(frame_power(part, rate).max() > floor)
            yield Window(
                file=audio.source,
                duration=audio.duration,
                probabilities=self._named(self._probabilities(part)),
                start=start / rate,
                end=(start + part.size) / rate,
                speech=speech,
            )

    def _probabilities(self, signal: NDArray[np.float32]) -> NDArray[np.float64]:
        features = self.feature(signal, self.sampling_rate)
        found = run_session(self._head, "probabilities", {"features": features})
        probabilities: NDArray[np.float64] = np.asarray(found, dtype=np.float64).mean(axis=0)
        return probabilities

    def _named(self, probabilities: NDArray[np.float64]) -> dict[str, float]:
        return dict(zip(self.labels, map(float, probabilities), strict=True))

    def _audio(self, source: Any, sampling_rate: int | None) -> Audio:
        if isinstance(source, str | os.PathLike | Audio):
            if sampling_rate is not None:
                raise TypeError("a file states its own sampling rate: leave sampling_rate out")
            if isinstance(source, Audio):
                return source
            return read(source, sampling_rate=self.sampling_rate)
        if sampling_rate is None:
            raise TypeError("an array needs its sampling_rate in Hz")
        return from_array(source, sampling_rate, sampling_rate=self.sampling_rate)


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
