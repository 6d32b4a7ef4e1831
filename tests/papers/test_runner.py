"""Tables are filled from runs that are made once; what cannot be run says why."""

import dataclasses
import gzip
import json
import shutil

import numpy as np
import pytest
import soundfile
from sklearn.dummy import DummyClassifier

pytest.importorskip("skorch")

from support.small_corpora import SYNTHETIC

from serenade import corpora
from serenade.encoders import fingerprint_whisper
from serenade.errors import EvaluationError
from serenade.evaluation import draw_figure, evaluate, read_reports
from serenade.papers import Paper, Runner, _render, list_figures
from serenade.papers._entries import Entry, get_matrix_reports
from serenade.papers._kept_runs import KeptRuns, list_labels
from serenade.papers._paper_tables import (
    Gain,
    Place,
    Row,
    Run,
    Table,
    list_all_runs,
    read_matrix,
)
from serenade.papers._resources import identify_resources

FIELDS = {
    *("paper", "table", "row", "metric", "paper_value", "paper_protocol"),
    *("speaker_independent", "low", "high", "reason"),
}
PLACE = Place(
    SYNTHETIC, ("angry", "sad"), plan={"test": 0.2, "validation": 0.2}, seeds=2, stands_for="X"
)
PAPER = Paper(
    name="paper",
    title="A title",
    citation="Nobody (2000)",
    tables=(
        Table(
            "Table 1",
            "What it shows.",
            (
                Row("probe", {"wa": 0.9, "ua": None}, "whisper-probe", changes={"copies": 0}),
                Row(
                    "network",
                    {"wa": 0.8},
                    "dcnn",
                    changes={"epochs": 2, "channels": (8, 8)},
                    copies=True,
                ),
                Row("others", {"wa": 0.7}, reason="published by others"),
            ),
            (Place("casia"), PLACE),
            curves="Figure 1",
            headline=("network", "others"),
            matrix=read_matrix("Figure 2", "network", "angry 90 10\nsad - 70"),
        ),
    ),
    notes=("What must be known.",),
)


def run_file(out, run):
    """Return the file that keeps a run."""
    return out / "runs" / f"{run.system}.json.gz"


def edit(path, name, change):
    """Change the report of a run, as JSON data."""
    content = json.loads(gzip.decompress(path.read_bytes()))
    change(next(one for one in content if f"{one['run']}-seed{one['seed']}" == name))
    path.write_bytes(gzip.compress(json.dumps(content).encode()))


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """Return a runner, its lines, its entries, and its folder."""
    root, out = tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("out")
    lines = []
    runner = Runner(root / "speech", out, jobs=1, fast=True, progress=lines.append)
    entries = runner.entries(PAPER)
    return runner, lines, entries, out


def test_entries_hold_the_papers_scores_and_ours(filled):
    _, _, entries, out = filled
    by = {(e.row, e.metric, e.corpus): e for e in entries}
    assert len(by) == len(entries) == 8
    probe = by["probe", "wa", "synthetic"]
    assert probe.paper_value is None  # the paper printed its number for another corpus
    assert (probe.stands_for, probe.reason, probe.fast) == ("X", "", True)
    assert probe.low <= probe.speaker_independent <= probe.high
    assert probe.paper_low <= probe.paper_protocol <= probe.paper_high
    report = KeptRuns(out / "runs").read(probe.runs[-1])
    assert report.speaker_independent
    assert report.metrics["wa"].value == probe.speaker_independent
    assert by["probe", "ua", "synthetic"].runs == probe.runs
    content = fingerprint_whisper("whisper-base")[:16]
    assert report.recipe["encoders"] == {"whisper-base": content}


