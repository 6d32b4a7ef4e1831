"""Processes that tests start and kill."""

import os
import subprocess
import sys

import pytest


def _child(code, *arguments, limit=None, **environment):
    start = "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    if limit is not None:
        start += f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
    return subprocess.Popen(
        [sys.executable, "-c", start + code, *map(str, arguments)],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="session")
def child():
    """Start Python processes; `limit` is the largest file that one may write, in bytes."""
    return _child


@pytest.fixture(scope="session")
def outputs():
    """Return the output of processes after all have ended well."""

    def waited(*processes):
        found = []
        for process in processes:
            output, errors = process.communicate()
            assert process.returncode == 0, errors
            found.append(output)
        return found

    return waited
