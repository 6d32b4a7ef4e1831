"""Tests of the agent in a real session of LiveKit, on recorded speech."""

import asyncio
import re

import pytest
from support.call import CHUNK, RATE, read_call

from serenade.integrations.livekit import EmotionAgent

try:
    from livekit import rtc
    from livekit.agents import AgentSession, inference, llm, stt
    from livekit.agents.voice.io import AudioInput
except ImportError:
    pytest.skip("LiveKit is not installed: serenade[livekit] brings it", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class FixedWords(stt.STT):
    """Speech recognition that hears the same words in every segment."""

    def __init__(self):
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))

    async def _recognize_impl(self, *_, **__):
        words = stt.SpeechData(language="en", text="good morning")
        return stt.SpeechEvent(stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[words])


class Answers(llm.LLM):
    """Language model that keeps the messages of the user and always answers the same."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def chat(self, *, chat_ctx, tools=None, conn_options, **_):
        self.asked = [item for item in chat_ctx.items if item.type == "message"]
        return Answer(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class Answer(llm.LLMStream):
    async def _run(self):
        delta = llm.ChoiceDelta(role="assistant", content="I see.")
        self._event_ch.send_nowait(llm.ChatChunk(id="one", delta=delta))


class Call(AudioInput):
    """Caller whose speech arrives in real time."""

    def __init__(self, chunks):
        super().__init__(label="call")
        self._chunks = iter(chunks)
        self.ended = asyncio.Event()

    async def __anext__(self):
        await asyncio.sleep(CHUNK)
        chunk = next(self._chunks, None)
        if chunk is None:
            self.ended.set()
            raise StopAsyncIteration
        return rtc.AudioFrame(chunk.tobytes(), RATE, 1, len(chunk))


class Agent(EmotionAgent):
    """Agent that keeps the updates."""

    def __init__(self, **settings):
        super().__init__(instructions="Be kind.", **settings)
        self.updates = []

    async def on_emotion(self, prediction):
        self.updates.append(prediction)


async def _run(model):
    agent, answers = Agent(model=model), Answers()
    call = Call(read_call(3.0, silence=3.0))
    async with AgentSession(stt=FixedWords(), vad=inference.VAD(), llm=answers) as session:
        session.input.audio = call
        await session.start(agent, record=False)
        await call.ended.wait()
    return agent, [message for message in answers.asked if message.role == "user"]


def test_agent_adds_the_emotion_to_each_turn_and_gets_updates(model):
    agent, messages = asyncio.run(_run(model))
    assert len(agent.updates) >= 5
    assert messages
    for message in messages:
        assert set(message.extra["emotion"]["probabilities"]) == set(model.labels)
        assert re.fullmatch(r"good morning(\n\[sounds \w+, \d+%\])?", message.text_content)
