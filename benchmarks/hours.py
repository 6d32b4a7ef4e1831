"""Extract a hundred hours into shards; measure the cost of an hour at the start and the end.

    python -m benchmarks.hours --root CORPORA --output docs/benchmarks/hours.md

A hundred hours of speech are not at hand: some clips of RAVDESS are repeated as rows of their own
until their lengths add up. Nothing is cached by clip, so every row is read, decoded, resampled and
computed. One process writes the shards, which are removed as they come; its processor time and
resident memory are read after each. Linux only.
"""

from __future__ import annotations

import itertools
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import soundfile

from benchmarks.runner import format_page, format_versions, run_benchmark
from serenade import corpora
from serenade._printable import format_table
from serenade.evaluation import list_versions
from serenade.extraction import Clip, write_shards
from serenade.features import MFCC40

CLIPS = 48
STEP = 5.0  # hours between two points of the result


def measure(root: Path, hours: float) -> dict[str, Any]:
    """Extract and measure; return the result as it is written to JSON."""
    files = [file for file, _, _ in corpora.open("ravdess", root).table.index[:CLIPS]]
    lengths = [soundfile.info(file).duration for file in files]
    segments, total = [], 0.0
    for file, length in itertools.cycle(zip(files, lengths, strict=True)):
        segments.append(Clip(file))
        total += length
        if total >= 3600 * hours:
            break
    points: list[dict[str, float]] = []
    done = size = 0.0
    with tempfile.TemporaryDirectory() as folder:
        # The first shard pays for imports and warms up; it is not counted.
        list(write_shards(segments[:64], MFCC40(), Path(folder) / "first", jobs=1))
        begun, spent = time.monotonic(), time.process_time()
        for shard in write_shards(segments, MFCC40(), folder, jobs=1):
            done += shard.seconds / 3600
            size += shard.path.stat().st_size
            shard.path.unlink()
            if done >= STEP * (len(points) + 1) or done >= hours - 1e-6:
                points.append(
                    {
                        "hours": round(done, 2),
                        "processor_seconds": round(time.process_time() - spent, 1),
                        "megabytes": round(_resident() / 1e6, 1),
                    }
                )
                print(points[-1], flush=True)
    costs = np.diff([0.0] + [p["processor_seconds"] for p in points])
    per_hour = costs / np.diff([0.0] + [p["hours"] for p in points])
    half = len(per_hour) // 2
    return {
        "hours": round(done, 2),
        "recordings": len(segments),
        "clips": len(files),
        "feature": MFCC40().identity(),
        "points": points,
        "seconds_per_hour": {
            "first_half": round(float(per_hour[:half].mean()), 3),
            "second_half": round(float(per_hour[half:].mean()), 3),
        },
        "megabytes": {
            "first": points[0]["megabytes"],
            "last": points[-1]["megabytes"],
            "peak": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, 1),
        },
        "gigabytes_written": round(size / 1e9, 3),
        "minutes": round((time.monotonic() - begun) / 60, 1),
        "versions": list_versions(),
    }


def _resident() -> int:
    """Return the bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize()


def format_result(result: dict[str, Any]) -> str:
    """Format the page of a result."""
    cost, memory = result["seconds_per_hour"], result["megabytes"]
    rows = [
        [str(one["hours"]), str(one["processor_seconds"]), f"{one['megabytes']:.0f}"]
        for one in result["points"]
    ]
    return format_page(
        "A hundred hours",
        f"{result['hours']:g} h in {result['recordings']:,} rows of {result['clips']} clips; "
        f"{result['feature']['feature'].rpartition('.')[2]}, one process. An hour of sound cost "
        f"{cost['first_half']:.2f} s of processor time in the first half and "
        f"{cost['second_half']:.2f} s in the second; memory was {memory['first']:.0f} MB after "
        f"the first {STEP:g} h, {memory['last']:.0f} MB at the end, {memory['peak']:.0f} MB at "
        f"most. {result['gigabytes_written']:.2f} GB of Parquet were written.\n"
        "Made by `benchmarks/hours.py`, which says how.",
        format_table(["hours", "processor time, s", "memory, MB"], rows),
        f"{result['minutes']} minutes on a shared machine. {format_versions(result['versions'])}",
    )


if __name__ == "__main__":
    run_benchmark(
        __doc__,
        lambda options: measure(options.root, options.hours),
        format_result,
        {"--hours": {"type": float, "default": 100.0}},
    )
