"""The bundled model, and folders that are not models."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import serenade
from serenade.errors import ModelError, SilenceError, TooShortError
from serenade.inference import model as module

BUNDLED = Path(module.__file__).parent / "bundled"


@pytest.fixture(scope="module")
def speech(example):
    return soundfile.read(example, dtype="float32")


def test_labels_and_licence(model):
    assert set(model.labels) == {
        *("angry", "happy", "neutral", "sad", "fear", "disgust", "surprise")
    }
    assert model.description["licence"] == "CC-BY-NC-SA-4.0"
    card = (BUNDLED / "MODEL_CARD.md").read_text("utf-8")
    for stated in ("CC BY-NC-SA 4.0", "RAVDESS", "EMO-DB", "nEMO", "must not be used"):
        assert stated in card


def test_the_model_and_its_encoder_stay_small():
    encoder = Path(module.__file__).parents[1] / "encoders" / "whisper" / "whisper-tiny-en.onnx"
    size = sum(file.stat().st_size for file in [encoder, *BUNDLED.iterdir()])
    assert size <= 20e6


def test_a_file_and_its_samples_agree(model, example, speech):
    signal, rate = speech
    by_file, by_samples = model.predict(example), model.predict(signal, rate)
    assert by_file.probabilities == by_samples.probabilities
    assert by_file.duration == pytest.approx(signal.size / rate)
    assert sum(by_file.probabilities.values()) == pytest.approx(1, abs=1e-6)
    assert by_file.probability == max(by_file.probabilities.values())


def test_level_and_surrounding_silence_do_not_matter(model, speech):
    signal, rate = speech
    part = signal[: 4 * rate]
    plain = model.predict(part, rate).probabilities
    quiet = model.predict(part * 0.05, rate).probabilities
    padded = model.predict(np.pad(part, (rate, 2 * rate)), rate).probabilities
    for label in model.labels:
        assert quiet[label] == pytest.approx(plain[label], abs=0.01)
        assert padded[label] == pytest.approx(plain[label], abs=0.05)


def test_a_timeline_covers_the_recording(model, speech):
    signal, rate = speech
    windows = model.timeline(signal, rate, window=3.0, hop=1.0)
    assert windows[0].start == 0
    assert windows[-1].end == pytest.approx(signal.size / rate)
    steps = np.diff([window.start for window in windows])
    assert np.all(steps > 0)
    assert np.all(steps[:-1] == 1)
    assert all(window.end - window.start == pytest.approx(3.0) for window in windows)
    for window in windows[:3]:
        part = signal[round(window.start * rate) : round(window.end * rate)]
        assert window.probabilities == model.predict(part, rate).probabilities


def test_a_pause_is_no_speech(model, speech):
    signal, rate = speech
    broken = np.concatenate([signal[: 3 * rate], np.zeros(4 * rate), signal[: 3 * rate]])
    windows = model.timeline(broken.astype(np.float32), rate, window=1.0, hop=1.0)
    assert [window.speech for window in windows] == [True] * 3 + [False] * 4 + [True] * 3


def test_a_short_recording_has_one_window(model, speech):
    signal, rate = speech
    (window,) = model.timeline(signal[:rate], rate)
    assert (window.start, window.end) == (0, 1)


def test_errors_of_use(model, example, speech):
    signal, rate = speech
    with pytest.raises(TypeError, match="sampling_rate"):
        model.predict(signal)
    with pytest.raises(TypeError, match="leave sampling_rate out"):
        model.predict(example, 16000)
    with pytest.raises(TooShortError, match=r"0.05"):
        model.predict(signal[: rate // 20], rate)
    with pytest.raises(SilenceError):
        model.predict(np.zeros(rate, np.float32), rate)
    for wrong in ({"window": 0.1}, {"hop": 0}, {"hop": float("nan")}):
        with pytest.raises(ValueError, match=r"window >= 0.5 and hop > 0"):
            model.timeline(signal, rate, **wrong)


@pytest.fixture
def copied(tmp_path):
    return Path(shutil.copytree(BUNDLED, tmp_path / "model"))


def test_a_copy_of_the_folder_is_the_same_model(model, copied, example):
    assert serenade.load(copied).predict(example) == model.predict(example)


def test_a_folder_that_is_no_model(tmp_path):
    with pytest.raises(ModelError, match=r"no model\.json"):
        serenade.load(tmp_path)
    with pytest.raises(ModelError, match=r"no model\.json"):
        serenade.load(tmp_path / "absent")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "format 2, this package reads 1; update"),
        ({"labels": ["angry"]}, "copy the model folder again"),
        ({"labels": None}, "damaged"),
        ({"feature": {"name": "other", "parameters": {}}}, "damaged"),
        ({"feature": 7}, "damaged"),
        ({"sampling_rate": "fast"}, "damaged"),
    ],
)
def test_a_damaged_description_is_named(copied, change, message):
    path = copied / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | change))
    with pytest.raises(ModelError, match=message) as error:
        serenade.load(copied)
    assert str(copied) in str(error.value)


def test_another_encoder_is_refused(copied):
    path = copied / "model.json"
    stated = json.loads(path.read_text("utf-8"))
    stated["feature"]["encoder"] = "0" * 32
    path.write_text(json.dumps(stated))
    with pytest.raises(ModelError, match="another version of its encoder"):
        serenade.load(copied)


@pytest.mark.parametrize("content", [b"", b"not a graph", b"\x08\x07\x12"])
def test_a_damaged_head_is_named(copied, content):
    (copied / "head.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=r"head\.onnx"):
        serenade.load(copied)
    (copied / "head.onnx").unlink()
    with pytest.raises(ModelError, match=r"head\.onnx: missing"):
        serenade.load(copied)


def test_predicting_imports_nothing_heavy(example):
    code = (
        "import sys, serenade; "
        f"serenade.load().timeline({str(example)!r}); serenade.load().predict({str(example)!r}); "
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "pandas", "sklearn", "joblib", "matplotlib", "onnx", "librosa", "requests"}
    assert not heavy & set(done.stdout.split())
