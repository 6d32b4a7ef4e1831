"""The page of `benchmarks/adaptation.py`, written from its JSON alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.runner import format_versions
from serenade._printable import format_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BEFORE_AND_AFTER = ("ua_alone", "ua", "right_alone", "right")
CALIBRATION = (("temperature", 2), ("right", 3), ("ece", 3), ("surest_half_gain", 3))
CALIBRATION_HEADER = (
    "adapted to / expected", "tested on", "temperature", "right", "calibration error",
    "surer half: more right by",
)  # fmt: skip
TEXT = Path(__file__).with_name("page.md")


def _cell(found: Mapping[str, Any]) -> str:
    low, high = found["interval"]
    return f"{found['ua']:.3f} [{low:.3f}, {high:.3f}]"


def _mean(found: Mapping[str, Any], key: str, name: str, part: str = "adapted") -> float:
    values = [each[part][key][name] for each in found.values()]
    return float(sum(values) / len(values))


def _tabulate_gains(found: Mapping[str, Any], part: str, keys: Sequence[str], head: str) -> str:
    return format_table(
        [head, "UA alone", "UA adapted", "right alone", "right adapted"],
        [
            [key, *(f"{_mean(found, key, name, part):.3f}" for name in BEFORE_AND_AFTER)]
            for key in keys
        ],
    )


def _tabulate_streams(found: Mapping[str, Any]) -> str:
    """Lay out the parts of long recordings: means of the corpora."""
    streams = [each["streams"] for each in found.values()]
    lines = [
        [key, *(_average(streams, key, part, value) for part in parts for value in ("ua", "right"))]
        for key, parts in streams[0].items()
    ]
    parts = next(iter(streams[0].values()))
    header = [f"{part}: {words}" for part in parts for words in ("UA", "right")]
    return format_table(["content / expected", *header], lines)


def _average(streams: Sequence[Any], key: str, part: str, value: str) -> str:
    return f"{sum(each[key][part][value] for each in streams) / len(streams):.3f}"


def _tabulate_beginnings(found: Mapping[str, Any]) -> str:
    """Lay out what adaptation adds to UA at the beginning and at the end, by corpus."""
    lines = []
    for key in next(iter(found.values()))["streams"]:
        content, name = key.split(" / ")
        if name != "nothing":
            lines.append([key, *(_state_gain(each, key, content) for each in found.values())])
    return format_table(["content / expected", *found], lines)


def _state_gain(each: Mapping[str, Any], key: str, content: str) -> str:
    after, before = each["streams"][key], each["streams"][f"{content} / nothing"]
    first, *_, last = after
    return ", ".join(f"{after[part]['ua'] - before[part]['ua']:+.3f}" for part in (first, last))


def format_result(result: Mapping[str, Any]) -> str:
    """Fill the tables of the result into the page's text."""
    found = result["never_heard"]
    corpora = list(found)
    keys = list(found[corpora[0]]["adapted"])
    main = format_table(
        ["adapted to / expected", *corpora, "mean"],
        [
            [
                "nothing",
                *(_cell(found[name]["alone"]) for name in corpora),
                f"{sum(found[name]['alone']['ua'] for name in corpora) / len(corpora):.3f}",
            ],
            *(
                [
                    key,
                    *(_cell(found[name]["adapted"][key]) for name in corpora),
                    f"{_mean(found, key, 'ua'):.3f}",
                ]
                for key in keys
            ),
        ],
    )
    gains = _tabulate_gains(
        found,
        "adapted",
        [key for key in keys if key.startswith(("speaker, mostly", "80%", "100%"))],
        "group / expected",
    )
    oracle = _tabulate_gains(found, "oracle", list(found[corpora[0]]["oracle"]), "group / drift v")
    surest = format_table(
        CALIBRATION_HEADER,
        [
            [key, name, *(f"{each[field]:.{digits}f}" for field, digits in CALIBRATION)]
            for key, cases in result["calibration"].items()
            for name, each in cases.items()
        ],
    )  # fmt: skip
    within = format_table(
        ["corpus", "alone", "speaker, 20", "all of the speaker"],
        [
            [name, *(_cell(each[key]) for key in ("alone", "speaker, 20", "all of the speaker"))]
            for name, each in result["within"].items()
        ],
    )
    settings = format_table(
        ["tested on", "expected", "setting"],
        [
            [name, key, ", ".join(f"{k} {v}" for k, v in setting.items())]
            for name in corpora
            for key, setting in found[name]["settings"].items()
        ],
    )
    text = TEXT.read_text("utf-8")
    for mark, part in (
        ("MAIN", main),
        ("GAINS", gains),
        ("ORACLE", oracle),
        ("SUREST", surest),
        ("WITHIN", within),
        ("SETTINGS", settings),
        ("STREAMS", _tabulate_streams(found)),
        ("BEGINNINGS", _tabulate_beginnings(found)),
        ("VERSIONS", format_versions(result["versions"])),
    ):
        text = text.replace("{" + mark + "}", part)
    return text
