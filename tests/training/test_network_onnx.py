"""Model folders of all systems without text: graphs equal the fitted systems for all lengths."""

import dataclasses
import json

import numpy as np
import pytest
from support.small_encoders import save_encoder

from serenade import load, systems
from serenade.errors import ModelError, SerenadeError
from serenade.features import LogMel
from serenade.runtime import open_session
from serenade.systems import feature_from_json, feature_to_json
from serenade.training import Estimator
from serenade.training._write_model import measure_difference, require_writable, write_model

pytest.importorskip("skorch")
pytest.importorskip("onnx")

SMALL = {"epochs": 1, "copies": 0}
CODER = {**SMALL, "coder_steps": 2, "patches": 50, "units": 4, "channels": 8}
FUSION = {
    "acoustic": "own",
    "encoder": "whisper-base",
    "layers": 1,
    "width": 16,
    "heads": 2,
    "cells": 8,
}
SYSTEMS = {
    "cnn-transformer": SMALL | {"layers": 1, "scaling": "pixel"},
    "cnn-transformer:tuned": SMALL | {"layers": 1, "scaling": "clip"},
    "dcnn": SMALL,
    "lld-blstm": SMALL | {"hidden": 16, "cells": 8, "context": 60},
    "crnn": CODER | {"cells": 6, "pooling": "last"},
    "attentive-crnn": CODER | {"cells": 6},
    "attentive-crnn:tuned": CODER | {"cells": 6},
    "fusion-transformer": SMALL | FUSION,
    "fusion-transformer:ensemble": SMALL | FUSION | {"layer": None},
    "dual-bilstm": SMALL | {"branches": "acoustic", "cells": 8, "dense": 8, "windows": 12},
    "stser": SMALL | {"parts": "speech", "channels": 4, "cells": 8, "holdout": 0.0},
    "ssl-probe": SMALL | {"encoder": "whisper-base"},
    "ssl-probe:finetune": SMALL | {"longest": 1.0},
    "ssl-probe:adapters": SMALL | {"longest": 1.0, "rank": 2},
    "lld-svm": {"C": (1.0,)},
    "opensmile-svm": {"C": (0.01,)},
    "whisper-probe": {"layers": (1,), "copies": 0},
}


@pytest.fixture(scope="module")
def rows(corpus):
    """Return a third of the corpus, with one recording much shorter than the others."""
    return corpus.table.iloc[::3]


@pytest.mark.filterwarnings("ignore:openSMILE may be used for research")
@pytest.mark.parametrize("name", SYSTEMS)
def test_write_model_keeps_predictions_of_each_system(rows, tmp_path, name):
    if name == "opensmile-svm":
        pytest.importorskip("opensmile")
    system, _, recipe = name.partition(":")
    chosen = systems.get(system)
    settings = chosen.recipe(recipe or "default", **SYSTEMS[name])
    if recipe in {"finetune", "adapters"}:
        pytest.importorskip("transformers")
        save_encoder(tmp_path / "encoder")
        settings = dataclasses.replace(settings, encoder=str(tmp_path / "encoder"))
    X, y = rows.drop(columns="emotion"), rows["emotion"].to_numpy(dtype=str)
    estimator = Estimator(chosen, settings, jobs=1).fit(X, y)
    order = sorted(set(y), reverse=True)
    write_model(estimator, tmp_path / "model", card="", labels=order, temperature=2.0)
    model = load(tmp_path / "model")
    assert model.labels == tuple(order)
    assert model.sampling_rate == chosen.sampling_rate
    expected = np.sqrt(estimator.predict_proba(X.iloc[:4])[:, ::-1])
    expected /= expected.sum(axis=1, keepdims=True)
    for (file, _, _), wanted in zip(X.index, expected, strict=False):
        found = list(model.predict(file).probabilities.values())
        np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert model.description["difference"] < 1e-4
    assert str(tmp_path) not in str(model.description["recipe"])
    if len(estimator.learner_.examples) == 1:
        assert expected.std(axis=0).max() > 0  # answers do depend on what is heard


