"""Speakers found by their voices: the encoder, clustering, turns and error rates."""

import itertools
import tracemalloc

import numpy as np
import pytest
import soundfile
import soxr
from benchmarks.speakers import (
    COLLAR,
    count_errors,
    embed_windows,
    fill_frames,
    make_conversation,
)

import serenade
from serenade import corpora
from serenade.audio import read
from serenade.errors import GraphError, InputError, SignalFormatError
from serenade.inference import group_by_voice
from serenade.runtime import open_session, run_session
from serenade.speakers import SpeakerTurn, VoiceEncoder, cluster_voices, compute_mels, find_turns
from serenade.speakers._voice_encoder import _HERE

RATE = 16000
WHEEL = "resemblyzer-0.1.4-py3-none-any.whl"


@pytest.fixture(scope="module")
def dialogue(example):
    """Return turns of two voices, of which one is the other at another speed, with soft noise."""
    speech = read(example).signal[6000:54_000]
    voices = speech, soxr.resample(speech, RATE, 11_000)
    pause = np.zeros(round(0.7 * RATE), np.float32)
    parts = [part for number in (0, 1, 0, 1) for part in (pause, voices[number])]
    joined = np.concatenate([*parts, pause])
    noise = np.random.default_rng(0).standard_normal(joined.size)
    return (joined + 0.0005 * noise).astype(np.float32)


def test_compute_mels_gives_what_librosa_gives(example):
    librosa = pytest.importorskip("librosa")
    signal = read(example).signal[6000 : 6000 + 25_600]
    scaled = signal * (10**-1.5 / np.sqrt(np.mean(signal**2)))
    found = librosa.feature.melspectrogram(
        y=scaled, sr=RATE, n_fft=400, hop_length=160, n_mels=40
    ).T[:160]
    np.testing.assert_allclose(compute_mels(signal), found, atol=1e-4, rtol=1e-3)


def test_the_encoder_gives_what_the_original_gives(models_root, example):
    torch = pytest.importorskip("torch")
    from scripts.make_speaker_encoder import read_weights

    wheel = next((path for path in models_root.iterdir() if path.name.lower() == WHEEL), None)
    if wheel is None:
        pytest.skip(f"{WHEEL} of PyPI is not in {models_root}")
    weights = {name: torch.from_numpy(values) for name, values in read_weights(wheel).items()}
    lstm, linear = torch.nn.LSTM(40, 256, 3, batch_first=True), torch.nn.Linear(256, 256)
    for part, name in ((lstm, "lstm."), (linear, "linear.")):
        part.load_state_dict({k[len(name) :]: v for k, v in weights.items() if k.startswith(name)})
    mels = compute_mels(read(example).signal[6000 : 6000 + 25_600])[None]
    with torch.no_grad():
        wanted = torch.relu(linear(lstm(torch.from_numpy(mels))[1][0][-1])).numpy()[0]
    session = open_session(_HERE / "speaker-encoder.onnx")
    found = run_session(session, "embedding", {"mels": mels})[0]
    np.testing.assert_allclose(found, wanted / np.linalg.norm(wanted), atol=2e-3)


def test_cluster_voices_finds_centres_and_leaves_out_outliers():
    rng = np.random.default_rng(0)
    centres = np.eye(8)[:3]
    voices = np.concatenate([centre + 0.1 * rng.standard_normal((20, 8)) for centre in centres])
    voices = np.concatenate([voices, np.eye(8)[7:]])
    voices /= np.linalg.norm(voices, axis=1, keepdims=True)
    for speakers in (3, None):
        found = cluster_voices(voices, speakers, 0.5)
        assert np.sort((found @ centres.T).argmax(axis=1)).tolist() == [0, 1, 2]
        assert (found @ centres.T).max(axis=1).min() > 0.95
    assert cluster_voices(voices[:1], 2, 0.5).shape == (1, 8)


def test_find_turns_places_a_change_within_an_utterance_where_it_is_quiet():
    signal = np.ones(10 * RATE, np.float32)
    signal[79_000:81_000] = 0.01
    starts = np.arange(0, 10 * RATE - 25_600, 6400)
    places = np.stack([starts, starts + 25_600, 0 * starts], axis=1)
    voices = np.eye(2, dtype=np.float32)[(starts + 12_800 > 80_000).astype(int)]
    first, second = find_turns(places, voices, signal, 2, 0.5)
    assert (first.speaker, second.speaker) == (0, 1)
    assert first.end == second.start
    assert abs(first.end - 80_000) < 800


def test_find_turns_gives_no_turn_that_is_short_or_overlaps_another():
    rng = np.random.default_rng(0)
    starts = np.arange(0, 60 * RATE, 6400)
    for _ in range(20):
        signal = np.ones(starts[-1] + 25_600, np.float32)
        signal[rng.integers(0, signal.size, 200)] = 0
        places = np.stack([starts, starts + 25_600, 0 * starts], axis=1)
        voices = np.eye(6, dtype=np.float32)[rng.integers(0, 6, len(starts))]
        turns = find_turns(places, voices, signal, 6, 0.5)
        assert all(turn.end - turn.start >= 400 for turn in turns)  # the model takes no less
        assert all(a.end == b.start for a, b in itertools.pairwise(turns))
        assert (turns[0].start, turns[-1].end) == (0, signal.size)


