"""A cache folder of each test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a cache folder that only this test uses."""
    monkeypatch.setenv("SERENADE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
