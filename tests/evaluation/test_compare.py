"""Runs side by side: seeds averaged, pairs tested where they judged the same recordings."""

from __future__ import annotations

import dataclasses
import json
import zlib

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from serenade.errors import EvaluationError
from serenade.evaluation import _compare, add_report, evaluate, format_latex, paired_permutation
from serenade.protocols import FoldOrigin, GivenFolds, get


class Knowing:
    """Right with a given probability, by the file's own name."""

    def __init__(self, share, seed, system="ours", recipe=None):
        self.share, self.seed = share, seed
        self.system, self.settings = system, recipe or {}

    def describe(self):
        return {"system": self.system, "recipe_name": "default", "recipe": self.settings}

    def fit(self, X, y):  # noqa: ARG002 - it knows without looking
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        truth = [
            next(i for i, label in enumerate(self.classes_) if label in str(file))
            for file in X.index.get_level_values("file")
        ]
        rng = np.random.default_rng([self.seed, zlib.crc32(str(X.index[0]).encode())])
        drawn = rng.integers(0, len(self.classes_), len(X))
        found = np.where(rng.random(len(X)) < self.share, truth, drawn)
        return np.eye(len(self.classes_))[found]


@pytest.fixture
def report_of(make_corpus):
    corpus = make_corpus(8, each=5)

    def make(share, seed=0, protocol="loso", system="ours", **recipe):
        return evaluate(
            lambda fold_seed: Knowing(share, fold_seed, system, recipe), corpus, protocol, seed=seed
        )

    return make


def test_compare_runs_keeps_incomplete_corpora_apart(report_of):
    label = "incomplete A small corpus, 120 of 200"
    before = dataclasses.replace(report_of(0.5), incomplete=label)
    found = _compare.list_entrants([before, report_of(0.7)])
    assert len(found) == 2
    assert _compare.compare_runs(found) == []
    page = _compare.format_comparison(found, [])
    assert f"## small ({label}), 3 emotions: " in page
    assert "## small, 3 emotions: " in page


def test_list_entrants_groups_seeds(report_of):
    reports = [report_of(0.6, seed) for seed in (2, 0, 1)]
    (one,) = _compare.list_entrants(reports)
    values = [report.metrics["ua"].value for report in reports]
    assert [report.seed for report in one.reports] == [0, 1, 2]
    assert one.scores["ua"].value == pytest.approx(np.mean(values))
    assert one.deviations["ua"] == pytest.approx(np.std(values, ddof=1))
    assert one.scores["ua"].low < np.mean(values) < one.scores["ua"].high
    assert "± " in _compare.format_comparison([one], [])
    with pytest.raises(EvaluationError, match="seed 0: the same run twice"):
        _compare.list_entrants([*reports, reports[1]])


def test_list_entrants_groups_the_seeds_of_estimators_of_scikit_learn(make_corpus):
    corpus = make_corpus(4, each=5)
    estimator = DummyClassifier(strategy="uniform")
    reports = [evaluate(estimator, corpus, "loso", seed=seed) for seed in (0, 1)]
    (one,) = _compare.list_entrants(reports)
    assert [report.seed for report in one.reports] == [0, 1]


def test_list_entrants_names_other_settings_of_the_protocol(report_of):
    reports = [report_of(0.5, 0, get("groups", groups=number)) for number in (2, 4)]
    names = [one.name for one in _compare.list_entrants(reports)]
    assert len(set(names)) == 2
    assert all(name.startswith("ours, groups") for name in names), names


def test_compare_runs_refuses_other_labels_of_the_same_recordings(report_of):
    first = report_of(0.7)
    exchange = {"angry": "sad", "sad": "angry"}
    changed = tuple(
        dataclasses.replace(one, reference=exchange.get(one.reference, one.reference))
        for one in first.predictions
    )
    other = dataclasses.replace(report_of(0.7, system="other"), predictions=changed)
    found = _compare.list_entrants([first, other])
    assert _compare.compare_runs(found) == []
    (pair,) = _compare.list_untested(found)
    assert pair.reason == "their true labels differ"


