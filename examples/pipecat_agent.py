"""Print a caller's emotions in a pipeline of Pipecat: python pipecat_agent.py call.wav.

A recording stands for the caller, in real time. In an agent, a transport takes its place, and
speech recognition, a context aggregator and a language model follow.
"""

import asyncio
import sys

from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import EndFrame, Frame, InputAudioRawFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_processor import UserTurnProcessor
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

from serenade.audio import read
from serenade.integrations.pipecat import EmotionFrame, EmotionProcessor

RATE = 16000
CHUNK = 320  # samples, 20 ms


class Reaction(FrameProcessor):
    """Print emotions; an agent changes its voice or its words instead."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, EmotionFrame):
            print("turn" if frame.final else "  now", frame.prediction)
        await self.push_frame(frame, direction)


async def main(path: str) -> None:
    """Run the pipeline on a recording."""
    stop = SpeechTimeoutUserTurnStopStrategy(wait_for_transcript=False)
    turns = UserTurnProcessor(user_turn_strategies=UserTurnStrategies(stop=[stop]))
    detector = VADProcessor(vad_analyzer=SileroVADAnalyzer())
    worker = PipelineWorker(Pipeline([detector, EmotionProcessor(), turns, Reaction()]))

    async def speak() -> None:
        samples = (read(path, sampling_rate=RATE).signal * 32767).astype("int16")
        for start in range(0, len(samples) + 2 * RATE, CHUNK):
            chunk = samples[start : start + CHUNK].tobytes() or bytes(2 * CHUNK)
            await worker.queue_frame(InputAudioRawFrame(chunk, RATE, 1))
            await asyncio.sleep(CHUNK / RATE)
        await worker.queue_frame(EndFrame())

    runner = WorkerRunner()
    await runner.add_workers(worker)
    await asyncio.gather(runner.run(), speak())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
