"""The command line."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path

from benchmarks.feature_speed import cepstra, descriptors, spectra
from benchmarks.feature_speed.measure import compare, files, signals
from benchmarks.feature_speed.model import library
from benchmarks.feature_speed.report import Run, write_figure, write_json, write_markdown

_REPOSITORY = Path(__file__).parents[2]
_EXAMPLE = _REPOSITORY / "examples" / "example.flac"

COMPARISONS = (*spectra.COMPARISONS, *cepstra.COMPARISONS, *descriptors.COMPARISONS)


def main() -> None:
    """Measure every comparison, print it, write the report."""
    options = _options()
    with contextlib.suppress(ModuleNotFoundError):
        library("torch").set_num_threads(1)
    paths = files(options.root, _EXAMPLE, options.clips)
    clips = {rate: signals(paths, rate) for rate in (16000, 48000)}
    results, absent = [], []
    for comparison in COMPARISONS:
        if options.only not in comparison.feature:
            continue
        rows, missing = compare(comparison, clips[comparison.rate], options.repeats)
        results += rows
        absent += missing
        for row in rows:
            print(f"{row.feature}, {row.peer}: {row.ratio:.2f}", flush=True)
    if not results:
        raise SystemExit(f"no comparison of {options.only!r}, or none of its peers is installed")
    if options.json:
        write_json(results, options.json)
    source = "the synthetic example" if paths == [_EXAMPLE] else "RAVDESS speech"
    seconds = sum(map(len, clips[16000])) / 16000
    run = Run(len(paths), seconds, source, options.repeats, tuple(dict.fromkeys(absent)))
    options.out.mkdir(parents=True, exist_ok=True)
    write_markdown(results, run, options.out / "features.md")
    write_figure(results, options.out / "features.svg")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Compare the features' speed with other libraries."
    )
    parser.add_argument("--root", type=Path, help="folder of the corpora; else the example")
    parser.add_argument("--clips", type=int, default=24, help="recordings to take")
    parser.add_argument("--repeats", type=int, default=31, help="rounds of each comparison")
    parser.add_argument("--only", default="", help="comparisons whose name contains this")
    parser.add_argument("--json", type=Path, help="file for the ratios")
    parser.add_argument(
        "--out",
        type=Path,
        default=_REPOSITORY / "docs" / "benchmarks",
        help="folder for the table and the figure",
    )
    return parser.parse_args()
