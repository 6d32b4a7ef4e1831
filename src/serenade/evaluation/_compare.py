"""Compare finished runs: scores, spread over seeds, and tests between systems."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import math
import statistics as spread
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from serenade._printable import drop_nan, format_table
from serenade.corpora import mark_incomplete
from serenade.errors import EvaluationError
from serenade.evaluation._adapted_report import list_variants
from serenade.evaluation._markdown import TITLES, format_ends
from serenade.evaluation._paired_tests import adjust_p_values
from serenade.evaluation._report import Report
from serenade.evaluation._run_files import RUN_FILE_SUFFIX, read_reports

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Sequence

    from serenade.evaluation._fold_result import LabelledPrediction
    from serenade.evaluation._statistics import Interval

COMPARED_SCORES = ("ua", "wa")
_LISTED = 5  # pairs of a reason
_EXPLANATION = "P-values are adjusted for the number of comparisons (Holm 1979)."
_MCNEMAR = (
    "McNemar's test assumes that recordings are independent, including one recording under "
    "several seeds."
)


@dataclasses.dataclass(frozen=True, eq=False)
class Entrant:
    """A system with one recipe, corpus and protocol: a report for each seed.

    Args:
        name: unique name among the entrants.
        reports: reports by ascending seed.
    """

    name: str
    reports: tuple[Report, ...]

    @classmethod
    def of(cls, name: str, reports: Iterable[Report]) -> Self:
        """Make an entrant from reports in any order."""
        return cls(name, tuple(sorted(reports, key=lambda report: report.seed)))

    @functools.cached_property
    def scores(self) -> dict[str, Interval]:
        """Return the mean of each score over seeds, with the interval over speakers."""
        first, *more = self.reports
        pooled = _pool(self.reports) if more else first.metrics
        return {
            score: dataclasses.replace(pooled[score], value=spread.mean(self._list_values(score)))
            for score in first.compared
        }

    @functools.cached_property
    def deviations(self) -> dict[str, float]:
        """Return the standard deviation (n - 1) of each score over seeds; NaN for one seed."""
        alone = len(self.reports) == 1
        return {
            score: math.nan if alone else spread.stdev(self._list_values(score))
            for score in self.reports[0].compared
        }

    @functools.cached_property
    def predictions(self) -> dict[tuple[int, int, str, float], LabelledPrediction]:
        """Index predictions by seed, count among those of the same item, file and start."""
        found: dict[tuple[int, int, str, float], LabelledPrediction] = {}
        for report in self.reports:
            times: dict[tuple[str, float], int] = {}
            for one in report.predictions:
                item = one.file, one.start
                times[item] = times.get(item, -1) + 1
                found[report.seed, times[item], *item] = one
        return found

    def _list_values(self, score: str) -> list[float]:
        return [report.metrics[score].value for report in self.reports]

    @property
    def where(self) -> tuple[str, tuple[str, ...], str, str]:
        """Return corpus, emotions, protocol, and the label of an incomplete corpus.

        Only entrants with equal values can be ranked.
        """
        return _get_table(self.reports[0])


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Test of two entrants that predicted the same recordings.

    Args:
        first: name of the first entrant.
        second: name of the second entrant.
        difference: main score (UA, or CCC of values) of the first minus that of the second, over
            the predictions of all seeds together. CCC of several seeds is not the mean of their
            CCCs, so it can differ from the difference of the entrants' scores.
        p: p-value of the permutation test over speakers, adjusted for the number of comparisons
            (Holm 1979).
        mcnemar: p-value of McNemar's test, adjusted in the same way. The test assumes that
            recordings are independent, including one recording under several seeds. NaN for
            values, of which none is right or wrong.
        where: corpus, emotions, protocol, and the label of an incomplete corpus, as in `Entrant`.
    """

    first: str
    second: str
    difference: float
    p: float
    mcnemar: float
    where: tuple[str, tuple[str, ...], str, str]


@dataclasses.dataclass(frozen=True)
class UntestedPair:
    """Two entrants of one table that cannot be tested.

    Args:
        first: name of the first entrant.
        second: name of the second entrant.
        reason: reason in words.
        where: corpus, emotions, protocol, and the label of an incomplete corpus, as in `Entrant`.
    """

    first: str
    second: str
    reason: str
    where: tuple[str, tuple[str, ...], str, str]


