"""Ten thousand damaged inputs: each gives a result or a typed error, soon and in little memory.

    python benchmarks/fuzz.py --count 10000 --output docs/benchmarks/fuzzing.json

Inputs are made on the spot and decided by their number: recordings of 23 formats cut at every byte
of their header, headers that cannot be, odd samples, tags, hours of silence in a small file, sparse
files of 4 GB, random damage; arrays and streams; manifests, recipes, folds, word vectors, shards
of features, model folders and checkpoints; requests and messages to a server on loopback. Each is
used in a worker process with 10 s of processor time and 500 MB of resident memory; files that hold
hours may take 2 s more for each after the first. Linux only. `--only TARGET --number N` repeats one
case; `--only TARGET --output FILE` tries one target anew and leaves the others in the file.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from fuzzing.targets import TARGETS
from fuzzing.workers import MEGABYTES, PER_HOUR, SECONDS, Verdict, judge
from kept import keep

from serenade.evaluation import list_versions


def run(
    count: int, first: int = 0, only: str | None = None, number: int | None = None
) -> dict[str, Any]:
    """Try inputs; the result as it is written to JSON.

    Args:
        count: of inputs in all.
        first: the number of each target's first case.
        only: this target alone, with all of the inputs.
        number: this case alone.
    """
    begun = time.monotonic()
    verdicts: list[Verdict] = []
    minutes = {}
    for target, (_, share) in TARGETS.items():
        if only not in {None, target}:
            continue
        started = time.monotonic()
        size = count if only else round(count * share)
        numbers = [number] if number is not None else range(first, first + size)
        for verdict in judge(target, numbers):
            verdicts.append(verdict)
            if verdict.bad:
                case = f"{verdict.target} {verdict.number} {verdict.name}"
                print(f"{case}: {verdict.outcome}\n{verdict.detail}", flush=True)
        minutes[target] = round((time.monotonic() - started) / 60, 1)
        print(f"{target}: {size} tried, {time.monotonic() - begun:.0f} s", flush=True)
    return {
        "inputs": len(verdicts),
        "limits": {"seconds": SECONDS, "seconds_per_hour": PER_HOUR, "megabytes": MEGABYTES},
        "targets": {
            target: _summary([v for v in verdicts if v.target == target]) | {"minutes": spent}
            for target, spent in minutes.items()
        },
        "bad": [dataclasses.asdict(verdict) for verdict in verdicts if verdict.bad],
        "minutes": round(sum(minutes.values()), 1),
        "versions": list_versions(),
    }


def merged(known: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """A result with the targets of a newer one in the place of its own.

    Args:
        known: made before, with the same limits and versions.
        new: of some targets.
    """
    for name in ("limits", "versions"):
        if known[name] != new[name]:
            raise SystemExit(f"{name} were {known[name]}, now {new[name]}: try all targets anew")
    targets = known["targets"] | new["targets"]
    replaced = known["targets"].keys() & new["targets"].keys()
    spent = sum(known["targets"][target].get("minutes", 0) for target in replaced)
    return new | {
        "inputs": sum(target["inputs"] for target in targets.values()),
        "targets": targets,
        "bad": [*(bad for bad in known["bad"] if bad["target"] not in replaced), *new["bad"]],
        "minutes": round(known["minutes"] - spent + new["minutes"], 1),
    }


def _summary(verdicts: list[Verdict]) -> dict[str, Any]:
    slowest = max(verdicts, key=lambda verdict: verdict.seconds)
    largest = max(verdicts, key=lambda verdict: verdict.megabytes)
    outcomes = Counter(verdict.outcome for verdict in verdicts)
    return {
        "inputs": len(verdicts),
        "results": outcomes.pop("result", 0),
        "errors": dict(outcomes.most_common()),
        "bad": sum(verdict.bad for verdict in verdicts),
        "slowest": {"case": slowest.name, "seconds": round(slowest.seconds, 2)},
        "largest": {"case": largest.name, "megabytes": round(largest.megabytes)},
    }


def table(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    seconds, more, megabytes = result["limits"].values()
    limits = f"{megabytes} MB and {seconds:g} s of processor time, {more:g} s more for each hour"
    lines = [
        "# Damaged input",
        "",
        f"{result['inputs']:,} inputs; each had {limits} of sound beyond the first.",
        "Made by `benchmarks/fuzz.py`, which says how.",
        "",
        "| given to | inputs | results | typed errors | neither | slowest | most memory |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, found in result["targets"].items():
        slowest, largest = found["slowest"], found["largest"]
        errors = found["inputs"] - found["results"] - found["bad"]
        lines.append(
            f"| {name} | {found['inputs']} | {found['results']} | {errors} | {found['bad']} "
            f"| {slowest['seconds']} s ({slowest['case']}) "
            f"| {largest['megabytes']} MB ({largest['case']}) |"
        )
    stated = ", ".join(f"{name} {text}" for name, text in result["versions"].items())
    lines += ["", f"{result['minutes']} minutes. Versions: {stated}"]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Command line; status 1 where anything was neither."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--only", choices=list(TARGETS), help="one way in")
    parser.add_argument("--number", type=int, help="one case, with --only")
    parser.add_argument("--output", type=Path, help="JSON file; the table goes beside it, as .md")
    arguments = parser.parse_args()
    result = run(arguments.count, arguments.first, arguments.only, arguments.number)
    if arguments.only and arguments.output and arguments.output.exists():
        result = merged(json.loads(arguments.output.read_text("utf-8")), result)
    keep(result, table, arguments.output)
    if result["bad"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
