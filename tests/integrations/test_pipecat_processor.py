"""Tests of the processor in real pipelines of Pipecat, on recorded speech."""

import asyncio
import re

import pytest
from support.call import CHUNK, RATE, read_call

from serenade.integrations.pipecat import EmotionFrame, EmotionProcessor

try:
    from pipecat.audio.vad.silero import SileroVADAnalyzer
    from pipecat.frames.frames import EndFrame, InputAudioRawFrame, TranscriptionFrame
    from pipecat.pipeline.pipeline import Pipeline
    from pipecat.pipeline.worker import PipelineParams, PipelineWorker
    from pipecat.processors.aggregators.llm_context import LLMContext
    from pipecat.processors.aggregators.llm_response_universal import (
        LLMContextAggregatorPair,
        LLMUserAggregatorParams,
    )
    from pipecat.processors.audio.vad_processor import VADProcessor
    from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
    from pipecat.services.stt_service import SegmentedSTTService
    from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
    from pipecat.turns.user_turn_strategies import UserTurnStrategies
    from pipecat.workers.runner import WorkerRunner
except ImportError:
    FrameProcessor = SegmentedSTTService = object

pytestmark = [
    pytest.mark.skipif(
        FrameProcessor is object, reason="Pipecat is not installed: serenade[pipecat] brings it"
    ),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Pipecat's own code
]


class FixedWords(SegmentedSTTService):
    """Speech recognition that hears the same words in every segment."""

    def __init__(self):
        super().__init__(ttfs_p99_latency=0.0)

    async def run_stt(self, _):
        yield TranscriptionFrame("good morning", "caller", "now")


class Sink(FrameProcessor):
    """Keeps the frames that reach the end of a pipeline."""

    def __init__(self):
        super().__init__()
        self.frames = []

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if direction == FrameDirection.DOWNSTREAM:
            self.frames.append(frame)
        await self.push_frame(frame, direction)


async def _run(processors, call):
    """Run a pipeline on a call, in real time, and return the frames at its end."""
    sink = Sink()
    worker = PipelineWorker(
        Pipeline([*processors, sink]),
        params=PipelineParams(audio_in_sample_rate=RATE),
        cancel_on_idle_timeout=False,
        enable_rtvi=False,
    )
    started = asyncio.Event()
    worker.event_handler("on_pipeline_started")(lambda *_: started.set())

    async def speak():
        await started.wait()
        for chunk in call:
            await worker.queue_frame(InputAudioRawFrame(chunk.tobytes(), RATE, 1))
            await asyncio.sleep(CHUNK)
        await worker.queue_frame(EndFrame())

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await asyncio.gather(runner.run(), speak())
    return sink.frames


def _make_aggregator(context):
    stop = SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.3)
    params = LLMUserAggregatorParams(
        user_turn_strategies=UserTurnStrategies(stop=[stop]),
    )
    return LLMContextAggregatorPair(context, user_params=params).user()


def test_processor_adds_the_emotion_to_each_turn_and_sends_updates(model):
    context = LLMContext()
    processors = [
        VADProcessor(vad_analyzer=SileroVADAnalyzer()),
        FixedWords(),
        EmotionProcessor(model),
        _make_aggregator(context),
    ]
    frames = asyncio.run(_run(processors, read_call(3.0, silence=2.0)))
    found = [frame for frame in frames if isinstance(frame, EmotionFrame)]
    turns = [frame.prediction for frame in found if frame.final]
    messages = context.get_messages()
    assert len(turns) == len(messages) > 0
    for turn, message in zip(turns, messages, strict=True):
        assert set(turn.probabilities) == set(model.labels)
        assert message["role"] == "user"
        assert re.fullmatch(r"good morning( \[sounds \w+, \d+%\])?", message["content"])
    assert len(found) - len(turns) >= 5
