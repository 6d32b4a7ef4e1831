"""`serenade reproduce` where no corpus is: every row is there and says why it is empty."""

import json

import pytest

pytest.importorskip("skorch")


def test_rows_without_a_corpus_say_so(run, tmp_path):
    (tmp_path / "nothing").mkdir()
    done = run("reproduce", "cnn-transformer", "--root", "nothing", "--fast", "--out", "out")
    assert done.returncode == 0, done.stderr
    data = json.loads((tmp_path / "out" / "fast" / "tables.json").read_text("utf-8"))
    printed = [entry["paper_value"] for entry in data]
    assert [value for value in printed if value is not None] == [0.8075, 0.7161, *[0.8046] * 3]
    assert all("ravdess" in entry["reason"].lower() for entry in data)
    assert all(entry["fast"] for entry in data)
    assert f"0 of {len(data)} rows filled" in done.stdout
    assert str(tmp_path) not in done.stdout
    overview = (tmp_path / "out" / "fast" / "README.md").read_text("utf-8")
    assert "(cnn-transformer.md): the proposed algorithm | ravdess | WA | 0.805 |" in overview


def test_rows_of_another_paper_stay(run, tmp_path):
    (tmp_path / "nothing").mkdir()
    written = []
    for paper in ("stser", "cnn-transformer"):
        done = run("reproduce", paper, "--root", "nothing", "--dry-run", "--out", "out")
        assert done.returncode == 0, done.stderr
        written.append(json.loads((tmp_path / "out" / "tables.json").read_text("utf-8")))
    before, rows = written
    assert before == [row for row in rows if row["paper"] == "stser"]
    assert [row["paper"] for row in rows] == sorted((r["paper"] for r in rows), reverse=True)
    assert {row["paper"] for row in rows} == {"stser", "cnn-transformer"}
    ours = sum(row["paper"] == "cnn-transformer" for row in rows)
    assert f"0 of {ours} rows filled" in done.stdout
    assert "[stser](stser.md): STSER" in (tmp_path / "out" / "README.md").read_text("utf-8")


def test_an_unknown_paper_is_one_line(run):
    done = run("reproduce", "tera")
    assert done.returncode == 1
    assert "choose from attentive-crnn" in done.stderr
    assert "Traceback" not in done.stderr
