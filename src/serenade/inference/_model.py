"""A trained model: a folder of JSON and ONNX, loaded and run without PyTorch."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from serenade.errors import ModelError, TooShortError
from serenade.inference._model_folder import read_folder
from serenade.inference._prediction import Prediction, Segment, Timeline
from serenade.inference._segmentation import Segments
from serenade.inference._source import open_source
from serenade.inference._threads import map_in_threads
from serenade.inference._windows import DEFAULT_HOP, DEFAULT_WINDOW, Windows, check_windows
from serenade.runtime import run_session
from serenade.voice_activity import DETECTOR_RATE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from serenade.features import Feature
    from serenade.inference._model_folder import Folder
    from serenade.inference._source import Anything
    from serenade.inference._stream import Stream

WHOLE = 12.0
"""Longest recording, in seconds, that `predict` looks at in one piece."""


class Model:
    """Tells the emotion of recordings; does not change.

    Args:
        folder: what was loaded.
        head: an onnxruntime session of `folder`, features to `probabilities`.
        shift: what is subtracted from the features, `(dims,)`; None for nothing.
        enrolment: what is known of the speaker, in words; empty for nothing.

    Attributes:
        labels: emotions in the order of the probabilities.
        sampling_rate: of the signals it looks at, in Hz.
        description: of the model, as its `model.json` has it.
    """

    def __init__(
        self,
        folder: Folder,
        head: Any,
        *,
        shift: NDArray[np.float64] | None = None,
        enrolment: str = "",
    ) -> None:
        self.folder = folder
        self.enrolment = enrolment
        self._head = head
        self._takes = head.get_inputs()[0].name
        self._shift = None if shift is None else shift.astype(np.float32)

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None) -> Self:
        """Load a model folder; None for the bundled model.

        Raises:
            ModelError: the folder is missing, damaged, of a later version, or its encoder is
                another one than it was trained on.
        """
        folder = read_folder(path)
        return cls(folder, folder.head())

    @property
    def labels(self) -> tuple[str, ...]:
        """Emotions in the order of the probabilities."""
        return self.folder.labels

    @property
    def feature(self) -> Feature:
        """What it looks at."""
        return self.folder.feature

    @property
    def sampling_rate(self) -> int:
        """Of the signals it looks at, in Hz."""
        return self.folder.sampling_rate

    @property
    def description(self) -> Mapping[str, Any]:
        """What `model.json` states: trained on what, under which licence."""
        return self.folder.description

    def predict(
        self,
        source: Anything,
        sampling_rate: int | None = None,
        *,
        jobs: int | None = None,
    ) -> Prediction:
        """The emotion of a recording as a whole.

        One of up to 12 s is taken for one utterance and looked at in one piece; of a longer one
        the timeline is averaged, pauses left out, in memory that does not grow with its length.

        Args:
            source: a file, a recording of `serenade.audio._read` at the model's rate, or samples
                `(samples,)` or `(samples, channels)`.
            sampling_rate: of the samples, in Hz; only with samples.
            jobs: threads for a long recording; None for one per core.

        Raises:
            AudioError: the recording cannot be used; the message says why. NoSpeechError where
                a long recording holds no speech.
            ModelError: a long recording, and a model of another rate than 16 kHz.
        """
        opening = open_source(source, sampling_rate, self.sampling_rate)
        blocks = opening.read()
        begun: list[NDArray[np.float32]] = []
        for block in blocks:
            begun.append(block)
            if opening.samples > WHOLE * self.sampling_rate:
                self.require_windows()
                return self._timeline(
                    opening.name, itertools.chain(begun, blocks), DEFAULT_WINDOW, DEFAULT_HOP, jobs
                ).overall()
        found = self._named(self.probabilities(np.concatenate(begun)))
        duration = opening.samples / self.sampling_rate
        return Prediction(opening.name, duration, found, self.enrolment)

    def timeline(
        self,
        source: Anything,
        sampling_rate: int | None = None,
        *,
        window: float = DEFAULT_WINDOW,
        hop: float = DEFAULT_HOP,
        jobs: int | None = None,
    ) -> Timeline:
        """The emotions over time, in memory that does not grow with the recording but by segments.

        Utterances are found first (`serenade.voice_activity`); windows are laid over each, and
        their probabilities averaged where they overlap. Neighbouring stretches of one emotion are
        one segment.

        Args:
            source: as of `predict`.
            sampling_rate: likewise.
            window: length of a window in seconds, at least 0.5.
            hop: distance between windows in seconds: how finely emotions are divided.
            jobs: threads; None for one per core.

        Raises:
            AudioError: the recording cannot be used; the message says why.
            ModelError: the model looks at signals of another rate than 16 kHz.
            ValueError: see `check_windows`.
        """
        check_windows(window, hop)
        self.require_windows()
        opening = open_source(source, sampling_rate, self.sampling_rate)
        return self._timeline(opening.name, opening.read(), window, hop, jobs)

    def stream(
        self,
        sampling_rate: int,
        *,
        window: float = DEFAULT_WINDOW,
        hop: float = DEFAULT_HOP,
        source: str = "stream",
    ) -> Stream:
        """Take a signal while it comes; see `serenade.inference.Stream`."""
        from serenade.inference._stream import Stream

        return Stream(self, sampling_rate, window=window, hop=hop, source=source)

    def enrol(
        self,
        sources: Iterable[Anything],
        *,
        speech: Literal["neutral", "mixed"] = "neutral",
    ) -> Model:
        """A model that knows a speaker by some recordings; this one stays as it is.

        The mean of the speaker's features, drawn towards the population's while there is little
        speech, is taken away from what is predicted: what remains is less the voice and the
        microphone, more the emotion.

        Args:
            sources: recordings of one speaker. Some sentences in a normal voice are enough; those
                of over 12 s count as several.
            speech: `neutral` for a normal voice, `mixed` for speech of many emotions in fair
                shares: recordings of one strong emotion would be taken for the voice.

        Raises:
            AudioError: a recording cannot be used.
            ModelError: the model was trained without speakers, or without neutral speech.
            SerenadeError: fewer than three utterances of mixed emotions.
            ValueError: no source, or another kind of speech.
        """
        from serenade.inference._enrolment import enrol_speaker

        return enrol_speaker(self, sources, speech)

    def require_windows(self) -> None:
        """Refuse what needs speech to be found first, which is done at 16 kHz.

        Raises:
            ModelError: the model looks at signals of another rate.
        """
        if self.sampling_rate != DETECTOR_RATE:
            raise ModelError(
                f"{self.folder.path}: looks at {self.sampling_rate} Hz, and speech is found at "
                f"{DETECTOR_RATE} Hz; it judges recordings of up to {WHOLE:g} s as a whole, "
                "nothing else"
            )

    def features(self, signal: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the head looks at, of a signal at the model's rate: `(rows, dims)`."""
        return self.feature(signal, self.sampling_rate)

    def probabilities(self, signal: NDArray[np.float32]) -> NDArray[np.float64]:
        """Look at a signal `(samples,)` at the model's rate in one piece: `(classes,)`."""
        found = run_session(self._head, "probabilities", self._inputs(signal))
        mean: NDArray[np.float64] = np.asarray(found, dtype=np.float64).mean(axis=0)
        return mean

    def _inputs(self, signal: NDArray[np.float32]) -> dict[str, Any]:
        """What the head takes: rows of features, frames and mask of each stream, or the signal."""
        if self._takes == "signal":
            shortest = int(self._head.get_modelmeta().custom_metadata_map["shortest"])
            if signal.size < shortest:
                raise TooShortError(
                    "signal", f"{signal.size} samples", f"give at least {shortest} samples"
                )
            return {"signal": signal}
        known = {feature: feature(signal, self.sampling_rate) for feature in self.folder.features}
        streams = [known[feature] for feature in self.folder.features]
        if self._takes == "features":
            features = np.concatenate(streams, axis=1)
            return {"features": features if self._shift is None else features - self._shift}
        inputs: dict[str, Any] = {}
        for place, values in enumerate(streams):
            inputs[f"values_{place}"] = values[None]
            inputs[f"mask_{place}"] = np.ones((1, len(values)), dtype=bool)
        return inputs

    def _timeline(
        self,
        name: str,
        blocks: Iterable[NDArray[np.float32]],
        window: float,
        hop: float,
        jobs: int | None,
    ) -> Timeline:
        rate, step = self.sampling_rate, round(hop * self.sampling_rate)
        windows, joiner = Windows(round(window * rate), step), Segments(step)
        size = 0

        def looks() -> Any:
            nonlocal size
            for block in blocks:
                size += block.size
                yield from windows.push(block)
            yield from windows.finish()

        threads = jobs or os.cpu_count() or 1
        judged = map_in_threads(lambda look: self.probabilities(look.signal), looks(), threads)
        found = [
            self.segment(*part) for look, values in judged for part in joiner.add(look, values)
        ]
        return Timeline(name, size / rate, self.labels, tuple(found), self.enrolment)

    def segment(self, start: int, end: int, probabilities: NDArray[np.float64]) -> Segment:
        """Probabilities `(classes,)` of the samples from `start` to before `end`."""
        rate = self.sampling_rate
        return Segment(start / rate, end / rate, self._named(probabilities))

    def _named(self, probabilities: NDArray[np.float64]) -> dict[str, float]:
        return dict(zip(self.labels, map(float, probabilities), strict=True))
