"""A file is there as a whole, or as it was before."""

import os

import pytest

from serenade._atomic import write_atomically


def test_write_atomically_keeps_the_old_file_if_it_fails(tmp_path, monkeypatch):
    path = write_atomically(tmp_path / "report.json", b"old")

    def refuse(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
