"""The features' benchmark: that it runs, what it writes, and that it refuses to compare unlikes.

Never a time: those depend on what else the machine does.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import numpy as np

for _needed in ("matplotlib", "librosa"):
    pytest.importorskip(_needed)

from benchmarks.feature_speed import measure, model  # noqa: E402

ROOT = Path(__file__).parents[2]


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.features", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_run_on_the_example(tmp_path: Path) -> None:
    ran = run(
        *("--only", "kHz, 2048/512", "--clips", "1", "--repeats", "1"),
        *("--out", str(tmp_path / "report"), "--json", str(tmp_path / "ratios.json")),
    )
    assert ran.returncode == 0, ran.stderr
    ratios = json.loads((tmp_path / "ratios.json").read_text())
    assert len(ratios) >= 6
    for feature, peers in ratios.items():
        assert "2048/512" in feature
        assert "librosa" in peers
        assert all(isinstance(ratio, float) and ratio > 0 for ratio in peers.values())
    report = (tmp_path / "report" / "features.md").read_text()
    assert "the synthetic example; clips: 1;" in report
    rows = [line for line in report.splitlines() if line.startswith("| ") and "kHz" in line]
    assert len(rows) == sum(map(len, ratios.values()))
    figure = (tmp_path / "report" / "features.svg").read_text()
    assert all(feature in figure for feature in ratios)


def test_nothing_to_compare_is_said(tmp_path: Path) -> None:
    ran = run("--only", "no such feature", "--out", str(tmp_path))
    assert ran.returncode == 1
    assert "no such feature" in ran.stderr
    assert not list(tmp_path.iterdir())


def comparison(other, check):
    peer = model.Peer("other", lambda: model.Side(other), check)
    return model.Comparison("feature", 16000, lambda x: x[:, None], (peer,))


def test_unlike_values_are_not_timed(tone: np.ndarray) -> None:
    checks = [model.equal(1e-3), model.equal_by_column(1e-3)]
    for check in checks:
        for wrong in (lambda x: 1.01 * x[:, None], lambda x: x[:-1, None], lambda x: x):
            with pytest.raises(measure.DisagreementError, match="feature, other"):
                measure.compare(comparison(wrong, check), [tone], 1)
        rows, absent = measure.compare(comparison(lambda x: x[:, None], check), [tone], 3)
        assert not absent
        assert [(row.peer, row.rounds, row.agreement) for row in rows] == [("other", 3, check.text)]
    pitch = model.same_pitch(0.02)
    with pytest.raises(measure.DisagreementError):
        measure.compare(comparison(lambda x: 1.05 * x[:, None], pitch), [tone], 1)


def test_a_peer_that_is_not_installed_is_named(tone: np.ndarray) -> None:
    peer = model.Peer("absent", lambda: model.library("no_such_library_here"), "")
    rows, absent = measure.compare(
        model.Comparison("feature", 16000, lambda x: x, (peer,)), [tone], 1
    )
    assert (rows, absent) == ([], ["absent"])


def test_clips_are_spread_over_the_speakers(corpora_root: Path) -> None:
    found = measure.files(corpora_root, ROOT, 24)
    assert len(found) == len({path.parent for path in found}) == 24
    assert measure.files(None, ROOT, 24) == [ROOT]
