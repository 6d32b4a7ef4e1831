"""Recordings to predict, made from the committed example."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

from serenade.audio import read


@pytest.fixture(scope="session")
def talk(example):
    """Return 16 kHz samples: speech of 3 and 1.2 s between pauses of 2, 1 and 1.5 s, soft noise."""
    speech = read(example).signal
    first, second = speech[6000:54_000], speech[70_000:89_200]
    pauses = [np.zeros(round(seconds * 16000), np.float32) for seconds in (2, 1, 1.5)]
    joined = np.concatenate([pauses[0], first, pauses[1], second, pauses[2]])
    noise = np.random.default_rng(0).standard_normal(joined.size)
    return (joined + 0.0005 * noise).astype(np.float32)


@pytest.fixture
def folder(tmp_path, example):
    """Write ten files in folders of two levels, one of them not audio, and other files."""
    root = tmp_path / "recordings"
    (root / "inner").mkdir(parents=True)
    for number in range(9):
        where = root / "inner" if number % 2 else root
        shutil.copy(example, where / f"{number}.flac")
    (root / "bad.wav").write_text("this is not audio")
    (root / "notes.txt").write_text("passed over")
    (root / "._0.flac").write_bytes(b"\x00\x05\x16\x07")
    return root


@pytest.fixture
def peak_memory():
    """Run code in a child process, in which `peak()` returns its largest memory so far in MB.

    `ru_maxrss` is of no use, because a process inherits it from its parent.
    """
    peak = (
        "peak = lambda: next(int(line.split()[1]) / 1024 for line in open('/proc/self/status')"
        " if line.startswith('VmHWM'));"
    )

    def running(code, *arguments):
        done = subprocess.run(
            [sys.executable, "-c", peak + code, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    return running
