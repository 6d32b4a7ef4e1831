"""Sessions of onnxruntime on ONNX files."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

from serenade.errors import ModelError, first_line
from serenade.runtime._interruption import StoppedError, run_interruptibly

THREADS_VARIABLE = "OMP_NUM_THREADS"


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
    return onnxruntime


def open_session(source: Path | bytes, *, threads: int | None = None) -> Any:
    """Open an `onnxruntime.InferenceSession` on the CPU; several threads may call it at once.

    Args:
        source: an `.onnx` file or its content.
        threads: threads of one call; None takes `get_thread_count()`.
            Several clips at once, a thread each, gain more than several threads for one clip.

    Raises:
        ModelError: the file is missing or not a graph this onnxruntime can run.
    """
    onnxruntime = import_onnxruntime()
    if isinstance(source, Path) and not source.is_file():
        raise ModelError(f"{source}: missing; install the package or copy the model again")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = get_thread_count() if threads is None else max(1, threads)
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors are raised
    # onnxruntime would keep a memory plan for every input length and never free it.
    options.enable_mem_pattern = False
    try:
        return onnxruntime.InferenceSession(
            str(source) if isinstance(source, Path) else source,
            options,
            providers=["CPUExecutionProvider"],
        )
    except Exception as error:  # noqa: BLE001 - its exceptions share no other class
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        name = source if isinstance(source, Path) else "graph"
        raise ModelError(f"{name}: onnxruntime cannot run it ({reason})") from None


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
        ModelError: the graph cannot run on these inputs, or needs too much memory.
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
        raise ModelError(
            f"the model's graph failed ({first_line(error) or type(error).__name__}); copy the "
            "model again, or give a shorter recording"
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