def test_entries_leave_out_unusable_recordings(tmp_path):
    corpus = corpora.open(SYNTHETIC, tmp_path / "speech", labels=PLACE.labels)
    file = corpus.table.index[0][0]
    soundfile.write(file, np.zeros(16000), 16000)
    row = Row("probe", {"wa": 0.9}, "whisper-probe", changes={"copies": 0})
    table = dataclasses.replace(PAPER.tables[0], rows=(row,), places=(PLACE,), curves="")
    paper = dataclasses.replace(
        PAPER, tables=(dataclasses.replace(table, headline=(), matrix=None),)
    )
    options = {"jobs": 1, "fast": True}
    found = Runner(tmp_path / "speech", tmp_path / "out", **options).entries(paper)
    assert [entry.reason for entry in found] == [""]
    report = KeptRuns(tmp_path / "out" / "runs").read(found[0].runs[-1])
    assert "silent" in next(note for note in report.notes if "left out" in note)
    strict = Runner(tmp_path / "speech", tmp_path / "strict", max_unusable=0.0, **options)
    assert "more than the limit of 0.0%" in strict.entries(paper)[0].reason


def test_entries_state_the_reason_of_missing_scores(filled):
    _, _, entries, out = filled
    by = {(e.row, e.corpus): e for e in entries}
    absent = by["network", "casia"]
    assert absent.paper_value == 0.8
    assert absent.speaker_independent is absent.paper_protocol is None
    assert "casia" in absent.reason.lower()
    assert str(out.parent) not in absent.reason
    assert by["others", "casia"].reason == "published by others"


def test_entries_reuse_finished_runs(filled):
    runner, lines, entries, out = filled
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.json.gz")}
    assert len(before) == 2  # a file for each system
    before_again = len(lines)
    again = [e for e in runner.entries(PAPER) if e.corpus == "synthetic"]
    assert again == [e for e in entries if e.corpus == "synthetic"]
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.json.gz")} == before
    assert not [line for line in lines[before_again:] if "casia" not in line.lower()]
    dry = Runner(None, out, fast=True, dry=True).entries(PAPER)
    assert [e.speaker_independent for e in dry] == [e.speaker_independent for e in entries]
    assert {e.reason for e in Runner(None, out / "new", dry=True).entries(PAPER)} == {
        "not run yet",
        "published by others",
    }


def test_dry_entries_state_the_missing_corpus(tmp_path):
    found = Runner(tmp_path, tmp_path / "out", dry=True).entries(PAPER)
    reasons = {e.row: e.reason for e in found if e.corpus == "casia"}
    assert "no audio of CASIA" in reasons["network"]
    assert reasons["others"] == "published by others"


def test_report_replaces_a_run_with_other_settings(filled):
    runner, lines, entries, out = filled
    network = next(e for e in entries if e.row == "network" and e.runs and not e.reason)
    name = network.runs[-1]
    run = next(run for run in list_all_runs(PAPER, fast=True) if run.name == name)
    path = run_file(out, run)
    edit(path, name, lambda report: report["recipe"].pop("mixup"))  # as if it had come later
    del lines[:]
    assert runner.report(run).recipe["epochs"] == 2
    assert lines == []
    edit(path, name, lambda report: report["recipe"].update(learning_rate=0.5))
    assert runner.report(run).recipe["learning_rate"] != 0.5
    assert lines[0].startswith(name)


def test_report_replaces_a_run_on_an_incomplete_corpus(filled, tmp_path):
    """Rows of a dry run carry the label; with the complete corpus at hand the run is made again."""
    runner, _, entries, out = filled
    shutil.copytree(out / "runs", tmp_path / "runs")
    probe = next(e for e in entries if e.row == "probe" and e.runs and not e.reason)
    name = probe.runs[-1]
    run = next(run for run in list_all_runs(PAPER, fast=True) if run.name == name)
    path = run_file(tmp_path, run)
    label = "incomplete Synthetic, 1 of 2"
    edit(path, name, lambda report: report.update(incomplete=label))
    dry = Runner(None, tmp_path, fast=True, dry=True).entries(PAPER)
    marked = [e for e in dry if e.incomplete]
    assert {(e.row, e.incomplete) for e in marked} == {("probe", label)}
    page = _render.format_paper(PAPER, dry)
    assert page.count(f"| probe | synthetic ({label}), for X |") == 2
    again = Runner(runner.root, tmp_path, jobs=1, fast=True).report(run)
    assert again.incomplete == ""
    assert {report.incomplete for report in read_reports(path)} == {""}


