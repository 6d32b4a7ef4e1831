"""Tests of the listener that all frameworks share."""

import asyncio

import pytest
from support.call import RATE, read_call

from serenade.errors import MissingExtraError
from serenade.inference import Update
from serenade.integrations._listener import Listener, MissingBase, TurnMean


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
