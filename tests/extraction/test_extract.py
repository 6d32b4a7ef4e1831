"""Extraction: in order, cached, resumed, on all cores, bad recordings in their place."""

import dataclasses
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import soundfile

from serenade.errors import EmptyFileError, MissingFileError
from serenade.extraction import Cache, Clip, _extract, extract, extract_usable
from serenade.features import Feature, LogMel, ShortTerm34


@dataclasses.dataclass(frozen=True)
class Noted(Feature):
    """Mean and length, leaving a file for every call: what was really computed can be counted."""

    notes: str = ""

    @property
    def names(self):
        return ("mean", "samples")

    def __call__(self, signal, sampling_rate):  # noqa: ARG002
        handle, _ = __import__("tempfile").mkstemp(dir=self.notes)
        os.close(handle)
        return np.array([[signal.mean(), signal.size]], np.float32)


@pytest.fixture
def recordings(tmp_path):
    files = []
    for number in range(6):
        file = tmp_path / f"{number}.wav"
        tone = 0.3 * np.sin(np.arange(8000) * (0.01 + 0.01 * number))
        soundfile.write(file, tone, 16000)
        files.append(str(file))
    return files


@pytest.fixture
def noted(tmp_path):
    (tmp_path / "notes").mkdir()
    return Noted(str(tmp_path / "notes"))


def calls(feature):
    return len(list(Path(feature.notes).iterdir()))


@pytest.fixture
def kept(tmp_path):
    return Cache(tmp_path / "cache", limit=10**8)


def test_order_and_values(recordings, kept):
    found = extract([Clip(f) for f in recordings], LogMel(), cache=kept, jobs=1)
    for file, matrix in zip(recordings, found, strict=True):
        signal, rate = soundfile.read(file, dtype="float32")
        np.testing.assert_array_equal(matrix, LogMel()(signal, rate))


def test_parts_of_recordings(recordings, kept):
    parts = [Clip(recordings[0], 0.1, 0.3), Clip(recordings[0], 0.3)]
    found = extract(parts, ShortTerm34(window=0.1, hop=0.1), cache=kept, jobs=1)
    assert [len(matrix) for matrix in found] == [2, 2]


@dataclasses.dataclass(frozen=True)
class Swapping(LogMel):
    """Feature that swaps the recording while it is read, and perhaps swaps it back."""

    file: str = ""
    other: str = ""

    def __call__(self, signal, sampling_rate):
        path = Path(self.file)
        stated, content = path.stat(), path.read_bytes()
        if self.other:
            path.write_bytes(Path(self.other).read_bytes())
        path.write_bytes(content)
        os.utime(path, ns=(stated.st_atime_ns, stated.st_mtime_ns))
        return super().__call__(signal, sampling_rate)


def test_a_recording_that_changes_while_it_is_read_is_not_cached(recordings, kept):
    """The change cannot be seen afterwards in content, size and modification time."""
    feature = Swapping(file=recordings[0], other=recordings[1])
    extract([Clip(recordings[0])], feature, cache=kept, jobs=1)
    assert kept.usage()[0] == 0


def test_nothing_is_computed_twice(recordings, noted, kept):
    segments = [Clip(f) for f in recordings]
    first = extract(segments[:4], noted, cache=kept, jobs=1)
    assert calls(noted) == 4
    second = extract(segments, noted, cache=kept, jobs=1)
    assert calls(noted) == 6
    np.testing.assert_array_equal(first, second[:4])


def test_a_changed_recording_is_computed_again(recordings, noted, kept):
    extract([Clip(recordings[0])], noted, cache=kept, jobs=1)
    soundfile.write(recordings[0], np.full(9000, 0.25), 16000)
    found = extract([Clip(recordings[0])], noted, cache=kept, jobs=1)
    assert calls(noted) == 2
    assert found[0][0, 1] == 9000


def test_a_bad_recording_takes_its_own_place_only(recordings, noted, kept, tmp_path):
    empty = tmp_path / "empty.wav"
    empty.touch()
    files = [*recordings[:2], str(empty), str(tmp_path / "absent.wav"), *recordings[2:]]
    segments = [Clip(f) for f in files]
    found = extract_usable(segments, noted, cache=kept, jobs=1)
    assert isinstance(found[2], EmptyFileError)
    assert isinstance(found[3], MissingFileError)
    assert [isinstance(one, np.ndarray) for one in found].count(True) == 6
    with pytest.raises(EmptyFileError, match=r"empty\.wav"):
        extract(segments, noted, cache=kept, jobs=1)
    assert calls(noted) == 6  # the good ones were kept the first time


def test_processes_give_the_same(recordings, kept, monkeypatch, tmp_path):
    segments = [Clip(f) for f in recordings]
    alone = extract(segments, LogMel(), cache=Cache(tmp_path / "other"), jobs=1)
    monkeypatch.setattr(_extract, "_WORTH_A_POOL", 0.0)
    together = extract(segments, LogMel(), cache=kept, jobs=2)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)
    assert kept.usage()[0] == len(recordings)


SLOW = """
import dataclasses, sys, time
import numpy as np
from pathlib import Path
from serenade.extraction import Clip, extract
from serenade.features._feature import Feature
from serenade.extraction._cache import Cache

@dataclasses.dataclass(frozen=True)
class Slow(Feature):
    names = ("size",)
    def __call__(self, signal, sampling_rate):
        time.sleep(0.2)
        print("computed", flush=True)
        return np.array([[signal.size]], np.float32)

extract([Clip(f) for f in sys.argv[2:]], Slow(), cache=Cache(Path(sys.argv[1])), jobs=1)
print("finished", flush=True)
"""


def test_a_killed_run_goes_on_where_it_was(recordings, tmp_path):
    script = tmp_path / "slow.py"
    script.write_text(textwrap.dedent(SLOW))
    command = [sys.executable, str(script), str(tmp_path / "cache"), *recordings]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for _ in range(3):
            assert process.stdout.readline() == "computed\n"
        process.kill()
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    # The third may have been killed between its computation and its entry.
    assert again.stdout.count("computed") in {3, 4}
    assert again.stdout.endswith("finished\n")
