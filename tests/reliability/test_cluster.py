"""A real Dask cluster of two workers, one of which is killed: results are those of one process."""

import hashlib
import os
import signal
import sys
import threading
import time
import types

import numpy as np
import pytest

pytest.importorskip("distributed")
pytest.importorskip("sklearn")

import dask
import soundfile
from distributed import LocalCluster
from support.small_corpora import SYNTHETIC
from support.waiting import wait_until
from threadpoolctl import threadpool_limits

from serenade import _parallel, corpora, systems
from serenade.errors import SerenadeError
from serenade.evaluation import evaluate
from serenade.extraction import Cache, Clip, extract, write_shards
from serenade.extraction._shards import read_shards
from serenade.features import MFCC40
from serenade.papers import Paper, Runner
from serenade.papers._paper_tables import Place, Row, Table
from serenade.protocols import get
from serenade.training import Estimator

pytestmark = pytest.mark.filterwarnings("ignore")  # of Dask about workers that die


@pytest.fixture(autouse=True)
def one_thread():
    """Use one thread, as Dask's workers do: sums of several threads differ in the last digits."""
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1, user_api="blas"):
        yield
    torch.set_num_threads(threads)


def local(workers):
    return LocalCluster(
        n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=50
    )


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Make the cache's folder, with which workers are started."""
    folder = tmp_path_factory.mktemp("shared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SERENADE_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def two(shared):  # noqa: ARG001 - workers inherit its variable
    """Start a scheduler with two worker processes; a nanny replaces one that is killed."""
    with local(2) as made:
        yield made


@pytest.fixture(scope="module")
def one(shared):  # noqa: ARG001 - likewise
    with local(1) as made:
        yield made


@pytest.fixture(scope="module")
def segments(tmp_path_factory):
    """Return parts of recordings, and one that cannot be used."""
    folder, rng = tmp_path_factory.mktemp("sound"), np.random.default_rng(0)
    for number in range(8):
        soundfile.write(folder / f"{number}.wav", 0.1 * rng.standard_normal(80_000), 16000)
    (folder / "bad.wav").write_bytes(b"RIFF")
    parts = [
        Clip(str(folder / f"{number % 8}.wav"), 0.01 * (number // 8), None) for number in range(240)
    ]
    return [*parts, Clip(str(folder / "bad.wav"))]


def kill_one(two, when):
    """Kill a worker with SIGKILL once a condition holds; the thread's list gets its process."""
    killed = []

    def watch():
        wait_until(when, pause=0.002)
        pid = two.workers[0].process.process.pid
        os.kill(pid, signal.SIGKILL)
        killed.append(pid)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread, killed


def digests(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def test_shards_of_one_process_one_worker_and_two_with_a_kill_are_the_same(
    segments, one, two, tmp_path
):
    alone = list(write_shards(segments, MFCC40(), tmp_path / "alone", each=8, jobs=1))
    assert sum(shard.rows for shard in alone) == 241
    assert sum(shard.failed for shard in alone) == 1
    with _parallel.use_dask(one.scheduler_address):
        list(write_shards(segments, MFCC40(), tmp_path / "one", each=8))
    folder = tmp_path / "two"
    thread, killed = kill_one(two, lambda: len(list(folder.glob("part-*"))) >= 3)
    with _parallel.use_dask(two.scheduler_address):
        found = list(write_shards(segments, MFCC40(), folder, each=8))
    thread.join()
    assert killed
    assert [(s.path.name, s.rows, s.failed) for s in found] == [
        (s.path.name, s.rows, s.failed) for s in alone
    ]
    for path in folder.glob(".*.tmp"):
        path.unlink()  # what the killed worker was writing
    assert digests(folder) == digests(tmp_path / "one") == digests(tmp_path / "alone")
    # Nothing is made twice, and a shard that was damaged is made again.
    (folder / "part-00002.parquet").write_bytes(b"PAR1")
    again = list(write_shards(segments, MFCC40(), folder, each=8, jobs=1))
    assert [shard.path.name for shard in again if shard.made] == ["part-00002.parquet"]
    assert digests(folder) == digests(tmp_path / "alone")
    rows = list(read_shards(folder))
    assert [segment for segment, _ in rows] == segments[:-1]
    expected = extract(segments[:8], MFCC40(), jobs=1, cache=Cache(tmp_path / "cache"))
    assert all(np.array_equal(a, b) for a, (_, b) in zip(expected, rows, strict=False))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return corpora.open(SYNTHETIC, tmp_path_factory.mktemp("speech"), labels=("angry", "sad"))


def judged(corpus, lines):
    """Evaluate a network on the speech."""
    system = systems.get("dcnn")
    recipe = system.recipe("default", epochs=3, channels=(8, 8))
    report = evaluate(
        lambda seed: Estimator(system, recipe, seed=seed, jobs=1),
        corpus,
        get(),
        progress=lines.append,
    )
    return report.predictions, [fold.curve for fold in report.folds]


def test_folds_on_two_workers_with_a_kill_are_those_of_one_process(
    corpus, two, tmp_path, monkeypatch
):
    pytest.importorskip("skorch")
    with monkeypatch.context() as patch:
        patch.setenv("SERENADE_CACHE", str(tmp_path))
        alone = judged(corpus, [])
    lines, seen = [], [0]

    def begun():  # folds may be told two at a time
        seen[0] = len(lines)
        return seen[0] > 0

    thread, killed = kill_one(two, begun)
    with _parallel.use_dask(two.scheduler_address):
        spread = judged(corpus, lines)
    thread.join()
    assert killed
    assert seen[0] < len(lines) == 6
    assert spread == alone


def test_searches_and_features_are_those_of_one_process(corpus, two, tmp_path, monkeypatch):
    chosen = systems.get("lld-svm")
    rows, emotions = corpus.table.drop(columns="emotion"), corpus.table["emotion"]
    recipe = chosen.recipe("default")
    with monkeypatch.context() as patch:
        patch.setenv("SERENADE_CACHE", str(tmp_path))
        alone = Estimator(chosen, recipe, jobs=1).fit(rows, emotions).predict_proba(rows)
    with _parallel.use_dask(two.scheduler_address):
        assert _parallel.has_cluster()
        spread = Estimator(chosen, recipe).fit(rows, emotions).predict_proba(rows)
    assert not _parallel.has_cluster()
    assert np.array_equal(alone, spread)


def test_seeds_and_tables_are_those_of_one_process(two, tmp_path):
    place = Place(SYNTHETIC, ("angry", "sad"), plan={"test": 0.3, "validation": 0}, seeds=2)
    rows = (
        Row("machine", {"ua": 0.9}, "lld-svm", changes={"C": (0.01,)}),
        Row("nothing", {"ua": 0.8}, "lld-svm", changes={"C": "@lacking"}),
    )
    paper = Paper("paper", "a title", "nobody", (Table("1", "about it", rows, (place,)),))
    alone = Runner(tmp_path / "speech", tmp_path / "alone", jobs=1).entries(paper)
    with _parallel.use_dask(two.scheduler_address):
        spread = Runner(tmp_path / "speech", tmp_path / "spread").entries(paper)
    assert spread == alone
    assert [entry.seeds for entry in spread] == [2, 0]
    assert "lacking" in spread[1].reason


def test_what_workers_lack_is_told(two, monkeypatch):
    module = types.ModuleType("only_here")
    exec("def double(value):\n    return 2 * value", module.__dict__)
    monkeypatch.setitem(sys.modules, "only_here", module)
    assert list(_parallel.run_parallel(module.double, [1, 2], jobs=1)) == [2, 4]
    with (
        _parallel.use_dask(two.scheduler_address),
        pytest.raises(SerenadeError, match="a worker of the Dask cluster lacks something"),
    ):
        list(_parallel.run_parallel(module.double, [1, 2]))


def test_a_task_that_kills_every_worker_and_a_cluster_that_ends_are_told():
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        local(1) as made,
        _parallel.use_dask(made.scheduler_address),
    ):
        with pytest.raises(SerenadeError, match=r"was lost.*stored results are not computed again"):
            list(_parallel.run_parallel(os._exit, [3]))
        ending = threading.Timer(1.0, made.close)
        ending.start()
        with pytest.raises(SerenadeError, match="was lost"):
            list(_parallel.run_parallel(time.sleep, [60] * 2))
        ending.join()


def test_no_scheduler_no_workers_and_other_versions_are_told(monkeypatch, one):
    monkeypatch.setattr(_parallel, "_PATIENCE", 1)
    with (
        pytest.raises(SerenadeError, match=r"--dask tcp://127\.0\.0\.1:1: no scheduler answers"),
        _parallel.use_dask("tcp://127.0.0.1:1"),
    ):
        pass
    with (
        LocalCluster(n_workers=0, dashboard_address=None, processes=False) as empty,
        pytest.raises(SerenadeError, match="no workers; start some"),
        _parallel.use_dask(empty.scheduler_address),
    ):
        pass
    here = _parallel.list_versions()
    monkeypatch.setattr(
        _parallel, "list_versions", lambda: {**here, "numpy": "1" if os.getpid() == PID else "2"}
    )
    with (
        pytest.raises(SerenadeError, match="install the same"),
        _parallel.use_dask(one.scheduler_address),
    ):
        pass


PID = os.getpid()