def test_intervals_of_unknown_speakers_do_not_shrink_with_repeats(make_corpus):
    corpus = make_corpus(4, each=10)
    corpus = dataclasses.replace(corpus, table=corpus.table.assign(speaker=None))
    report = evaluate(lambda seed: Knowing(0.5, seed), corpus, get("random", test=0.5))
    again = report.score(report.predictions * 10, ("ua",))["ua"]
    assert again.clusters == report.metrics["ua"].clusters == len(report.predictions)
    assert again.low == pytest.approx(report.metrics["ua"].low)
    assert again.high == pytest.approx(report.metrics["ua"].high)


def test_list_entrants_names_the_differences(report_of):
    found = _compare.list_entrants(
        [
            report_of(0.5, epochs=3, width=8),
            report_of(0.5, epochs=9, width=8),
            report_of(0.2, system="x"),
        ]
    )
    assert [one.name for one in found] == ["ours, epochs=3", "ours, epochs=9", "x"]


def test_compare_runs_tests_pairs_by_speaker_and_adjusts(report_of):
    reports = [report_of(0.9, system="good"), report_of(0.5, system="fair"), report_of(0.1)]
    found = _compare.list_entrants(reports)
    tests = _compare.compare_runs(found)
    assert {(test.first, test.second) for test in tests} == {
        *(("good", "fair"), ("good", "ours"), ("fair", "ours")),
    }
    alone = paired_permutation(
        [one.reference for one in reports[0].predictions],
        [one.predicted for one in reports[0].predictions],
        [one.predicted for one in reports[2].predictions],
        [one.speaker for one in reports[0].predictions],
    )
    best = next(test for test in tests if (test.first, test.second) == ("good", "ours"))
    assert best.difference == alone.difference > 0.3
    assert alone.p < best.p <= 3 * alone.p
    page = _compare.format_comparison(found, tests)
    assert page.index("| good |") < page.index("| fair |") < page.index("| ours |")
    data = json.loads(json.dumps(_compare.compare_to_dict(found, tests), allow_nan=False))
    assert len(data["entrants"]) == len(data["comparisons"]) == 3


def test_compare_runs_against_one_system_adjusts_for_fewer_pairs(report_of):
    reports = [report_of(0.9, system="good"), report_of(0.5, system="fair"), report_of(0.1)]
    found = _compare.list_entrants(reports)
    every = {(test.first, test.second): test for test in _compare.compare_runs(found)}
    planned = _compare.compare_runs(found, against="ours")
    assert [(test.first, test.second) for test in planned] == [("good", "ours"), ("fair", "ours")]
    for test in planned:
        pair = every[test.first, test.second]
        assert test.difference == pair.difference > 0
        assert test.p <= pair.p
        assert test.mcnemar <= pair.mcnemar
    assert planned[0].p < every["good", "ours"].p
    with pytest.raises(
        EvaluationError, match=r"no run is called 'best'; choose from good, fair, ours"
    ):
        _compare.compare_runs(found, against="best")


def test_compare_runs_ignores_other_recordings(report_of):
    found = _compare.list_entrants([report_of(0.9), report_of(0.5, protocol="random", system="x")])
    assert _compare.compare_runs(found) == []
    assert _compare.format_comparison(found, []).count("## small") == 2


def test_load_runs_finds_reports_in_folders(report_of, tmp_path):
    report_of(0.5).to_json(tmp_path / "runs" / "a" / "report.json")
    report_of(0.7, 1).to_json(tmp_path / "runs" / "b" / "c" / "report.json")
    for seed in (2, 3):
        add_report(tmp_path / "runs" / "published.json.gz", report_of(0.7, seed))
    assert sorted(report.seed for report in _compare.load_runs([tmp_path / "runs"])) == [0, 1, 2, 3]
    assert len(_compare.load_runs([tmp_path / "runs" / "published.json.gz"])) == 2
    assert len(_compare.load_runs([tmp_path / "runs" / "a" / "report.json"])) == 1
    (tmp_path / "empty").mkdir()
    with pytest.raises(EvaluationError, match=r"empty: no report\.json or \.json\.gz below it"):
        _compare.load_runs([tmp_path / "empty"])


