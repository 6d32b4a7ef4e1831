"""Add emotions to an agent of LiveKit: a base class for agents, and the plugin's registration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import serenade
from serenade.integrations._listener import HOP, WINDOW, Listener, MissingBase, format_note

try:
    from livekit.agents import Agent, Plugin
except ImportError:  # the class says what to install
    Agent = type("Agent", (MissingBase,), {"extra": "livekit"})
else:
    Plugin.register_plugin(Plugin(__name__, serenade.__version__, __name__))

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from serenade.adaptation import Expect
    from serenade.inference import Model, Prediction


class EmotionAgent(Agent):
    """Agent that adds an emotion to each user turn, and gets updates while the user speaks.

    The emotion is in the user's message as `message.extra["emotion"]` and as a note in its text.
    A subclass that overrides `stt_node` or `on_user_turn_completed` calls the method of this
    class. The model works in a thread.

    Args:
        model: model that predicts; None for the bundled one.
        annotate: whether to add a note such as `[sounds angry, 83%]` to the text of the message,
            for the language model. An uncertain emotion adds none.
        window: length of a window in seconds.
        hop: seconds of speech between updates.
        adapt: assumed content of the call, to which the model adapts during the call, see
            `serenade.inference.Model.adapt`; None for no adaptation.
        settings: arguments of `Agent`.
    """

    def __init__(
        self,
        *,
        model: Model | None = None,
        annotate: bool = True,
        window: float = WINDOW,
        hop: float = HOP,
        adapt: Expect | None = "unknown",
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.annotate = annotate
        self._model = model
        self._settings: dict[str, Any] = {"window": window, "hop": hop, "adapt": adapt}
        self._listener: Listener | None = None

    async def on_emotion(self, prediction: Prediction) -> None:
        """Handle the emotion of the last seconds while the user speaks; override it."""

    async def stt_node(self, audio: Any, model_settings: Any) -> AsyncIterator[Any]:
        """Transcribe speech as `Agent` does, and listen to it."""
        async for event in Agent.default.stt_node(self, self._listen(audio), model_settings):
            yield event

    async def on_user_turn_completed(
        self,
        turn_ctx: Any,  # noqa: ARG002, the framework's name
        new_message: Any,
    ) -> None:
        """Add the emotion of the turn to the user's message."""
        prediction = None if self._listener is None else await self._listener.turn(end=True)
        if prediction is None:
            return
        new_message.extra["emotion"] = prediction.to_dict()
        note = format_note(prediction)
        if self.annotate and note:
            new_message.content.append(note.strip())

    async def _listen(self, audio: Any) -> AsyncIterator[Any]:
        """Pass the frames of a call, and predict them."""
        with Listener(self._model, self.on_emotion, **self._settings) as self._listener:
            async for frame in audio:
                self._listener.push(frame.data, frame.sample_rate, frame.num_channels)
                yield frame
