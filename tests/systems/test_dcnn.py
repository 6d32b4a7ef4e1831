"""The network of Issa et al. (2020)."""

import numpy as np
import pytest

from serenade import systems

torch = pytest.importorskip("torch")

from serenade.systems.networks._dcnn import DCNN  # noqa: E402

SYSTEM = systems.get("dcnn")


def test_dcnn_has_the_expected_number_of_parameters():
    sizes = [(1, 256), (256, 128), *[(128, 128)] * 4]
    convolutions = sum(5 * i * o + o for i, o in sizes)
    norms = 2 * (256 + 128 + 128 + 8)
    expected = convolutions + norms + (128 * (193 // 8) + 1) * 8
    network = DCNN(193, 8)
    assert sum(p.numel() for p in network.parameters()) == expected
    assert network(torch.zeros(4, 1, 193), torch.ones(4, 1, dtype=torch.bool)).shape == (4, 8)


def test_dcnn_has_the_layers_of_the_public_implementation():
    kinds = [type(layer).__name__ for layer in DCNN(193, 8).layers]
    assert " ".join(kinds) == (
        "Conv1d BatchNorm1d ReLU Conv1d ReLU Dropout BatchNorm1d MaxPool1d "
        "Conv1d ReLU Conv1d ReLU Conv1d BatchNorm1d ReLU Dropout "
        "Conv1d ReLU Flatten Dropout Linear BatchNorm1d"
    )


def test_default_recipe_has_the_settings_of_the_paper():
    recipe = SYSTEM.recipe()
    assert (recipe.optimiser, recipe.learning_rate, recipe.decay) == ("rmsprop", 1e-5, 1e-6)
    tone = np.sin(np.arange(22050, dtype=np.float32))
    (feature,) = SYSTEM.features(recipe)
    assert feature(tone, SYSTEM.sampling_rate).shape == (1, 193)


def test_dcnn_learns():
    pytest.importorskip("skorch")
    from serenade.training._clips import Clips
    from serenade.training._network_learner import NetworkLearner

    rng = np.random.default_rng(0)
    labels = np.resize(np.array(["angry", "sad"]), 64)
    part = rng.normal(0, 1, (64, 1, 193)).astype(np.float32)
    part[labels == "sad", 0, 40:80] += 1.0
    clips = Clips((list(part),), labels, np.ones(64))
    recipe = SYSTEM.recipe(epochs=40, learning_rate=1e-3, channels=(8, 8))
    fitted = NetworkLearner(SYSTEM, recipe).fit(clips.take(np.arange(48)))
    found = fitted.classes_[fitted.predict_proba((list(part[48:]),)).argmax(axis=1)]
    assert np.mean(found == labels[48:]) > 0.8
