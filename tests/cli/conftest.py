"""The command line as users have it: a process of its own."""

import os
import subprocess
import sys

import pytest


@pytest.fixture(autouse=True)
def _count_children(child_coverage, monkeypatch):
    """Count the lines that commands execute in the coverage."""
    if child_coverage:
        monkeypatch.setenv("COVERAGE_PROCESS_CONFIG", child_coverage)


@pytest.fixture
def run(tmp_path):
    """Run `serenade …`; return the finished process."""

    def running(*arguments, **environment):
        return subprocess.run(
            [sys.executable, "-m", "serenade", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=os.environ | {"SERENADE_CACHE": str(tmp_path / "cache")} | environment,
        )

    return running