@pytest.mark.parametrize("pooling", ["attention", "mean", "last"])
def test_export_network_ignores_padding(clips_of, pooling):
    """Clips of one to hundreds of steps, alone and in a batch, none of them used for tracing."""
    from serenade.training._network_learner import NetworkLearner
    from serenade.training._network_onnx import export_network

    system = systems.get("lld-blstm")
    changes = SMALL | {"hidden": 0, "cells": 5, "pooling": pooling, "context": 40, "layers": 2}
    recipe = system.recipe("default", **changes, reference="", holdout=0.0)
    learner = NetworkLearner(system, recipe).fit(clips_of(30))
    content = export_network(learner, [0, 1, 2], 1.0)
    session = open_session(content)
    rng = np.random.default_rng(1)
    clips = [rng.normal(3, 2, (n, 6)).astype(np.float32) for n in (1, 2, 41, 300, 83)]
    values = np.full((5, 300, 6), 7.0, np.float32)  # what is padded may be anything
    mask = np.arange(300) < np.array([len(clip) for clip in clips])[:, None]
    values[mask] = np.concatenate(clips)
    together = session.run(None, {"values_0": values, "mask_0": mask})[0]
    np.testing.assert_allclose(together, learner.predict_proba((clips,)), atol=1e-6)


def test_write_model_refuses_a_graph_with_other_probabilities(rows, tmp_path, monkeypatch):
    from serenade.training import _write_model

    system = systems.get("whisper-probe")
    X, y = rows.drop(columns="emotion"), rows["emotion"].to_numpy(dtype=str)
    estimator = Estimator(system, system.recipe(layers=(1,), copies=0), jobs=1).fit(X, y)
    graph = _write_model.export_pipeline
    monkeypatch.setattr(_write_model, "export_pipeline", lambda p, c, t: graph(p, c, t * 1.01))
    with pytest.raises(SerenadeError, match="differ from the trained system's by"):
        write_model(estimator, tmp_path / "m", card="")
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_export_pipeline_keeps_predictions_of_a_kernel_machine(classes):
    from sklearn.pipeline import make_pipeline

    from serenade.systems._kernel_machine import KernelMachine, ReferenceScaler
    from serenade.training._pipeline_onnx import export_pipeline

    rng = np.random.default_rng(classes)
    X = (1000 + rng.normal(0, 1, (90, 30)) * rng.uniform(0.1, 50, 30)).astype(np.float32)
    y = np.resize(np.array(list("abcde")[:classes]), 90)
    X[:, 0] += 40 * np.searchsorted(list("abcde"), y)
    fitted = make_pipeline(ReferenceScaler("a"), KernelMachine(10.0)).fit(X, y)
    content = export_pipeline(fitted, list(range(classes)), 1.0)
    trials = [({"features": X}, fitted.predict_proba(X))]
    assert measure_difference(content, trials) < 1e-5


@pytest.mark.parametrize(
    ("system", "changes", "message"),
    [
        ("stser", {}, "set parts=speech"),
        ("dual-bilstm", {}, "set branches=acoustic"),
        ("fusion-transformer", {}, "set encoder=whisper"),
    ],
)
def test_require_writable_names_a_recipe_that_works(system, changes, message):
    chosen = systems.get(system)
    with pytest.raises(SerenadeError, match=message):
        require_writable(Estimator(chosen, chosen.recipe(**changes)))


def test_feature_from_json_rebuilds_features(tmp_path):
    for system, recipe in (
        ("fusion-transformer", {"acoustic": "own", "encoder": "whisper-base"}),
        ("cnn-transformer", {}),
        ("lld-svm", {}),
    ):
        chosen = systems.get(system)
        for feature in chosen.features(chosen.recipe(**recipe)):
            statement = json.loads(json.dumps(feature_to_json(feature)))
            assert feature_from_json(statement, tmp_path) == feature


def test_feature_to_json_refuses_a_user_feature_of_the_same_name():
    @dataclasses.dataclass(frozen=True)
    class Pitch(LogMel):
        pass

    Pitch.__qualname__ = "Pitch"
    with pytest.raises(SerenadeError, match="Pitch: no model folder can hold it"):
        feature_to_json(Pitch())


def test_feature_from_json_refuses_another_version(tmp_path):
    (feature,) = systems.get("dcnn").features(systems.get("dcnn").recipe())
    with pytest.raises(ModelError, match="another version of spectral-means"):
        feature_from_json(feature_to_json(feature) | {"version": 99}, tmp_path)


def test_model_of_another_rate_has_no_timeline(rows, tmp_path):
    system = systems.get("dcnn")
    X, y = rows.drop(columns="emotion"), rows["emotion"].to_numpy(dtype=str)
    write_model(Estimator(system, system.recipe(**SMALL), jobs=1).fit(X, y), tmp_path, card="")
    model = load(tmp_path)
    with pytest.raises(ModelError, match="22050 Hz"):
        model.timeline(X.index[0][0])
    with pytest.raises(ModelError, match="22050 Hz"):
        model.stream(16000)