def load_runs(paths: Iterable[str | os.PathLike[str]]) -> list[Report]:
    """Load the reports of runs.

    Args:
        paths: of `report.json` or `.json.gz` files, or of folders that hold any at any depth.

    Raises:
        EvaluationError: no report there, or a damaged one.
    """
    reports = []
    for path in map(Path, paths):
        files = _list_run_files(path) if path.is_dir() else [path]
        if not files:
            raise EvaluationError(
                f"{path}: no report.json or .json.gz below it; give folders of finished runs"
            )
        reports += [report for file in files for report in _read_reports(file)]
    return reports


def list_entrants(reports: Iterable[Report]) -> list[Entrant]:
    """Group reports by everything except the seed; names state the differences.

    Adapted predictions are an entrant of their own.

    Raises:
        EvaluationError: two reports of an entrant have the same seed.
    """
    groups: dict[str, list[Report]] = {}
    for report in itertools.chain.from_iterable(map(list_variants, reports)):
        same = groups.setdefault(identify_run(report), [])
        if report.seed in {other.seed for other in same}:
            raise EvaluationError(
                f"{report.system} on {report.corpus}, seed {report.seed}: the same run twice; "
                "give each once"
            )
        same.append(report)
    found = list(groups.values())
    return [Entrant.of(name, group) for name, group in zip(_make_names(found), found, strict=True)]


def identify_run(report: Report) -> str:
    """Return everything that identifies a run except its seed, as JSON."""
    stated = [report.system, report.corpus, report.labels, report.label, _get_plan(report)]
    return json.dumps([*stated, report.incomplete, _drop_seed(report)], sort_keys=True)


def _drop_seed(report: Report) -> dict[str, Any]:
    """Return the recipe without the seeds that an evaluation gives to scikit-learn's estimators."""
    return {
        name: value
        for name, value in report.recipe.items()
        if not (name.endswith("random_state") and value == report.seed)
    }


def compare_runs(found: Sequence[Entrant], against: str = "") -> list[Comparison]:
    """Test entrants that predicted the same recordings of known speakers.

    Args:
        found: entrants to compare.
        against: name of the entrant that all others are compared with; by default every pair is
            tested. P-values are adjusted for the number of tests.

    Raises:
        EvaluationError: no entrant has this name.
    """
    pairs = []
    for one, other in _list_pairs(found, against):
        if _find_obstacle(one, other):
            continue
        ours, theirs = one.predictions, other.predictions
        items = sorted(ours)
        mine, others = ([side[item] for item in items] for side in (ours, theirs))
        pairs.append((one, other, *one.reports[0].test_against(mine, others)))
    adjusted = adjust_p_values([permuted.p for _, _, permuted, _ in pairs])
    independent = adjust_p_values([p for *_, p in pairs])
    return [
        Comparison(one.name, other.name, permuted.difference, float(p), float(q), one.where)
        for (one, other, permuted, _), p, q in zip(pairs, adjusted, independent, strict=True)
    ]


def list_untested(found: Sequence[Entrant], against: str = "") -> list[UntestedPair]:
    """List the pairs of one table that `compare_runs` cannot test, with the reason.

    Args:
        found: see `compare_runs`.
        against: see `compare_runs`.
    """
    return [
        UntestedPair(one.name, other.name, reason, one.where)
        for one, other in _list_pairs(found, against)
        if (reason := _find_obstacle(one, other))
    ]


def list_sections(
    found: Sequence[Entrant], tests: Sequence[Comparison]
) -> Iterator[tuple[str, list[Entrant], list[Comparison]]]:
    """Yield a title, entrants and tests for each corpus and protocol, by descending score."""
    for where in dict.fromkeys(entrant.where for entrant in found):
        corpus, labels, protocol, incomplete = where
        here = [entrant for entrant in found if entrant.where == where]
        main, _ = here[0].reports[0].compared
        here.sort(key=lambda entrant: -entrant.scores[main].value)
        tested = [test for test in tests if test.where == where]
        learnt = f"{len(labels)} emotions" if main == "ua" else " and ".join(labels)
        title = f"{mark_incomplete(corpus, incomplete)}, {learnt}: {protocol}"
        yield title, here, tested


