"""The same seed gives the same weights in any process on a CPU."""

import pytest

pytest.importorskip("skorch")

TRAIN = """
import hashlib
import numpy as np, torch
from serenade import systems
from serenade.training._clips import Clips
from serenade.training._network_learner import NetworkLearner
torch.set_num_threads(1)
rng = np.random.default_rng(0)
system = systems.get("cnn-transformer")
recipe = system.recipe(
    epochs=3, channels=(2, 2, 2), layers=1, hidden=8, mixup=0.2, time_masks=1, pooling="mean",
    schedule="cosine",
)
labels = np.resize(np.array(["angry", "sad"]), 48)
part = [rng.normal(0, 1, (n, 40)).astype(np.float32) for n in rng.integers(40, 60, 48)]
clips = Clips((part[:32],), labels[:32], np.ones(32))
validation = Clips((part[32:],), labels[32:], np.ones(16))
for seed in (1, 1, 2):
    module = NetworkLearner(system, recipe, seed).fit(clips, validation).classifier.module_
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode() + tensor.numpy().tobytes())
    print(digest.hexdigest())
"""


def test_two_processes_train_the_same_weights(child, outputs):
    # The order of sets, another hash seed's, must not matter.
    found = outputs(*(child(TRAIN, PYTHONHASHSEED=seed) for seed in ("1", "2")))
    assert found[0] == found[1]
    first, again, other = found[0].split()
    assert first == again != other
