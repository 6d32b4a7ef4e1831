"""Versions of the software behind an evaluation."""

from __future__ import annotations

import importlib.metadata
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
    return found | {"platform": f"{platform.system()} {platform.machine()}"}
