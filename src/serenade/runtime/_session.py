"""Sessions of onnxruntime on ONNX files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from serenade.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

THREADS_VARIABLE = "OMP_NUM_THREADS"


def open_session(path: Path, *, threads: int | None = None) -> Any:
    """Open an `onnxruntime.InferenceSession` on the CPU; several threads may call it at once.

    Args:
        path: an `.onnx` file.
        threads: threads of one call; None takes `OMP_NUM_THREADS`, or one.
            Several clips at once, a thread each, gain more than several threads for one clip.

    Raises:
        ModelError: the file is missing or not a graph this onnxruntime can run.
    """
    import onnxruntime

    if not path.is_file():
        raise ModelError(f"{path}: missing; install the package or copy the model again")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = get_thread_count() if threads is None else max(1, threads)
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors are raised
    # onnxruntime would keep a memory plan for every input length and never free it.
    options.enable_mem_pattern = False
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - its exceptions share no other class
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{path}: onnxruntime cannot run it ({reason})") from None


def run_session(session: Any, output: str, inputs: dict[str, Any], *, large: bool = False) -> Any:
    """Run a session and return one output.

    Args:
        session: a session from `open_session`.
        output: name of the output.
        inputs: arrays by name.
        large: give the working memory back afterwards; otherwise it is kept for the next call,
            which is faster.
    """
    options = None
    if large:
        import onnxruntime

        options = onnxruntime.RunOptions()
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return session.run([output], inputs, options)[0]


def get_thread_count() -> int:
    """Return the number of threads: the first number in `OMP_NUM_THREADS`, or one."""
    stated = os.environ.get(THREADS_VARIABLE, "").split(",")[0].strip()
    return max(1, int(stated)) if stated.isdecimal() else 1
