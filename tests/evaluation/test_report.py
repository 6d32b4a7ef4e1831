"""A report makes itself again from its own JSON."""

from __future__ import annotations

import dataclasses
import json
import re
import sys

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from serenade.errors import EvaluationError
from serenade.evaluation import (
    Report,
    _metrics,
    draw_figure,
    evaluate,
    make_confusion_figure,
    make_curves_figure,
    make_embedding_figure,
)
from serenade.protocols import _protocols

KEYS = [
    "system", "corpus", "incomplete", "licence", "protocol", "speaker_independent", "seed",
    "versions", "seconds", "folds", "metrics", "labels", "confusion", "notes", "predictions",
    "command", "recipe", "conditions",
]  # fmt: skip


def _dummy(seed):
    return DummyClassifier(strategy="stratified", random_state=seed)


@pytest.fixture
def report(make_corpus):
    made = evaluate(
        _dummy,
        make_corpus(12, each=4),
        _protocols.get(validation_speakers=2),
        seed=3,
        command="serenade evaluate chance",
    )
    return dataclasses.replace(made, system="chance", recipe={"layers": [1, 2], "rate": 0.5})


def test_from_json_equals_the_report(report, tmp_path):
    path = report.to_json(tmp_path / "new" / "report.json")
    again = Report.from_json(path)
    assert again == report
    assert again.to_json(tmp_path / "again.json").read_bytes() == path.read_bytes()
    assert list(path.parent.iterdir()) == [path]


def test_report_keeps_the_label_of_an_incomplete_corpus(make_corpus):
    label = "incomplete A small corpus, 24 of 30"
    corpus = dataclasses.replace(make_corpus(4, each=2), incomplete=label)
    report = dataclasses.replace(evaluate(_dummy, corpus, "loso"), system="chance")
    assert report.incomplete == label
    assert Report.from_dict(report.to_dict()).incomplete == label
    assert report.to_markdown().startswith(f"# chance on small ({label})\n")
    older = report.to_dict()
    del older["incomplete"]
    assert Report.from_dict(older).incomplete == ""


def test_to_json_writes_the_documented_fields(report, tmp_path):
    data = json.loads(report.to_json(tmp_path / "report.json").read_bytes())
    assert list(data) == KEYS
    assert list(data["folds"][0]) == [
        "name", "train", "test", "speakers", "ua", "wa", "seconds", "curve"
    ]  # fmt: skip
    assert list(data["metrics"]) == ["ua", "wa", "f1_macro", "f1_weighted"]
    assert all(list(one) == ["value", "low", "high"] for one in data["metrics"].values())
    assert list(data["predictions"][0]) == [
        "file", "start", "end", "speaker", "reference", "predicted", "probabilities",
        "gender"
    ]  # fmt: skip
    assert np.sum(data["confusion"]) == len(data["predictions"]) == 144
    # 12 speakers in 6 groups of two, two of the other ten for validation.
    assert [(fold["train"], fold["test"]) for fold in data["folds"]] == [(96, 24)] * 6
    assert "/" not in data["versions"]["platform"]
    assert int(data["versions"]["threads"]) >= 1


def test_from_json_computes_scores_from_predictions(report, tmp_path):
    data = report.to_dict()
    data["metrics"]["ua"]["value"] = 0.99
    data["folds"][0]["ua"] = 0.99
    data["confusion"] = []
    path = tmp_path / "report.json"
    path.write_text(json.dumps(data))
    assert Report.from_json(path) == report
    for one in data["predictions"]:
        one["predicted"] = one["reference"]
    perfect = Report.from_dict(data)
    assert perfect.metrics["f1_macro"].value == perfect.folds[2].ua == 1
    assert perfect.confusion == ((48, 0, 0), (0, 48, 0), (0, 0, 48))


