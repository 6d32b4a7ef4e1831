"""Read recordings once, and adapt to all of them before any is answered."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, TypeVar

from serenade.inference._adaptation import prepare_adaptation
from serenade.inference._enrolment import make_utterance_windower
from serenade.inference._prediction import Prediction, Timeline, make_no_speech_error
from serenade.inference._segmentation import Spans, join_windows, predict_windows
from serenade.inference._source import open_source
from serenade.inference._windows import LONGEST_UTTERANCE, check_windows, measure_speech

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from serenade.adaptation import Expect
    from serenade.inference._model import Model
    from serenade.inference._segmentation import Predicted
    from serenade.inference._source import RecordingLike

    AnyModel = TypeVar("AnyModel", bound=Model)


@dataclasses.dataclass(frozen=True, eq=False)
class Reading:
    """Probabilities of a recording before adaptation.

    Args:
        name: file name of the recording.
        duration: length in seconds.
        whole: probabilities `(classes,)` of a recording of up to 12 s; None for a longer one.
        speech: seconds of speech of a recording of up to 12 s.
        windows: windows of the timeline, if there is one, with their probabilities.
        spans: length and distance of these windows.
        utterances: probabilities of each utterance, to which models adapt.
        timeline: whether the answer contains a timeline.
    """

    name: str
    duration: float
    whole: NDArray[np.float64] | None
    speech: float
    windows: tuple[Predicted, ...]
    spans: Spans
    utterances: tuple[NDArray[np.float64], ...]
    timeline: bool

    def answer(self, model: Model) -> tuple[Prediction, Timeline | None]:
        """Return the prediction, and the timeline if there is one, by a model.

        Args:
            model: the model that read the recording, adapted or not.

        Raises:
            NoSpeechError: the recording contains no speech.
        """
        segments = join_windows(model, self.windows, self.spans)
        timeline = Timeline(self.name, self.duration, model.labels, segments, **model.remarks)
        if self.whole is None:
            prediction = timeline.overall()
        else:
            found = model.name_answers(model.adapt_probabilities(self.whole))
            given = {**model.remarks, **found, "speech": self.speech}
            prediction = Prediction(self.name, self.duration, **given)
        return prediction, timeline if self.timeline else None


def read_recording(
    model: Model,
    source: RecordingLike,
    windows: tuple[float, float] | None = None,
    *,
    jobs: int | None = None,
) -> Reading:
    """Read a recording and predict it without adaptation.

    Args:
        model: model that predicts.
        source: see `Model.predict`.
        windows: length and hop of the timeline's windows in seconds; None for no timeline.
        jobs: number of threads; None for one per core.

    Raises:
        AudioError: the recording cannot be used. NoSpeechError if it is short without speech;
            TooLongError if it is longer than 12 s and the model has another rate than 16 kHz.
        ModelError: there are windows, and the model has another rate than 16 kHz.
        InputError: see `check_windows`.
    """
    spans = Spans(*(windows or ()))
    check_windows(*spans)
    if windows:
        model.require_windows()
    opening = open_source(source, None, model.sampling_rate)
    complete, blocks = opening.read_short(LONGEST_UTTERANCE * model.sampling_rate)
    if complete is None:
        model.refuse_long(opening.name)
        whole, speech = None, 0.0
        utterances: list[NDArray[np.float64]] = []
        signal = _collect_utterances(model, blocks, utterances)
    else:
        speech = measure_speech(complete, model.sampling_rate)
        if not speech:
            raise make_no_speech_error(opening.name)
        whole = model.plain_probabilities(complete)
        utterances = [whole]
        signal = blocks
    kept: list[Predicted] = []
    if whole is None or windows:
        predicted = predict_windows(model, signal, spans, jobs)
        kept += ((window.drop_samples(), shares) for window, shares in predicted)
    duration = opening.samples / model.sampling_rate
    return Reading(
        opening.name,
        duration,
        whole,
        speech,
        tuple(kept),
        spans,
        tuple(utterances),
        windows is not None,
    )


def _collect_utterances(
    model: Model, blocks: Iterable[NDArray[np.float32]], utterances: list[NDArray[np.float64]]
) -> Iterator[NDArray[np.float32]]:
    """Yield the blocks of a long recording, and add the probabilities of its utterances."""
    windower = make_utterance_windower(model.sampling_rate)
    for block in blocks:
        utterances += (model.plain_probabilities(part.signal) for part in windower.push(block))
        yield block
    utterances += (model.plain_probabilities(part.signal) for part in windower.finish())


def adapt_to_readings(
    model: AnyModel, readings: Iterable[Reading], expect: Expect, *, one_speaker: bool = False
) -> AnyModel:
    """Return a model that is adapted to several recordings, or the model itself for one.

    Args:
        model: the model that read the recordings.
        readings: recordings of one place.
        expect: see `Model.adapt`.
        one_speaker: see `Model.adapt`.
    """
    adaptation = prepare_adaptation(model, expect, one_speaker=one_speaker)
    given = list(readings)
    if len(given) < 2:
        return model
    found = itertools.chain.from_iterable(reading.utterances for reading in given)
    return type(model)(model.folder, adaptation=adaptation.take(found))
