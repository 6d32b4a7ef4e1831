"""Load a model and predict emotions of recordings and streams, without PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

from serenade.inference._adaptation import (
    adapt_to_recordings,
    enrol_by_itself,
    enrol_by_places,
)
from serenade.inference._classifier import Classifier
from serenade.inference._enrolment import estimate_own_shift, estimate_shift
from serenade.inference._model_hub import open_folder
from serenade.inference._own_adaptation import OwnAdaptation
from serenade.inference._prediction import Prediction, Timeline, make_no_speech_error
from serenade.inference._segmentation import Spans, predict_timeline
from serenade.inference._source import list_recordings, open_source
from serenade.inference._speaker_timeline import open_speakers, predict_speakers
from serenade.inference._stream import Stream
from serenade.inference._windows import (
    DEFAULT_HOP,
    DEFAULT_WINDOW,
    LONGEST_UTTERANCE,
    check_windows,
    measure_speech,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from serenade.adaptation import Expect
    from serenade.inference._source import RecordingLike, Source


class Model(Classifier):
    """Trained model that predicts emotions of recordings, or values such as arousal; immutable.

    It can be pickled, copied and sent to other processes, which read its folder again.

    Args:
        folder: model folder; see `load`.
        shift: see `Classifier`.
        enrolment: description of the speech that a speaker was enrolled with; empty without.
        adaptation: see `Classifier`.

    Attributes:
        labels: emotions in the order of the probabilities; none for a model of values.
        dimensions: names of the values; none for a model of emotions.
        sampling_rate: sampling rate in Hz of the signals that the features take.
        description: content of `model.json`.

    >>> import serenade
    >>> serenade.load()
    Model(whisper-places, 7 labels, bundled)
    """

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None) -> Self:
        """Load a model folder, or the bundled model.

        Args:
            path: the folder, or `USER/NAME` of a model on the Hugging Face hub; None, `bundled`
                or `adaptive` for the bundled model; `commercial` for that for commercial use;
                `arousal` for that of arousal, whose labels are derived from emotions.

        Raises:
            ModelError: the folder is missing, damaged or of a later version, or its encoder
                differs from the one it was trained with.
        """
        return cls(open_folder(path))

    def predict(
        self,
        source: RecordingLike,
        sampling_rate: int | None = None,
        *,
        channel: int | str = "mix",
        adapt: Expect | None = None,
        jobs: int | None = None,
    ) -> Prediction:
        """Predict the emotion of a recording as a whole.

        A recording of up to 12 s is taken as one utterance and predicted in one piece. For a
        longer one, the timeline is averaged over its speech, in memory that does not grow with
        its length.

        Args:
            source: a path (`-` for standard input), an open binary file, the bytes of a file,
                `Audio` at the model's rate, a dictionary of `array` and `sampling_rate`, or samples
                as an array or tensor: `(samples,)`, `(samples, channels)`, `(1, samples)` or
                `(2, samples)`. Integers are scaled by the range of their type.
            sampling_rate: sampling rate in Hz of samples; None for the other kinds.
            channel: channel to predict: `left`, `right`, or a number from 1; `mix` averages all.
            adapt: see `timeline`; a recording of up to 12 s is predicted without adaptation.
            jobs: number of threads for a long recording; None for one per core.

        Raises:
            AudioError: the recording cannot be used; the message says why. NoSpeechError if
                it contains no speech; TooLongError if it is longer than 12 s and the model has
                another rate than 16 kHz.
            InputError: the input is not one recording, the sampling rate is missing, `adapt` is
                another expectation, or the model is adapted already.
            ModelError: the model cannot adapt.
        """
        own = None if adapt is None else OwnAdaptation(self, adapt)
        opening = open_source(source, sampling_rate, self.sampling_rate, channel)
        signal, blocks = opening.read_short(LONGEST_UTTERANCE * self.sampling_rate)
        if signal is None:
            self.refuse_long(opening.name)
            return predict_timeline(self, opening.name, blocks, Spans(), jobs, own).overall()
        speech = measure_speech(signal, self.sampling_rate)
        if not speech:
            raise make_no_speech_error(opening.name)
        return self._predict_utterance(opening, signal, speech)

    def timeline(
        self,
        source: RecordingLike,
        sampling_rate: int | None = None,
        *,
        channel: int | str = "mix",
        window: float = DEFAULT_WINDOW,
        hop: float = DEFAULT_HOP,
        speakers: int | str | None = None,
        adapt: Expect | None = None,
        jobs: int | None = None,
    ) -> Timeline:
        """Predict the emotions of a recording over time.

        Utterances are found first (`serenade.voice_activity`). Windows are laid over each
        utterance, and their probabilities are averaged where they overlap. Neighbouring parts
        with the same emotion are one segment. Apart from the segments, memory does not grow with
        the recording.

        Args:
            source: see `predict`.
            sampling_rate: see `predict`.
            channel: see `predict`.
            window: length of a window in seconds, at least 0.5.
            hop: distance between windows in seconds, which is the resolution of the segments.
            speakers: number of speakers, who are distinguished by their voices; `auto` to
                estimate the number; `channels` for a speaker in each channel of a file; None for
                segments without speakers.
            adapt: content of the recording (see `expect` of `adapt`), to adapt each utterance to
                those before it, of the same speaker if there are speakers; None for no adaptation.
                The first utterance is predicted as without adaptation.
            jobs: number of threads; None for one per core.

        Raises:
            AudioError: the recording cannot be used; the message says why.
            InputError: the input is not one recording, the sampling rate is missing, `speakers` or
                `adapt` is something else, or the model is adapted already; also see
                `check_windows`.
            ModelError: the model has another rate than 16 kHz, or cannot adapt.
        """
        if speakers is not None:
            found = open_speakers(source, sampling_rate, self.sampling_rate, channel, speakers)
            return predict_speakers(self, found, Spans(window, hop), speakers, adapt, jobs)
        opening, own = self._open_windows(source, sampling_rate, channel, window, hop, adapt)
        return predict_timeline(self, opening.name, opening.read(), Spans(window, hop), jobs, own)

    def predict_with_timeline(
        self,
        source: RecordingLike,
        sampling_rate: int | None = None,
        *,
        channel: int | str = "mix",
        window: float = DEFAULT_WINDOW,
        hop: float = DEFAULT_HOP,
        speakers: int | str | None = None,
        adapt: Expect | None = None,
        jobs: int | None = None,
    ) -> tuple[Prediction, Timeline]:
        """Predict a recording as a whole and over time, and read it only once.

        Args:
            source: see `predict`.
            sampling_rate: see `predict`.
            channel: see `predict`.
            window: see `timeline`.
            hop: see `timeline`.
            speakers: see `timeline`.
            adapt: see `timeline`.
            jobs: see `timeline`.

        Returns:
            The prediction, which for a recording of over 12 s or with speakers is the mean of the
            timeline, and the timeline.

        Raises:
            AudioError: the recording cannot be used; the message says why. NoSpeechError if
                it contains no speech.
            InputError: see `timeline`.
            ModelError: the model has another rate than 16 kHz, or cannot adapt.
        """
        if speakers is not None:
            found = open_speakers(source, sampling_rate, self.sampling_rate, channel, speakers)
            timeline = predict_speakers(self, found, Spans(window, hop), speakers, adapt, jobs)
            return timeline.overall(), timeline
        opening, own = self._open_windows(source, sampling_rate, channel, window, hop, adapt)
        signal, blocks = opening.read_short(LONGEST_UTTERANCE * self.sampling_rate)
        timeline = predict_timeline(self, opening.name, blocks, Spans(window, hop), jobs, own)
        if signal is None or not timeline.segments:
            return timeline.overall(), timeline
        return self._predict_utterance(opening, signal, timeline.speech), timeline

    def stream(
        self,
        sampling_rate: int,
        *,
        window: float = DEFAULT_WINDOW,
        hop: float = DEFAULT_HOP,
        adapt: Expect | None = None,
        source: str = "stream",
    ) -> Stream:
        """Open a stream that takes a signal in chunks; see `serenade.inference.Stream`."""
        return Stream(self, sampling_rate, window=window, hop=hop, adapt=adapt, source=source)

    def predict_many(self, sources: Any, **settings: Any) -> dict[str, list[Any]]:
        """Predict many recordings into a table; see `serenade.inference.predict_many`."""
        from serenade.inference._prediction_table import predict_many

        return predict_many(self, sources, **settings)

    def enrol(
        self,
        sources: RecordingLike | Iterable[RecordingLike],
        sampling_rate: int | None = None,
        *,
        speech: Literal["neutral", "mixed"] = "neutral",
    ) -> Self:
        """Return a model that is adapted to the speaker of some recordings.

        A model that adapts, such as the bundled one, estimates the shift of the speaker as `adapt`
        does. Another model estimates the mean of the speaker's features, shrunk towards the mean of
        the training speakers if there is little speech, and subtracts it before each prediction.
        The result depends less on the voice and the microphone, and more on the emotion.

        Args:
            sources: one recording or several of one speaker; see `predict`. Some sentences in a
                normal voice are enough. A recording of over 12 s counts as several.
            sampling_rate: sampling rate in Hz, if the recordings are samples.
            speech: `neutral` for a normal voice, or `mixed` for speech of many emotions in fair
                shares. With speech of one strong emotion, that emotion would be taken for the
                voice.

        Returns:
            A new model; this one stays as it is.

        Raises:
            AudioError: a recording cannot be used.
            InputError: an input is not a recording, the sampling rate is missing, no recording has
                speech, or `speech` is another kind.
            ModelError: the model was trained without speakers, or without neutral speech.
            SerenadeError: fewer than three utterances of mixed emotions.
        """
        recordings = list_recordings(sources)
        if self._adapts:
            known = enrol_by_places(self, recordings, sampling_rate, speech)
            return type(self)(self.folder, enrolment=known.enrolment, adaptation=known)
        found = estimate_shift(self, recordings, sampling_rate, speech)
        return type(self)(self.folder, shift=found.shift, enrolment=found.enrolment)

    def adapt(
        self,
        recordings: RecordingLike | Iterable[RecordingLike],
        sampling_rate: int | None = None,
        *,
        expect: Expect = "unknown",
        one_speaker: bool = False,
    ) -> Self:
        """Return a model that is adapted to the place of unlabelled recordings.

        Recordings of one place share a microphone, a room, a language or a speaker, which shift
        what the model hears. The shift is estimated from all recordings together. A recording is
        no evidence about itself, so the model may predict the recordings it was adapted to. The
        page "Adaptation" has the equations, and the gains and losses.

        Args:
            recordings: one recording or several of one place; see `predict`. A recording of over
                12 s counts as several.
            sampling_rate: sampling rate in Hz, if the recordings are samples.
            expect: content of the recordings: `mixed` for emotions in similar shares, `neutral`
                for mostly neutral speech, `unknown` for a small but safe adaptation. With `mixed`
                and recordings of one emotion, the model gets worse.
            one_speaker: whether all recordings are of one speaker.

        Returns:
            A new model; this one stays as it is.

        Raises:
            AudioError: a recording cannot be used.
            InputError: an input is not a recording, the sampling rate is missing, no recording has
                speech, or `expect` is another expectation.
            ModelError: the model has no model of places, or no neutral class to expect.
        """
        known = adapt_to_recordings(
            self, list_recordings(recordings), sampling_rate, expect, one_speaker=one_speaker
        )
        return type(self)(self.folder, adaptation=known)

    def enrol_itself(self, source: RecordingLike, sampling_rate: int | None = None) -> Self:
        """Return a model that is adapted to the one speaker of a long recording.

        Args:
            source: see `predict`. It should contain at least ten utterances, about 40 s of
                speech. With fewer the model is not adapted, and its `enrolment` says so.
            sampling_rate: see `predict`.

        Raises:
            AudioError: the recording cannot be used.
            InputError: the input is not one recording, or the sampling rate is missing.
            ModelError: the model was trained without speakers.
        """
        if self._adapts:
            words, known = enrol_by_itself(self, source, sampling_rate)
            return type(self)(self.folder, enrolment=words, adaptation=known)
        found = estimate_own_shift(self, source, sampling_rate)
        return type(self)(self.folder, shift=found.shift, enrolment=found.enrolment)

    @property
    def _adapts(self) -> bool:
        """Whether speakers are enrolled by the model of places."""
        return "adaptation" in self.description and "enrolment" not in self.description

    def _open_windows(
        self,
        source: RecordingLike,
        sampling_rate: int | None,
        channel: int | str,
        window: float,
        hop: float,
        adapt: Expect | None,
    ) -> tuple[Source, OwnAdaptation | None]:
        """Open a recording for a timeline, with all arguments checked."""
        check_windows(window, hop)
        self.require_windows()
        own = None if adapt is None else OwnAdaptation(self, adapt)
        return open_source(source, sampling_rate, self.sampling_rate, channel), own

    def _predict_utterance(
        self, opening: Source, signal: NDArray[np.float32], speech: float
    ) -> Prediction:
        """Predict a short recording in one piece."""
        found = self.name_answers(self.probabilities(signal))
        duration = opening.samples / self.sampling_rate
        given = {**self.remarks, **found, "speech": speech}
        return Prediction(opening.name, duration, **given)
