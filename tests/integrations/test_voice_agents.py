"""Tests of voice agents: what they share, and real sessions of Pipecat and LiveKit.

The sessions hear recorded speech in real time, and need no network.
"""

import asyncio
import re
import threading
from pathlib import Path

import numpy as np
import pytest

from serenade.audio import read
from serenade.errors import MissingExtraError
from serenade.inference import Model, Update
from serenade.integrations._listener import Listener, MissingBase, TurnMean, _load_once
from serenade.integrations.livekit import EmotionAgent
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

try:
    from livekit import rtc
    from livekit.agents import AgentSession, inference, llm, stt
    from livekit.agents.llm import LLM, LLMStream
    from livekit.agents.stt import STT
    from livekit.agents.voice.io import AudioInput
except ImportError:
    AudioInput = LLM = LLMStream = STT = object

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the frameworks' code
needs_pipecat = pytest.mark.skipif(
    FrameProcessor is object, reason="Pipecat is not installed: serenade[pipecat] brings it"
)
needs_livekit = pytest.mark.skipif(
    AudioInput is object, reason="LiveKit is not installed: serenade[livekit] brings it"
)

RATE = 16000
CHUNK = 0.02  # seconds
EXAMPLE = Path(__file__).parents[2] / "examples" / "example.flac"


def read_call(speech, *, silence=0.0):
    """Return the first seconds of the example, then silence, as chunks `(samples,)` of int16."""
    signal = read(EXAMPLE, sampling_rate=RATE).signal[: round(speech * RATE)]
    samples = np.concatenate([signal, np.zeros(round(silence * RATE))])
    return np.split((samples * 32767).astype(np.int16), round((speech + silence) / CHUNK))


def _listen(model, chunks, **settings):
    """Push chunks at once, and return the listener, its updates and the turn."""

    async def run():
        updates = []

        async def report(prediction):
            updates.append(prediction)

        with Listener(model, report, **settings) as listener:
            for chunk in chunks:
                listener.push(chunk.tobytes(), RATE)
            await asyncio.wait([listener._worker])
            turn = await listener.turn(end=True)
            return listener, updates, turn, await listener.turn()

    return asyncio.run(run())


def test_listener_reports_while_the_caller_speaks_and_ends_turns(model):
    listener, updates, turn, rest = _listen(model, read_call(3.0), backlog=3.0)
    assert listener.dropped == 0
    assert updates[0].duration <= 0.5
    assert len(updates) >= 5
    assert set(turn.probabilities) == set(model.labels)
    assert sum(turn.probabilities.values()) == pytest.approx(1)
    assert rest is None  # the next turn has no speech


def test_listener_drops_the_oldest_audio_when_the_model_is_late(model):
    chunks = read_call(10.0)
    listener, updates, turn, _ = _listen(model, chunks, backlog=2.0)
    assert listener.dropped == pytest.approx(8.0)
    _, latest, latest_turn, _ = _listen(model, chunks[-100:], backlog=2.0)
    assert [update.probabilities for update in updates] == [
        update.probabilities for update in latest
    ]
    assert turn.probabilities == latest_turn.probabilities


def test_listener_logs_what_fails_and_goes_on(model, caplog):
    async def run():
        async def fail(_):
            raise KeyError("of the user")

        with Listener(model, fail, backlog=3.0) as listener:
            for chunk in read_call(2.0):
                listener.push(chunk.tobytes(), RATE)
            await asyncio.wait([listener._worker])
            listener._stream.close()  # each further chunk is the same error, which is logged once
            for _ in range(3):
                listener.push(read_call(CHUNK)[0].tobytes(), RATE)
                await asyncio.wait([listener._worker])
            return listener.predict_turn()

    assert asyncio.run(run()) is not None
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) >= 4
    assert all("run.<locals>.fail failed" in message for message in messages[:-1])
    assert messages[-1] == "0.0 s of a call cannot be predicted"


def test_listeners_share_one_model_that_a_thread_loads(monkeypatch, model):
    loads = []

    def load():
        loads.append(threading.current_thread() is threading.main_thread())
        return model

    monkeypatch.setattr(Model, "load", load)
    _load_once.cache_clear()
    for _ in range(2):
        _, updates, _, _ = _listen(None, read_call(1.0))
        assert updates
    assert loads == [False]
    _load_once.cache_clear()


