"""`Classifier` and `Model`: short descriptions, copies, and copies in other processes."""

import copy
import multiprocessing
import pickle
import shutil

import numpy as np
import pytest

import serenade
from serenade.inference._model_folder import BUNDLED


@pytest.fixture(scope="module")
def enrolled(model, example):
    return model.enrol(example)


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, copy.copy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_model_copies_predict_the_same(model, enrolled, example, copied):
    for one in (model, enrolled):
        again = copied(one)
        assert type(again) is type(one)
        assert again.predict(example) == one.predict(example)
        assert repr(again) == repr(one)


def test_model_of_a_relative_folder_is_pickled(model, example, tmp_path, monkeypatch):
    shutil.copytree(BUNDLED, tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    sent = pickle.dumps(serenade.load("model"))
    monkeypatch.chdir("/")
    assert pickle.loads(sent).predict(example) == model.predict(example)


def test_model_state_is_small(model, enrolled):
    assert len(pickle.dumps(model)) < 500
    assert len(pickle.dumps(enrolled)) < 20_000


def test_model_predicts_in_a_spawned_process(enrolled, example):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(enrolled.predict, (str(example),)) == enrolled.predict(str(example))


def test_model_predicts_in_processes_of_joblib(model, example):
    joblib = pytest.importorskip("joblib")
    jobs = [joblib.delayed(model.predict)(str(example)) for _ in range(2)]
    found = joblib.Parallel(n_jobs=2, backend="loky")(jobs)
    assert found == [model.predict(str(example))] * 2


def test_model_repr_is_short(model, enrolled, tmp_path):
    assert repr(model) == "Model(whisper-places, 7 labels, bundled)"
    assert repr(enrolled).startswith("Model(whisper-places, 7 labels, bundled, enrolment: neutral")
    folder = shutil.copytree(BUNDLED, tmp_path / "mine")
    assert repr(serenade.load(folder)) == f"Model(whisper-places, 7 labels, {folder})"


def test_model_takes_every_kind_of_recording(model, example):
    content = example.read_bytes()
    expected = model.timeline(example).segments
    assert model.timeline(content).segments == expected
    with example.open("rb") as file:
        assert model.predict(file).probabilities == model.predict(example).probabilities
    assert model.enrol(content).enrolment == model.enrol([example]).enrolment


def test_model_enrols_from_one_recording_or_several(model, example, talk):
    one, several = model.enrol(str(example)), model.enrol([example])
    assert one.predict(example) == several.predict(example)
    by_samples = model.enrol(talk, 16000)
    np.testing.assert_allclose(
        list(by_samples.predict(talk, 16000).probabilities.values()),
        list(model.enrol([talk], 16000).predict(talk, 16000).probabilities.values()),
    )