def test_find_turns_takes_little_memory_for_a_long_utterance():
    starts = np.arange(0, 2400 * RATE, 6400)
    places = np.stack([starts, starts + 25_600, 0 * starts], axis=1)
    voices = np.eye(2, dtype=np.float32)[starts // (1200 * RATE)]
    signal = np.broadcast_to(np.float32(1), starts[-1] + 25_600)
    tracemalloc.start()
    turns = find_turns(places, voices, signal, 2, 0.5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [turn.speaker for turn in turns] == [0, 1]
    assert peak < 200e6


def test_a_timeline_names_the_speakers_of_a_dialogue(dialogue):
    model = serenade.load()
    for speakers in (2, "2"):
        timeline = model.timeline(dialogue, RATE, speakers=speakers, adapt="mixed")
        assert timeline.speakers == ("speaker 1", "speaker 2")
    seconds = len(dialogue) / RATE
    names = [part.speaker for part in timeline.segments]
    changes = [name for name, before in zip(names, [None, *names], strict=False) if name != before]
    assert changes == ["speaker 1", "speaker 2"] * 2
    assert "2 speakers" in repr(timeline)
    assert timeline.duration == pytest.approx(seconds)
    prediction, _ = model.predict_with_timeline(dialogue, RATE, speakers=1)
    assert prediction.duration == pytest.approx(seconds)


def test_a_timeline_takes_a_speaker_for_each_channel(dialogue):
    model = serenade.load()
    half = len(dialogue) // 2
    other = np.concatenate([np.zeros(half, np.float32), dialogue[half:]])
    stereo = np.stack([dialogue, other], axis=1)
    timeline = model.timeline(stereo, RATE, speakers="channels", jobs=1)
    assert set(timeline.speakers) == {"left", "right"}
    plain = model.timeline(dialogue, RATE, jobs=1).segments
    left = timeline.split_speakers()["left"].segments
    assert [(part.start, part.end, part.emotion) for part in left] == [
        (part.start, part.end, part.emotion) for part in plain
    ]
    with pytest.raises(SignalFormatError, match="has one channel"):
        model.timeline(dialogue, RATE, speakers="channels")
    for wrong in ("none", 0, 21):
        with pytest.raises(InputError, match="choose auto, channels or a number"):
            model.timeline(dialogue, RATE, speakers=wrong)


def test_group_by_voice_joins_the_recordings_of_a_voice(dialogue, tmp_path):
    files = []
    for number, part in enumerate(np.array_split(dialogue, 4)):
        files.append(str(tmp_path / f"{number}.wav"))
        soundfile.write(files[-1], part, RATE)
    files.append(str(tmp_path / "bad.wav"))
    (tmp_path / "bad.wav").write_text("this is not audio")
    first, second, third, fourth, bad = group_by_voice(serenade.load("commercial"), files)
    assert first == third
    assert second == fourth != first
    assert bad == files[-1]


def test_group_by_voice_leaves_a_recording_alone_whose_voice_cannot_be_embedded(
    dialogue, tmp_path, monkeypatch
):
    def fail(*_):
        raise GraphError("needs too much memory", "give a shorter recording")

    monkeypatch.setattr(VoiceEncoder, "embed_recording", fail)
    file = str(tmp_path / "a.wav")
    soundfile.write(file, dialogue[: 5 * RATE], RATE)
    assert group_by_voice(serenade.load("commercial"), [file]) == [file]


def test_a_recording_without_speech_has_no_speakers():
    noise = np.random.default_rng(0).standard_normal(3 * RATE).astype(np.float32)
    assert serenade.load().timeline(0.01 * noise, RATE, speakers="auto").segments == ()


def test_speakers_of_a_real_conversation_are_found(corpora_root):
    rows = corpora.open("emodb", corpora_root).table
    made = make_conversation(rows, 2, np.random.default_rng(0))
    places, voices = embed_windows(made.signal)
    turns = find_turns(places, voices, made.signal, 2, 0.0)
    errors = count_errors(made.truth, fill_frames(turns, made.truth.size), COLLAR)
    assert errors[:3].sum() / errors[3] < 0.2


@pytest.mark.parametrize("collar", [0, 25])
def test_count_errors_gives_the_rate_of_pyannote(collar):
    metrics = pytest.importorskip("pyannote.metrics.diarization")
    core = pytest.importorskip("pyannote.core")
    rng = np.random.default_rng(3)
    both = [
        [
            SpeakerTurn(start * 160, end * 160, rng.integers(3))
            for start, end in itertools.pairwise(e)
        ]
        for e in (np.sort(rng.choice(3000, 25, replace=False)) for _ in range(2))
    ]
    truth, found = (
        fill_frames([turn for place, turn in enumerate(turns) if place % 4], 3000) for turns in both
    )
    annotations = []
    for frames in (truth, found):
        annotation = core.Annotation()
        edges = [0, *(np.flatnonzero(np.diff(frames)) + 1), 3000]
        for first, last in itertools.pairwise(edges):
            if frames[first] >= 0:
                annotation[core.Segment(first / 100, last / 100)] = str(frames[first])
        annotations.append(annotation)
    rate = metrics.DiarizationErrorRate(collar=2 * collar / 100)
    wanted = rate(*annotations, uem=core.Timeline([core.Segment(0, 30)]))
    counts = count_errors(truth, found, collar)
    assert counts[:3].sum() / counts[3] == pytest.approx(wanted, abs=1e-6)