def test_listener_follows_a_change_of_the_sampling_rate(model):
    async def run():
        async def report(_):
            pass

        with Listener(model, report, backlog=5.0) as listener:
            for chunk in read_call(2.0):
                listener.push(chunk.tobytes(), RATE)
            await listener.turn()
            for chunk in read_call(2.0):
                listener.push(chunk.repeat(2).repeat(2).tobytes(), 2 * RATE, channels=2)
            await asyncio.wait([listener._worker])
            return await listener.turn()

    assert asyncio.run(run()).duration == pytest.approx(2.0, abs=0.6)


def test_listener_follows_a_change_of_the_number_of_channels(model):
    async def run():
        async def report(_):
            pass

        with Listener(model, report, backlog=5.0) as listener:
            for number, chunk in enumerate(read_call(2.0)):
                channels = 1 + number % 2
                listener.push(chunk.repeat(channels).tobytes(), RATE, channels)
            await asyncio.wait([listener._worker])
            return await listener.turn()

    assert asyncio.run(run()).duration == pytest.approx(2.0, abs=0.6)


def test_listener_adapts_to_the_caller_during_the_call(model):
    call = [*read_call(3.0, silence=1.0), *read_call(6.0)]
    _, updates, turn, _ = _listen(model, call, backlog=20.0)
    assert updates[0].adapted_to == 0
    assert turn.adapted_to > 0
    assert turn.assumed == "unknown"
    _, updates, turn, _ = _listen(model, call, backlog=20.0, adapt=None)
    assert {update.adapted_to for update in updates} == {turn.adapted_to} == {0}


def test_turn_mean_counts_each_part_of_the_speech_once():
    turn = TurnMean(start=1.0)
    for start, end, share in [
        (0.0, 0.9, 0.0),  # before the turn
        (1.0, 1.5, 0.5),  # a window that grows
        (1.0, 3.0, 1.0),
        (2.0, 4.0, 0.0),
        (5.0, 6.0, 0.0),
    ]:
        turn.add(Update(start, end, speaking=True, probabilities={"angry": share}))
    mean = turn.mean()
    assert mean.end - mean.start == pytest.approx(4.0)
    assert mean.probabilities["angry"] == pytest.approx(0.5)


def test_class_of_a_missing_framework_says_what_to_install():
    class Agent(MissingBase):
        extra = "livekit"

    with pytest.raises(MissingExtraError, match=r'pip install "serenade\[livekit\]"'):
        Agent()


class PipecatWords(SegmentedSTTService):
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


async def _run_pipeline(processors, call):
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


@needs_pipecat
def test_processor_adds_the_emotion_to_each_turn_and_sends_updates(model):
    context = LLMContext()
    processors = [
        VADProcessor(vad_analyzer=SileroVADAnalyzer()),
        PipecatWords(),
        EmotionProcessor(model),
        _make_aggregator(context),
    ]
    frames = asyncio.run(_run_pipeline(processors, read_call(3.0, silence=2.0)))
    found = [frame for frame in frames if isinstance(frame, EmotionFrame)]
    turns = [frame.prediction for frame in found if frame.final]
    messages = context.get_messages()
    assert len(turns) == len(messages) > 0
    for turn, message in zip(turns, messages, strict=True):
        assert set(turn.probabilities) == set(model.labels)
        assert message["role"] == "user"
        assert re.fullmatch(r"good morning( \[sounds \w+, \d+%\])?", message["content"])
    assert len(found) - len(turns) >= 5


class LiveKitWords(STT):
    """Speech recognition that hears the same words in every segment."""

    def __init__(self):
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))

    async def _recognize_impl(self, *_, **__):
        words = stt.SpeechData(language="en", text="good morning")
        return stt.SpeechEvent(stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[words])


class Answers(LLM):
    """Language model that keeps the messages of the user and always answers the same."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def chat(self, *, chat_ctx, tools=None, conn_options, **_):
        self.asked = [item for item in chat_ctx.items if item.type == "message"]
        return Answer(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class Answer(LLMStream):
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


async def _run_session(model):
    agent, answers = Agent(model=model), Answers()
    call = Call(read_call(3.0, silence=3.0))
    async with AgentSession(stt=LiveKitWords(), vad=inference.VAD(), llm=answers) as session:
        session.input.audio = call
        await session.start(agent, record=False)
        await call.ended.wait()
    return agent, [message for message in answers.asked if message.role == "user"]


@needs_livekit
def test_agent_adds_the_emotion_to_each_turn_and_gets_updates(model):
    agent, messages = asyncio.run(_run_session(model))
    assert len(agent.updates) >= 5
    assert messages
    for message in messages:
        assert set(message.extra["emotion"]["probabilities"]) == set(model.labels)
        assert re.fullmatch(r"good morning(\n\[sounds \w+, \d+%\])?", message.text_content)
