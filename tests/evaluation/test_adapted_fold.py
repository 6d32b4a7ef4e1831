"""Adaptation of any system's posteriors to unlabelled test recordings, inside each fold."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from serenade.errors import EvaluationError
from serenade.evaluation import (
    AdaptationPlan,
    Report,
    evaluate,
    format_comparison,
    list_entrants,
    make_adapted_report,
)
from serenade.evaluation._adapted_fold import PosteriorAdapter
from serenade.protocols import get

LABELS = ("angry", "happy", "neutral", "sad")


class Shifted:
    """Classifier whose logits are right but for noise and an offset that each speaker adds."""

    def __init__(self, seed=0):
        self.seed = seed

    def fit(self, X, y):
        self.X = X
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        rows = []
        for file in X.index.get_level_values("file"):
            speaker, name = file.split("/")[-2:]
            shift = np.random.default_rng(int(speaker[1:])).normal(0, 1.5, len(LABELS))
            noise = np.random.default_rng(list(f"{speaker}{name}".encode())).normal(0, 0.5, 4)
            hint = [2.0 * name.startswith(label) for label in LABELS]
            rows.append(np.exp(hint + shift + noise))
        found = np.array(rows)[:, [LABELS.index(label) for label in self.classes_]]
        return found / found.sum(axis=1, keepdims=True)


@pytest.fixture
def corpus(make_corpus):
    return make_corpus(12, each=4, labels=LABELS)


def test_evaluate_adapts_to_the_test_recordings_of_each_speaker(corpus, tmp_path):
    made = []

    def factory(seed):
        made.append(Shifted(seed))
        return made[-1]

    plan = AdaptationPlan("mixed", "speaker")
    report = evaluate(factory, corpus, "groups", adapt=plan)
    adapted = make_adapted_report(report)
    assert report.predictions == evaluate(Shifted, corpus, "groups").predictions
    assert adapted.metrics["ua"].value > report.metrics["ua"].value + 0.1
    # The model of places is learnt on held-out speakers of the training rows.
    for number, fold in enumerate(get("groups").split(corpus.table)):
        outer, *inner = made[6 * number : 6 * number + 6]
        tested = set(corpus.table.index[fold.test])
        assert len(inner) == 5
        for one in (outer, *inner):
            assert not tested & set(one.X.index)
        assert all(len(one.X) < len(outer.X) for one in inner)
    again = Report.from_json(report.to_json(tmp_path / "report.json"))
    assert again == report
    data = report.to_dict()["adapted"]
    assert (data["transductive"], data["assumed"], data["by"]) == (True, "mixed", "speaker")
    assert data["metrics"]["ua"]["value"] == adapted.metrics["ua"].value
    page = report.to_markdown()
    assert f"{plan}; transductive: " in page
    assert all(f"| UA | {one.metrics['ua'].value:.3f} |" in page for one in (report, adapted))
    entrants = list_entrants([report])
    assert [one.name for one in entrants] == [
        "Shifted",
        "Shifted, adapted=mixed by speaker (transductive)",
    ]
    assert "mixed by speaker (transductive)" in format_comparison(entrants, [])
    data = report.to_dict()
    data["adapted"]["probabilities"].pop()
    with pytest.raises(EvaluationError, match="191 adapted posteriors, but 192 predictions"):
        Report.from_dict(data)


def test_posterior_adapter_leaves_single_recordings_and_unseen_labels(corpus):
    table = corpus.table[corpus.table["emotion"] != "happy"]
    model = Shifted().fit(table, np.array(LABELS))
    posteriors = model.predict_proba(table)
    adapter = PosteriorAdapter.learn(posteriors, table, LABELS)
    assert adapter.labels == ("angry", "neutral", "sad")
    alone = [np.array([row]) for row in range(len(table))]
    for by in ("corpus", "speaker"):
        found = adapter.adapt(posteriors, alone, AdaptationPlan("unknown", by))
        assert (found[:, 1] == 0).all()
        known = posteriors[:, adapter.columns]
        assert (found[:, adapter.columns].argmax(axis=1) == known.argmax(axis=1)).all()


def test_adaptation_plan_groups_rows_by_speaker_or_corpus(corpus):
    table = corpus.table
    assert [len(rows) for rows in AdaptationPlan(by="corpus").list_groups(table)] == [192]
    assert len(AdaptationPlan(by="speaker").list_groups(table)) == 12
    two = table.assign(corpus=["one", *["two"] * 191])
    assert [len(rows) for rows in AdaptationPlan(by="corpus").list_groups(two)] == [1, 191]
    with pytest.raises(EvaluationError, match="by: cannot adapt with 'room'"):
        AdaptationPlan(by="room")


def test_evaluate_says_why_it_cannot_adapt(make_corpus):
    with pytest.raises(EvaluationError, match="2 training speakers, and adaptation learns from"):
        evaluate(Shifted, make_corpus(3, labels=LABELS), adapt=AdaptationPlan())
    happy = make_corpus(5, labels=("angry", "happy"))
    with pytest.raises(EvaluationError, match="no training row is neutral"):
        evaluate(Shifted, happy, adapt=AdaptationPlan("neutral"))
    nameless = dataclasses.replace(happy, table=happy.table.assign(speaker=None))
    with pytest.raises(EvaluationError, match=r"adaptation: \d+ of \d+ rows have no speaker"):
        evaluate(Shifted, nameless, "random", adapt=AdaptationPlan())
    plain = evaluate(Shifted, happy)
    with pytest.raises(EvaluationError, match="no adapted posteriors"):
        make_adapted_report(plain)