def test_compare_runs_ignores_unknown_speakers(make_corpus):
    corpus = make_corpus(4)
    corpus.table["speaker"] = None
    reports = [
        dataclasses.replace(
            evaluate(DummyClassifier(strategy="uniform"), corpus, "random"), system=name
        )
        for name in ("one", "two")
    ]
    found = _compare.list_entrants(reports)
    assert _compare.compare_runs(found) == []
    assert [pair.reason for pair in _compare.list_untested(found)] == ["speakers are unknown"]


def test_list_untested_names_entrants_with_other_speakers(report_of):
    def rename(report, system, names):
        predictions = tuple(
            dataclasses.replace(one, speaker=names.get(one.speaker, one.speaker))
            for one in report.predictions
        )
        return dataclasses.replace(report, system=system, predictions=predictions)

    known = report_of(0.5)
    for system, names, reason in (
        ("unknown", {"s1": None}, "speakers are unknown"),
        ("renamed", {"s1": "z9"}, "their speakers differ"),
        ("exchanged", {"s1": "s2", "s2": "s1"}, "their speakers differ"),
    ):
        for pair in ((known, rename(known, system, names)), (rename(known, system, names), known)):
            found = _compare.list_entrants(pair)
            assert [one.reason for one in _compare.list_untested(found)] == [reason]
            assert _compare.compare_runs(found) == []


def test_list_untested_names_pairs_of_one_table_with_the_reason(report_of):
    seeds = report_of(0.5, seed=1, system="seeds")
    fewer = report_of(0.5, system="fewer")
    folds = dataclasses.replace(fewer.folds[0], test=fewer.folds[0].test - 1), *fewer.folds[1:]
    fewer = dataclasses.replace(fewer, folds=folds, predictions=fewer.predictions[1:])
    plan = dataclasses.replace(fewer, system="plan", notes=("protocol loso: another way",))
    elsewhere = report_of(0.5, protocol="random", system="elsewhere")
    found = _compare.list_entrants([report_of(0.9), seeds, fewer, plan, elsewhere])
    untested = _compare.list_untested(found, against="ours")
    assert {pair.first: pair.reason for pair in untested} == {
        "seeds": "their seeds differ",
        "fewer": "their test recordings differ",
        "plan": "the settings of their protocols differ",
    }
    tests = _compare.compare_runs(found)
    every = _compare.list_untested(found)
    assert [(test.first, test.second) for test in tests] == [("fewer", "plan")]
    assert len(every) == 5
    line = "Not tested, because their test recordings differ: fewer with ours\n"
    assert f"\n- {line}" in _compare.format_comparison(found, tests, untested)
    assert f"\n% {line}" in format_latex(found, tests, untested)
    data = json.loads(json.dumps(_compare.compare_to_dict(found, tests, untested)))
    assert [pair["where"]["corpus"] for pair in data["untested"]] == ["small"] * 3
    many = _compare.format_comparison(found, [], [*untested[:1]] * 7)
    assert "seeds with ours and 2 more pairs\n" in many


def test_compare_runs_takes_written_folds_as_their_protocol(report_of, make_corpus):
    loso = get("loso")
    folds = tuple(loso.split(make_corpus(8, each=5).table))
    given = GivenFolds(folds, FoldOrigin(loso.label, loso.description))
    found = _compare.list_entrants([report_of(0.9), report_of(0.9, seed=1, protocol=given)])
    assert [len(one.reports) for one in found] == [2]
    other = report_of(0.5, protocol=given, system="theirs")
    assert len(_compare.compare_runs(_compare.list_entrants([report_of(0.9), other]))) == 1
    unknown = report_of(0.5, protocol=GivenFolds(folds), system="theirs")
    assert _compare.compare_runs(_compare.list_entrants([report_of(0.9), unknown])) == []
