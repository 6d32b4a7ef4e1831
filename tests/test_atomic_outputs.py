"""Outputs: found unwritable before the work, written completely or not at all, in UTF-8."""

import os
import threading

import pytest

from serenade._atomic import check_output, write_output
from serenade.errors import SerenadeError


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
