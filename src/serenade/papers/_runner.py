"""Run the evaluations behind the tables of papers, each once, and resume after a kill."""

from __future__ import annotations

import dataclasses
import json
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade import _parallel, corpora, protocols, systems
from serenade.encoders import ALBERT
from serenade.errors import SerenadeError
from serenade.evaluation import RUN_FILE_SUFFIX, Report, add_report, evaluate, read_reports
from serenade.papers._paper_tables import list_all_runs, list_runs, resolve_changes
from serenade.training import Estimator

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from serenade.corpora import Corpus
    from serenade.papers._paper_tables import Paper, Place, Row, Run, Table


_AT_ONCE = 16  # runs that a cluster gets at once


@dataclasses.dataclass(frozen=True)
class Entry:
    """Score of a paper with our scores.

    Args:
        paper: name of the paper's system.
        table: name of the table in the paper.
        row: name of the row in the paper.
        metric: `ua`, `wa` or `f1_weighted`.
        corpus: corpus of our scores.
        stands_for: corpus of the paper, if it is another one.
        paper_value: score that the paper prints for this corpus; None if it prints none.
        paper_protocol: our score by the paper's protocol, mean over seeds; None if it was not run.
        speaker_independent: our score on unseen speakers; None if it was not run.
        low: lower end of its 95% interval over speakers.
        high: upper end of that interval.
        paper_low: lower end of the interval by the paper's protocol.
        paper_high: upper end of that interval.
        seeds: number of seeds by the paper's protocol.
        spread: standard deviation over seeds; None for one seed.
        speaker_dependent: whether the paper's protocol trains on test speakers.
        incomplete: label of a corpus with missing recordings; empty if it is complete.
        reason: reason for a missing score; empty if there is none.
        fast: whether this is a quick look, which must not be quoted.
        runs: names of the runs.
    """

    paper: str
    table: str
    row: str
    metric: str
    corpus: str
    stands_for: str
    paper_value: float | None
    paper_protocol: float | None = None
    speaker_independent: float | None = None
    low: float | None = None
    high: float | None = None
    paper_low: float | None = None
    paper_high: float | None = None
    seeds: int = 0
    spread: float | None = None
    speaker_dependent: bool | None = None
    incomplete: str = ""
    reason: str = ""
    fast: bool = False
    runs: tuple[str, ...] = ()


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
    ) -> None:
        self.root = root
        self.out = Path(out)
        self.fast = fast
        self.jobs = jobs
        self.device = device
        self.progress = progress
        self.use = {"text": ALBERT, **(use or {})}
        self.dry = dry
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

        A saved report is replaced if the recipe of this name had other settings then, or if the
        corpus was less complete than it is here. A dry run keeps reports on a less complete corpus,
        and their rows carry the label of the corpus.

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
            if run.name in self._failed or self._kept(run) is not None:
                continue
            try:
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
        add_report(self._place(run.name)[0], report)
        return report

    def kept(self, name: str) -> Report | None:
        """Return the report of a run by its name; None if it is not finished."""
        path, seed = self._place(name)
        reports = read_reports(path, seed) if path.is_file() else []
        return reports[0] if reports else None

    def _place(self, name: str) -> tuple[Path, int]:
        """Return the file that keeps a run under all of its seeds, and its seed."""
        stem, _, seed = name.rpartition("-seed")
        return self.out / "runs" / f"{stem}{RUN_FILE_SUFFIX}", int(seed)

    def _kept(self, run: Run) -> Report | None:
        report = self.kept(run.name)
        if report is None:
            return None
        recipe = systems.get(run.system).recipe(run.recipe)
        # A field that came later had its default, which changes nothing.
        before = {**_recipe_to_json(run, type(recipe)()), **report.recipe}
        now = _recipe_to_json(run, recipe)
        same = all(before[field] == value for field, value in now.items())
        return report if same and not self._is_outdated(run, report) else None

    def _is_outdated(self, run: Run, report: Report) -> bool:
        """Return whether a run lacked recordings that the corpus here may have."""
        if self.dry or not report.incomplete:
            return False
        try:
            return self._corpus(run).incomplete != report.incomplete
        except SerenadeError:
            return False  # a corpus that is not here cannot replace the run

    def _evaluate_run(self, run: Run) -> Report:
        self.progress(f"{run.name}: {json.dumps(dict(run.changes))}")
        corpus = self._corpus(run)
        changes = resolve_changes(run.changes, self.use)
        report = evaluate(
            Estimator(
                run.system,
                run.recipe,
                jobs=self.jobs,
                device=self.device,
                checkpoints=self.out / "checkpoints",
                **changes,
            ),
            corpus,
            protocols.get(run.protocol, **run.plan),
            seed=run.seed,
            progress=self.progress,
            command=f"serenade reproduce (run {run.name})",
        )
        # A kept report names the files that only this machine has as the row does: `@NAME/rest`.
        return dataclasses.replace(report, recipe={**report.recipe, **_changes_to_json(run)})

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
        if run.speakers:
            kept = corpus.table["speaker"].isin(corpus.speakers[: run.speakers])
            corpus = corpus.select(kept)
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
        papers, reason = self._reports(by_paper)
        ours, other = self._reports(unseen)
        reasons = "; ".join(dict.fromkeys(filter(None, (reason, other))))
        names = tuple(dict.fromkeys(run.name for run in (*by_paper, *unseen)))
        gaps = dict.fromkeys(r.incomplete for r in (*papers, *ours) if r.incomplete)
        return [
            dataclasses.replace(
                entry,
                reason=reasons,
                incomplete="; ".join(gaps),
                runs=names,
                **_score_by_paper(entry.metric, papers),
                **_score_unseen(entry.metric, ours),
            )
            for entry in blank
        ]

    def _reports(self, wanted: Sequence[Run]) -> tuple[list[Report], str]:
        """Return the reports that can be made, and the reason why others cannot."""
        found, reason = [], ""
        for run in wanted:
            try:
                found.append(self.report(run))
            except SerenadeError as error:
                reason = _shorten(error)
                self.progress(f"{run.name}: {reason}")
        return found, reason


