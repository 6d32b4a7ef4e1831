"""`serenade compare` on the run files of this repository."""

from __future__ import annotations

import collections
import json

import pytest


@pytest.fixture
def runs(results_root):
    folder = results_root / "reproduce" / "runs"
    return [folder / f"{name}.json.gz" for name in ("lld-svm", "lld-blstm", "crnn")]


@pytest.mark.parametrize(("further", "pairs"), [([], 3), (["--against", "lld-svm"], 2)])
def test_compare_tests_pairs_of_the_same_corpus_emotions_and_protocol(run, runs, further, pairs):
    done = run("compare", *runs, "--json", *further)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {one["name"] for one in found["entrants"]} == {"lld-svm", "lld-blstm", "crnn"}
    counts = collections.Counter(json.dumps(one["where"]) for one in found["comparisons"])
    # Each system ran on four and on seven emotions by two protocols.
    assert list(counts.values()) == [pairs] * 4
    if further:
        assert {test["second"] for test in found["comparisons"]} == {"lld-svm"}


def test_compare_writes_latex(run, runs, tmp_path):
    done = run("compare", *runs, "--out", "tables.tex")
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "tables.tex").read_text("utf-8").splitlines()
    assert lines[0].startswith("% `serenade compare` made this page")
    assert lines.count("\\begin{table}") == lines.count("\\end{table}") >= 2
    assert "system & UA & 95\\% interval & WA & 95\\% interval & seeds \\\\" in lines
    assert any(line.startswith("lld-svm & 0.") and line.endswith(" \\\\") for line in lines)


def test_an_unknown_name_is_told_with_the_known_ones(run, runs):
    done = run("compare", *runs, "--against", "svm")
    assert done.returncode != 0
    assert "no run is called 'svm'; choose from " in done.stderr
    assert "Traceback" not in done.stderr
