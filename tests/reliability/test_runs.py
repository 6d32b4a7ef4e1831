"""Evaluations and reproductions: the same in any process, after a kill, and made twice at once."""

import json
import signal
import time

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from support.small_corpora import SYNTHETIC  # noqa: E402

from serenade.evaluation import Report, read_runs  # noqa: E402

EVALUATE = ("evaluate", "lld-svm", SYNTHETIC, "--labels", "angry,sad", "--jobs", "1")
REPRODUCE = """
import dataclasses, json, sys
from serenade.papers._paper_tables import Paper, Place, Row, Table
from serenade.papers._runner import Runner
place = Place(sys.argv[3], ("angry", "sad"), plan={"test": 0.2, "validation": 0.2}, seeds=1)
rows = (
    Row("machine", {"ua": 0.9}, "lld-svm"),
    Row("network", {"ua": 0.9}, "dcnn", changes={"epochs": 20, "channels": (8, 8)}),
)
paper = Paper("paper", "a title", "nobody", (Table("1", "about it", rows, (place,)),))
runner = Runner(sys.argv[1] + "/speech", sys.argv[2], jobs=1, fast=True)
print(json.dumps([dataclasses.asdict(entry) for entry in runner.entries(paper)]))
"""


def test_two_evaluations_at_once_in_one_run_folder(tmp_path, child, outputs):
    """Both make the corpus, fill the cache and write the report; each file is whole."""
    code = "from serenade.cli import main; main()"
    arguments = [*EVALUATE, "--root", tmp_path / "speech", "--out", tmp_path / "run"]
    cache = {"SERENADE_CACHE": str(tmp_path / "cache")}
    printed = outputs(*(child(code, *arguments, **cache) for _ in range(2)))
    first, second = ([line for line in text.splitlines() if line.startswith("| UA")]
                     for text in printed)  # fmt: skip
    assert first == second != []
    report = Report.from_json(tmp_path / "run" / "report.json")
    assert f"{report.metrics['ua'].value:.3f}" in first[0]
    assert not [path for path in tmp_path.rglob("*") if "tmp" in path.name]


def weights(folder):
    """Return the last and best weights of every trained network, by the run's key."""
    found = {}
    for path in folder.glob("*.pt"):
        state = torch.load(path, weights_only=True)
        assert state["finished"]
        best = (state["best"] or {}).get("weights")
        found[path.name] = [state["module"], best]
    return found


def same(one, other):
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def test_a_reproduction_that_was_killed_is_finished_by_two_at_once(tmp_path, child, outputs):
    cache = {"SERENADE_CACHE": str(tmp_path / "cache")}
    unbroken, out = tmp_path / "unbroken", tmp_path / "killed"
    (whole,) = outputs(child(REPRODUCE, tmp_path, unbroken, SYNTHETIC, **cache))

    process = child(REPRODUCE, tmp_path, out, SYNTHETIC, **cache)
    while not list((out / "checkpoints").glob("*.pt")):  # in the middle of the first network
        assert process.poll() is None, process.communicate()
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    (file,) = (out / "checkpoints").glob("*.pt")
    assert not torch.load(file, weights_only=True)["finished"]
    (kept,) = out.rglob("*.json.gz")
    finished = kept.stat().st_mtime_ns
    assert len(read_runs(kept)) == 2  # the first row by the paper's protocol and on unseen speakers

    both = outputs(*(child(REPRODUCE, tmp_path, out, SYNTHETIC, **cache) for _ in range(2)))
    assert [json.loads(one) for one in both] == [json.loads(whole)] * 2
    assert same(weights(out / "checkpoints"), weights(unbroken / "checkpoints"))
    assert kept.stat().st_mtime_ns == finished


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
