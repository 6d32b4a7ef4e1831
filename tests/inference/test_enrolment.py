"""`Model.enrol` and `Model.enrol_itself`: subtract the estimated mean of a speaker."""

import json

import numpy as np
import pytest
import soundfile
from support.model_folders import write_probe

import serenade
from serenade.audio import read
from serenade.errors import AudioError, InputError, ModelError, SerenadeError


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return serenade.load(write_probe(tmp_path_factory.mktemp("models") / "probe"))


@pytest.fixture
def voice(talk, tmp_path):
    """Write four recordings of one speaker, the first two of the same words."""
    names = [tmp_path / f"{number}.wav" for number in range(4)]
    for number, name in enumerate(names):
        start = 32_000 + 8000 * max(0, number - 1)
        soundfile.write(name, talk[start : start + 32_000], 16000, subtype="FLOAT")
    return names


def test_enrol_uses_the_estimate_of_the_population(model, voice):
    population = model.folder.population()
    features = np.concatenate([model.features(read(file).signal) for file in voice])
    for speech in ("neutral", "mixed"):
        enrolled = model.enrol(voice, speech=speech)
        shift = population.shift(
            features.mean(axis=0, dtype=np.float64), 4, neutral=speech == "neutral"
        )
        np.testing.assert_allclose(enrolled._shift, shift, atol=1e-4)
        assert enrolled.enrolment == f"{speech} speech, 4 utterances"


def test_enrol_returns_a_new_model_whose_predictions_state_the_enrolment(model, voice, example):
    before = model.predict(example)
    enrolled = model.enrol(voice[:1])
    after = enrolled.predict(example)
    assert after.enrolment == "neutral speech, 1 utterance"
    assert after.probabilities != before.probabilities
    assert sum(after.probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert enrolled.timeline(example).enrolment == after.enrolment
    assert model.predict(example) == before
    assert before.enrolment == model.enrolment == ""


def test_enrol_shifts_more_with_more_speech(model, voice):
    sizes = [float(np.abs(model.enrol(voice[:1] * n)._shift).sum()) for n in (1, 5, 50)]
    assert sizes[0] < sizes[1] < sizes[2]


def test_enrol_counts_a_long_recording_as_several_utterances(model, talk, tmp_path):
    soundfile.write(tmp_path / "long.wav", np.tile(talk, 3), 16000)
    enrolled = model.enrol([tmp_path / "long.wav"], speech="mixed")
    assert enrolled.enrolment == "mixed speech, 6 utterances"


def test_enrol_itself_adapts_to_long_recordings_only(model, talk, tmp_path):
    soundfile.write(tmp_path / "long.wav", np.tile(talk, 6), 16000)
    own = model.enrol_itself(tmp_path / "long.wav")
    by_hand = model.enrol([tmp_path / "long.wav"], speech="mixed")
    assert own.enrolment == "by itself, 12 utterances"
    np.testing.assert_array_equal(own._shift, by_hand._shift)
    short = model.enrol_itself(read(tmp_path / "long.wav", end=3.0))
    assert short.enrolment.startswith("none, 1 utterance of the 10")
    assert short._shift is None


def test_enrol_refuses_too_little_and_damaged_speech(model, voice, tmp_path):
    with pytest.raises(InputError, match="nothing to enrol from: there is no recording; give a"):
        model.enrol([])
    with pytest.raises(InputError, match="'neutral' or 'mixed', not 'sad'"):
        model.enrol(voice, speech="sad")
    with pytest.raises(SerenadeError, match=r"too few utterances of mixed .*\(2\).*at least 3"):
        model.enrol(voice[:2], speech="mixed")
    (tmp_path / "bad.wav").write_text("no audio")
    with pytest.raises(AudioError, match=r"bad\.wav"):
        model.enrol([*voice, tmp_path / "bad.wav"])


@pytest.fixture
def copied(tmp_path):
    return write_probe(tmp_path / "model")


def without(description, *names):
    return {k: v for k, v in description.items() if k not in names}


def test_enrol_refuses_models_without_speakers(copied, voice, example, model):
    (copied / "speakers.npz").unlink()
    (copied / "enrolled.onnx").unlink()
    path = copied / "model.json"
    path.write_text(json.dumps(without(json.loads(path.read_text("utf-8")), "enrolment")))
    loaded = serenade.load(copied)
    assert loaded.predict(example) == model.predict(example)
    with pytest.raises(ModelError, match="cannot be enrolled; train it on a corpus that names"):
        loaded.enrol(voice)
    with pytest.raises(ModelError, match="arousal: predicts values, which cannot be enrolled; l"):
        serenade.load("arousal").folder.population()


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04"])
def test_enrol_names_damaged_statistics(copied, voice, content):
    (copied / "speakers.npz").write_bytes(content)
    with pytest.raises(ModelError, match=r"speakers\.npz: damaged"):
        serenade.load(copied).enrol(voice)


def test_enrol_names_statistics_of_another_model(copied, voice):
    with np.load(copied / "speakers.npz") as file:
        arrays = {k: v[:7] if v.ndim else v for k, v in file.items()}
    np.savez(copied / "speakers.npz", **arrays)
    with pytest.raises(ModelError, match=r"speakers\.npz: belongs to another model"):
        serenade.load(copied).enrol(voice)


def test_enrol_needs_neutral_training_speech_for_neutral_speech(copied, voice):
    with np.load(copied / "speakers.npz") as file:
        arrays = dict(file) | {"neutral": np.array(False)}
    np.savez(copied / "speakers.npz", **arrays)
    loaded = serenade.load(copied)
    with pytest.raises(ModelError, match="without neutral speech"):
        loaded.enrol(voice)
    assert loaded.enrol(voice, speech="mixed").enrolment


def test_enrol_does_not_unpickle_statistics(copied, voice):
    np.savez(copied / "speakers.npz", mean=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ModelError, match="damaged"):
        serenade.load(copied).enrol(voice)
