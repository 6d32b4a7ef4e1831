"""Files of reports hold one run under all seeds, compressed, and lose nothing."""

from __future__ import annotations

import dataclasses
import gzip
import json
import re
import subprocess
import sys

import pytest
from sklearn.dummy import DummyClassifier

from serenade.errors import EvaluationError
from serenade.evaluation import add_report, evaluate, read_reports


@pytest.fixture
def report(make_corpus):
    return evaluate(DummyClassifier(strategy="stratified"), make_corpus(4), "loso", seed=3)


def test_add_report_keeps_each_seed_once(report, tmp_path):
    path = tmp_path / "runs" / "chance.json.gz"
    first = dataclasses.replace(report, seed=1)
    for one in (report, first, dataclasses.replace(first, command="again")):
        assert add_report(path, one) == path
    assert read_reports(path) == [dataclasses.replace(first, command="again"), report]
    assert read_reports(path, seed=3) == [report]
    assert read_reports(path, seed=2) == []
    assert list(path.parent.iterdir()) == [path]


def test_add_report_writes_an_array_of_report_json(report, tmp_path):
    path = add_report(tmp_path / "chance.json.gz", report)
    plain = report.to_json(tmp_path / "report.json")
    assert json.loads(gzip.decompress(path.read_bytes())) == [json.loads(plain.read_bytes())]


def test_add_report_writes_the_same_bytes_whatever_the_name_and_the_order(report, tmp_path):
    other = dataclasses.replace(report, seed=4)
    paths = [tmp_path / name / f"{name}.json.gz" for name in ("one", "two")]
    for path, reports in zip(paths, ([report, other], [other, report]), strict=True):
        for one in reports:
            add_report(path, one)
    first, second = (path.read_bytes() for path in paths)
    assert first == second
    assert first[4:8] == bytes(4)  # no time


def test_add_report_by_several_processes_at_once_loses_none(report, tmp_path):
    plain, path = report.to_json(tmp_path / "report.json"), tmp_path / "chance.json.gz"
    code = (
        "import dataclasses, sys\n"
        "from serenade.evaluation import Report, add_report\n"
        "report = Report.from_json(sys.argv[1])\n"
        "for seed in range(int(sys.argv[3]), 12, 3):\n"
        "    add_report(sys.argv[2], dataclasses.replace(report, seed=seed))\n"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(plain), str(path), str(first)])
        for first in range(3)
    ]
    assert [process.wait() for process in processes] == [0] * 3
    assert [one.seed for one in read_reports(path)] == list(range(12))


@pytest.mark.parametrize(
    "damage", [lambda _: b"", lambda _: b"{}", lambda content: content[:-20], lambda c: c[9:]]
)
def test_read_reports_names_a_damaged_file(report, tmp_path, damage):
    path = add_report(tmp_path / "chance.json.gz", report)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(EvaluationError, match=rf"{re.escape(str(path))}: no report in it"):
        read_reports(path)


def test_read_reports_names_a_file_of_something_else(report, tmp_path):
    path = tmp_path / "chance.json.gz"
    for content in ({}, [{}], [1], {"seed": 3}):
        path.write_bytes(gzip.compress(json.dumps(content).encode()))
        if content:
            with pytest.raises(EvaluationError, match="no report in it"):
                read_reports(path)
    short = report.to_dict() | {"predictions": []}
    path.write_bytes(gzip.compress(json.dumps([short]).encode()))
    with pytest.raises(EvaluationError, match=rf"{re.escape(str(path))}: the folds have"):
        read_reports(path)