def test_report_names_local_files_and_refuses_runs_made_with_others(tmp_path):
    manifest = corpora.open(SYNTHETIC, tmp_path / "speech", labels=("angry", "sad"))
    vectors = tmp_path / "vectors"
    vectors.mkdir()
    (vectors / "50.txt").write_text("we 1 0\ngo 0 1\n")
    run = Run(
        "dual-bilstm",
        SYNTHETIC,
        labels=("angry", "sad"),
        changes={"vectors": "@speech2vec/50.txt", "branches": "words", "epochs": 1},
        protocol="groups",
        plan={"groups": 2},
    )
    assert len(manifest)
    with pytest.raises(EvaluationError, match="needs vectors: give --use speech2vec=PATH"):
        Runner(tmp_path / "speech", tmp_path / "out", jobs=1).report(run)
    runner = Runner(tmp_path / "speech", tmp_path / "out", jobs=1, use={"speech2vec": str(vectors)})
    report = runner.report(run)
    assert report.recipe["vectors"] == "@speech2vec/50.txt"
    written = gzip.decompress(run_file(tmp_path / "out", run).read_bytes())
    assert str(tmp_path) not in written.decode()
    made = report.recipe["resources"]["vectors"]
    assert made["name"] == "vectors/50.txt"
    named = f"vectors/50.txt, content {made['content']}"
    assert list_labels(Row("words", {}), [run], {run.name: report}) == [named]
    row = Row("words", {}, stated={"vectors": "theirs"})
    assert list_labels(row, [run], {run.name: report}) == [f"{named}, instead of theirs"]
    other = dataclasses.replace(run, seed=1)
    changed = dataclasses.replace(report, recipe={**report.recipe, "epochs": 3})
    both = {run.name: report, other.name: changed}
    _, label = list_labels(Row("words", {}), [run, other], both)
    assert label.startswith("epochs 3 instead of ")
    assert label.endswith(" (groups, seed 1)")
    vectors.rename(tmp_path / "other")
    renamed = {"speech2vec": str(tmp_path / "other")}
    with pytest.raises(EvaluationError, match=r"made with vectors/50\.txt .*, not with other/50"):
        Runner(None, tmp_path / "out", use=renamed, dry=True).report(run)
    assert Runner(None, tmp_path / "out", dry=True).report(run) == report
    again = Runner(tmp_path / "speech", tmp_path / "out", jobs=1, use=renamed).report(run)
    assert again.recipe["resources"]["vectors"] == {**made, "name": "other/50.txt"}
    with pytest.raises(EvaluationError, match=r"made with other/50\.txt; .*50\.txt"):
        Runner(tmp_path / "speech", tmp_path / "out", jobs=1, use={"speech2vec": "/none"}).report(
            run
        )


def test_make_all_keeps_the_error_of_a_kept_run_whose_files_are_missing(tmp_path, make_corpus):
    kept = evaluate(DummyClassifier(), make_corpus(4), "loso")
    words = {"vectors": "@speech2vec/50.txt", "branches": "words"}
    row = Row("words", {"wa": 0.9}, "dual-bilstm", changes=words)
    table = dataclasses.replace(
        PAPER.tables[0], rows=(row,), places=(PLACE,), curves="", headline=(), matrix=None
    )
    paper = dataclasses.replace(PAPER, tables=(table,))
    runs = list(list_all_runs(paper))
    for run in runs:
        report = dataclasses.replace(kept, system=run.system, seed=run.seed)
        KeptRuns(tmp_path / "runs").write(run.name, report)
    again = Runner(tmp_path, tmp_path, use={"speech2vec": "/none"})
    again._make_all(paper)
    assert again._failed.keys() == {run.name for run in runs}
    assert "the kept run was made with" in str(again._failed[runs[0].name])


