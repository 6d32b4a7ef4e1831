"""The cache: named by content, safe beside other processes and dead ones, bounded."""

import json
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from support.waiting import wait_until

from serenade.errors import SerenadeError
from serenade.extraction import Cache, _cache, hash_content, make_entry_key
from serenade.features import LogMel


@pytest.fixture
def kept(tmp_path):
    return Cache(tmp_path / "features", limit=10**9)


def matrix(value=1.0, rows=4):
    return np.full((rows, 8), value, np.float32)


def test_what_is_put_is_got(kept):
    kept.put("ab12", matrix(3.0))
    np.testing.assert_array_equal(kept.get("ab12"), matrix(3.0))
    assert kept.get("ab12").dtype == np.float32
    assert kept.get("cd34") is None


def test_a_damaged_entry_is_made_again(kept):
    kept.put("ab12", matrix())
    path = next(kept.folder.rglob("*.npy"))
    for damaged in (b"", path.read_bytes()[:-5], b"no array at all"):
        path.write_bytes(damaged)
        assert kept.get("ab12") is None
        assert not path.exists()
        kept.put("ab12", matrix())
    assert kept.get("ab12") is not None


def test_an_entry_that_cannot_be_opened_is_kept(kept, monkeypatch):
    kept.put("ab12", matrix())

    def refuse(*_):
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refuse)
        assert kept.get("ab12") is None
    np.testing.assert_array_equal(kept.get("ab12"), matrix())


def test_every_flipped_bit_is_found(kept):
    values = np.random.default_rng(0).standard_normal((4, 8)).astype(np.float32)
    kept.put("ab12", values)
    path = kept._path("ab12")
    whole = path.read_bytes()
    for bit in np.random.default_rng(1).integers(0, 8 * len(whole), 100):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        assert kept.get("ab12") is None
    path.write_bytes(whole)
    np.testing.assert_array_equal(kept.get("ab12"), values)


@pytest.mark.parametrize(
    "values",
    [
        *(np.zeros(8, np.float32), np.zeros((2, 2, 2), np.float32), np.float32(1)),
        *(np.zeros((2, 2)), np.zeros((2, 2), complex), np.array([["text"]])),
    ],
    ids=["vector", "cube", "scalar", "doubles", "complex", "text"],
)
def test_entries_of_other_shapes_and_types_are_not_read(kept, values):
    path = kept._path("ab12")
    path.parent.mkdir(parents=True)
    path.write_bytes(_cache._format_entry("ab12", values))
    assert kept.get("ab12") is None


def test_foreign_files_as_entries_are_not_read(kept, tmp_path):
    kept.put("ab12", matrix())
    whole, path = kept._path("ab12").read_bytes(), kept._path("ab34")
    np.save(tmp_path / "plain.npy", matrix())
    np.savez(tmp_path / "several.npz", a=matrix())
    huge = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776, 8), }"
    header = np.lib.format.magic(1, 0) + len(huge).to_bytes(2, "little") + huge
    header += _cache._sum_entry("ab34", header)
    others = [(tmp_path / "plain.npy").read_bytes(), (tmp_path / "several.npz").read_bytes()]
    for content in (whole, header, *others):
        path.write_bytes(content)
        assert kept.get("ab34") is None
        assert not path.exists()
    if hasattr(os, "mkfifo"):
        os.mkfifo(path)
        assert kept.get("ab34") is None
        kept.put("ab34", matrix())
        assert kept.get("ab34") is not None


def test_pickles_are_not_read(kept):
    kept.put("ab12", matrix())
    path = next(kept.folder.rglob("*.npy"))
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert kept.get("ab12") is None


def test_the_key_names_everything_that_decides_the_values(tmp_path):
    file = tmp_path / "a.wav"
    file.write_bytes(b"one")
    content = hash_content(file)
    base = make_entry_key(content, 0.0, None, 16000, LogMel().identity())
    others = [
        make_entry_key(content, 0.1, None, 16000, LogMel().identity()),
        make_entry_key(content, 0.0, 1.0, 16000, LogMel().identity()),
        make_entry_key(content, 0.0, None, 8000, LogMel().identity()),
        make_entry_key(content, 0.0, None, 16000, LogMel(n_mels=65).identity()),
        make_entry_key("f" * 40, 0.0, None, 16000, LogMel().identity()),
    ]
    assert len({base, *others}) == 6
    assert base == make_entry_key(content, 0, None, 16000, LogMel().identity())


def test_a_newer_version_of_a_feature_has_another_key(monkeypatch):
    old = make_entry_key("0", 0.0, None, 16000, LogMel().identity())
    monkeypatch.setattr(LogMel, "version", LogMel.version + 1)
    assert make_entry_key("0", 0.0, None, 16000, LogMel().identity()) != old


