"""`Model.adapt` and enrolment by the model of places, with the bundled model."""

import copy
import json
import shutil

import numpy as np
import pytest
import soundfile
from support.model_folders import write_probe

import serenade
from serenade.adaptation import Expectation, Places
from serenade.audio import read_blocks
from serenade.errors import AudioError, InputError, ModelError, SerenadeError
from serenade.inference import _source, predict_files
from serenade.inference._adaptation import Adaptation
from serenade.inference._model_folder import BUNDLED
from serenade.inference._own_adaptation import MOST_OWN, OwnAdaptation
from serenade.inference._windows import Window


@pytest.fixture
def place(talk, tmp_path):
    """Five recordings of one speaker and one microphone."""
    names = [tmp_path / f"{number}.wav" for number in range(5)]
    for number, name in enumerate(names):
        start = 32_000 + 6000 * number
        soundfile.write(name, talk[start : start + 24_000], 16000, subtype="FLOAT")
    return names


@pytest.mark.parametrize("expect", ["mixed", "neutral", "unknown"])
def test_adapt_returns_a_new_model_whose_predictions_state_the_assumption(
    model, place, example, expect
):
    before = model.predict(example)
    adapted = model.adapt(place, expect=expect)
    after = adapted.predict(example)
    assert (after.adapted_to, after.assumed) == (5, expect)
    assert after.probabilities != before.probabilities
    assert sum(after.probabilities.values()) == pytest.approx(1)
    assert after.to_dict()["adapted_to"] == 5
    assert adapted.timeline(example).to_dict()["assumed"] == expect
    assert f"adapted to 5 utterances, {expect} expected" in repr(adapted)
    assert model.predict(example) == before
    assert "adapted_to" not in before.to_dict()


def test_adapt_does_not_depend_on_the_order_of_recordings(model, place):
    one, other = (model.adapt(files, expect="mixed") for files in (place, place[::-1]))
    for file in place:
        np.testing.assert_allclose(
            list(one.predict(file).probabilities.values()),
            list(other.predict(file).probabilities.values()),
            atol=1e-6,
        )


def test_a_recording_is_no_evidence_about_itself(model, place):
    alone = model.predict(place[0]).probabilities
    assert model.adapt(place[0], expect="mixed").predict(place[0]).probabilities == (
        pytest.approx(alone, abs=1e-4)
    )
    others = model.adapt(place[1:], expect="mixed").predict(place[0]).probabilities
    assert model.adapt(place, expect="mixed").predict(place[0]).probabilities == (
        pytest.approx(others, abs=1e-4)
    )


def test_a_recording_given_twice_counts_once(model, place):
    assert model.adapt([*place, *place]).predict(place[0]).adapted_to == len(place)


def test_an_adapted_model_can_be_copied(model, place, example):
    adapted = model.adapt(place, expect="neutral", one_speaker=True)
    assert copy.deepcopy(adapted).predict(example) == adapted.predict(example)


@pytest.mark.parametrize("speech", ["neutral", "mixed"])
def test_enrol_uses_the_model_of_places(model, place, example, speech):
    enrolled = model.enrol(place, speech=speech)
    found = enrolled.predict(example)
    assert found.enrolment == f"{speech} speech, 5 utterances"
    assert found.probabilities != model.predict(example).probabilities
    with pytest.raises(InputError, match="speech is 'neutral' or 'mixed'"):
        model.enrol(place, speech="loud")


def test_enrol_itself_needs_enough_utterances(model, talk):
    assert model.enrol_itself(talk, 16000).enrolment.startswith("none, 1 utterance")
    enrolled = model.enrol_itself(np.tile(talk, 8), 16000)
    assert enrolled.enrolment.startswith("by itself, ")


