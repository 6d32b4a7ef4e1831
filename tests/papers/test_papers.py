"""The papers' tables as data: every row there, the numbers those of the papers."""

import dataclasses
import gzip
import json
import re
from importlib.resources import files

import pytest

from serenade import corpora, encoders, papers, systems
from serenade.errors import EvaluationError
from serenade.papers._paper_tables import Run, list_all_runs, list_runs
from serenade.protocols import get

PAPERS = [papers.get(name) for name in papers.names()]


def value(paper, table, row, metric):
    return next(
        found.values[metric]
        for part in papers.get(paper).tables
        for found in part.rows
        if part.name == table and found.name == row and found.values.get(metric) is not None
    )


def test_headline_values_are_those_of_the_papers():
    tera = "Acoustic+Tera (3.9 M parameters, 5.9 h)"
    assert value("fusion-transformer", "Table 1", tera, "wa") == 0.943
    assert value("fusion-transformer", "Table 1", tera, "f1_weighted") == 0.942
    assert value("stser", "Table 1", "STSER", "ua") == 0.7205
    assert value("dual-bilstm", "Table 2", "Our system", "ua") == 0.6849
    assert value("cnn-transformer", "Table 2", "the proposed algorithm", "wa") == 0.8046
    assert value("attentive-crnn", "Figure 4", "experiment 4: and attention", "ua") == 0.7403


def matrix(paper, name):
    found = [table.matrix for table in papers.get(paper).tables if table.matrix]
    return next(one for one in found if one.name == name)


@pytest.mark.parametrize(
    ("paper", "name", "mean", "sums"),
    [
        ("cnn-transformer", "Table 1", 0.8075, {"fear": 1.07}),
        ("attentive-crnn", "Figure 3(a)", 0.7403, {"sad": 0.98}),
        ("attentive-crnn", "Figure 3(b)", 0.8295, {}),
        ("attentive-crnn", "Figure 3(c)", 0.7797, {}),
    ],
)
def test_matrices_have_the_printed_mean_and_rows_that_add_up_to_one(paper, name, mean, sums):
    found = matrix(paper, name)
    recalls = list(found.recalls.values())
    assert sum(recalls) / len(recalls) == pytest.approx(mean, abs=5e-5)
    assert {len(row) for row in found.cells} == {len(found.labels)}
    for label, row in zip(found.labels, found.cells, strict=True):
        assert sum(row) == pytest.approx(sums.get(label, 1.0), abs=1e-9)


def test_matrix_of_figure_4_has_the_two_recalls_of_the_text():
    known = {k: v for k, v in matrix("fusion-transformer", "Figure 4").recalls.items() if v}
    assert known == {"angry": 1.0, "happy": 0.8214}


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.name)
def test_matrices_and_gains_name_rows_and_emotions_of_their_tables(paper):
    for table in paper.tables:
        rows = {row.name for row in table.rows}
        assert {name for gain in table.gains for name in (gain.better, gain.worse)} <= rows
        if table.matrix:
            assert table.matrix.row in rows
            assert set(table.matrix.labels) == set(corpora.describe(table.places[0].corpus).labels)


@pytest.mark.parametrize("encoder", ["tera", "aalbert", "npc"])
def test_rows_of_fusion_transformer_state_size_and_hours_of_the_encoder(encoder):
    bundled = files("serenade.encoders") / "pretrained" / encoder / "history.json"
    history = json.loads(bundled.read_text("utf-8"))
    size = f"({history['parameters'] / 1e6:.1f} M parameters, {history['hours']:.1f} h)"
    rows = [row for table in papers.get("fusion-transformer").tables for row in table.rows]
    named = [row.name for row in rows if row.changes.get("encoder") == encoder]
    assert named
    assert all(name.endswith(size) for name in named)


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.name)
def test_rows_have_a_system_or_a_reason(paper):
    for table in paper.tables:
        assert table.places
        for row in table.rows:
            assert row.values
            assert all(v is None or 0 < v < 1 for v in row.values.values())
            assert bool(row.system) != bool(row.reason)
            if row.system and row.system in systems.names():
                system = systems.get(row.system)
                system.recipe(row.recipe, **{**row.changes, **row.fast})
        for place in table.places:
            known = corpora.describe(place.corpus).labels
            assert set(place.labels) <= set(known)
            get(place.protocol, **place.plan)


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.name)
def test_headlines_name_rows_of_their_tables(paper):
    for table in paper.tables:
        assert {*table.headline, table.against} <= {"", *(row.name for row in table.rows)}
    printed = [row for t in paper.tables for row in t.rows if row.name in t.headline]
    assert any(row.values.get(score) for row in printed for score in ("ua", "wa"))


