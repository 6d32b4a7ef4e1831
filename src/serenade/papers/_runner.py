"""Run the evaluations behind the tables of papers, each once, and resume after a kill."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serenade import _parallel, corpora, encoders, protocols
from serenade.audio import WhiteNoise
from serenade.errors import EvaluationError, SerenadeError
from serenade.evaluation import Report, evaluate
from serenade.extraction import MAX_UNUSABLE
from serenade.papers._entries import Entry, enlarge_tests, score_by_paper, score_unseen
from serenade.papers._kept_runs import KeptRuns, complete_recipe, list_differences, list_labels
from serenade.papers._paper_tables import list_all_runs, list_runs
from serenade.papers._resources import (
    get_placeholders,
    identify_encoders,
    identify_resources,
    resolve_changes,
)
from serenade.training import Estimator

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from serenade.corpora import Corpus
    from serenade.papers._paper_tables import Paper, Place, Row, Run, Table


_QUICK = "quick look"  # label of runs with few speakers
_AT_ONCE = 16  # runs that a cluster gets at once
# Two copies with other noise than copies of training clips, whose ratios are drawn from 15 to 30.
_COPIES = {
    f"white noise, {low} to {high} dB": WhiteNoise((low, high))
    for low, high in ((15.0, 22.5), (22.5, 30.0))
}


class Runner:
    """Runner that makes and keeps the reports of runs.

    Args:
        root: the folder that holds the corpora.
        out: folder where finished runs are kept, below `runs/`; `evaluation.add_report` writes
            their files.
        fast: a quick look with few speakers and epochs.
        jobs: processes for extraction; None for all cores.
        device: device that networks are trained on.
        progress: called with a line of text for each step.
        use: paths by name of files that rows need and this package does not contain: `text`, a text
            encoder (by default ALBERT from the hub), `speech2vec`, a folder of `50.txt` and so on,
            as serenade speech2vec writes them, and `glove`, a folder of `100.txt` and so on.
        dry: run nothing; scores of unfinished runs are missing.
        max_unusable: largest share of recordings that a run may leave out; see `evaluate`.
    """

    def __init__(
        self,
        root: str | os.PathLike[str] | None,
        out: str | os.PathLike[str],
        *,
        fast: bool = False,
        jobs: int | None = None,
        device: str = "cpu",
        progress: Callable[[str], None] = lambda _: None,
        use: Mapping[str, str] | None = None,
        dry: bool = False,
        max_unusable: float = MAX_UNUSABLE,
    ) -> None:
        self.root = root
        self.out = Path(out)
        self.fast = fast
        self.jobs = jobs
        self.device = device
        self.progress = progress
        self.use = {"text": encoders.ALBERT, **(use or {})}
        self.dry = dry
        self.max_unusable = max_unusable
        self._given = frozenset(use or ())
        self._runs = KeptRuns(self.out / "runs")
        self._failed: dict[str, SerenadeError] = {}
        self._corpora: dict[tuple[str, tuple[str, ...], int], Corpus | SerenadeError] = {}

    def entries(self, paper: Paper) -> list[Entry]:
        """Return every score of a paper's tables with ours, or the reason why ours is missing.

        On a cluster, runs and their seeds are made in parallel.
        """
        if _parallel.has_cluster() and not self.dry:
            self._make_all(paper)
        return [
            entry
            for table in paper.tables
            for row in table.rows
            for place in table.places
            for entry in self._entries(paper, table, row, place)
        ]

    def report(self, run: Run) -> Report:
        """Return the report of a run: the saved one, or a new one.

        A saved report is replaced if the recipe of this name had other settings then, if it was
        made with other resources, or if the corpus was less complete than it is here. A dry run
        keeps such reports, and their rows carry a label; it refuses a report that was made with
        other resources than `use` names.

        Raises:
            SerenadeError: the evaluation cannot be run here; the message states the reason.
        """
        kept = self._kept(run)
        if kept is not None:
            return kept
        if self.dry:
            if self.root is not None:
                self._corpus(run)  # a row that cannot be run here says so
                resolve_changes(run.changes, self.use)
            raise SerenadeError("not run yet")
        if run.name in self._failed:
            raise self._failed[run.name]
        return self._write(run, self._evaluate_run(run))

    def _make_all(self, paper: Paper) -> None:
        """Make and save the missing runs of a paper; keep the errors of those that fail."""
        wanted = []
        for run in list_all_runs(paper, fast=self.fast):
            if run.name in self._failed:
                continue
            try:
                if self._kept(run) is None:
                    self._corpus(run)  # opened here, because threads share it
                    wanted.append(run)
            except SerenadeError as error:
                self._failed[run.name] = error

        def made(run: Run) -> Report | SerenadeError:
            try:
                return self._evaluate_run(run)
            except SerenadeError as error:
                return error

        # Threads only wait for the cluster.
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for run, found in zip(wanted, pool.map(made, wanted), strict=True):
                if isinstance(found, Report):
                    self._write(run, found)
                else:
                    self._failed[run.name] = found

    def _write(self, run: Run, report: Report) -> Report:
        """Save the report of a finished run."""
        self._runs.write(run.name, report)
        return report

    def kept(self, name: str) -> Report | None:
        """Return the report of a run by its name; None if it is not finished."""
        return self._runs.read(name)

    def _kept(self, run: Run) -> Report | None:
        """Return the saved report of a run if it is valid here; None if the run must be made.

        Raises:
            EvaluationError: this is a dry run, and the report was made with other resources.
            SerenadeError: a resource of the run cannot be read.
        """
        report = self.kept(run.name)
        if report is None:
            return None
        other = self._describe_other_resources(run, report)
        if other and self.dry:
            raise EvaluationError(other)
        if other or self._is_outdated(run, report) or self._has_other_encoders(run, report):
            return None
        return report if self.dry or not list_differences(run, report) else None

    def _describe_other_resources(self, run: Run, report: Report) -> str:
        """Describe the resources of a saved report if the user names others; "" if not."""
        fields = get_placeholders(run.changes)
        # A dry run without a path for a name shows what there is, and labels it.
        asked = {
            field: value
            for field, value in run.changes.items()
            if fields.get(field) in (self._given if self.dry else self.use)
        }
        made = {field: report.recipe.get("resources", {}).get(field, {}) for field in asked}
        try:
            now = identify_resources(asked, self.use)
        except SerenadeError as error:
            names = ", ".join(found.get("name", "an unnamed one") for found in made.values())
            raise EvaluationError(f"the kept run was made with {names}; {error}") from error
        return "; ".join(
            f"the kept run was made with {made[field].get('name', 'an unnamed one')} "
            f"({made[field].get('content', 'content unknown')}), not with {one['name']} "
            f"({one['content']})"
            for field, one in now.items()
            if {**made[field], **one} != made[field]
        )

    def _is_outdated(self, run: Run, report: Report) -> bool:
        """Return whether a run lacked recordings that the corpus here has."""
        if self.dry or not report.incomplete:
            return False
        try:
            here = self._corpus(run).incomplete
        except SerenadeError:
            return False  # a corpus that is not here cannot replace the run
        return _count_recordings(here) > _count_recordings(report.incomplete)

    def _has_other_encoders(self, run: Run, report: Report) -> bool:
        """Return whether a run was made with other weights of an encoder than are here."""
        made = report.recipe.get("encoders", {})
        # Encoders that the package does not hold would be downloaded to compare them.
        if self.dry or not made or not made.keys() <= set(encoders.names()):
            return False
        try:
            now = identify_encoders(self._make_estimator(run).features)
        except SerenadeError:
            return False  # an encoder that is not here cannot replace the run
        return any(made.get(name, content) != content for name, content in now.items())

    def _make_estimator(self, run: Run) -> Estimator:
        return Estimator(
            run.system,
            run.recipe,
            jobs=self.jobs,
            device=self.device,
            checkpoints=self.out / "checkpoints",
            **resolve_changes(run.changes, self.use),
        )

    def _evaluate_run(self, run: Run) -> Report:
        self.progress(f"{run.name}: {json.dumps(dict(run.changes))}")
        corpus = self._corpus(run)
        resources = identify_resources(run.changes, self.use)
        estimator = self._make_estimator(run)
        used = identify_encoders(estimator.features)
        report = evaluate(
            estimator,
            corpus,
            protocols.get(run.protocol, **run.plan),
            seed=run.seed,
            progress=self.progress,
            max_unusable=self.max_unusable,
            command=f"serenade reproduce (run {run.name})",
            conditions=_COPIES if run.copies else None,
        )
        return complete_recipe(run, report, resources, used)

    def _corpus(self, run: Run) -> Corpus:
        """Return the corpus of a run, which is opened once."""
        key = run.corpus, run.labels, run.speakers
        if key not in self._corpora:
            try:
                self._corpora[key] = self._open_corpus(run)
            except SerenadeError as error:
                self._corpora[key] = error
        found = self._corpora[key]
        if isinstance(found, SerenadeError):
            raise found
        return found

    def _open_corpus(self, run: Run) -> Corpus:
        options: dict[str, Any] = {"labels": run.labels} if run.labels else {}
        corpus = corpora.open(run.corpus, self.root, **options)
        if run.speakers and run.speakers < len(corpus.speakers):
            kept = corpus.table["speaker"].isin(corpus.speakers[: run.speakers])
            few = f"{_QUICK} at {run.speakers} of {len(corpus.speakers)} speakers"
            label = "; ".join(filter(None, (corpus.incomplete, few)))
            corpus = dataclasses.replace(corpus.select(kept), incomplete=label)
        return corpus

    def _entries(self, paper: Paper, table: Table, row: Row, place: Place) -> list[Entry]:
        blank = [
            Entry(
                paper=paper.name,
                table=table.name,
                row=row.name,
                metric=metric,
                corpus=place.corpus_name,
                stands_for=place.stands_for,
                paper_value=None if place.stands_for else value,
                fast=self.fast,
            )
            for metric, value in row.values.items()
        ]
        if not row.system:
            return [dataclasses.replace(entry, reason=row.reason) for entry in blank]
        by_paper, unseen = list_runs(row, place, fast=self.fast)
        papers, reason = self._reports(by_paper, enlarged=row.enlarged)
        ours, other = self._reports(unseen, enlarged=row.enlarged)
        labels = list_labels(row, (*by_paper, *unseen), {**papers, **ours})
        reasons = "; ".join(dict.fromkeys(filter(None, (reason, other))))
        names = tuple(dict.fromkeys(run.name for run in (*by_paper, *unseen)))
        made = (*papers.values(), *ours.values())
        gaps = dict.fromkeys(gap for report in made for gap in _list_gaps(report))
        return [
            dataclasses.replace(
                entry,
                reason=reasons,
                incomplete="; ".join(gaps),
                runs=names,
                label="; ".join(labels),
                **score_by_paper(entry.metric, list(papers.values())),
                **score_unseen(entry.metric, list(ours.values())),
            )
            for entry in blank
        ]

    def _reports(self, wanted: Sequence[Run], *, enlarged: bool) -> tuple[dict[str, Report], str]:
        """Return the reports that can be made, and the reason why others cannot."""
        found, reason = {}, ""
        for run in wanted:
            try:
                report = self.report(run)
                found[run.name] = enlarge_tests(report) if enlarged else report
            except SerenadeError as error:
                reason = _shorten(error)
                self.progress(f"{run.name}: {reason}")
        return found, reason


def _count_recordings(label: str) -> float:
    """Return the number of recordings in the label of a corpus; infinity if it is complete.

    >>> _count_recordings("incomplete RAVDESS, 1200 of 1440")
    1200.0
    """
    counts = re.search(r"incomplete [^;]*, (\d+) of \d+", label)
    return float(counts[1]) if counts else math.inf


def _list_gaps(report: Report) -> list[str]:
    """Return what a run lacks: recordings of its corpus, and those that could not be used.

    A page of quick runs says by itself that they are a quick look.
    """
    gaps = [part for part in report.incomplete.split("; ") if not part.startswith(_QUICK)]
    gaps += (
        f"{count[1]} unusable recordings left out"
        for note in report.notes
        if (count := re.match(r"left out, because they cannot be used \((\d+)\)", note))
    )
    return list(filter(None, gaps))


def _shorten(error: SerenadeError) -> str:
    """Return an error as a reason, without folders of this machine."""
    words = [Path(word).name if word.startswith("/") else word for word in str(error).split()]
    return " ".join(words)
