"""Estimator: scikit-learn's contract, construction, checks of inputs, no leaks."""

import json
import pickle
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GroupKFold, cross_val_predict

from serenade import systems
from serenade.errors import EmptyFileError, InputError, MissingExtraError, SerenadeError
from serenade.evaluation import evaluate
from serenade.protocols import _protocols
from serenade.training import Estimator
from serenade.training._clips import compute_weights


@pytest.fixture(scope="module")
def data(corpus):
    return corpus.table.drop(columns="emotion"), corpus.table["emotion"].to_numpy(dtype=str)


def test_estimator_works_with_tools_of_scikit_learn(probe, data):
    X, y = data
    estimator = Estimator(*probe, jobs=1)
    copied = clone(estimator)
    assert copied.get_params() == estimator.get_params()
    found = cross_val_predict(
        estimator, X, y, groups=X["speaker"], cv=GroupKFold(4), method="predict_proba"
    )
    assert found.shape == (len(y), 4)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    chosen = np.unique(y)[found.argmax(axis=1)]
    # The synthesiser's emotions differ by design; a figure near chance is a broken pipeline.
    assert np.mean(chosen == y) > 0.5
    assert not hasattr(estimator, "classes_")


def test_estimator_is_built_by_name_or_path_or_object():
    named = Estimator("whisper-probe", "nested", C=0.01)
    assert named.get_recipe().C == (0.01,)
    system = systems.get("whisper-probe")
    built = Estimator(system, system.recipe("nested", C=(0.01,)))
    assert built.get_recipe() == named.get_recipe()
    own = Estimator(Path(__file__).parents[2] / "examples/own_system.py", trees=7)
    assert own.get_system().name == "own-system"
    assert own.get_recipe().trees == 7


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (Estimator("whisper-prob"), "no system 'whisper-prob'; did you mean whisper-probe"),
        (Estimator(3), "system: a int; give a name"),
        (Estimator(recipe="big"), "no recipe 'big'; choose from default"),
        (Estimator(recipe=None), "no recipe None; choose from default"),
        (Estimator(c=1), "its recipe has no c; it has encoder"),
        (Estimator(C="high"), r"C is tuple\[float, ...\], got 'high'"),
    ],
)
def test_estimator_refuses_what_it_cannot_build(estimator, message):
    with pytest.raises(SerenadeError, match=message) as caught:
        estimator.fit(["a.wav", "b.wav"], ["sad", "happy"])
    assert "\n" not in str(caught.value)


def test_estimator_parameters_include_changed_fields():
    estimator = Estimator("whisper-probe", C=0.01)
    copied = clone(estimator)
    assert copied.get_params() == estimator.get_params()
    assert copied.get_params()["C"] == 0.01
    copied.set_params(C=[0.1, 1.0], seed=4, recipe="transfer", balance=0.0)
    assert (copied.seed, copied.get_recipe().C, copied.get_recipe().balance) == (4, (0.1, 1.0), 0)
    assert estimator.get_recipe().C == (0.01,)
    again = pickle.loads(pickle.dumps(copied))
    assert again.get_params() == copied.get_params()


def test_estimator_repr_is_the_call_that_makes_it():
    assert repr(Estimator("whisper-probe", C=0.01)) == "Estimator('whisper-probe', C=0.01)"
    system = systems.get("whisper-probe")
    built = Estimator(system, system.recipe(copies=1), seed=3)
    assert repr(built) == "Estimator('whisper-probe', recipe=WhisperProbe(copies=1), seed=3)"


def test_estimator_describes_its_run(tmp_path):
    encoder = str(tmp_path / "encoder")
    described = Estimator("whisper-probe", "nested", seed=2, encoder=encoder).describe()
    assert json.loads(json.dumps(described)) == described
    assert described["system"] == "whisper-probe"
    assert described["recipe_name"] == "nested"
    assert described["recipe"]["encoder"] == "encoder"
    assert described["recipe"]["copies"] == 3
    assert (described["seed"], described["speaker_standardisation"]) == (2, False)


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_unfitted_estimator_raises_not_fitted_error(method):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(Estimator("whisper-probe"), method)(["a.wav"])


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ("a.wav", ["sad"], r"X: one path; give a list of paths: \['a.wav'\]"),
        (np.zeros((2, 3)), ["sad", "happy"], "X: a ndarray that does not hold paths; give rows"),
        (
            pd.DataFrame({"file": ["a.wav"]}),
            ["sad"],
            r"X: a table with the index \[None\], not file",
        ),
        (None, ["sad"], "X: a NoneType that does not hold paths"),
        ([], [], "X: no recordings; give rows"),
        (["a.wav"], None, "y: None; give one emotion for each recording"),
        (["a.wav"], ["sad", "happy"], r"y: shape \(2,\) for 1 recordings"),
        (["a.wav", "b.wav"], ["sad", None], "y: some recordings have no emotion"),
    ],
)
def test_fit_refuses_other_inputs_in_one_line(X, y, message):
    with pytest.raises(InputError, match=message) as caught:
        Estimator("whisper-probe").fit(X, y)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_fit_takes_a_list_of_paths(probe, data):
    X, y = data
    paths = X.index.get_level_values("file").tolist()
    found = Estimator(*probe, jobs=1).fit(paths, y).predict_proba([Path(path) for path in paths])
    # The recordings are whole files: the table gives the same.
    np.testing.assert_allclose(found, Estimator(*probe, jobs=1).fit(X, y).predict_proba(X))