def test_content_is_what_counts_not_the_name(tmp_path):
    first, second = tmp_path / "a.wav", tmp_path / "b.wav"
    first.write_bytes(b"same")
    second.write_bytes(b"same")
    assert hash_content(first) == hash_content(second)
    second.write_bytes(b"other")
    assert hash_content(first) != hash_content(second)


def test_the_least_recently_used_go_first(tmp_path):
    size = 4 * 8 * 4 + 128 + _cache._CHECKSUM
    kept = Cache(tmp_path, limit=10**6)
    for number, key in enumerate(("aa", "bb", "cc", "dd")):
        kept.put(key, matrix())
        os.utime(kept._path(key), (number, number))
    assert kept.get("aa") is not None  # used just now
    assert kept.trim(limit=3 * size) == 1
    assert {key for key in ("aa", "bb", "cc", "dd") if kept.get(key) is not None} == {
        "aa",
        "cc",
        "dd",
    }


def test_it_keeps_its_bound_while_it_is_filled(tmp_path):
    kept = Cache(tmp_path, limit=200_000)
    for number in range(400):
        kept.put(f"{number:04x}", matrix(rows=100))
    entries, size = kept.usage()
    assert 0 < size <= 200_000 * (1 + 1 / 16) + 4000
    assert entries > 10


def test_clearing_leaves_nothing(kept):
    kept.put("aa", matrix())
    kept.put("bb", matrix())
    assert kept.usage()[0] == 2
    assert kept.clear() == 2
    assert kept.usage() == (0, 0)


def test_leftovers_of_dead_processes_go_and_those_of_live_ones_stay(kept):
    kept.put("aa", matrix())
    old, new = kept.folder / "aa" / "aa.1.1.tmp", kept.folder / "aa" / "aa.2.2.tmp"
    for file in (old, new):
        file.write_bytes(b"half")
    os.utime(old, (time.time() - 2 * _cache._ABANDONED,) * 2)
    kept.trim()
    assert (old.exists(), new.exists()) == (False, True)


def test_trim_passes_over_entries_of_other_users(kept, monkeypatch):
    for number, key in enumerate(("aa", "bb", "cc")):
        kept.put(key, matrix())
        os.utime(kept._path(key), (number, number))
    remove = Path.unlink

    def refuse(path, missing_ok=False):
        if path.stem == "aa":
            raise PermissionError(1, "Operation not permitted", str(path))
        remove(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    assert kept.clear() == 2
    assert [path.stem for path in kept.folder.rglob("*.npy")] == ["aa"]
    kept.limit = 16
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kept.put("dd", matrix())  # trims, and does not say that nothing was kept


def test_a_failed_write_leaves_nothing_behind(kept, monkeypatch):
    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.warns(_cache.CacheWarning, match="No space left on device; features"):
        kept.put("aa", matrix())
    kept.put("bb", matrix())  # said once
    assert not list(kept.folder.rglob("*.*"))


WRITER = """
import sys
import numpy as np
from pathlib import Path
from serenade.extraction._cache import Cache

kept = Cache(Path(sys.argv[1]), limit=10**9)
for turn in range(60):
    for key in ("aa", "bb", "cc"):
        kept.put(key, np.full((200, 64), ord(key[0]), np.float32))
        found = kept.get(key)
        assert found is not None and found.shape == (200, 64) and (found == ord(key[0])).all()
"""


def test_processes_write_the_same_entries_at_once(tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    for process in running:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    assert len(list(tmp_path.rglob("*.npy"))) == 3
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_killed_writer_leaves_only_whole_entries(tmp_path):
    endless = WRITER.replace("range(60)", "iter(int, 1)")
    process = subprocess.Popen([sys.executable, "-c", endless, str(tmp_path)])
    try:
        wait_until(lambda: len(list(tmp_path.rglob("*.npy"))) == 3)
    finally:
        process.kill()
        process.wait()
    kept = Cache(tmp_path, limit=10**9)
    for path in tmp_path.rglob("*.npy"):
        assert kept.get(path.stem) is not None


def test_the_folder_and_the_bound_come_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("SERENADE_CACHE", str(tmp_path))
    monkeypatch.setenv("SERENADE_CACHE_GB", "0.5")
    assert Cache().folder == tmp_path / "features"
    assert _cache.get_size_limit() == 500_000_000
    for wrong in ("much", "-1", "0", "nan"):
        monkeypatch.setenv("SERENADE_CACHE_GB", wrong)
        with pytest.raises(SerenadeError, match=f"SERENADE_CACHE_GB={wrong}"):
            _cache.get_size_limit()


def test_every_identity_is_json():
    json.dumps(LogMel().identity(), allow_nan=False)