@pytest.mark.parametrize("fast", [False, True])
def test_run_names_are_unique(fast):
    for paper in PAPERS:
        found = list(list_all_runs(paper, fast=fast))
        assert len({run.name for run in found}) == len(found)
    one = Run("dcnn", "ravdess")
    others = [
        dataclasses.replace(one, **change)
        for change in (
            {"seed": 1},
            {"changes": {"epochs": 3}},
            {"labels": ("sad", "angry")},
            {"plan": {"validation_speakers": 2}},
            {"protocol": "random"},
            {"speakers": 4},
        )
    ]
    assert len({run.name for run in (one, *others)}) == 7


def test_list_all_runs_keeps_quick_looks_apart():
    for paper in PAPERS:
        whole = {run.name for run in list_all_runs(paper)}
        assert whole.isdisjoint(run.name for run in list_all_runs(paper, fast=True))


def test_list_runs_has_seeds_by_the_paper_and_unseen_speakers():
    paper = papers.get("cnn-transformer")
    table = paper.tables[-1]
    by_paper, unseen = list_runs(table.rows[-1], table.places[0])
    assert [run.seed for run in by_paper] == [0, 1, 2, 3, 4]
    assert {run.protocol for run in by_paper} == {"random"}
    assert get(unseen[0].protocol, **unseen[0].plan).speaker_independent


@pytest.mark.parametrize("fast", [False, True])
def test_list_runs_of_a_speaker_independent_protocol_are_the_same(fast):
    table = papers.get("stser").tables[0]
    for place in table.places:
        by_paper, unseen = list_runs(table.rows[0], place, fast=fast)
        assert by_paper == unseen
        assert get(unseen[0].protocol, **unseen[0].plan).speaker_independent


def test_get_names_the_papers_for_an_unknown_name():
    with pytest.raises(EvaluationError, match=r"choose from .*fusion-transformer, stser"):
        papers.get("tera")


def test_tuning_page_names_every_recipe_of_ours_that_the_tables_show(results_root):
    page = (results_root.parent / "docs" / "benchmarks" / "tuning.md").read_text("utf-8")
    lines = [line for line in page.splitlines() if line.startswith("| `")]
    rows = [row for paper in PAPERS for table in paper.tables for row in table.rows if row.system]
    for row in rows:
        assert any(f"`{row.system}`" in line and f"`{row.recipe}`" in line for line in lines), row
    ours = [row for row in rows if row.recipe not in {"default", "public-code"}]
    assert ours
    assert all("chosen on" in row.remark for row in ours)


@pytest.fixture(scope="module")
def published(results_root):
    """Return the rows of the published tables, and their kept reports as JSON data, by run."""
    reports = {}
    for path in (results_root / "reproduce" / "runs").glob("*.json.gz"):
        for report in json.loads(gzip.decompress(path.read_bytes())):
            reports[f"{report['run']}-seed{report['seed']}"] = report
    return json.loads((results_root / "reproduce" / "tables.json").read_text("utf-8")), reports


def test_published_rows_have_reports_that_name_what_they_were_made_with(published):
    rows, reports = published
    known = {run.name: run for paper in PAPERS for run in list_all_runs(paper)}
    speech = {"tera", "aalbert", "npc", "whisper"}
    resources = {*speech, "none", "random", encoders.ALBERT, None}
    filled = [row for row in rows if row["paper_protocol"] is not None]
    assert len(filled) > 60
    for row in filled:
        made = [reports[name] for name in row["runs"] if name in reports]
        assert made
        assert row["reason"] or len(made) == len(row["runs"])
        for report in made:
            run, recipe = known[f"{report['run']}-seed{report['seed']}"], report["recipe"]
            assert (report["system"], report["corpus"]) == (run.system, row["corpus"])
            assert report["protocol"] == run.protocol
            assert recipe["name"] == run.recipe
            # A field that came after the run had its default.
            first = type(systems.get(run.system).recipe(run.recipe))()
            stated = to_json({**dataclasses.asdict(first), **recipe})
            assert {key: stated[key] for key in run.changes} == to_json(run.changes)
            assert {"serenade", "numpy", "python"} <= set(report["versions"])
            if recipe.get("encoder") in speech:
                assert all(
                    re.fullmatch("[0-9a-f]{16}", each) for each in recipe["encoders"].values()
                )
            for field in ("encoder", "vectors"):
                if recipe.get(field) in resources:
                    continue
                found = recipe["resources"][field]
                assert found["name"] in row["label"]
                assert re.fullmatch("[0-9a-f]{16}", found.get("content", "")) or found[
                    "name"
                ].endswith("(content not recorded)")


def to_json(changes):
    return json.loads(json.dumps(dict(changes)))
