"""Kills, full disks, folders that may not be written, and two processes at one place."""

import signal
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest

import serenade
from serenade.extraction import Cache, Clip, extract
from serenade.extraction._cache import CacheWarning
from serenade.features import MFCC40

EXAMPLE = Path(__file__).parents[2] / "examples" / "example.flac"


@pytest.fixture
def full(tmp_path):
    """Mount a disk of 24 KB, less than eight entries; skip where none may be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", str(place)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("no small disk may be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture
def recordings(tmp_path):
    import soundfile

    rng = np.random.default_rng(0)
    for name in "abcdefgh":
        noise = 0.1 * rng.standard_normal(16000)
        soundfile.write(tmp_path / f"{name}.wav", noise, 16000)
    return [str(tmp_path / f"{name}.wav") for name in "abcdefgh"]


EXTRACT = """
import sys, warnings
from pathlib import Path
from serenade.extraction import Clip, extract
from serenade.features import MFCC40
from serenade.extraction._cache import Cache
warnings.simplefilter("always")
segments, cache = [Clip(f) for f in sys.argv[2:]], Cache(Path(sys.argv[1]))
found = extract(segments, MFCC40(), cache=cache, jobs=1)
print(len(found), sum(float(m.sum()) for m in found))
"""


def test_extraction_goes_on_without_room_for_the_cache(recordings, tmp_path, child):
    """No file may be larger than 1 kB: every entry's write fails half-way."""
    cache = tmp_path / "cache"
    with child(EXTRACT, cache, *recordings, limit=1024) as process:
        output, errors = process.communicate()
    assert process.returncode == 0, errors
    assert errors.count("CacheWarning") == 1
    assert "features cannot be cached" in errors
    assert not [path for path in cache.rglob("*") if path.is_file()]
    whole = extract([Clip(f) for f in recordings], MFCC40(), cache=Cache(cache), jobs=1)
    assert output.split()[0] == "8"
    assert float(output.split()[1]) == pytest.approx(sum(float(m.sum()) for m in whole), rel=1e-6)


def test_extraction_and_predicting_go_on_on_a_full_disk(full, recordings, monkeypatch):
    cache = Cache(full / "cache")
    with pytest.warns(CacheWarning, match="No space left on device"):
        found = extract([Clip(f) for f in recordings], MFCC40(), cache=cache, jobs=1)
    assert len(found) == 8
    # What did fit is whole, and served.
    kept = list((full / "cache").rglob("*.npy"))
    assert all(cache.get(path.stem) is not None for path in kept)
    assert not list((full / "cache").rglob("*.tmp"))
    monkeypatch.setenv("SERENADE_CACHE", str(full / "cache"))
    assert serenade.load().predict(EXAMPLE).emotion


def test_a_folder_that_is_a_file_or_may_not_be_written(recordings, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    places = [tmp_path / "file" / "cache"]
    if Path("/proc/1").is_dir():
        places.append(Path("/proc/1/cache"))  # not even root makes a folder there
    for place in places:
        with pytest.warns(CacheWarning, match="are computed each time"):
            found = extract([Clip(recordings[0])], MFCC40(), cache=Cache(place), jobs=1)
        assert found[0].shape[1] == len(MFCC40().names)
        monkeypatch.setenv("SERENADE_CACHE", str(place))
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # predicting does not even look
            assert serenade.load().predict(EXAMPLE).emotion


def test_a_command_without_room_says_so_on_one_line(tmp_path, child):
    code = "import sys; from serenade.cli import main; main()"
    arguments = ["predict", EXAMPLE, "--timeline", "--out", tmp_path / "out.json"]
    with child(code, *arguments, limit=10) as process:
        _, errors = process.communicate()
    assert process.returncode == 1
    assert "Traceback" not in errors
    assert errors.startswith("serenade: ")
    assert errors.endswith(
        "out.json: cannot be written (File too large); name another file or folder\n"
    )


def test_a_checkpoint_without_room_leaves_the_one_before(tmp_path):
    pytest.importorskip("skorch")
    import types

    import torch

    from serenade.errors import SerenadeError
    from serenade.training._checkpoint import Checkpoint

    module = torch.nn.Linear(3, 2)
    net = types.SimpleNamespace(
        device="cpu",
        module_=module,
        optimizer_=torch.optim.Adam(module.parameters()),
        history=types.SimpleNamespace(to_list=list),
    )
    kept = Checkpoint(tmp_path / "run.pt", None)
    kept.close(net)
    before = (tmp_path / "run.pt").read_bytes()
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(SerenadeError, match=r"run\.pt: cannot be written.*free some space"):
            kept.close(net)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert (tmp_path / "run.pt").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["run.pt"]


def test_two_extractions_at_once_share_a_cache(recordings, tmp_path, child):
    both = [child(EXTRACT, tmp_path / "cache", *recordings) for _ in range(2)]
    found = []
    for process in both:
        output, errors = process.communicate()
        assert process.returncode == 0, errors
        assert "Warning" not in errors
        found.append(output)
    assert found[0] == found[1]
    assert len(list((tmp_path / "cache").rglob("*.npy"))) == 8
    assert not list((tmp_path / "cache").rglob("*.tmp"))
