"""Write pages of measured numbers, which come from run files only."""

from __future__ import annotations

import dataclasses
import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Self

from docs_pages import text

import serenade
from serenade import corpora, papers
from serenade._printable import format_table
from serenade.corpora._corpus import mark_incomplete
from serenade.errors import CorpusError
from serenade.evaluation import RUN_FILE_SUFFIX, _compare, make_confusion_figure, read_runs
from serenade.papers import Runner, _render, list_figures
from serenade.papers._entries import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from matplotlib.figure import Figure

    from serenade.evaluation import Entrant, Report
    from serenade.papers import Paper

_NONE = (
    "No finished run of it is committed yet; `serenade evaluate {name} CORPUS --root CORPORA "
    "--out DIR` makes one."
)
_HEAD = """# Leaderboard

Made from the [run files](runs/index.md) in the repository; the command in each makes it again. A
table has what was run on the same recordings by the same protocol, best first. UA is the mean
recall, WA the accuracy, both with 95% intervals over speakers. Where a protocol is called
speaker-dependent, test speakers were heard in training, and its numbers say nothing about speakers
who were not. Below a table, its systems are tested against each other by exchanging speakers as a
whole; p-values are adjusted within the table. Settings of some recipes were chosen on recordings
that a table tests: [how recipes were chosen](benchmarks/tuning.md).
"""
# Hundreds of pages of runs would hide other results of a search; the list of runs is found.
_UNSEARCHED = "---\nsearch:\n  exclude: true\n---\n\n"
_CITED = """# Results to cite

The best recipe of each system on speakers that it was not trained on, for each corpus of real
recordings, from the [run files](runs/index.md) in the repository. The
[leaderboard](leaderboard.md) has all recipes, random splits, significance tests between systems,
and the command of each run.

{table}

## What the numbers mean

- **UA** is the mean recall over the emotions, **WA** the share of right predictions. Both count
  all predictions of all folds at once.
- **[low, high]** is a 95% interval, bootstrapped over *speakers*: it says how much the number
  depends on the speakers who were recorded. It does not contain the variation between seeds.
- **Seeds**: runs with different seeds; the scores are their means.
- Test speakers occur neither in the training nor in the validation data. Most of these corpora
  repeat the same sentences in all emotions, in training and in test; the page of each run lists
  such findings of the leak audit.
- The best of several recipes is shown, and some recipes were chosen on recordings that are also
  tested ([how](benchmarks/tuning.md)), so the numbers are slightly optimistic.
- EMO-DB, RAVDESS and nEMO hold acted speech. Results on everyday speech are lower.

## What to state in a paper

Corpus and its version, number of speakers and emotions, protocol, recipe, seeds, UA with its
interval, and the version of Serenade. `serenade evaluate --out` writes all of this into
`report.json`; `serenade compare RUNS --out table.tex` writes the table. Cite the corpus and the
paper of the system, whose [page](systems/index.md) names it, and:

    @software{{serenade,
      title   = {{Serenade: speech emotion recognition for Python}},
      author  = {{{{The Serenade developers}}}},
      version = {{{version}}},
      year    = {{2026}},
    }}

`CITATION.cff` in the repository has the same data for tools. Results of the bundled model on
corpora that it was not trained on are on its [model card](model_card.md).
"""


