"""Measured numbers, from run files only."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from click.testing import CliRunner

from docs_pages import text
from serenade.evaluation import compare
from serenade.evaluation.report import Report
from serenade.reproduce import render
from serenade.reproduce.runner import Entry

if TYPE_CHECKING:
    from serenade.evaluation.compare import Entrant
    from serenade.reproduce.base import Paper

_NONE = (
    "No finished run of it is committed yet; `serenade evaluate {name} CORPUS --root CORPORA "
    "--out results/…` makes one."
)


@dataclasses.dataclass(frozen=True, eq=False)
class Results:
    """The finished runs below a folder.

    Args:
        folder: the folder.
        reports: by the path of their file.
        entrants: of these, seeds together.
        entries: rows that `serenade reproduce` wrote.
    """

    folder: Path
    reports: dict[Path, Report]
    entrants: list[Entrant]
    entries: list[Entry]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read every `report.json` and `tables.json` below a folder, which may lack both."""
        reports = {path: Report.from_json(path) for path in sorted(folder.rglob("report.json"))}
        entries = [
            Entry(**{**row, "runs": tuple(row["runs"])})
            for path in sorted(folder.rglob("tables.json"))
            for row in json.loads(path.read_text("utf-8"))
        ]
        return cls(folder, reports, compare.entrants(reports.values()), entries)

    def of(self, system: str) -> str:
        """A table of a system's runs; each leads to its report."""
        mine = [one for one in self.entrants if one.reports[0].system == system]
        if not mine:
            return _NONE.format(name=system)
        where = {id(report): path for path, report in self.reports.items()}
        rows = []
        for one in mine:
            corpus, labels, protocol = one.where
            first = where[id(one.reports[0])]
            rows.append(
                [
                    f"[{corpus}, {len(labels)} emotions](../{self._page(first)})",
                    str(one.reports[0].recipe.get("name", "default")),
                    protocol,
                    *(
                        f"{s.value:.3f} [{text.share(s.low)}, {text.share(s.high)}]"
                        for s in (one.scores[name] for name in compare.SCORES)
                    ),
                    str(len(one.reports)),
                ]
            )
        head = ["corpus", "recipe", "protocol", "UA", "WA", "seeds"]
        return (
            "With 95% intervals over speakers.\n\n"
            + text.table(head, rows, "lllllr")
            + "\n\n[Leaderboard](../leaderboard.md): these beside the other systems', with tests."
        )

    def reproduced(self, paper: Paper) -> str:
        """A paper's tables beside ours, one heading deeper; empty where none were made."""
        entries = [entry for entry in self.entries if entry.paper == paper.name]
        if not entries:
            return ""
        _, _, tables = render.markdown(paper, entries).partition("\n## ")
        return "### " + tables.replace("\n## ", "\n### ")

    def pictures(self) -> dict[str, Path]:
        """Confusion matrices by where they go."""
        return {
            self._page(path).removesuffix(".md") + ".png": path.with_name("confusion.png")
            for path in self.reports
            if path.with_name("confusion.png").is_file()
        }

    def _page(self, path: Path) -> str:
        return f"runs/{'-'.join(path.relative_to(self.folder).parts[:-1])}.md"


def pages(found: Results) -> dict[str, str]:
    """A page per run, the list of them, and the leaderboard."""
    made, rows = {}, []
    pictures = found.pictures()
    for path, report in found.reports.items():
        name = found._page(path)  # noqa: SLF001 - of this module
        picture = name.removesuffix(".md") + ".png"
        body = report.to_markdown()
        if report.command:
            body += f"\n\n    {report.command}\n"
        if picture in pictures:
            body += f"\n![Confusion matrix]({Path(picture).name})\n"
        made[name] = body
        rows.append([f"[{report.system}]({Path(name).name})", report.corpus, report.label])
    listed = text.table(["run", "corpus", "protocol"], rows) if rows else "None is committed yet."
    made["runs/index.md"] = (
        "# Runs\n\nThe reports of all committed run files, as `serenade evaluate` printed "
        f"them.\n\n{listed}\n"
    )
    made["leaderboard.md"] = leaderboard(found)
    return made


def leaderboard(found: Results) -> str:
    """What `serenade compare` writes of all runs."""
    if not found.reports:
        return "# Leaderboard\n\nNo run file is committed yet.\n"
    from serenade.cli.compare import command

    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "leaderboard.md"
        CliRunner().invoke(command, [str(found.folder), "--out", str(page)], catch_exceptions=False)
        return page.read_text("utf-8")
