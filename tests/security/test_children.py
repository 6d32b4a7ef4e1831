"""Child processes: they import nothing from the current folder and end with their parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SPOILED = ("random", "numpy", "json", "tempfile", "torch", "socket", "pickle", "runpy", "signal")
PARALLEL = """if True:
    import os, sys, time
    from serenade._parallel import run_parallel
    def work(seconds):
        time.sleep(seconds)
        return os.getpid()
    if __name__ == "__main__":
        seconds = [float(sys.argv[1])] * 4 + [600.0] * int(sys.argv[2])
        for pid in run_parallel(work, seconds, jobs=2):
            print(pid, flush=True)
"""
DOCTOR = """if True:
    from serenade import _diagnostics
    _diagnostics._describe_gpu()
"""
LOADER = """if True:
    import torch
    from serenade._parallel import use_safe_path
    if __name__ == "__main__":
        loader = torch.utils.data.DataLoader([1, 2], num_workers=1, multiprocessing_context="spawn")
        with use_safe_path():
            print(len(list(loader)))
"""


@pytest.fixture
def hostile(tmp_path):
    """Write modules that note that they were executed, as in an unpacked corpus."""
    for name in SPOILED:
        note = tmp_path / f"{name}-executed"
        (tmp_path / f"{name}.py").write_text(f"open({str(note)!r}, 'w').close()\n", "utf-8")
    return tmp_path


def _run(script, folder, *arguments):
    """Run a script that lies elsewhere, with `folder` as the current one."""
    path = folder.parent / f"{folder.name}-script" / "script.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(script, "utf-8")
    return subprocess.Popen(
        [sys.executable, path, *arguments], cwd=folder, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize(
    ("script", "arguments"),
    [(PARALLEL, ("0", "0")), (DOCTOR, ()), (LOADER, ())],
    ids=["parallel", "doctor", "pretrain"],
)
def test_children_execute_no_module_of_the_current_folder(hostile, script, arguments):
    for module in ("joblib", "torch"):
        pytest.importorskip(module)
    running = _run(script, hostile, *arguments)
    running.communicate(timeout=300)
    assert running.returncode == 0
    assert [path.name for path in hostile.glob("*-executed")] == []


def test_the_variable_is_as_before_after_the_block(monkeypatch):
    from serenade._parallel import use_safe_path

    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    with use_safe_path():
        assert os.environ["PYTHONSAFEPATH"] == "1"
    assert "PYTHONSAFEPATH" not in os.environ
    monkeypatch.setenv("PYTHONSAFEPATH", "x")
    with use_safe_path():
        pass
    assert os.environ["PYTHONSAFEPATH"] == "x"


@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="needs /proc")
def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    pytest.importorskip("joblib")
    running = _run(PARALLEL, tmp_path, "0.1", "2")
    with running.stdout as lines:
        workers = {int(lines.readline()) for _ in range(4)}
    assert running.pid not in workers
    running.send_signal(signal.SIGKILL)
    running.wait()
    deadline = time.monotonic() + 60
    while any(_is_running(pid) for pid in workers):
        assert time.monotonic() < deadline, "a worker has not ended"
        time.sleep(0.1)


def _is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
