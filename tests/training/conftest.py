"""Fixtures: a small synthetic corpus and a recipe that fits it in seconds."""

import numpy as np
import pytest
from support.small_corpora import SYNTHETIC

from serenade import corpora, systems


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """Open a corpus of four speakers, four emotions and two sentences."""
    root = tmp_path_factory.mktemp("synthetic")
    labels = ("angry", "happy", "neutral", "sad")
    return corpora.open(SYNTHETIC, root, speakers=4, sentences=2, labels=labels)


@pytest.fixture(scope="session")
def probe():
    """Return the system and a recipe with one augmented copy."""
    system = systems.get("whisper-probe")
    return system, system.recipe("default", copies=1, layers=(1, 2))


@pytest.fixture(scope="session")
def clips_of():
    """Make clips of unequal length: the mean of one column depends on the class."""
    from serenade.training._clips import Clips

    def make(count=60, seed=0, noise=1.0, copies=0, dims=6):
        rng = np.random.default_rng(seed)
        labels = np.resize(np.array(["angry", "happy", "sad"]), count)
        hints = np.select([labels == "angry", labels == "happy"], [1.5, 0.0], -1.5)

        def draw():
            lengths = rng.integers(5, 40, count)
            parts = [rng.normal(0, noise, (n, dims)).astype(np.float32) for n in lengths]
            for part, hint in zip(parts, hints, strict=True):
                part[:, 0] += hint
            return parts

        rounds = [(draw(),) for _ in range(1 + copies)]
        speakers = np.array([f"s{row // 6}" for row in range(count)])
        return Clips(rounds[0], labels, np.ones(count), speakers, tuple(rounds[1:]))

    return make


@pytest.fixture(scope="session")
def learner():
    """Make a learner of a small network: a convolution, dropout, a mean over time."""
    pytest.importorskip("skorch")
    from support.small_system import SmallSystem

    from serenade.training._network_learner import NetworkLearner

    system = SmallSystem()

    def make(seed=0, checkpoints=None, tracking=None, device="cpu", **changes):
        settings = {"epochs": 4, "learning_rate": 0.01, **changes}
        recipe = system.recipe("default", **settings)
        return NetworkLearner(
            system, recipe, seed, device=device, checkpoints=checkpoints, tracking=tracking
        )

    return make


@pytest.fixture(scope="session")
def weights_of():
    """Return the function that reads a fitted learner's weights as bytes."""

    def read(fitted):
        state = fitted.classifier.module_.state_dict()
        return {name: tensor.numpy().tobytes() for name, tensor in state.items()}

    return read