def test_speaker_standardisation_needs_speakers(data):
    X, y = data
    with pytest.raises(InputError, match="standardisation needs the column speaker"):
        Estimator(speaker_standardisation=True, copies=0).fit(X.drop(columns="speaker"), y)


def test_estimator_is_decided_by_its_seed(probe, data):
    X, y = data
    one, two = (Estimator(*probe, seed=3, jobs=1).fit(X, y) for _ in range(2))
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))


def test_predict_proba_does_not_depend_on_the_order_of_rows(probe, data):
    X, y = data
    estimator = Estimator(*probe, jobs=1).fit(X, y)
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_allclose(
        estimator.predict_proba(X.iloc[order]), estimator.predict_proba(X)[order]
    )


def test_predict_proba_treats_each_recording_alone(probe, data):
    """Posteriors of a recording do not depend on the others without speaker standardisation."""
    X, y = data
    estimator = Estimator(*probe, jobs=1).fit(X, y)
    alone = np.concatenate([estimator.predict_proba(X.iloc[[row]]) for row in range(4)])
    np.testing.assert_allclose(alone, estimator.predict_proba(X)[:4], atol=1e-6)


def test_estimator_chooses_between_penalties(probe, data):
    system, _ = probe
    grid = (1e-4, 1e-3)
    nested = system.recipe("default", copies=0, layers=(1,), C=grid)
    estimator = Estimator(system, nested, jobs=1).fit(*data)
    assert estimator.classifier_[-1].C in grid


def test_fit_names_a_bad_recording(probe, data, tmp_path):
    X, y = data
    empty = tmp_path / "empty.wav"
    empty.touch()
    index = X.index.to_frame(index=False)
    index.loc[0, "file"] = str(empty)
    broken = X.set_axis(pd.MultiIndex.from_frame(index))
    with pytest.raises(EmptyFileError, match=r"empty\.wav"):
        Estimator(*probe, jobs=1).fit(broken, y)


@pytest.fixture
def network():
    """Return a system with a network, and a recipe that trains in seconds."""
    pytest.importorskip("skorch")
    system = systems.get("cnn-transformer")
    changes = {"offset": 0.0, "duration": 0.5, "channels": (2, 2, 2), "layers": 1, "hidden": 8}
    return system, system.recipe(copies=1, epochs=2, **changes)


def test_estimator_of_a_network_works_with_tools_of_scikit_learn(network, data, tmp_path):
    X, y = data
    estimator = clone(Estimator(*network, jobs=1, checkpoints=tmp_path))
    assert estimator.get_params()["checkpoints"] == tmp_path
    found = cross_val_predict(
        estimator, X, y, groups=X["speaker"], cv=GroupKFold(2), method="predict_proba"
    )
    assert found.shape == (len(y), 4)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    assert len(list(tmp_path.glob("*.pt"))) == 2


def test_fit_passes_validation_rows_to_networks_only(network, probe, corpus):
    """Networks get validation rows without augmented copies; the probe gets none."""
    plan = _protocols.get("groups", groups=2, validation_speakers=1)
    made = []

    def factory(chosen):
        def make(seed):
            made.append(Estimator(*chosen, seed=seed, jobs=1))
            return made[-1]

        return make

    report = evaluate(factory(network), corpus, plan)
    assert not any("not used" in note for note in report.notes)
    assert all("valid_ua" in each.classifier_.history[-1] for each in made)
    # 16 clips of each fold's one training speaker and their copies, by 16.
    expected = -(-2 * len(plan.split(corpus.table, 0)[0].train) // 16)
    assert made[0].classifier_.history[0]["train_batch_count"] == expected
    plain = evaluate(factory(probe), corpus, plan)
    assert any("validation rows were not used" in note for note in plain.notes)


def test_fit_names_a_missing_extra(network, data, monkeypatch):
    monkeypatch.setitem(sys.modules, "skorch.callbacks", None)
    monkeypatch.delitem(sys.modules, "serenade.training._network_learner", raising=False)
    with pytest.raises(MissingExtraError, match=r"cnn-transformer needs the extra \"train\""):
        Estimator(*network, jobs=1).fit(*data)


@pytest.mark.parametrize("name", ["lld-svm", "cnn-transformer"])
def test_fit_refuses_one_class_before_the_recordings_are_read(name):
    with pytest.raises(InputError, match=r"all 2 training recordings are sad.*two classes"):
        Estimator(name).fit(["missing-a.wav", "missing-b.wav"], ["sad", "sad"])


def test_compute_weights_balances_emotions_of_each_corpus():
    rows = pd.DataFrame({"corpus": ["a", "a", "a", "b"]})
    labels = np.array(["sad", "sad", "angry", "sad"])
    weights = compute_weights(rows, labels, power=1.0)
    np.testing.assert_allclose(weights, np.array([0.5, 0.5, 1, 1]) / 0.75)
    np.testing.assert_allclose(compute_weights(rows, labels, power=0.0), 1)
    np.testing.assert_allclose(
        compute_weights(rows[[]], labels, power=1.0), np.array([1 / 3, 1 / 3, 1, 1 / 3]) * 2
    )