@dataclasses.dataclass(frozen=True, eq=False)
class Results:
    """The finished runs below a folder.

    Args:
        folder: the folder.
        reports: by the place of their page.
        by_run: the same, by the name of their run.
        repeats: pages of runs that repeat another one; they are not counted.
        entrants: of the others, seeds together.
        entries: rows that `serenade reproduce` wrote.
    """

    folder: Path
    reports: dict[str, Report]
    by_run: dict[str, Report]
    repeats: frozenset[str]
    entrants: list[Entrant]
    entries: list[Entry]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read every `.json.gz` and `tables.json` below a folder, which may lack both.

        Quick looks, which `serenade reproduce --fast` keeps in a folder `fast`, are left out.
        """
        reports, by_run = {}, {}
        for path in _below(folder, f"*{RUN_FILE_SUFFIX}"):
            where = path.relative_to(folder).parent.parts
            for run, report in read_runs(path).items():
                reports[f"runs/{'-'.join([*where, run])}.md"] = by_run[run] = report
        entries = [
            Entry(**{**row, "runs": tuple(row["runs"])})
            for path in _below(folder, "tables.json")
            for row in json.loads(path.read_text("utf-8"))
        ]
        first: dict[tuple[str, int], str] = {}
        for page, report in reports.items():
            first.setdefault((_compare.identify_run(report), report.seed), page)
        repeats = reports.keys() - set(first.values())
        counted = [reports[page] for page in first.values()]
        entrants = _compare.list_entrants(counted)
        return cls(folder, reports, by_run, frozenset(repeats), entrants, entries)

    def of(self, system: str) -> str:
        """Format a table of a system's runs with links to their reports."""
        mine = [one for one in self.entrants if one.reports[0].system == system]
        if not mine:
            return _NONE.format(name=system)
        # The adapted predictions of a run are a report of their own, with the same page.
        where = {_identify(report): page for page, report in self.reports.items()}
        rows = []
        for one in sorted(mine, key=_order):
            corpus, labels, protocol, incomplete = one.where
            first = where[_identify(one.reports[0])]
            scores = (one.scores[name] for name in _compare.COMPARED_SCORES)
            place = f"{mark_incomplete(corpus, incomplete)}, {len(labels)} emotions"
            rows.append(
                [
                    f"[{place}](../{first})",
                    one.name,
                    protocol,
                    *(f"{s.value:.3f} [{text.share(s.low)}, {text.share(s.high)}]" for s in scores),
                    str(len(one.reports)),
                ]
            )
        head = ["corpus", "system and recipe", "protocol", "UA", "WA", "seeds"]
        return (
            "With 95% intervals over speakers.\n\n"
            + format_table(head, rows, "lllllr")
            + "\n\n[Leaderboard](../leaderboard.md): these beside the other systems', with tests."
        )

    def headlines(self) -> str:
        """Format the headline numbers of the papers next to ours; empty without tables."""
        known = [papers.get(name) for name in papers.names()]
        found = [(paper, entries) for paper in known if (entries := self._rows(paper))]
        return _render.format_overview(found).partition("\n\n")[2] if found else ""

    def reproduced(self, paper: Paper) -> str:
        """Format a paper's tables next to ours, one heading deeper; empty without tables."""
        if not (entries := self._rows(paper)):
            return ""
        bare = dataclasses.replace(paper, notes=())
        _, _, tables = _render.format_paper(bare, entries, self.by_run.get).partition("\n## ")
        return "### " + tables.replace("\n## ", "\n### ")

    def _rows(self, paper: Paper) -> list[Entry]:
        """Return every row of a paper's tables, empty if `serenade reproduce` wrote none.

        Rows are found by their names, so that tables written before a paper got another row, or
        in several parts, still go where they belong. Of two of one name, the fuller one counts.
        """
        known: dict[tuple[str, ...], Entry] = {}
        for entry in self.entries:
            if entry.paper == paper.name:
                other = known.setdefault(_place(entry), entry)
                known[_place(entry)] = max(other, entry, key=_filled)
        if not known:
            return []
        # A dry run reads and writes nothing here: it lists the rows.
        rows = Runner(None, self.folder / "nowhere", dry=True).entries(paper)
        return [known.get(_place(row), row) for row in rows]

    def figures(self, paper: Paper) -> dict[str, Callable[[], Figure]]:
        """Return what draws a paper's figures, by their names."""
        return list_figures(paper, self._rows(paper), self.by_run.get)

    def drawings(self) -> dict[str, Callable[[], Figure]]:
        """Return what draws all figures, by their places: papers' and confusion matrices."""
        return {
            f"systems/{name}": draw
            for paper in map(papers.get, papers.names())
            for name, draw in self.figures(paper).items()
        } | {
            page.removesuffix(".md"): functools.partial(make_confusion_figure, report)
            for page, report in self.reports.items()
        }


def _identify(report: Report) -> tuple[object, ...]:
    """Return what a run's report shares with the report of its adapted predictions."""
    return report.system, report.corpus, report.labels, report.seed, report.seconds


