"""Files are written completely or stay as they were, and checked before the work."""

import os
import stat
import subprocess
import sys
import threading

import pytest

from serenade._atomic import (
    check_output,
    remove_unfinished,
    replace_atomically,
    write_atomically,
    write_output,
)
from serenade.errors import SerenadeError


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
    others = [".chromium.tmp", f".{'0' * 31}.tmp", f".a.{'g' * 32}.tmp", "own.tmp"]
    for name in (*others, f".b.bin.{'0' * 32}.tmp"):  # the last is the form of version 0.1
        (tmp_path / name).write_bytes(b"half")
    assert len(list(tmp_path.iterdir())) == 6
    with replace_atomically(tmp_path / "b.bin") as unfinished:
        unfinished.write_bytes(b"whole")
        write_atomically(tmp_path / "c.bin", b"whole")
    assert remove_unfinished(tmp_path) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"b.bin", "c.bin", *others}
    assert remove_unfinished(tmp_path / "missing") == 0


def test_write_atomically_writes_the_longest_names_and_keeps_permissions(tmp_path):
    path = write_atomically(tmp_path / ("n" * 255), b"old")
    for mode in (0o600, 0o444):
        path.chmod(mode)
        write_atomically(path, b"new")
        assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.read_bytes() == b"new"


def test_replace_atomically_hides_private_content_while_it_is_written(tmp_path):
    path = tmp_path / "private.txt"
    path.touch(0o600)
    with replace_atomically(path) as unfinished:
        assert stat.S_IMODE(unfinished.stat().st_mode) == 0o600


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


@pytest.mark.parametrize("folder", [True, False])
def test_check_output_accepts_what_can_be_created_and_creates_nothing(tmp_path, folder):
    check_output(tmp_path / "a" / "b" / "c", folder=folder)
    assert not list(tmp_path.iterdir())


def test_check_output_refuses_what_cannot_be_created(tmp_path):
    (tmp_path / "file").write_text("x")
    for path, folder in (
        (tmp_path / "file", True),
        (tmp_path / "file" / "a", True),
        (tmp_path / "file" / "a.csv", False),
        (tmp_path, False),
        (tmp_path / ("n" * 300) / "a.csv", False),
        (tmp_path / "nul\0.csv", False),
    ):
        with pytest.raises(SerenadeError, match="cannot be written"):
            check_output(path, folder=folder)


def test_write_output_escapes_what_utf8_cannot_hold(tmp_path):
    path = write_output(tmp_path / "new" / "a.txt", "M\udcfcller 嬉")
    assert path.read_text("utf-8") == "M\\udcfcller 嬉"


def test_write_output_keeps_links_and_writes_pipes(tmp_path):
    target, link, pipe = tmp_path / "a", tmp_path / "link", tmp_path / "pipe"
    target.write_text("old")
    link.symlink_to(target)
    write_output(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    os.mkfifo(pipe)
    found = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_text()))
    reader.start()
    check_output(pipe)
    write_output(pipe, "through")
    reader.join()
    assert found == ["through"]
    assert pipe.is_fifo()
