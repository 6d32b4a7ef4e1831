"""The page of `benchmarks/adaptation.py`, written from its JSON alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.runner import format_versions
from serenade._markdown_table import format_table

if TYPE_CHECKING:
    from collections.abc import Mapping

BEFORE_AND_AFTER = ("ua_alone", "ua", "right_alone", "right")
TEXT = Path(__file__).with_name("page.md")


def _cell(found: Mapping[str, Any]) -> str:
    low, high = found["interval"]
    return f"{found['ua']:.3f} [{low:.3f}, {high:.3f}]"


def _mean(found: Mapping[str, Any], key: str, name: str) -> float:
    values = [each["adapted"][key][name] for each in found.values()]
    return float(sum(values) / len(values))


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
    gains = format_table(
        ["group / expected", "UA alone", "UA adapted", "right alone", "right adapted"],
        [
            [key, *(f"{_mean(found, key, name):.3f}" for name in BEFORE_AND_AFTER)]
            for key in keys
            if key.startswith(("speaker, mostly", "80%", "100%"))
        ],
    )
    surest = format_table(
        ["corpus", "adapted to", "calibration error", "surer half: more right by"],
        [
            [name, key, f"{each['ece']:.3f}", f"{each['surest_half_gain']:.3f}"]
            for name in corpora
            for key, each in [
                ("nothing", found[name]["alone"]),
                *(
                    (key, found[name]["adapted"][key])
                    for key in ("corpus, 20 / mixed", "speaker, 20 / mixed")
                ),
            ]
        ],
    )
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
        ("SUREST", surest),
        ("WITHIN", within),
        ("SETTINGS", settings),
        ("VERSIONS", format_versions(result["versions"])),
    ):
        text = text.replace("{" + mark + "}", part)
    return text