def test_from_json_names_an_invalid_file(report, tmp_path):
    data = report.to_dict()
    short = {**data, "predictions": data["predictions"][1:]}
    strange = {**data, "labels": ["angry", "happy"]}
    cases = [
        ("", "no report in it"),
        ("[]", "no report in it"),
        (json.dumps({**data, "predictions": [{}]}), "no report in it"),
        (json.dumps(short), "folds have 144 test rows, but there are 143 predictions"),
        (json.dumps(strange), "'sad' not among the labels"),
    ]
    path = tmp_path / "report.json"
    for text, says in cases:
        path.write_text(text)
        with pytest.raises(EvaluationError, match=f"{re.escape(str(path))}: .*{says}"):
            Report.from_json(path)
    with pytest.raises(EvaluationError, match="FileNotFoundError"):
        Report.from_json(tmp_path / "none.json")


def test_to_markdown_states_protocol_interval_and_scores(report):
    text = report.to_markdown()
    ua = report.metrics["ua"]
    assert text.startswith("# chance on small\n")
    assert "Protocol: speaker-independent; seed 3; 144 predictions. Corpus licence: CC0." in text
    assert "95% interval (12 speakers)" in text
    assert f"| UA | {ua.value:.3f} | {ua.low:.3f} to {ua.high:.3f} |" in text
    assert re.search(r"\| group 1 \| s1, s2 \| 96 \| 24 \|", text)
    tables = [block for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 3
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_to_markdown_warns_of_few_speakers(make_corpus):
    report = evaluate(_dummy, make_corpus(4), _protocols.get())
    assert "only 4 speakers" in report.to_markdown()
    one = evaluate(_dummy, make_corpus(1), _protocols.get("random", validation=0, test=0.5))
    assert one.to_dict()["metrics"]["ua"]["low"] is None
    assert "| none |" in one.to_markdown()
    assert Report.from_dict(json.loads(json.dumps(one.to_dict()))).to_dict() == one.to_dict()


def test_to_figures_draws_percentages_and_counts(report, tmp_path):
    from matplotlib import image

    png, pdf, *others = report.to_figures(tmp_path / "figures")
    names = ["reliability.png", "reliability.pdf", "risk_coverage.png", "risk_coverage.pdf"]
    assert [path.name for path in others] == names
    assert pdf.read_bytes().startswith(b"%PDF")
    pixels = image.imread(png)
    assert min(pixels.shape[:2]) > 900  # 3.5 inches at 300 dpi
    before = png.read_bytes(), pdf.read_bytes()
    assert (report.to_figures(tmp_path / "figures")) == [png, pdf, *others]
    assert (png.read_bytes(), pdf.read_bytes()) == before
    assert sorted(png.parent.iterdir()) == sorted([png, pdf, *others])


def test_make_confusion_figure_shows_shares_of_rows(report):
    axes = make_confusion_figure(report).axes[0]
    shown = {tuple(map(int, text.get_position())): text.get_text() for text in axes.texts}
    assert len(shown) == 9
    for row, counts in enumerate(report.confusion):
        for column, count in enumerate(counts):
            assert shown[column, row] == f"{100 * count / sum(counts):.1f}%\n{count}"
    assert "speaker-independent" in axes.get_title()


class _Trained(DummyClassifier):
    """A classifier that says how its training went: `random_state` epochs more than 3."""

    @property
    def curve_(self):
        epochs = range(1, 4 + self.random_state)
        return tuple({"train_loss": 1 / epoch, "valid_ua": 0.1 * epoch} for epoch in epochs)


def test_make_curves_figure_draws_training_curves(make_corpus, report, tmp_path):
    trained = evaluate(
        lambda seed: _Trained(random_state=seed), make_corpus(4), _protocols.get("loso"), seed=2
    )
    assert [len(fold.curve) for fold in trained.folds] == [5] * 4
    assert Report.from_json(trained.to_json(tmp_path / "report.json")) == trained
    figure = make_curves_figure({"ours": trained, "chance": report})
    (line,) = figure.axes[0].lines  # chance was not trained by epochs
    np.testing.assert_allclose(line.get_ydata(), 1 / np.arange(1, 6))
    np.testing.assert_allclose(line.get_xdata(), np.arange(1, 6))
    assert figure.axes[0].get_ylabel() == "training loss"
    cut = [dataclasses.replace(fold, curve=fold.curve[:2]) for fold in trained.folds]
    ticks = make_curves_figure({"ours": dataclasses.replace(trained, folds=tuple(cut))}).axes[0]
    assert all(tick == int(tick) for tick in ticks.get_xticks())
    rising = make_curves_figure({"ours": trained}, "valid_ua").axes[0].lines[0]
    assert (np.diff(rising.get_ydata()) > 0).all()
    kinds = ("png", "pdf", "svg")
    reports = {"ours": trained, "chance": report}
    drawn = [
        draw_figure(lambda: make_curves_figure(reports), tmp_path / name, kinds)
        for name in ("losses", "again")
    ]
    assert [path.name for path in drawn[0]] == ["losses.png", "losses.pdf", "losses.svg"]
    one, other = ([path.read_bytes() for path in paths] for paths in drawn)
    assert one == other
    assert not make_curves_figure({"ours": trained}, "valid_loss").axes[0].lines


def test_to_json_writes_numbers_that_are_not_finite_as_null(report, tmp_path):
    first, *others = report.folds
    curve = ({"train_loss": 0.5}, {"train_loss": np.nan}, {"train_loss": np.inf})
    one, *rest = report.predictions
    odd = dataclasses.replace(
        report,
        folds=(dataclasses.replace(first, curve=curve), *others),
        predictions=(dataclasses.replace(one, probabilities=(np.nan,) * 3), *rest),
    )
    path = odd.to_json(tmp_path / "report.json")
    data = json.loads(path.read_bytes())
    assert data["folds"][0]["curve"] == [{"train_loss": value} for value in (0.5, None, None)]
    assert data["predictions"][0]["probabilities"] == [None] * 3
    again = Report.from_json(path)
    losses = [epoch["train_loss"] for epoch in again.folds[0].curve]
    np.testing.assert_equal(losses, [0.5, np.nan, np.nan])
    assert again.to_json(tmp_path / "again.json").read_bytes() == path.read_bytes()
    single = dataclasses.replace(again, folds=again.folds[:1])
    (line,) = make_curves_figure({"odd": single}).axes[0].lines
    np.testing.assert_equal(line.get_ydata(), losses)


def test_confusion_has_the_reference_in_rows(report):
    reference = [one.reference for one in report.predictions]
    predicted = [one.predicted for one in report.predictions]
    expected = _metrics.confusion(reference, predicted, report.labels)
    np.testing.assert_array_equal(report.confusion, expected)
    assert not np.array_equal(expected, expected.T)


def test_repr_states_system_corpus_protocol_and_scores(report):
    ua = report.metrics["ua"]
    scores = f"UA {ua.value:.3f} [{ua.low:.3f}, {ua.high:.3f}], WA "
    assert repr(report).startswith(f"Report(chance on small, speaker-independent: {scores}")
    assert len(repr(report)) < 120


def test_repr_html_draws_the_confusion_matrix(report):
    page = report._repr_html_()
    assert "<td>UA</td>" in page
    assert page.count("<svg") == 2  # and the risk-coverage curve


def test_repr_html_escapes_names_and_has_a_table_without_matplotlib(report, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    page = dataclasses.replace(report, system="<b>")._repr_html_()
    assert "<svg" not in page
    assert "&lt;b&gt; on small" in page
    assert f"<td>{report.confusion[0][0]}</td>" in page


@pytest.mark.parametrize("method", ["tsne", "umap"])
def test_embedding_figure_keeps_neighbours_together(method):
    pytest.importorskip("matplotlib")
    if method == "umap":
        pytest.importorskip("umap")
    rng = np.random.default_rng(0)
    rows = np.repeat([[0.0] * 5, [9.0] * 5], 12, axis=0) + rng.normal(size=(24, 5))
    groups = ["one"] * 12 + [""] * 12
    axes = make_embedding_figure(rows, groups, method).axes[0]
    parts = {each.get_label(): np.asarray(each.get_offsets()) for each in axes.collections}
    assert set(parts) == {"one", "unknown"}
    centres = [part.mean(axis=0) for part in parts.values()]
    spread = max(part.std() for part in parts.values())
    assert np.linalg.norm(np.subtract(*centres)) > 2 * spread
    with pytest.raises(EvaluationError, match="give at least four recordings"):
        make_embedding_figure(rows[:3], groups[:3])