def test_report_refuses_runs_made_with_another_text_encoder(tmp_path, filled):
    """A text encoder is a folder, whose content and name count."""
    folder = tmp_path / "tiny" / "model"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "weights.safetensors").write_bytes(b"weights")
    run = Run("stser", SYNTHETIC, changes={"encoder": "@text"})
    made = identify_resources(run.changes, {"text": str(folder)})
    assert made["encoder"]["name"] == "tiny"
    runner, _, entries, _ = filled
    name = next(e.runs[-1] for e in entries if e.row == "probe" and e.runs and not e.reason)
    recipe = {"encoder": "@text", "resources": made}
    report = dataclasses.replace(runner.kept(name), system="stser", recipe=recipe)
    KeptRuns(tmp_path / "out" / "runs").write(run.name, report)

    def read(path):
        return Runner(None, tmp_path / "out", use={"text": str(path)}, dry=True).report(run)

    assert read(folder).recipe["resources"] == made
    folder.parent.rename(tmp_path / "other")
    with pytest.raises(EvaluationError, match=r"made with tiny .*, not with other "):
        read(tmp_path / "other" / "model")
    (tmp_path / "other" / "model" / "weights.safetensors").write_bytes(b"others")
    (tmp_path / "other").rename(tmp_path / "tiny")
    with pytest.raises(EvaluationError, match=r"made with tiny .*, not with tiny "):
        read(folder)


def test_report_replaces_a_run_made_with_other_weights_of_an_encoder(tmp_path, filled):
    runner, _, entries, out = filled
    probe = next(e for e in entries if e.row == "probe" and e.runs and not e.reason)
    run = next(run for run in list_all_runs(PAPER, fast=True) if run.name == probe.runs[-1])
    report = runner.kept(run.name)
    assert report.recipe["encoders"]
    shutil.copytree(out / "runs", tmp_path / "runs")
    path = run_file(tmp_path, run)
    edit(path, run.name, lambda data: data["recipe"].update(encoders={"whisper-base": "0" * 16}))
    again = Runner(runner.root, tmp_path, jobs=1, fast=True).report(run)
    assert again.recipe["encoders"] == report.recipe["encoders"]


def test_score_by_paper_averages_seeds():
    from types import SimpleNamespace

    from serenade.papers._entries import score_by_paper

    def report(value):
        return SimpleNamespace(
            metrics={"wa": SimpleNamespace(value=value, low=0.1, high=0.9)},
            speaker_independent=False,
        )

    assert score_by_paper("wa", [report(0.5)])["spread"] is None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("serenade.papers._entries.compute_pooled_interval", lambda *_: (0.2, 0.8))
        found = score_by_paper("wa", [report(0.5), report(0.7)])
    assert found["paper_protocol"] == pytest.approx(0.6)
    assert found["spread"] == pytest.approx(0.1414, abs=1e-4)
    assert (found["seeds"], found["speaker_dependent"]) == (2, True)


def test_get_matrix_reports_takes_unseen_speakers_only_if_the_paper_does(make_corpus):
    from sklearn.dummy import DummyClassifier

    corpus, matrix = make_corpus(4), PAPER.tables[0].matrix
    kept = {name: evaluate(DummyClassifier(), corpus, name) for name in ("random", "loso")}
    blank = Entry("paper", "Table 1", "network", "ua", "small", "", 0.8, runs=("random", "loso"))
    for dependent, found, expected in (
        (True, kept, [kept["random"]]),
        (None, {"loso": kept["loso"]}, []),  # the run by the paper's protocol is missing
        (False, {"loso": kept["loso"]}, [kept["loso"]]),
    ):
        entry = dataclasses.replace(blank, speaker_dependent=dependent)
        assert get_matrix_reports(matrix, [entry], found.get) == expected
    assert get_matrix_reports(matrix, [], kept.get) == []


def test_format_paper_tests_rows_against_one_row(filled):
    runner, _, entries, _ = filled
    whole = [dataclasses.replace(entry, fast=False) for entry in entries]

    def page(against):
        tables = (dataclasses.replace(PAPER.tables[0], against=against),)
        return _render.format_paper(dataclasses.replace(PAPER, tables=tables), whole, runner.kept)

    assert page("network").count("rows against network, ") == 2
    assert page("network").count("\n| probe | network | ") == 2
    assert page("probe").count("\n| network | probe | ") == 2
    assert "rows against" not in page("others")  # nothing fills it


