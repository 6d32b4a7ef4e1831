"""What benchmarks that keep their result share: their options, the JSON file and the page."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def options(description: str) -> argparse.ArgumentParser:
    """The options every benchmark on real corpora has.

    Args:
        description: the benchmark's docstring, whose first line is shown.
    """
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True, help="folder of the corpora")
    parser.add_argument("--output", type=Path, help="JSON file; the table goes beside it, as .md")
    return parser


def keep(result: Any, table: Callable[[Any], str], output: Path | None) -> None:
    """Write a result as JSON with its table beside it, where asked for, and print the table."""
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
        output.with_suffix(".md").write_text(table(result), "utf-8")
    print(table(result), end="")


def stated(versions: Mapping[str, str]) -> str:
    """The line of a table that says what it was measured with.

    >>> stated({"python": "3.11.7", "numpy": "2.4.6"})
    'Versions: python 3.11.7, numpy 2.4.6'
    """
    return "Versions: " + ", ".join(f"{name} {text}" for name, text in versions.items())