def _below(folder: Path, name: str) -> list[Path]:
    """List the files of a name, those in fewer folders first."""
    found = (path for path in folder.rglob(name) if "fast" not in path.relative_to(folder).parts)
    return sorted(found, key=lambda path: (len(path.parts), path))


def _place(entry: Entry) -> tuple[str, ...]:
    return entry.table, entry.row, entry.metric, entry.corpus


def _filled(entry: Entry) -> int:
    return (entry.paper_protocol is not None) + (entry.speaker_independent is not None)


def _order(one: Entrant) -> tuple[str, int, bool, str]:
    """Return the sort key: corpus and emotions, unseen speakers first."""
    report = one.reports[0]
    return report.corpus, -len(report.labels), not report.speaker_independent, report.label


def pages(found: Results) -> dict[str, str]:
    """Make a page for each run, their list, and the leaderboard."""
    made, rows = {}, []
    for name, report in sorted(found.reports.items()):
        body = report.to_markdown()
        if report.command:
            body += f"\n\n    {report.command}\n"
        made[name] = f"{_UNSEARCHED}{body}\n![Confusion matrix]({Path(name).stem}.svg)\n"
        recipe = str(report.recipe.get("name", "default"))
        again = " (a run once more; counted once)" if name in found.repeats else ""
        link = f"[{Path(name).stem}]({Path(name).name}){again}"
        rows.append([link, report.system, recipe, report.corpus, report.label, str(report.seed)])
    head = ["run", "system", "recipe", "corpus", "protocol", "seed"]
    listed = format_table(head, rows, "lllllr") if rows else "None is committed yet."
    made["runs/index.md"] = (
        "# Runs\n\nThe reports of all committed run files, as `serenade evaluate` printed "
        f"them.\n\n{listed}\n"
    )
    made["leaderboard.md"] = leaderboard(found.entrants)
    made["results.md"] = _CITED.format(
        table=_list_unseen(found.entrants), version=serenade.__version__
    )
    return made


def _list_unseen(entrants: Iterable[Entrant]) -> str:
    """Format the best result of each system on unseen speakers of a corpus.

    Results that are adapted to the test recordings are left out: a single recording offers no
    such adaptation.
    """
    best: dict[tuple[object, ...], Entrant] = {}
    for one in entrants:
        report = one.reports[0]
        plain = "transductive" not in one.name
        if plain and report.speaker_independent and not _warning(report.corpus):
            place = (*one.where, report.system)
            if place not in best or best[place].scores["ua"].value < one.scores["ua"].value:
                best[place] = one
    rows = [
        [
            f"{mark_incomplete(one.where[0], one.where[3])}, {len(one.where[1])} emotions",
            one.name,
            one.reports[0].protocol,
            *(
                f"{one.scores[name].value:.3f} "
                f"[{text.share(one.scores[name].low)}, {text.share(one.scores[name].high)}]"
                for name in ("ua", "wa")
            ),
            str(len(one.reports)),
        ]
        for one in sorted(best.values(), key=lambda one: (_order(one)[:2], -one.scores["ua"].value))
    ]
    head = ["corpus", "system and recipe", "protocol", "UA", "WA", "seeds"]
    return format_table(head, rows, "lllllr") if rows else "No run file is committed yet."


def leaderboard(entrants: Iterable[Entrant]) -> str:
    """Format a table for each corpus and protocol, with its tests folded below."""
    ordered = sorted(entrants, key=_order)
    if not ordered:
        return "# Leaderboard\n\nNo run file is committed yet.\n"
    parts = [_HEAD.strip()]
    for where in dict.fromkeys(one.where for one in ordered):
        here = [one for one in ordered if one.where == where]
        heading, _, table = _compare.format_comparison(here, []).partition("\n\n")
        parts += [heading, *_warning(where[0]), table.strip()]
        if tests := _compare.compare_runs(here):
            folded = _compare.format_tests(tests).replace("\n", "\n    ")
            parts.append(f'??? note "Tests between them"\n    {folded}')
    return "\n\n".join(parts) + "\n"


def _warning(corpus: str) -> list[str]:
    """Format what readers must know about a corpus."""
    try:
        warning = corpora.describe(corpus).warning
    except CorpusError:  # somebody's own
        return []
    return [f"!!! warning\n    {warning}"] if warning else []
