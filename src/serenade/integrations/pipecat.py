"""Add emotions to a pipeline of Pipecat: a processor between speech recognition and context."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from serenade.integrations._listener import HOP, WINDOW, Listener, MissingBase, format_note

try:
    from pipecat.frames.frames import (
        InputAudioRawFrame,
        SystemFrame,
        TranscriptionFrame,
        UserStoppedSpeakingFrame,
    )
    from pipecat.processors.frame_processor import FrameProcessor
except ImportError:  # the classes say what to install
    FrameProcessor = type("FrameProcessor", (MissingBase,), {"extra": "pipecat"})
    SystemFrame = type("SystemFrame", (MissingBase,), {"extra": "pipecat"})

if TYPE_CHECKING:
    from serenade.adaptation import Expect
    from serenade.inference import Model, Prediction


@dataclasses.dataclass
class EmotionFrame(SystemFrame):
    """Emotion of the user.

    Args:
        prediction: the emotion with the probabilities of all emotions.
        final: True for the whole turn, False for the last seconds while the user speaks.
    """

    prediction: Prediction
    final: bool


class EmotionProcessor(FrameProcessor):
    """Adds an emotion to each user turn, and sends updates while the user speaks.

    Place it between speech recognition and the aggregator of the user's context. It pushes an
    EmotionFrame downstream for each update and at the end of each turn. Transcriptions get the
    emotion of the turn so far as `frame.metadata["emotion"]` and as a note in their text. All
    frames pass. The model works in a thread.

    Args:
        model: model that predicts; None for the bundled one.
        annotate: whether to add a note such as `[sounds angry, 83%]` to the text of
            transcriptions, for the language model. An uncertain emotion adds none.
        window: length of a window in seconds.
        hop: seconds of speech between updates.
        adapt: assumed content of the call, to which the model adapts during the call, see
            `serenade.inference.Model.adapt`; None for no adaptation.
        settings: arguments of `FrameProcessor`.
    """

    def __init__(
        self,
        model: Model | None = None,
        *,
        annotate: bool = True,
        window: float = WINDOW,
        hop: float = HOP,
        adapt: Expect | None = "unknown",
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.annotate = annotate
        self._listener = Listener(model, self._report, window=window, hop=hop, adapt=adapt)

    async def process_frame(self, frame: Any, direction: Any) -> None:
        """Take the audio of a frame, add the emotion to a transcription, and pass the frame."""
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            self._listener.push(frame.audio, frame.sample_rate, frame.num_channels)
        elif isinstance(frame, TranscriptionFrame):
            self._add_emotion(frame)
        elif isinstance(frame, UserStoppedSpeakingFrame):
            self.create_task(self._end_turn())
        await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        """End the thread."""
        self._listener.close()
        await super().cleanup()

    async def _report(self, prediction: Prediction) -> None:
        await self.push_frame(EmotionFrame(prediction, final=False))

    async def _end_turn(self) -> None:
        prediction = await self._listener.turn(end=True)
        if prediction is not None:
            await self.push_frame(EmotionFrame(prediction, final=True))

    def _add_emotion(self, frame: TranscriptionFrame) -> None:
        prediction = self._listener.predict_turn()  # waiting would hold up the frames behind
        if prediction is None:
            return
        frame.metadata["emotion"] = prediction.to_dict()
        if self.annotate:
            frame.text += format_note(prediction)
