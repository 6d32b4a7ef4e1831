"""Ten thousand damaged inputs: each gives a result or a typed error, soon and in little memory.

    PYTHONPATH=tests python -m fuzzing --count 10000 --output docs/benchmarks/fuzzing.md

Inputs are made on the spot and decided by their number: recordings of 23 formats cut at every byte
of their header, headers that cannot be, odd samples, tags, hours of silence in a small file, sparse
files of 4 GB, random damage; arrays and streams; manifests, recipes, folds, word vectors, shards
of features, model folders and checkpoints; requests and messages to a server on loopback. Each is
used in a worker process with 10 s of processor time and 500 MB of resident memory; files that hold
hours may take 2 s more for each after the first. Linux only. `--only TARGET --number N` repeats one
case; `--only TARGET --output FILE` tries one target again and leaves the others in the file.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from argparse import Namespace

os.environ.setdefault("OMP_NUM_THREADS", "1")


from benchmarks.runner import format_page, format_versions, read_results, run_benchmark

from fuzzing.targets import TARGETS
from fuzzing.workers import MEGABYTES, PER_HOUR, SECONDS, Verdict, judge
from serenade._printable import format_table
from serenade.evaluation import list_versions


def run(
    count: int, first: int = 0, only: str | None = None, number: int | None = None
) -> dict[str, Any]:
    """Try inputs, and return the result as JSON data.

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


def merge_results(known: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return a result with some targets replaced by those of a newer one.

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


def format_result(result: dict[str, Any]) -> str:
    """Format the page of a result."""
    seconds, more, megabytes = result["limits"].values()
    limits = f"{megabytes} MB and {seconds:g} s of processor time, plus {more:g} s for each hour"
    rows = []
    for name, found in result["targets"].items():
        slowest, largest = found["slowest"], found["largest"]
        errors = found["inputs"] - found["results"] - found["bad"]
        counts = (found["inputs"], found["results"], errors, found["bad"])
        time_, memory = f"{slowest['seconds']} s", f"{largest['megabytes']} MB"
        cells = [f"{time_} ({_cut(slowest['case'])})", f"{memory} ({_cut(largest['case'])})"]
        rows.append([name, *map(str, counts), *cells])
    head = ["given to", "inputs", "results", "typed errors", "neither", "slowest", "most memory"]
    return format_page(
        "Damaged input",
        f"{result['inputs']:,} inputs. Each had {limits} of sound after the first.\n"
        "Made by `tests/fuzzing`, which says how.",
        format_table(head, rows),
        f"All trials took {result['minutes']} minutes. {format_versions(result['versions'])}",
    )


def _cut(name: str) -> str:
    """Return the name of a case, cut to the width of a cell."""
    return name if len(name) <= 48 else f"{name[:47]}…"


def measure(options: Namespace) -> dict[str, Any]:
    """Try the inputs that the command line names."""
    result = run(options.count, options.first, options.only, options.number)
    if not options.only or options.output is None:
        return result
    earlier = read_results(options.output.parent).get(options.output.stem)
    return merge_results(earlier, result) if earlier else result


if __name__ == "__main__":
    found = run_benchmark(
        __doc__,
        measure,
        format_result,
        {
            "--count": {"type": int, "default": 10_000},
            "--first": {"type": int, "default": 0, "help": "number of the first case"},
            "--only": {"choices": list(TARGETS), "help": "one target"},
            "--number": {"type": int, "help": "one case, with --only"},
        },
        corpora=False,
    )
    if found["bad"]:
        raise SystemExit(1)
