"""Tests that running sessions end when they are stopped."""

import os
import re
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from serenade.inference._threads import map_in_threads
from serenade.runtime import Interruption, StoppedError, open_session, run_session

onnx = pytest.importorskip("onnx")


def write_endless(path):
    """Write a graph from `signal` to `probabilities` that loops 2^62 times."""
    from onnx import TensorProto, helper

    def value(name, kind, shape):
        return helper.make_tensor_value_info(name, kind, shape)

    body = helper.make_graph(
        [helper.make_node("Identity", ["more"], ["on"]), helper.make_node("Neg", ["x"], ["y"])],
        "body",
        [
            value("number", TensorProto.INT64, []),
            value("more", TensorProto.BOOL, []),
            value("x", TensorProto.FLOAT, None),
        ],
        [value("on", TensorProto.BOOL, []), value("y", TensorProto.FLOAT, None)],
    )
    graph = helper.make_graph(
        [helper.make_node("Loop", ["times", "true", "signal"], ["probabilities"], body=body)],
        "endless",
        [value("signal", TensorProto.FLOAT, ["samples"])],
        [value("probabilities", TensorProto.FLOAT, None)],
        [
            helper.make_tensor("times", TensorProto.INT64, [], [2**62]),
            helper.make_tensor("true", TensorProto.BOOL, [], [True]),
        ],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


@pytest.fixture
def endless(tmp_path):
    return open_session(write_endless(tmp_path / "endless.onnx"))


def _run(session):
    return run_session(session, "probabilities", {"signal": np.ones(4, np.float32)})


def test_interruption_ends_a_running_session(endless):
    interruption, found = Interruption(), []

    def work():
        with interruption.activate(), pytest.raises(StoppedError):
            _run(endless)
        found.append("stopped")

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(0.3)
    assert thread.is_alive()
    interruption.stop()
    thread.join(60)
    assert found == ["stopped"]
    with interruption.activate(), pytest.raises(StoppedError):
        _run(endless)


def test_map_in_threads_stops_sessions_of_other_items(endless):
    def work(item):
        return _run(endless) if item else 1 / item

    with pytest.raises(ZeroDivisionError):
        list(map_in_threads(work, [0, 1], 2))


@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_ends_a_running_session(tmp_path, threads):
    script = (
        "import signal, sys, numpy as np\n"
        "from pathlib import Path\n"
        # Background jobs of a shell ignore Ctrl-C, and their children as well.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from serenade.inference._threads import map_in_threads\n"
        "from serenade.runtime import open_session, run_session\n"
        "session = open_session(Path(sys.argv[1]))\n"
        "print('ready', flush=True)\n"
        "run = lambda _: run_session(session, 'probabilities', {'signal': np.ones(4, 'f')})\n"
        "list(map_in_threads(run, [1, 2], int(sys.argv[2])))\n"
    )
    path = write_endless(tmp_path / "endless.onnx")
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(path), str(threads)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    with process:
        try:
            assert process.stdout.readline() == "ready\n"
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.5)
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == -signal.SIGINT
            assert re.search("KeyboardInterrupt$", process.stderr.read().strip())
        finally:
            process.kill()