@pytest.mark.parametrize(
    ("column", "whose"),
    [
        ("speaker_independent", "over unseen speakers"),
        ("paper_protocol", "by the paper's protocol (*speaker-dependent*) over speakers"),
    ],
)
def test_format_paper_tests_rows_against_each_other(filled, column, whose):
    runner, _, entries, _ = filled
    assert "against each other" not in _render.format_paper(
        PAPER, entries, runner.kept
    )  # a quick look
    whole = [dataclasses.replace(entry, fast=False) for entry in entries]
    page = _render.format_paper(PAPER, whole, runner.kept)
    title = f"Permutation test of rows against each other, {whose} of synthetic:"
    assert page.count(title) == 1
    part = page[page.index(title) + len(title) :].partition("rows against")[0]
    (line,) = (line for line in part.splitlines() if line.startswith("| probe"))
    by = {(e.row, e.metric): e for e in entries if e.corpus == "synthetic"}
    random = column == "paper_protocol"
    (run,) = (name for name in by["network", "wa"].runs if ("random" in name) is random)
    difference = getattr(by["probe", "ua"], column) - runner.kept(run).metrics["ua"].value
    assert line.startswith(f"| probe | network | {difference:+.3f} |")


def test_format_paper_puts_a_long_reason_below_the_table(filled):
    _, _, entries, _ = filled
    reason = next(
        entry.reason for entry in entries if entry.corpus == "casia" and entry.row != "others"
    )
    page = _render.format_paper(PAPER, entries)
    assert page.count(reason) == 1
    assert f"\nNote 1: {reason}.\n" in page
    assert page.count("| note ") == 3
    assert page.count("| published by others |") == 2


def test_format_paper_write_json_and_list_figures_agree(filled, tmp_path):
    runner, _, entries, _ = filled
    page = _render.format_paper(PAPER, entries)
    assert "A quick look" in page
    assert "| probe | casia | WA | 0.900 | - | - |" in page
    assert "*speaker-dependent*" in page
    assert "- What must be known." in page
    data = json.loads(_render.write_json(entries, tmp_path / "tables.json").read_text("utf-8"))
    assert len(data) == 8
    assert all(set(entry) >= FIELDS for entry in data)
    found = list_figures(PAPER, entries, runner.kept)
    assert set(found) == {
        *("paper-synthetic-ua", "paper-synthetic-wa"),
        *("paper-synthetic-confusion-network", "paper-synthetic-figure-1"),
        "paper-synthetic-figure-2",
    }
    for name, make in found.items():
        assert [path.name for path in draw_figure(make, tmp_path / name)] == [
            f"{name}.png",
            f"{name}.pdf",
        ]


def test_format_paper_shows_recalls_and_gains_of_the_paper_and_ours(filled):
    runner, _, entries, _ = filled
    gains = (Gain("probe", "network", 0.05),)
    paper = dataclasses.replace(PAPER, tables=(dataclasses.replace(PAPER.tables[0], gains=gains),))
    by_ua = [dataclasses.replace(e, metric="ua") if e.row == "network" else e for e in entries]
    page = _render.format_paper(paper, by_ua, runner.kept)
    run = next(e.runs[0] for e in entries if e.row == "network" and e.paper_protocol is not None)
    report = runner.kept(run)
    rows = dict(zip(report.labels, report.confusion, strict=True))
    angry, sad = (
        f"{rows[one][report.labels.index(one)] / sum(rows[one]):.3f}" for one in ("angry", "sad")
    )
    assert "Recall of each emotion in the paper's Figure 2" in page
    assert f"| angry | 0.900 | - | {angry} |\n| sad | 0.700 | - | {sad} |" in page
    by = {(e.row, e.metric): e for e in by_ua if e.corpus == "synthetic"}
    probe, network = by["probe", "ua"], by["network", "ua"]
    unseen = probe.speaker_independent - network.speaker_independent
    assert (
        f"| probe | network | +0.050 | {probe.paper_protocol - network.paper_protocol:+.3f} |"
        in page
    )
    assert f"{unseen:+.3f} |" in page
    assert "Recall of each emotion" not in _render.format_paper(paper, entries)


