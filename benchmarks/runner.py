"""Run a benchmark from the command line; keep its result as data and as a page."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


DATA = "results.json"
"""File with the data of all pages in its folder."""


def run_benchmark(
    description: str,
    measure: Callable[[argparse.Namespace], dict[str, Any]],
    format_result: Callable[[dict[str, Any]], str],
    options: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    corpora: bool = True,
    arguments: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Read the command line, measure, write the result, and print its page.

    Args:
        description: docstring of the benchmark; its first line is the help.
        measure: returns the result as JSON data.
        format_result: formats the page of a result.
        options: keyword arguments of `add_argument`, by the name of the option.
        corpora: whether the benchmark needs the option `--root`.
        arguments: words of the command line; by default those of this process.

    Returns:
        The result.
    """
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    if corpora:
        parser.add_argument("--root", type=Path, required=True, help="folder of the corpora")
    for name, settings in (options or {}).items():
        parser.add_argument(name, **settings)
    parser.add_argument("--output", type=Path, help=f"page to write; its data go to {DATA}")
    chosen = parser.parse_args(arguments)
    result = measure(chosen)
    page = format_result(result)
    if chosen.output is not None:
        chosen.output.parent.mkdir(parents=True, exist_ok=True)
        chosen.output.write_text(page, "utf-8")
        results = read_results(chosen.output.parent) | {chosen.output.stem: result}
        text = json.dumps(dict(sorted(results.items())), indent=1)
        chosen.output.with_name(DATA).write_text(text + "\n", "utf-8")
    print(page, end="")
    return result


def read_results(folder: Path) -> dict[str, Any]:
    """Read the data of all benchmarks by the name of their page.

    Args:
        folder: folder of the pages.
    """
    path = folder / DATA
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def format_page(title: str, *parts: str) -> str:
    r"""Format a page of a title and parts, with empty lines between them.

    >>> format_page("Speed", "Fast.")
    '# Speed\n\nFast.\n'
    """
    return "\n\n".join([f"# {title}", *parts]) + "\n"


def format_versions(versions: Mapping[str, str]) -> str:
    """Format the line that lists the versions that took part.

    >>> format_versions({"python": "3.11.7", "numpy": "2.4.6"})
    'Versions: python 3.11.7, numpy 2.4.6'
    """
    return "Versions: " + ", ".join(f"{name} {text}" for name, text in versions.items())


def format_interval(found: Mapping[str, float], sign: str = "") -> str:
    """Format a score with the ends of its interval; `sign` is "+" for a difference.

    >>> format_interval({"value": 0.5, "low": 0.25, "high": 0.75})
    '0.500 [0.250, 0.750]'
    """
    value, low, high = (f"{found[end]:{sign}.3f}" for end in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"
