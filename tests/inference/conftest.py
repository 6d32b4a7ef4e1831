"""Real files to predict: the committed example, and what it can be turned into."""

import shutil
from pathlib import Path

import pytest

import serenade

EXAMPLE = Path(__file__).parents[2] / "examples" / "example.flac"


@pytest.fixture(scope="session")
def example():
    """The committed synthetic recording."""
    return EXAMPLE


@pytest.fixture(scope="session")
def model():
    """The bundled model."""
    return serenade.load()


@pytest.fixture
def folder(tmp_path, example):
    """Ten files in folders of two levels, one of them not audio, and things to pass over."""
    root = tmp_path / "recordings"
    (root / "inner").mkdir(parents=True)
    for number in range(9):
        where = root / "inner" if number % 2 else root
        shutil.copy(example, where / f"{number}.flac")
    (root / "bad.wav").write_text("this is not audio")
    (root / "notes.txt").write_text("passed over")
    (root / "._0.flac").write_bytes(b"\x00\x05\x16\x07")
    return root
