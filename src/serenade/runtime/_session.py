"""Sessions of onnxruntime on ONNX files."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

from serenade.errors import DeviceError, GraphError, ModelError, first_line
from serenade.runtime._interruption import StoppedError, run_interruptibly

THREADS_VARIABLE = "OMP_NUM_THREADS"

DEVICE_VARIABLE = "SERENADE_DEVICE"
"""Name of the variable that states where models run: `cpu`, the default, or `cuda`."""

_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


@functools.cache
def import_onnxruntime() -> Any:
    """Import onnxruntime with its telemetry disabled; every import of onnxruntime uses this.

    Official builds send a device identifier, the path of the interpreter and the processor to
    their vendor: from version 1.29 on Linux and macOS, where only a variable that is set before the
    import prevents it; in all versions on Windows, where a call prevents it. The variable replaces
    any value that the user has set, because the documentation promises that nothing is sent.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    if _CUDA in onnxruntime.get_available_providers() and hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()  # the libraries of CUDA that pip installed
    return onnxruntime


def choose_device(device: str) -> None:
    """Run models on a device from now on, also in processes that this process starts.

    Args:
        device: `cpu`, or `cuda` for the first NVIDIA GPU.

    Raises:
        DeviceError: this onnxruntime cannot use the device.
    """
    _list_providers(device)
    os.environ[DEVICE_VARIABLE] = device


def _list_providers(device: str) -> list[str]:
    """Return onnxruntime's providers for a device, the one to use first."""
    if device == "cpu":
        return [_CPU]
    if device != "cuda":
        raise DeviceError(f"device {device!r}: unknown; choose cpu or cuda")
    if _CUDA not in import_onnxruntime().get_available_providers():
        raise DeviceError(
            "device cuda: this onnxruntime runs on the CPU only; install onnxruntime-gpu in its "
            "place (pip uninstall onnxruntime, then pip install onnxruntime-gpu)"
        )
    return [_CUDA, _CPU]


def open_session(
    source: Path | bytes, *, threads: int | None = None, device: str | None = None
) -> Any:
    """Open an `onnxruntime.InferenceSession`; several threads may call it at once.

    Args:
        source: an `.onnx` file or its content.
        threads: threads of one call; None takes `get_thread_count()`.
            Several clips at once, a thread each, gain more than several threads for one clip.
        device: `cpu` or `cuda`; None for the one of `choose_device`.

    Raises:
        ModelError: the file is missing or not a graph this onnxruntime can run.
        DeviceError: this onnxruntime cannot use the device.
    """
    onnxruntime = import_onnxruntime()
    if isinstance(source, Path) and not source.is_file():
        raise ModelError(f"{source}: missing; install the package or copy the model again")
    providers = _list_providers(device or os.environ.get(DEVICE_VARIABLE) or "cpu")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = get_thread_count() if threads is None else max(1, threads)
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors are raised
    # onnxruntime would keep a memory plan for every input length and never free it.
    options.enable_mem_pattern = False
    try:
        session = onnxruntime.InferenceSession(
            str(source) if isinstance(source, Path) else source, options, providers=providers
        )
    except Exception as error:  # noqa: BLE001 - its exceptions share no other class
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        name = source if isinstance(source, Path) else "graph"
        raise ModelError(f"{name}: onnxruntime cannot run it ({reason})") from None
    if session.get_providers()[0] != providers[0]:  # onnxruntime itself takes the CPU instead
        raise DeviceError(
            "device cuda: onnxruntime finds no NVIDIA GPU, or not its libraries of CUDA and cuDNN; "
            "install them (pip install onnxruntime-gpu[cuda,cudnn]) or use the CPU"
        )
    return session


def run_session(session: Any, output: str, inputs: dict[str, Any], *, large: bool = False) -> Any:
    """Run a session and return one output; Ctrl+C and `Interruption.stop` end it.

    Args:
        session: a session from `open_session`.
        output: name of the output.
        inputs: arrays by name.
        large: give the working memory back afterwards; otherwise it is kept for the next call,
            which is faster.

    Raises:
        StoppedError: the work of this thread was stopped.
        GraphError: the graph cannot run on these inputs, or needs too much memory.
    """
    options = import_onnxruntime().RunOptions()
    options.log_severity_level = 4  # errors are raised
    if large:
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    try:
        return run_interruptibly(lambda: session.run([output], inputs, options)[0], options)
    except StoppedError:
        raise
    except Exception as error:  # noqa: BLE001 - its exceptions share no other class
        raise GraphError(
            f"the model's graph failed ({first_line(error) or type(error).__name__})",
            "copy the model again, or give a shorter recording",
        ) from None


def get_thread_count() -> int:
    """Return the number of threads: the first number in `OMP_NUM_THREADS`, or one.

    More threads than cores are never faster, and thousands exhaust the memory.
    """
    stated = os.environ.get(THREADS_VARIABLE, "").split(",")[0].strip()
    # Python refuses to convert thousands of digits.
    wanted = int(stated) if stated.isdecimal() and len(stated) < 10 else 1
    return min(max(1, wanted), count_cores())


def count_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