def test_adapt_refuses_wrong_arguments(model, place, tmp_path):
    with pytest.raises(InputError, match="expect is one of mixed, neutral, unknown"):
        model.adapt(place, expect="anything")
    with pytest.raises(InputError, match="nothing to adapt to"):
        model.adapt([])
    with pytest.raises(SerenadeError, match="too few"):
        model.enrol(place[:1], speech="mixed")
    (tmp_path / "bad.wav").write_text("no audio")
    with pytest.raises(AudioError, match=r"bad\.wav"):
        model.adapt([*place, tmp_path / "bad.wav"])
    with pytest.raises(ModelError, match="has no model of places and cannot adapt"):
        serenade.load(write_probe(tmp_path / "probe")).adapt(place)


def test_predict_files_adapts_to_all_files_or_to_those_of_each_folder(model, place, tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    files = [*map(str, place[:3]), *(shutil.move(file, inner) for file in place[3:])]
    bad = tmp_path / "bad.wav"
    bad.write_text("no audio")
    files.append(str(bad))
    *found, error = predict_files(model, files, expect="mixed")
    assert [prediction.adapted_to for prediction, _ in found] == [5] * 5
    assert isinstance(error, AudioError)
    *found, error = predict_files(model, files, expect="mixed", places=["a"] * 3 + ["b"] * 3)
    assert [prediction.adapted_to for prediction, _ in found] == [3, 3, 3, 2, 2]
    (found,) = predict_files(model, files[:1], expect="mixed")
    assert found[0] == model.predict(files[0])
    (error,) = predict_files(model, [str(bad)], expect="mixed")
    assert isinstance(error, AudioError)


@pytest.mark.parametrize(
    "damage", ["missing", "short", "temperature", "setting", "threshold", "other labels"]
)
def test_a_damaged_model_of_places_is_refused(tmp_path, place, damage):
    folder = shutil.copytree(BUNDLED, tmp_path / "model")
    description = json.loads((folder / "model.json").read_text("utf-8"))
    del description["files"], description["checksum"]  # which would find the damage before
    if damage == "missing":
        (folder / "places.npz").unlink()
    elif damage == "short":
        (folder / "places.npz").write_bytes((folder / "places.npz").read_bytes()[:100])
    elif damage == "temperature":
        description["adaptation"]["temperature"]["mixed"] = 1e9
    elif damage == "setting":
        description["adaptation"]["settings"] = {"unknown": {"counts": 1, "weight": 2}}
    elif damage == "threshold":
        description["uncertain_below"] = 2
    else:
        with np.load(folder / "places.npz") as file:
            arrays = {name: file[name] for name in file.files}
        arrays = {
            "centre": arrays["centre"][:5], "means": arrays["means"][:6, :5],
            "within": arrays["within"][:5, :5], "between": arrays["between"][:5, :5],
        }  # fmt: skip
        np.savez(folder / "places.npz", **arrays)
    (folder / "model.json").write_text(json.dumps(description), "utf-8")
    with pytest.raises(ModelError, match="copy the model folder again"):
        serenade.load(folder).adapt(place)


def test_uncertain_answers_are_below_the_threshold_of_the_model(model, example, tmp_path):
    found = model.predict(example)
    assert found.uncertain_below == model.description["uncertain_below"]
    assert found.uncertain == (found.probability < found.uncertain_below)
    assert found.to_dict()["uncertain"] is found.uncertain
    assert not serenade.load(write_probe(tmp_path / "probe")).predict(example).uncertain


@pytest.mark.parametrize("expect", ["mixed", "neutral", "unknown"])
def test_timeline_adapts_each_utterance_to_those_before_it(model, talk, expect):
    long = np.tile(talk, 3)
    plain = model.timeline(long, 16000)
    adapted = model.timeline(long, 16000, adapt=expect)
    assert (adapted.assumed, plain.adapted_to) == (expect, 0)
    assert 3 <= adapted.adapted_to <= MOST_OWN
    assert adapted.segments[0] == plain.segments[0]
    assert adapted.segments != plain.segments
    assert adapted.speech == pytest.approx(plain.speech)
    for segment in adapted.segments:
        assert sum(segment.probabilities.values()) == pytest.approx(1)
    assert adapted.overall().to_dict()["adapted_to"] == adapted.adapted_to


def test_stream_adapts_as_the_timeline_does(model, talk):
    signal = np.tile(talk, 2)
    stream = model.stream(16000, adapt="neutral")
    updates = [one for chunk in np.array_split(signal, 50) for one in stream.push(chunk)]
    updates += stream.close()
    timeline = model.timeline(signal, 16000, adapt="neutral")
    segments = [segment for update in updates for segment in update.segments]
    assert segments == list(timeline.segments)
    assert updates[0].to_dict().keys() & {"adapted_to", "assumed"} == set()
    assert updates[-1].to_dict()["assumed"] == "neutral"
    assert 0 < updates[-1].adapted_to <= timeline.adapted_to


def test_an_endless_stream_adapts_to_the_latest_windows(model):
    rng = np.random.default_rng(0)
    own = OwnAdaptation(model, "unknown")
    for number in range(2 * MOST_OWN):
        signal = np.broadcast_to(np.float32(0), 32_000)
        window = Window(40_000 * number, signal, 40_000 * number, full=True, last=True)
        plain = rng.dirichlet(np.ones(len(model.labels)))
        found = own.adapt(window, plain)
        assert found.sum() == pytest.approx(1)
    assert own.remarks == {"adapted_to": MOST_OWN, "assumed": "unknown"}


def test_the_first_12_seconds_of_an_utterance_are_not_adapted(model):
    rng = np.random.default_rng(0)
    own = OwnAdaptation(model, "mixed")
    for second in range(2, 20):
        start = 16_000 * (second - 2)
        window = Window(start, np.zeros(32_000, np.float32), 0, full=True, last=False)
        plain = rng.dirichlet(np.ones(len(model.labels)))
        assert (own.adapt(window, plain) is plain) == (second <= 12)
    assert own.remarks["adapted_to"] == 5


def test_an_adapted_model_does_not_adapt_to_its_own_recording(model, place, talk):
    for adapted in (model.adapt(place), model.enrol(place)):
        with pytest.raises(InputError, match="adapted already"):
            adapted.timeline(talk, 16000, adapt="unknown")
    with pytest.raises(InputError, match="expect is one of"):
        model.stream(16000, adapt="anything")


def test_predict_files_reads_each_file_once(model, place, talk, tmp_path):
    soundfile.write(tmp_path / "long.wav", np.tile(talk, 3), 16000, subtype="FLOAT")
    files = [*map(str, place[:2]), str(tmp_path / "long.wav")]
    by_hand = model.adapt(files, expect="mixed")
    with pytest.MonkeyPatch.context() as patch:
        opened = []
        patch.setattr(
            _source, "read_blocks", lambda *a, **k: opened.append(a) or read_blocks(*a, **k)
        )
        found = list(predict_files(model, files, expect="mixed", windows=(2.0, 1.0)))
    assert len(opened) == len(files)
    for file, (prediction, timeline) in zip(files, found, strict=True):
        assert (prediction, timeline) == by_hand.predict_with_timeline(file)


def test_adaptation_takes_the_temperature_from_known_classes():
    """Neither the weight nor the temperature depends on how sure the model was of them."""
    places = Places(np.zeros(2), np.zeros((3, 2)), np.eye(2), np.eye(2))
    settings = Expectation(1, neutral=0.7, weight=0.0, trust=0.9)
    known, found = np.ones(3, np.intp), []
    for rows in np.log([[[0.1, 0.8, 0.1]] * 3, [[0.8, 0.1, 0.1]] * 3]):
        labels = ("angry", "neutral", "sad")
        one = Adaptation(places, labels, rows, known, "neutral speech", True, (1.0, 2.0), settings)
        found.append(one.probabilities(np.array([0.2, 0.5, 0.3])))
    np.testing.assert_allclose(*found)
