"""The command line as users have it: a process of its own."""

import os
import subprocess
import sys

import pytest


@pytest.fixture
def run(tmp_path):
    """Run `serenade …`; gives the finished process."""

    def running(*arguments, **environment):
        return subprocess.run(
            [sys.executable, "-m", "serenade", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
            cwd=tmp_path,
            env=os.environ | {"SERENADE_CACHE": str(tmp_path / "cache")} | environment,
        )

    return running
