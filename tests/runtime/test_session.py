from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from serenade.encoders.whisper import _whisper_weights
from serenade.errors import DeviceError, ModelError
from serenade.runtime import (
    _session,
    choose_device,
    import_onnxruntime,
    open_session,
    run_session,
)

BUNDLED = _whisper_weights.locate_whisper(_whisper_weights.WHISPER_BASE)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent\.onnx: missing"):
        open_session(tmp_path / "absent.onnx")
    with pytest.raises(ModelError, match="missing"):
        open_session(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"not a graph at all", bytes(1000), BUNDLED.read_bytes()[:100_000]],
    ids=["empty", "text", "zeros", "cut"],
)
def test_a_file_that_is_no_graph(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "garbage.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"garbage\.onnx: onnxruntime cannot run it \(.+\)$"):
        open_session(path)


@pytest.mark.parametrize(
    ("stated", "threads"),
    [
        *((None, 1), ("3", 3), ("2,1", 2), (" 2 ", 2), ("", 1), ("0", 1), ("many", 1), ("-4", 1)),
        *(("1000000", 4), ("9" * 5000, 1)),
    ],
)
def test_omp_num_threads_is_heard(
    monkeypatch: pytest.MonkeyPatch, stated: str | None, threads: int
) -> None:
    monkeypatch.setattr(_session, "count_cores", lambda: 4)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if stated is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", stated)
    assert open_session(BUNDLED).get_session_options().intra_op_num_threads == threads


def test_an_argument_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    options = open_session(BUNDLED, threads=2).get_session_options()
    assert options.intra_op_num_threads == 2


def test_threads_do_not_change_values() -> None:
    mel = np.random.default_rng(0).standard_normal((1, 80, 200)).astype(np.float32)
    one, two = (
        run_session(open_session(BUNDLED, threads=n), "pooled", {"mel": mel}) for n in (1, 2)
    )
    np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="needs /proc")
def test_large_inputs_give_their_memory_back() -> None:
    # In a process of its own: what other tests left in this one comes and goes meanwhile.
    code = """if True:
        from pathlib import Path
        import numpy as np
        from serenade.runtime._session import open_session, run_session
        from serenade.encoders.whisper import _whisper_weights as weights
        session = open_session(weights.locate_whisper(weights.WHISPER_BASE))

        def resident():
            lines = Path("/proc/self/status").read_text("utf-8").splitlines()
            return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024

        def run(frames, large):
            mel = np.zeros((1, 80, frames), np.float32)
            run_session(session, "pooled", {"mel": mel}, large=large)

        run(300, False)
        before = resident()
        for large in (False, True):
            run(3000, large)
            print(resident() - before)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    kept, given_back = map(float, done.stdout.split())
    assert kept > 60  # so the next assertion can fail
    assert given_back < 40


def test_predicting_stays_light(tmp_path: Path, tone: np.ndarray) -> None:
    """One clip from start to end: little memory, none of the libraries of training."""
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "clip.flac", np.tile(tone, 4), 16000)
    code = """if True:
        import sys
        from serenade.audio import read
        from serenade.encoders.whisper import WhisperPooled
        print(WhisperPooled()(read(sys.argv[1]).signal, 16000).shape[1])
        heavy = ("torch", "pandas", "sklearn", "onnx", "scipy.signal", "requests", "matplotlib")
        print(*(name for name in heavy if name in sys.modules))
        try:
            with open("/proc/self/status") as status:
                print(*(line.split()[1] for line in status if line.startswith("VmHWM")))
        except OSError:
            print(0)
    """
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "clip.flac")],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, _session.THREADS_VARIABLE: "1"},
    )
    width, heavy, memory = done.stdout.split("\n")[:3]
    assert width == "6144"
    assert heavy == ""
    assert int(memory) / 1024 < 300


CUDA = "CUDAExecutionProvider" in import_onnxruntime().get_available_providers()


def test_choose_device_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(_session.DEVICE_VARIABLE, "cpu")
    with pytest.raises(DeviceError, match="'tpu': unknown; choose cpu or cuda"):
        choose_device("tpu")
    if not CUDA:
        with pytest.raises(DeviceError, match="runs on the CPU only; install onnxruntime-gpu"):
            choose_device("cuda")
    assert os.environ[_session.DEVICE_VARIABLE] == "cpu"
    monkeypatch.setenv(_session.DEVICE_VARIABLE, "gpu")
    with pytest.raises(DeviceError, match="'gpu'"):
        open_session(BUNDLED)


@pytest.mark.skipif(not CUDA, reason="this onnxruntime has no CUDA provider")
def test_sessions_on_cuda_give_the_values_of_the_cpu(tone: np.ndarray) -> None:
    mel = np.resize(tone, (1, 80, 200)).astype(np.float32)
    found = [
        run_session(open_session(BUNDLED, device=device), "pooled", {"mel": mel})
        for device in ("cpu", "cuda")
    ]
    np.testing.assert_allclose(*found, atol=1e-2)


@pytest.mark.skipif(CUDA, reason="this onnxruntime has a CUDA provider")
@pytest.mark.parametrize("command", [("predict", "a.wav"), ("serve",)])
def test_commands_refuse_a_device_in_one_line(command: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "serenade", *command, "--device", "cuda"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "device cuda: this onnxruntime runs on the CPU only" in done.stderr