def test_draw_matrices_keeps_the_order_of_the_paper_and_leaves_unknown_cells_empty(filled):
    runner, _, entries, _ = filled
    run = next(e.runs[0] for e in entries if e.row == "network" and e.paper_protocol is not None)
    found = list_figures(PAPER, entries, runner.kept)["paper-synthetic-figure-2"]()
    paper, ours = found.axes
    assert [text.get_text() for text in paper.texts] == ["90.0%", "10.0%", "70.0%"]
    assert [tick.get_text() for tick in ours.get_yticklabels()] == ["angry", "sad"]
    assert len(ours.texts) == 4
    found.draw_without_rendering()
    box, (width, height) = found.get_tightbbox(), found.get_size_inches()
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 <= width
    assert box.y1 <= height
    assert sum(int(text.get_text().split("\n")[1]) for text in ours.texts) == len(
        runner.kept(run).predictions
    )


def test_seeds_of_a_run_share_a_file(tmp_path):
    place = dataclasses.replace(PLACE, independent={"groups": 2})
    rows = (Row("machine", {"wa": 0.9}, "lld-svm"),)
    paper = dataclasses.replace(PAPER, tables=(Table("1", "It.", rows, (place,)),))
    runner = Runner(tmp_path / "speech", tmp_path / "out", jobs=1)
    random = [run for run in list_all_runs(paper) if run.protocol == "random"]
    assert [run.seed for run in random] == [0, 1]
    reports = [runner.report(run) for run in random]
    (path,) = (tmp_path / "out" / "runs").iterdir()
    assert path == run_file(tmp_path / "out", random[0])
    assert read_reports(path) == reports
    assert [runner.kept(run.name) for run in random] == reports


def test_entries_of_an_enlarged_row_count_noisy_copies_of_test_clips(filled, tmp_path):
    *_, out = filled
    row = PAPER.tables[0].rows[1]
    rows = (row, dataclasses.replace(row, name="with copies", enlarged=True))
    paper = dataclasses.replace(PAPER, tables=(Table("1", "It.", rows, (PLACE,)),))
    shutil.copytree(out / "runs", tmp_path / "runs")
    runner = Runner(None, tmp_path, fast=True, dry=True)
    clean, enlarged = runner.entries(paper)
    assert clean.runs == enlarged.runs
    report = runner.kept(clean.runs[-1])
    assert clean.speaker_independent == report.metrics["wa"].value
    reference = [one.reference for one in report.predictions]
    found = [[one.predicted for one in report.predictions], *report.conditions.values()]
    assert len(found) == 3
    correct = sum(a == b for labels in found for a, b in zip(labels, reference, strict=True))
    assert enlarged.speaker_independent == pytest.approx(correct / (3 * len(reference)))
    for name in clean.runs:
        runner._runs.write(name, dataclasses.replace(runner.kept(name), conditions={}))
    assert [entry.reason for entry in runner.entries(paper)] == [
        "",
        "the kept run has no copies of test clips; make it again",
    ]


def test_run_names_are_those_before_copies_of_test_clips():
    assert Run("dcnn", "ravdess").name.endswith("a4aa01cf-seed0")
    assert Run("dcnn", "ravdess", copies=True).name != Run("dcnn", "ravdess").name


def test_format_overview_lists_headlines_and_warnings(filled):
    _, _, entries, _ = filled
    page = _render.format_overview([(PAPER, entries)])
    shown = [line for line in page.splitlines() if line.startswith("| [paper](paper.md): ")]
    rows = [(entry.row, entry.corpus) for entry in entries if entry.row != "probe"]
    assert [tuple(line.split(": ")[1].split(" | ")[:2]) for line in shown] == [
        (row, f"{corpus}, for X" if corpus == "synthetic" else corpus) for row, corpus in rows
    ]
    assert "A quick look" in page
    assert "expected <speaker>" not in page  # reasons are cut short, pages of papers have the rest
    warning = corpora.describe(SYNTHETIC).warning
    assert page.count(f"\nsynthetic: {warning}.\n") == 1
    assert _render.format_paper(PAPER, entries).count(f"\nsynthetic: {warning}.\n") == 1


@pytest.mark.parametrize("content", [b"", b"[1]", b'[{"row": "STSER"}]', b"\xff", b"[" * 100_000])
def test_list_papers_names_a_damaged_file(tmp_path, content):
    path = tmp_path / "tables.json"
    assert _render.list_papers(path) == set()
    path.write_bytes(content)
    with pytest.raises(EvaluationError, match=r"tables\.json: no rows of papers in it"):
        _render.list_papers(path)
