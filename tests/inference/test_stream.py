"""`Stream`, compared with the timeline of the whole signal."""

from pathlib import Path

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

import serenade
from serenade.errors import AudioError, InputError, NonFiniteAudioError, SignalFormatError
from serenade.inference import Stream

TOLERANCE = 1e-5
"""Tolerance of probabilities, for rounding in the encoder; times and windows are equal."""


def streamed(model, samples, rate, cuts=(), **options):
    stream = model.stream(rate, **options)
    updates = [u for part in np.split(samples, sorted(cuts)) for u in stream.push(part)]
    return [*updates, *stream.close()]


def segments(updates):
    return [segment for update in updates for segment in update.segments]


def same(found, expected):
    assert [(s.start, s.end) for s in found] == [(s.start, s.end) for s in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=TOLERANCE)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(0, 139_200), max_size=25), st.booleans())
def test_stream_gives_the_segments_of_the_file_for_any_chunks(model, talk, cuts, integers):
    samples = np.round(talk * 32767).astype(np.int16)
    given_ = samples if integers else samples / np.float32(32768)
    same(segments(streamed(model, given_, 16000, cuts)), model.timeline(samples, 16000).segments)


@pytest.mark.parametrize("rate", [8000, 44100])
@pytest.mark.parametrize("channels", [1, 2])
def test_stream_takes_any_rate_and_channels(model, talk, rate, channels):
    other = soxr.resample(talk, 16000, rate)
    given_ = other if channels == 1 else np.stack([other, other], axis=1)
    updates = streamed(model, given_, rate, range(0, len(other), 4001))
    same(segments(updates), model.timeline(given_, rate).segments)


def test_stream_updates_within_its_latency(model, talk):
    """Speech is in an update before `latency` has passed."""
    stream = model.stream(16000, hop=0.5)
    assert stream.latency == pytest.approx(0.5 + 15 * 0.032)
    said = [(s.start, s.end) for s in model.timeline(talk, 16000, hop=0.5).segments]
    known = 0.0
    for start in range(0, talk.size, 160):
        for update in stream.push(talk[start : start + 160]):
            assert update.end > known
            known = update.end
        due = stream.time - stream.latency - 0.01
        for begin, end in said:
            if begin < due:
                assert known >= min(due, end) - 1e-6
    assert said


def test_stream_updates_while_someone_speaks(model, talk):
    updates = streamed(model, talk, 16000, range(0, talk.size, 1600))
    assert [update.speaking for update in updates if not update.speaking] == [False, False]
    for update in updates:
        assert sum(update.probabilities.values()) == pytest.approx(1, abs=1e-5)
        assert update.start < update.end
    assert updates[0].end - updates[0].start == pytest.approx(1)  # before a window is whole
    entry = updates[-1].to_dict()
    assert list(entry) == ["start", "end", "speaking", "probabilities", "segments"]
    assert entry["segments"][0]["emotion"] in model.labels


def test_stream_refuses_bad_chunks_and_continues(model, talk):
    stream = model.stream(16000)
    assert stream.push(np.zeros(0, np.float32)) == []
    assert stream.push(np.zeros(32_000, np.int16)) == []
    bad = talk[:8000].copy()
    bad[100] = np.nan
    with pytest.raises(NonFiniteAudioError, match="stream"):
        stream.push(bad)
    assert stream.time == 2.0  # the chunk was not taken
    with pytest.raises(SignalFormatError, match=r"shape \(1, 2, 3\)"):
        stream.push(np.zeros((1, 2, 3), np.float32))
    found = [*stream.push(talk), *stream.close()]
    silent = np.concatenate([np.zeros(32_000, np.float32), talk])
    same(segments(found), model.timeline(silent, 16000).segments)
    assert stream.close() == []
    with pytest.raises(InputError, match="closed"):
        stream.push(talk)


def test_stream_of_silence_has_no_update(model):
    stream = model.stream(8000)
    assert stream.push(np.zeros(80_000)) == []
    assert stream.close() == []


def test_stream_uses_the_bundled_model_by_default(talk):
    stream = serenade.stream(sampling_rate=16000, window=1.0, hop=0.5)
    assert isinstance(stream, Stream)
    assert stream.model.description["trained_on"] == ["ravdess", "emodb", "nemo"]
    assert stream.push(talk[: 5 * 16000])


@pytest.mark.parametrize("early", [-1.0, 0.0, 1e-4, float("nan"), float("inf")])
def test_stream_refuses_impossible_times_of_early_updates(model, early):
    with pytest.raises(InputError, match=r"need 0\.1 <= early"):
        Stream(model, 16000, early=early)


@pytest.mark.parametrize("rate", [0, 7.5, 10**7])
def test_stream_refuses_wrong_rates(model, rate):
    with pytest.raises(AudioError, match="sampling rate"):
        model.stream(rate)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux' /proc")
def test_stream_memory_does_not_grow(example, peak_memory):
    """In six minutes after the first two, the process grows by less than 15 MB."""
    done = peak_memory(
        "import sys, numpy as np, serenade; from serenade.audio import read;"
        "x = read(sys.argv[1]).signal; quiet = np.zeros(16000 * 35, np.float32);"
        "stream = serenade.stream(sampling_rate=16000, window=1.0);"
        "turn = lambda: [stream.push(p) for p in np.array_split(np.concatenate([x, quiet]), 99)];"
        "[turn() for _ in range(3)]; before = peak(); [turn() for _ in range(7)];"
        "print(peak() - before)",
        example,
    )
    assert float(done) < 15
