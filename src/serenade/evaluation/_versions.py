"""Versions of the software behind an evaluation."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys


def list_versions() -> dict[str, str]:
    """Return the versions of the libraries in use, and the platform, by name.

    Names of users, machines and folders are left out, so that reports can be published.
    """
    parts = {"serenade": "serenade", "numpy": "numpy", "scipy": "scipy", "sklearn": "scikit-learn"}
    parts["onnxruntime"] = "onnxruntime"
    if "torch" in sys.modules:
        parts |= {"torch": "torch", "skorch": "skorch"}
    found = {"python": platform.python_version()}
    for name, distribution in parts.items():
        try:
            found[name] = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    machine = f"{platform.system()} {platform.machine()}"
    return found | {"platform": machine, "threads": str(count_threads())}


def count_threads() -> int:
    """Return the number of threads that training computes with; results depend on it."""
    torch = sys.modules.get("torch")
    if torch is not None:
        return int(torch.get_num_threads())
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