def format_comparison(
    found: Sequence[Entrant],
    tests: Sequence[Comparison],
    untested: Sequence[UntestedPair] = (),
) -> str:
    """Format a table for each corpus and protocol, by descending score, and then the tests.

    Args:
        found: entrants.
        tests: tests of `compare_runs`.
        untested: pairs of `list_untested`, stated below the tests.
    """
    lines: list[str] = []
    for title, here, tested in list_sections(found, tests):
        table = format_table(list_entrant_head(here[0]), map(format_entrant, here), "lrlrlr")
        lines += [f"## {title}", "", table, ""]
        if tested:
            lines += [format_tests(tested), ""]
        if skipped := describe_untested(untested, here[0].where):
            lines += [*(f"- {line}" for line in skipped), ""]
    return "\n".join(lines)


def describe_untested(
    untested: Sequence[UntestedPair], where: tuple[str, tuple[str, ...], str, str]
) -> list[str]:
    """Return a line for each reason why pairs of a table were not tested, with some pairs."""
    groups: dict[str, list[str]] = {}
    for pair in untested:
        if pair.where == where:
            groups.setdefault(pair.reason, []).append(f"{pair.first} with {pair.second}")
    return [
        f"Not tested, because {reason}: {', '.join(pairs[:_LISTED])}"
        + f" and {len(pairs) - _LISTED} more pairs" * (len(pairs) > _LISTED)
        for reason, pairs in groups.items()
    ]


def format_tests(tests: Sequence[Comparison]) -> str:
    """Format a table of tests, with an explanation of its p-values."""
    table = format_table(list_test_head(tests), map(format_test, tests), "llr")
    return f"{table}\n\n{explain_tests(tests)}"


def compare_to_dict(
    found: Sequence[Entrant],
    tests: Sequence[Comparison],
    untested: Sequence[UntestedPair] = (),
) -> dict[str, Any]:
    """Return entrants, tests and pairs without a test as JSON data; NaN becomes None."""
    data = {
        "entrants": [
            {
                "name": entrant.name,
                "corpus": entrant.where[0],
                "labels": list(entrant.where[1]),
                "protocol": entrant.where[2],
                "incomplete": entrant.where[3],
                "seeds": [report.seed for report in entrant.reports],
                **{
                    score: one.to_dict() | {"deviation": entrant.deviations[score]}
                    for score, one in entrant.scores.items()
                },
            }
            for entrant in found
        ],
        "comparisons": [_pair_to_dict(test) for test in tests],
        "untested": [_pair_to_dict(pair) for pair in untested],
    }
    result: dict[str, Any] = drop_nan(data)
    return result


def _pair_to_dict(pair: Comparison | UntestedPair) -> dict[str, Any]:
    """Return the fields of a pair, with names of the parts of `where`."""
    names = ("corpus", "labels", "protocol", "incomplete")
    return {**dataclasses.asdict(pair), "where": dict(zip(names, pair.where, strict=True))}


def _list_run_files(folder: Path) -> list[Path]:
    """List the files that `serenade evaluate` and `serenade reproduce` wrote."""
    return sorted([*folder.rglob("report.json"), *folder.rglob(f"*{RUN_FILE_SUFFIX}")])


def _read_reports(file: Path) -> list[Report]:
    return read_reports(file) if file.name.endswith(RUN_FILE_SUFFIX) else [Report.from_json(file)]


def _pool(reports: Sequence[Report]) -> dict[str, Interval]:
    predictions = [one for report in reports for one in report.predictions]
    return reports[0].score(predictions, reports[0].compared)


def _list_pairs(found: Sequence[Entrant], against: str) -> Iterable[tuple[Entrant, Entrant]]:
    """Return pairs of entrants that are in one table."""
    if not against:
        pairs: Iterable[tuple[Entrant, Entrant]] = itertools.combinations(found, 2)
        return ((one, other) for one, other in pairs if one.where == other.where)
    chosen = [one for one in found if one.name == against]
    if not chosen:
        names = ", ".join(dict.fromkeys(one.name for one in found))
        raise EvaluationError(f"no run is called {against!r}; choose from {names}")
    return [
        (one, other)
        for other in chosen
        for one in found
        if one.name != against and one.where == other.where
    ]


