"""The command line: one thin file per command."""

from __future__ import annotations

from serenade.cli.main import main

__all__ = ["main"]
