"""Print a caller's emotions in a session of LiveKit: python livekit_agent.py call.wav."""

import asyncio
import sys

from livekit import rtc
from livekit.agents import AgentSession, StopResponse, inference, stt
from livekit.agents.voice.io import AudioInput

from serenade.audio import read
from serenade.integrations.livekit import EmotionAgent

RATE, CHUNK = 16000, 320  # Hz, samples


class Agent(EmotionAgent):
    """Print emotions; an agent answers instead."""

    speaking = False

    async def on_emotion(self, prediction):
        self.speaking = True
        print("  now", prediction.emotion, f"{prediction.probability:.0%}")

    async def on_user_turn_completed(self, turn_ctx, new_message):
        await super().on_user_turn_completed(turn_ctx, new_message)
        self.speaking = False
        found = new_message.extra["emotion"]
        print("turn", found["emotion"], f"{found['probability']:.0%}")
        raise StopResponse  # there is no language model


class Words(stt.STT):  # in place of speech recognition
    async def _recognize_impl(self, buffer, **settings):
        text = stt.SpeechData(language="en", text="hello")
        return stt.SpeechEvent(stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[text])


class Caller(AudioInput):  # in an agent, a room: session.start(agent, room=ctx.room)
    async def __anext__(self):
        await asyncio.sleep(CHUNK / RATE)
        chunk = self.samples[:CHUNK].tobytes() or bytes(2 * CHUNK)  # silence after the recording
        self.samples = self.samples[CHUNK:]
        return rtc.AudioFrame(chunk, RATE, 1, len(chunk) // 2)


async def main(path: str) -> None:
    """Run the agent on a recording."""
    words = Words(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))
    async with AgentSession(stt=words, vad=inference.VAD()) as session:
        session.input.audio = caller = Caller(label=path)
        caller.samples = (read(path, sampling_rate=RATE).signal * 32767).astype("int16")
        await session.start(agent := Agent(instructions="Be kind."), record=False)
        while len(caller.samples) or agent.speaking:
            await asyncio.sleep(3)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