def _find_obstacle(one: Entrant, other: Entrant) -> str:
    """Return why two entrants of one table cannot be tested; empty if they can."""
    mine, others = one.predictions, other.predictions
    if any(found.speaker is None for found in (*mine.values(), *others.values())):
        return "speakers are unknown"
    if mine.keys() == others.keys():
        pairs = [(found, others[item]) for item, found in mine.items()]
        if any(found.speaker != found_too.speaker for found, found_too in pairs):
            return "their speakers differ"
        truths = (((a.reference, a.truth), (b.reference, b.truth)) for a, b in pairs)
        return "their true labels differ" if any(a != b for a, b in truths) else ""
    ours, theirs = one.reports, other.reports
    if [report.seed for report in ours] != [report.seed for report in theirs]:
        return "their seeds differ"
    if _get_plan(ours[0]) != _get_plan(theirs[0]):
        return "the settings of their protocols differ"
    return "their test recordings differ"


def _get_table(report: Report) -> tuple[str, tuple[str, ...], str, str]:
    """Return what runs have in common that can be ranked: see `Entrant.where`."""
    return report.corpus, report.labels, report.label, report.incomplete


def _get_plan(report: Report) -> str:
    """Return the note that describes the protocol."""
    return next((note for note in report.notes if note.startswith("protocol ")), "")


def _make_names(groups: Sequence[Sequence[Report]]) -> list[str]:
    """Return system, recipe, and the fields in which recipes of the same name differ."""
    first = [group[0] for group in groups]
    names = []
    for report in first:
        recipe = _drop_seed(report)
        name = report.system
        if recipe.get("name", "default") != "default":
            name += f" ({recipe['name']})"
        rivals = [
            _drop_seed(other)
            for other in first
            if other.system == report.system and other.recipe.get("name") == recipe.get("name")
        ]
        differing = [
            f"{field}={recipe.get(field)}"
            for field in recipe
            if any(other.get(field) != recipe[field] for other in rivals)
        ]
        names.append(", ".join([name, *differing]))
    # Runs of one table that differ in nothing else differ in the settings of their protocols.
    plans = [_get_plan(report).removeprefix("protocol ") for report in first]
    shown = [(name, *_get_table(report)) for name, report in zip(names, first, strict=True)]
    return [
        f"{name}, {plan}" if shown.count(one) > 1 else name
        for name, plan, one in zip(names, plans, shown, strict=True)
    ]


def list_entrant_head(entrant: Entrant) -> list[str]:
    """Return the heads of the columns of `format_entrant`."""
    heads = (head for score in entrant.scores for head in (TITLES[score], "95% interval"))
    return ["system", *heads, "seeds"]


def format_entrant(entrant: Entrant) -> list[str]:
    """Format the row of an entrant."""
    cells = [entrant.name]
    for score in entrant.scores:
        one, deviation = entrant.scores[score], entrant.deviations[score]
        cells += [f"{one.value:.3f}" + _format_after(" ± ", deviation), format_ends(one)]
    return [*cells, str(len(entrant.reports))]


def list_test_head(tests: Sequence[Comparison]) -> list[str]:
    """Return the heads of the columns of `format_test`; values have no test of McNemar."""
    labelled = _has_labels(tests)
    head = ["first", "second", f"{'UA' if labelled else 'CCC'} difference", "p, by speaker"]
    return head + ["p, McNemar"] * labelled


def format_test(test: Comparison) -> list[str]:
    """Format the row of a test."""
    values = [_format_p(p) for p in (test.p, test.mcnemar) if not math.isnan(p)]
    return [test.first, test.second, f"{test.difference:+.3f}", *values]


def explain_tests(tests: Sequence[Comparison]) -> str:
    """Return the explanation of the p-values of tests."""
    return f"{_EXPLANATION} {_MCNEMAR}" if _has_labels(tests) else _EXPLANATION


def _has_labels(tests: Sequence[Comparison]) -> bool:
    return not any(math.isnan(test.mcnemar) for test in tests)


def _format_p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _format_after(sign: str, value: float) -> str:
    return "" if math.isnan(value) else f"{sign}{value:.3f}"
