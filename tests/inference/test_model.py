"""`Model`: the bundled model, and damaged model folders."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.model_folders import copy_unchecked

import serenade
from serenade.errors import InputError, ModelError, NoSpeechError, SilenceError, TooShortError
from serenade.inference import _model as module
from serenade.inference import measure_size

BUNDLED = Path(module.__file__).parent / "adaptive"


@pytest.fixture(scope="module")
def speech(example):
    return soundfile.read(example, dtype="float32")


def test_bundled_model_states_labels_and_licence(model):
    assert set(model.labels) == {
        *("angry", "happy", "neutral", "sad", "fear", "disgust", "surprise")
    }
    assert model.description["licence"] == "CC-BY-NC-SA-4.0"
    card = (BUNDLED / "MODEL_CARD.md").read_text("utf-8")
    for stated in ("CC BY-NC-SA 4.0", "RAVDESS", "EMO-DB", "nEMO", "must not be used"):
        assert stated in card


def test_the_commercial_model_states_its_licence_and_adapts(model, example):
    found = serenade.load("commercial")
    assert set(found.labels) == set(model.labels) - {"surprise"}
    assert found.description["trained_on"] == ["emodb"]
    found.require_commercial_licence()
    with pytest.raises(ModelError, match=r"licence \(CC-BY-NC-SA-4\.0\) is not known to allow"):
        model.require_commercial_licence()
    card = (found.folder.path / "MODEL_CARD.md").read_text("utf-8")
    for stated in ("Apache-2.0", "EMO-DB", "MIT", "only tested on", "must not be used"):
        assert stated in card
    assert found.adapt([example], expect="mixed").predict(example).adapted_to == 4
    assert repr(pickle.loads(pickle.dumps(found))) == repr(found)


def test_the_arousal_model_gives_a_value_and_states_its_derived_labels(example):
    found = serenade.load("arousal")
    assert (found.labels, found.dimensions) == ((), ("arousal",))
    assert repr(found) == "Model(whisper-ridge, arousal, arousal, derived labels)"
    assert "not ratings" in found.description["derived"]
    card = (found.folder.path / "MODEL_CARD.md").read_text("utf-8")
    for stated in ("derived, not rated", "CC BY-NC-SA 4.0", "RAVDESS", "EMO-DB", "nEMO"):
        assert stated in card
    timeline = found.timeline(example)
    assert all(-1.5 < segment.values["arousal"] < 1.5 for segment in timeline.segments)
    assert repr(pickle.loads(pickle.dumps(found))) == repr(found)


def test_the_arousal_model_orders_emotions_of_a_speaker(corpora_root):
    found = serenade.load("arousal")
    clips = ("03a01Wa", "03a01Nc", "03a02Ta")  # angry, neutral and sad of one actor
    files = [next((corpora_root / "emodb" / "wav").glob(f"{clip}.*")) for clip in clips]
    angry, neutral, sad = (found.predict(file).values["arousal"] for file in files)
    assert angry > neutral > sad


def test_bundled_model_and_each_encoder_have_at_most_20_megabytes():
    encoders = Path(module.__file__).parents[1] / "encoders"
    assert measure_size(None) <= 20e6
    assert all(file.stat().st_size <= 20e6 for file in encoders.rglob("*.onnx"))


def test_predict_gives_the_same_for_a_file_and_its_samples(model, example, speech):
    signal, rate = speech
    by_file, by_samples = model.predict(example), model.predict(signal, rate)
    assert by_file.probabilities == by_samples.probabilities
    assert by_file.duration == pytest.approx(signal.size / rate)
    assert sum(by_file.probabilities.values()) == pytest.approx(1, abs=1e-6)
    assert by_file.probability == max(by_file.probabilities.values())


def test_predict_is_robust_to_level_and_silence(model, speech):
    signal, rate = speech
    part = signal[: 4 * rate]
    plain = model.predict(part, rate).probabilities
    quiet = model.predict(part * 0.05, rate).probabilities
    padded = model.predict(np.pad(part, (rate, 2 * rate)), rate).probabilities
    for label in model.labels:
        assert quiet[label] == pytest.approx(plain[label], abs=0.01)
        assert padded[label] == pytest.approx(plain[label], abs=0.05)


def test_timeline_finds_speech(model, talk):
    timeline = model.timeline(talk, 16000)
    assert timeline.duration == talk.size / 16000
    spans = [(segment.start, segment.end) for segment in timeline.segments]
    assert spans[0][0] == pytest.approx(2.0, abs=0.2)
    assert spans[-1][1] == pytest.approx(7.2, abs=0.2)
    assert timeline.speech == pytest.approx(4.2, abs=0.4)
    assert not any(start < 5.4 < end for start, end in spans)
    for segment in timeline.segments:
        assert sum(segment.probabilities.values()) == pytest.approx(1)
    (last,) = [segment for segment in timeline.segments if segment.start > 5.4]
    part = talk[round(last.start * 16000) : round(last.end * 16000)]  # one utterance, one look
    assert last.probabilities == pytest.approx(model.predict(part, 16000).probabilities, abs=1e-5)


def test_timeline_does_not_depend_on_threads(model, example):
    assert model.timeline(example, jobs=1) == model.timeline(example, jobs=3)


def test_predict_averages_the_timeline_of_a_long_recording(model, talk):
    long = np.tile(talk, 2)
    assert long.size > 12 * 16000
    assert model.predict(long, 16000) == model.timeline(long, 16000).overall()


def _make_sounds(seconds):
    """Yield sounds without speech by name, at 16 kHz."""
    time, rng = np.arange(round(16000 * seconds)) / 16000, np.random.default_rng(0)
    hum = sum(np.sin(2 * np.pi * 50 * number * time) / number for number in range(1, 12))
    notes = [220, 277.2, 329.6, 440]
    chord = sum(np.sin(2 * np.pi * note * time) * np.exp(-3 * (time % 0.6)) for note in notes)
    yield "tone", 0.3 * np.sin(2 * np.pi * 440 * time)
    yield "hum", 0.05 * hum
    yield "wind", 0.01 * rng.standard_normal(time.size)
    yield "clicks", 0.5 * (rng.random(time.size) < 2e-4)
    yield "chord", 0.1 * chord
    yield "near_silence", 2e-4 * rng.standard_normal(time.size)


@pytest.mark.parametrize("seconds", [0.3, 4, 11.9, 14])
def test_predict_refuses_recordings_of_any_length_without_speech(model, tmp_path, seconds):
    for name, samples in _make_sounds(seconds):
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, samples.astype(np.float32), 16000)
        assert model.timeline(path).segments == ()
        for predict in (model.predict, model.predict_with_timeline):
            with pytest.raises(NoSpeechError, match=rf"{name}\.wav: contains no speech"):
                predict(path)


def test_enrol_ignores_recordings_without_speech(model, example):
    sounds = [(samples, 16000) for _, samples in _make_sounds(4)]
    tones = [{"array": samples, "sampling_rate": rate} for samples, rate in sounds]
    assert model.enrol([*tones, example]).enrolment == model.enrol(example).enrolment
    says = "nothing to enrol from: no speech in array, array, array and 3 more; give a recording"
    with pytest.raises(InputError, match=says):
        model.enrol(tones)
    assert model.enrol_itself(tones[0]).enrolment.startswith("none, 0 utterances of the 10")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux' /proc")
def test_predict_of_a_long_file_takes_little_memory(example, tmp_path, peak_memory):
    """Twelve minutes at 48 kHz in stereo are 276 MB as floats; a short file takes 130 MB."""
    signal, _ = soundfile.read(example, dtype="float32")
    with soundfile.SoundFile(tmp_path / "long.flac", "w", 48000, 2) as file:
        turn = np.zeros((48000 * 60, 2), np.float32)
        turn[: 48000 * 3] = np.repeat(signal[: 16000 * 3], 3)[:, None]
        for _ in range(12):
            file.write(turn)
    done = peak_memory(
        "import sys, serenade; m = serenade.load();"
        "assert m.predict(sys.argv[1]).duration == 720;"
        "print(peak())",
        tmp_path / "long.flac",
    )
    assert float(done) < 300


def test_predict_and_timeline_explain_wrong_arguments(model, example, speech):
    signal, rate = speech
    with pytest.raises(TypeError, match="sampling_rate"):
        model.predict(signal)
    with pytest.raises(TypeError, match="leave sampling_rate out"):
        model.predict(example, 16000)
    with pytest.raises(TooShortError, match=r"0.05"):
        model.predict(signal[: rate // 20], rate)
    with pytest.raises(SilenceError):
        model.predict(np.zeros(rate, np.float32), rate)
    for wrong in ({"window": 0.1}, {"hop": 0}, {"hop": float("nan")}, {"hop": 3.0}):
        with pytest.raises(InputError, match=r"hop <= window"):
            model.timeline(signal, rate, **wrong)


@pytest.fixture
def copied(tmp_path):
    return copy_unchecked(tmp_path / "model")


def test_load_takes_a_copy_of_the_folder(model, copied, example):
    assert serenade.load(copied).predict(example) == model.predict(example)


@pytest.mark.parametrize("name", ["bundled", "adaptive"])
def test_load_takes_names_of_the_bundled_model(name):
    loaded = pickle.loads(pickle.dumps(serenade.load(name)))
    assert (loaded.folder.path, measure_size(name)) == (BUNDLED, measure_size(None))


def test_load_refuses_other_folders(tmp_path):
    with pytest.raises(ModelError, match=r"no model\.json"):
        serenade.load(tmp_path)
    with pytest.raises(ModelError, match=r"no model\.json"):
        serenade.load(tmp_path / "absent")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 3}, "format 3, but this package reads 2; update"),
        ({"format": 1}, "damaged"),
        ({"labels": ["angry"]}, "copy the model folder again"),
        ({"labels": None}, "damaged"),
        ({"features": [{"name": "other", "parameters": {}}]}, "damaged"),
        ({"features": 7}, "damaged"),
        ({"features": []}, "damaged"),
        ({"sampling_rate": "fast"}, "damaged"),
        ({"sampling_rate": 7000}, "damaged"),
        ({"trained_on": 3}, "damaged"),
        ({"measured": {"emodb": {"ua": "0.9"}}}, "damaged"),
    ],
)
def test_load_names_a_damaged_description(copied, change, message):
    path = copied / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | change))
    with pytest.raises(ModelError, match=message) as error:
        serenade.load(copied)
    assert str(copied) in str(error.value)


def test_load_refuses_another_encoder(copied):
    path = copied / "model.json"
    stated = json.loads(path.read_text("utf-8"))
    stated["features"][0]["encoder"] = "0" * 32
    path.write_text(json.dumps(stated))
    with pytest.raises(ModelError, match="another version of its encoder"):
        serenade.load(copied)


@pytest.mark.parametrize("content", [b"", b"not a graph", b"\x08\x07\x12"])
def test_load_names_a_damaged_head(copied, content):
    (copied / "head.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=r"head\.onnx"):
        serenade.load(copied)
    (copied / "head.onnx").unlink()
    with pytest.raises(ModelError, match=r"head\.onnx: missing"):
        serenade.load(copied)


def test_predict_imports_no_heavy_package(example):
    code = (
        "import sys, serenade; "
        f"m = serenade.load(); t = m.timeline({str(example)!r}); m.enrol([{str(example)!r}]); "
        "serenade.inference.Target, serenade.inference.predict_files; "
        "import serenade.audio._live; "
        "s = m.stream(16000); s.push([0.0] * 20000); s.close(); "
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {
        "torch",
        "pandas",
        "sklearn",
        "joblib",
        "matplotlib",
        "onnx",
        "librosa",
        "requests",
    } | {"audformat"}
    assert not heavy & set(done.stdout.split())
