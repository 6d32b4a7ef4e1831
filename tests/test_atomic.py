"""A file is there as a whole, or as it was before."""

import os
import subprocess
import sys

import pytest

from serenade._atomic import remove_unfinished, replace_atomically, write_atomically


def test_write_atomically_keeps_the_old_file_if_it_fails(tmp_path, monkeypatch):
    path = write_atomically(tmp_path / "report.json", b"old")

    def refuse(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_remove_unfinished_removes_the_files_of_dead_processes_only(tmp_path):
    pytest.importorskip("fcntl")
    code = """if True:
        import os, pathlib, sys
        from serenade._atomic import replace_atomically
        with replace_atomically(pathlib.Path(sys.argv[1])) as unfinished:
            unfinished.write_bytes(b"half")
            os._exit(9)
    """
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.bin")], check=False)
    (tmp_path / "own.tmp").write_bytes(b"of the user")
    assert len(list(tmp_path.glob(".a.bin.*.tmp"))) == 1
    with replace_atomically(tmp_path / "b.bin") as unfinished:
        unfinished.write_bytes(b"whole")
        write_atomically(tmp_path / "c.bin", b"whole")
    assert remove_unfinished(tmp_path) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.bin", "c.bin", "own.tmp"]
    assert remove_unfinished(tmp_path / "missing") == 0


def test_processes_write_and_clean_one_folder_at_once(tmp_path):
    code = """if True:
        import pathlib, sys
        from serenade._atomic import write_atomically
        for number in range(200):
            write_atomically(pathlib.Path(sys.argv[1]) / f"{sys.argv[2]}{number % 3}", b"x")
    """
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name]) for name in "abcd"
    ]
    assert [process.wait() for process in running] == [0] * 4
    assert len(list(tmp_path.iterdir())) == 12