def _recipe_to_json(run: Run, recipe: Any) -> dict[str, Any]:
    """Return a recipe as reports state it, without paths of this machine."""
    fields = json.loads(json.dumps({"name": run.recipe, **dataclasses.asdict(recipe)}))
    return {**fields, **_changes_to_json(run)}


def _changes_to_json(run: Run) -> dict[str, Any]:
    """Return the changed fields of a recipe as JSON data."""
    changes: dict[str, Any] = json.loads(json.dumps(dict(run.changes)))
    return changes


def _score_by_paper(metric: str, reports: Sequence[Report]) -> Mapping[str, Any]:
    """Return the fields of an entry on the paper's protocol."""
    if not reports:
        return {}
    values, low, high = _pool_seeds(metric, reports)
    return {
        "paper_protocol": float(np.mean(values)),
        "paper_low": low,
        "paper_high": high,
        "seeds": len(reports),
        "spread": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "speaker_dependent": not all(report.speaker_independent for report in reports),
    }


def _score_unseen(metric: str, reports: Sequence[Report]) -> Mapping[str, Any]:
    """Return the fields of an entry on unseen speakers."""
    if not reports:
        return {}
    values, low, high = _pool_seeds(metric, reports)
    return {"speaker_independent": float(np.mean(values)), "low": low, "high": high}


def _pool_seeds(
    metric: str, reports: Sequence[Report]
) -> tuple[list[float], float | None, float | None]:
    """Return the score of each seed, and the interval of all."""
    return [report.metrics[metric].value for report in reports], *compute_pooled_interval(
        metric, reports
    )


def compute_pooled_interval(
    metric: str, reports: Sequence[Report]
) -> tuple[float | None, float | None]:
    """Compute the interval of a score over the predictions of several seeds."""
    if len(reports) == 1:
        found = reports[0].metrics[metric]
    else:
        together = dataclasses.replace(
            reports[0],
            folds=tuple(fold for report in reports for fold in report.folds),
            predictions=tuple(one for report in reports for one in report.predictions),
        )
        found = together.metrics[metric]
    return _number(found.low), _number(found.high)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _shorten(error: SerenadeError) -> str:
    """Return an error as a reason, without folders of this machine."""
    words = [Path(word).name if word.startswith("/") else word for word in str(error).split()]
    return " ".join(words)
