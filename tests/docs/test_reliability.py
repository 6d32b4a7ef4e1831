"""Figures and file names of hand-written pages are those of the repository."""

import re
from pathlib import Path

from benchmarks.runner import read_results

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text("utf-8")
MACHINES = (ROOT / "docs" / "cluster.md").read_text("utf-8")


def kept(name):
    return read_results(ROOT / "docs" / "benchmarks")[name]


def test_files_that_pages_name_exist():
    pattern = re.compile(r"`(?:python )?((?:tests|benchmarks|scripts|constraints)/[\w./-]+)`")
    named = set(pattern.findall(PAGE + MACHINES))
    assert len(named) >= 10
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_inputs_that_were_tried():
    found = kept("fuzzing")
    assert f"gave {found['inputs']:,} inputs" in PAGE
    assert found["inputs"] >= 10_000
    assert found["bad"] == []
    targets = found["targets"].values()
    slowest = max(target["slowest"]["seconds"] for target in targets)
    largest = max(target["largest"]["megabytes"] for target in targets)
    assert f"The slowest input took {slowest:.1f} s" in PAGE
    assert f"the largest {largest} MB" in PAGE


def test_hours():
    found = kept("hours")
    assert found["hours"] >= 100
    cost, memory = found["seconds_per_hour"], found["megabytes"]
    for text in (
        f"of {found['hours']:.0f} h of speech",
        f"{found['recordings']:,} times",
        f"{cost['first_half']:.2f} s of processor time",
        f"{cost['second_half']:.2f} s in the second",
        f"{memory['first']:.0f} MB after the first 5 h",
        f"{memory['last']:.0f} MB at the",
    ):
        assert text in " ".join(PAGE.split()), text
    # Linear cost, flat memory.
    assert abs(cost["second_half"] / cost["first_half"] - 1) < 0.25
    assert memory["last"] - memory["first"] < 50


def test_arithmetic_of_many_machines():
    """1,000 hours of 16 kHz 16-bit sound on 100 machines of 16 cores, storage of 10 Gbit/s."""
    found, realtime = kept("hours"), kept("realtime")
    assert realtime
    page = " ".join(MACHINES.split())
    cost = found["seconds_per_hour"]["second_half"]
    written = found["gigabytes_written"] / found["hours"] * 1000
    for text in (
        f"{cost:.1f} s of one core",
        f"{1000 * cost / 3600:.2f} core hours",
        f"{written:.0f} GB",
    ):
        assert text in page, text
