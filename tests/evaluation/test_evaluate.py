"""Whole evaluations with small estimators on random features of files' names."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from support.small_corpora import SYNTHETIC

from serenade.errors import EvaluationError, SerenadeError
from serenade.evaluation import CHECKED_ROWS, Report, _metrics, evaluate
from serenade.protocols import _protocols


class Features:
    """Logistic regression on random features that tell some emotions; keeps what it was given."""

    def __init__(self, seed=0):
        self.seed = seed

    def _features(self, X):
        # A file's name holds its emotion, with noise of its own: often, not always, right.
        names = [name.split("/")[-2:] for name in X.index.get_level_values("file")]
        noise = [np.random.default_rng(list("".join(n).encode())).normal(0, 0.8, 3) for n in names]
        hints = [[n[1].startswith(label) for label in ("angry", "happy", "sad")] for n in names]
        return np.array(hints) + np.array(noise)

    def fit(self, X, y):
        self.X, self.y = X, y
        self.model = LogisticRegression(random_state=self.seed).fit(self._features(X), y)
        self.classes_ = self.model.classes_
        return self

    def predict_proba(self, X):
        self.tested = X
        return self.model.predict_proba(self._features(X))


class Validated(Features):
    def fit(self, X, y, validation=None):
        self.validation = validation
        return super().fit(X, y)


def _recorded(kind, made):
    def factory(seed):
        made.append(kind(seed))
        return made[-1]

    return factory


def test_evaluate_fits_each_fold_on_its_training_rows_only(make_corpus):
    corpus, made, lines = make_corpus(5), [], []
    report = evaluate(
        _recorded(Features, made), corpus, _protocols.get(), seed=7, progress=lines.append
    )
    assert len(made) == len(report.folds) == len(lines) == 5
    for estimator, fold in zip(made, _protocols.get().split(corpus.table), strict=True):
        assert estimator.seed == 7
        expected = corpus.table.drop(columns="emotion")
        pd.testing.assert_frame_equal(estimator.X, expected.iloc[fold.train])
        pd.testing.assert_frame_equal(estimator.tested, expected.iloc[fold.test])
        assert estimator.y.tolist() == corpus.table["emotion"].iloc[fold.train].tolist()
    assert "5/5 speaker s5: UA 0." in lines[-1] or "5/5 speaker s5: UA 1." in lines[-1]
    assert report.speaker_independent
    assert (report.system, report.corpus, report.licence) == ("Features", "small", "CC0")
    assert [fold.speakers for fold in report.folds] == [(f"s{n}",) for n in range(1, 6)]
    assert all(fold.seconds <= report.seconds for fold in report.folds)


def test_evaluate_scores_the_pooled_predictions(make_corpus):
    corpus = make_corpus(5)
    report = evaluate(Features, corpus, _protocols.get())
    reference = [one.reference for one in report.predictions]
    predicted = [one.predicted for one in report.predictions]
    assert reference == corpus.table["emotion"].tolist()
    assert report.metrics["ua"].value == _metrics.unweighted_accuracy(reference, predicted)
    assert 0.4 < report.metrics["ua"].value < 1
    assert report.metrics["ua"].low < report.metrics["ua"].value < report.metrics["ua"].high
    for one in report.predictions:
        assert one.predicted == report.labels[int(np.argmax(one.probabilities))]
        assert sum(one.probabilities) == pytest.approx(1, abs=1e-5)
    again = evaluate(Features, corpus, _protocols.get())
    assert again.predictions == report.predictions
    assert again.metrics == report.metrics


def test_evaluate_names_files_relative_to_the_corpus(make_corpus, tmp_path):
    corpus = make_corpus(3)
    report = evaluate(Features, corpus, _protocols.get())
    assert report.predictions[0].file == "s1/angry0.wav"
    assert (report.predictions[0].start, report.predictions[0].end) == (0.0, None)
    assert str(tmp_path) not in json.dumps(report.to_dict())


def test_evaluate_gives_validation_rows_to_estimators_that_take_them(make_corpus):
    corpus, made = make_corpus(5), []
    protocol = _protocols.LeaveOneSpeakerOut(validation_speakers=1)
    report = evaluate(_recorded(Validated, made), corpus, protocol)
    for estimator, fold in zip(made, protocol.split(corpus.table), strict=True):
        X, y = estimator.validation
        assert X.index.equals(corpus.table.index[fold.validation])
        assert y.tolist() == corpus.table["emotion"].iloc[fold.validation].tolist()
    assert "validation: 9 to 9 rows of each fold" in report.notes
    assert not any("not used" in note for note in report.notes)
    plain = evaluate(Features, corpus, protocol)
    assert "45 validation rows were not used: fit() takes no validation=" in plain.notes


def test_evaluate_labels_random_rows_speaker_dependent(make_corpus):
    report = evaluate(Features, make_corpus(4), _protocols.get("random", repeats=3))
    assert not report.speaker_independent
    assert report.label == "random, speaker-dependent"
    unvalidated = evaluate(Features, make_corpus(4), _protocols.get("random", validation=0))
    assert not unvalidated.speaker_independent
    assert "speaker-dependent" in report.to_markdown()
    assert len({fold.ua for fold in report.folds}) > 1
    mean, spread = report.over_folds("ua")
    values = [fold.ua for fold in report.folds]
    assert (mean, spread) == pytest.approx((np.mean(values), np.std(values, ddof=1)))
    assert f"{mean:.3f} ± {spread:.3f}" in report.to_markdown()
    assert "mean ± sd of 3 repeats" in report.to_markdown()


def test_evaluate_labels_a_fixed_split_by_its_speakers(make_corpus):
    parts = ["train", "train", "dev", "test"]
    corpus = make_corpus(4, split=lambda speaker: parts[speaker - 1])
    report = evaluate(Features, corpus, _protocols.get("fixed"))
    assert report.label == "fixed, speaker-independent"
    mixed = dataclasses.replace(corpus, table=corpus.table.assign(speaker="x"))
    assert evaluate(Features, mixed, _protocols.get("fixed")).label == "fixed, speaker-dependent"


def test_evaluate_notes_identical_files_as_a_leak(make_corpus):
    corpus = make_corpus(4)
    copied = (corpus.root / "s1" / "sad0.wav").read_bytes()
    (corpus.root / "s2" / "sad1.wav").write_bytes(copied)
    (corpus.root / "s1" / "sad2.wav").write_bytes(copied)
    report = evaluate(Features, corpus, _protocols.get())
    leaks = [note for note in report.notes if note.startswith("leak")]
    assert leaks == [
        (
            "leak: 3 test files are byte-identical to training files: "
            "s1/sad0.wav, s1/sad2.wav, s2/sad1.wav"
        )
    ]
    clean = evaluate(Features, make_corpus(4), _protocols.get())
    assert not any(note.startswith("leak") for note in clean.notes)
    assert f"audit: no leak found; looked for {CHECKED_ROWS}" in clean.notes


class Shaken(Features):
    """Knows nothing of recordings that were changed."""

    def predict_proba(self, X, change=None):
        found = super().predict_proba(X)
        return found if change is None else np.roll(found, 1, axis=1)


def test_evaluate_predicts_conditions_and_keeps_them(make_corpus, tmp_path):
    corpus = make_corpus(4, gender=lambda speaker: "female" if speaker % 2 else "male")
    report = evaluate(Shaken, corpus, _protocols.get(), conditions={"worse": 1, "same": None})
    found = report.robustness()
    assert found["same"].value == report.metrics["ua"].value
    assert found["worse"].value < found["same"].value
    assert {one.gender for one in report.predictions} == {"female", "male"}
    again = Report.from_json(report.to_json(tmp_path / "report.json"))
    assert again == report
    page = again.to_markdown()
    assert "| worse | " in page
    assert "UA by gender: female " in page
    single = evaluate(Shaken, make_corpus(1), "random", conditions={"worse": 1})
    assert "nan" not in repr(single) + single.to_markdown()
    assert "expected calibration error " in page


def test_evaluate_notes_a_fitted_estimator_as_a_leak(make_corpus):
    corpus = make_corpus(3)
    fitted = DummyClassifier().fit(corpus.table, corpus.table["emotion"])
    report = evaluate(lambda _: fitted, corpus, _protocols.get())
    assert any(
        note.startswith("leak: estimators were fitted before (class_prior_")
        for note in report.notes
    )


def test_evaluate_notes_segments_of_one_file_as_a_leak(make_corpus):
    corpus = make_corpus(4)
    index = corpus.table.index.to_frame(index=False)
    index["file"] = index["file"].iloc[0]
    index["start"] = pd.to_timedelta(np.arange(len(index)), unit="s")
    index["end"] = index["start"] + pd.Timedelta(seconds=1.5)
    table = corpus.table.set_index(pd.MultiIndex.from_frame(index))
    one_file = dataclasses.replace(corpus, table=table)
    dummy = lambda seed: DummyClassifier(strategy="stratified", random_state=seed)  # noqa: E731
    report = evaluate(dummy, one_file, _protocols.get())
    assert "leak: 36 test rows are segments of files that are also trained on" in report.notes
    assert (report.predictions[-1].start, report.predictions[-1].end) == (35.0, 36.5)


def test_evaluate_notes_shared_sentences_and_unseen_emotions(make_corpus):
    corpus = make_corpus(3, text=lambda speaker: "Kids" if speaker < 3 else "Dogs")
    report = evaluate(Features, corpus, _protocols.get())
    assert "18 of 27 test rows say sentences that are also said in training" in report.notes
    odd = (corpus.table["speaker"] == "s1") & (corpus.table["emotion"] == "sad")
    alone = corpus.select(odd | (corpus.table["emotion"] != "sad"))
    report = evaluate(Features, alone, _protocols.get())
    assert 'fold "speaker s1": no training row is sad' in report.notes
    assert report.labels == ("angry", "happy", "sad")
    assert report.predictions[0].probabilities[2] == 0


def test_evaluate_resamples_items_and_warns_if_speakers_are_unknown(make_corpus):
    corpus = make_corpus(4)
    corpus = dataclasses.replace(corpus, table=corpus.table.assign(speaker=None))
    report = evaluate(Features, corpus, _protocols.get("random", test=0.5))
    assert not report.speaker_independent
    assert report.metrics["ua"].clusters == 18
    assert "too narrow" in report.to_markdown()
    with pytest.raises(EvaluationError, match="have no speaker"):
        evaluate(Features, corpus, _protocols.get())


def test_evaluate_lists_its_notes_in_order(make_corpus):
    corpus = make_corpus(3)
    (corpus.root / "s1" / "sad0.wav").unlink()
    info = dataclasses.replace(corpus.info, warning="cut to two seconds")
    corpus = dataclasses.replace(corpus, info=info)

    class Standardised(Features):
        def describe(self):
            return {"system": "mine", "recipe": {}, "speaker_standardisation": True}

    report = evaluate(Standardised, corpus)
    assert report.system == "mine"
    assert report.notes == (
        f"protocol speaker-independent: {_protocols.get().description}",
        "cut to two seconds",
        "not checked for copies: 1 files that are missing",
        next(note for note in report.notes if note.startswith("not checked for similar sound: 26")),
        f"audit: no leak found; looked for {CHECKED_ROWS}",
        "uses unlabelled test speech of each speaker: features are standardised per speaker",
    )
    assert set(report.versions) >= {
        "python", "serenade", "numpy", "scipy", "sklearn", "onnxruntime", "platform"
    }  # fmt: skip


def test_evaluate_rejects_invalid_probabilities(make_corpus):
    corpus = make_corpus(3)

    class Wrong(Features):
        def predict_proba(self, X):
            return super().predict_proba(X)[:, :2]

    class Diverged(Features):
        def predict_proba(self, X):
            return super().predict_proba(X) * np.nan

    class Strange(Features):
        def fit(self, X, y):
            super().fit(X, y)
            self.classes_ = ["angry", "happy", "tired"]

    for kind, says in (
        (Wrong, r"shape \(9, 2\) for 9 rows and 3 classes"),
        (Diverged, "NaN or infinity"),
        (Strange, "tired, which the corpus does not have"),
    ):
        with pytest.raises(EvaluationError, match=says):
            evaluate(kind, corpus, _protocols.get())


def test_evaluate_rejects_invalid_input_before_training(make_corpus):
    corpus, made = make_corpus(3), []
    gap = corpus.table.assign(emotion=[None, *corpus.table["emotion"][1:]])
    unlabelled = dataclasses.replace(corpus, table=gap)
    with pytest.raises(EvaluationError, match="without an emotion"):
        evaluate(_recorded(Features, made), unlabelled, _protocols.get())

    class Unwritable(Features):
        def describe(self):
            return {"system": "mine", "recipe": {"folder": corpus.root}}

        def fit(self, *_):
            raise AssertionError("fitted before its description was checked")

    with pytest.raises(EvaluationError, match="recipe: "):
        evaluate(Unwritable, corpus)
    leaking = _protocols.GivenFolds((*_protocols.get().split(corpus.table), *_leaking()))
    with pytest.raises(EvaluationError, match="both in train and test"):
        evaluate(_recorded(Features, made), corpus, leaking)
    assert made == []


def test_evaluate_clones_an_estimator_for_each_fold(make_corpus):
    estimator = DummyClassifier(strategy="stratified").fit([[0], [1]], ["angry", "sad"])
    report = evaluate(estimator, make_corpus(4), "loso", seed=5)
    assert list(estimator.classes_) == ["angry", "sad"]
    assert not any(note.startswith("leak") for note in report.notes)
    assert report.system == "DummyClassifier"
    # The random state that is None becomes the seed, so that a report can be made again.
    assert dict(report.recipe) == {"constant": None, "random_state": 5, "strategy": "stratified"}
    again = evaluate(DummyClassifier(strategy="stratified"), make_corpus(4), "loso", seed=5)
    assert again.predictions == report.predictions


def test_clone_estimator_keeps_a_random_state_that_is_set(make_corpus):
    chosen = DummyClassifier(strategy="uniform", random_state=9)
    assert evaluate(chosen, make_corpus(3), seed=1).recipe["random_state"] == 9


def test_evaluate_builds_systems_corpora_and_protocols_by_name(tmp_path):
    pytest.importorskip("skorch")
    report = evaluate("lld-svm", SYNTHETIC, "groups", root=tmp_path / "speech", seed=1)
    assert (report.system, report.corpus, report.protocol) == ("lld-svm", "synthetic", "groups")
    assert report.recipe["name"] == "default"
    assert report.seed == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("whisper-prob",), "whisper-prob"),
        ((3,), "estimator: cannot evaluate a int; give the name of a system"),
        ((DummyClassifier(), None, 7), "protocol: cannot use a int; give the name of a protocol"),
        ((DummyClassifier(), None, "lose"), "no protocol 'lose'"),
    ],
)
def test_evaluate_names_the_argument_it_cannot_use(make_corpus, arguments, says):
    estimator, _, *protocol = (*arguments, None)[: max(2, len(arguments))]
    with pytest.raises(SerenadeError, match=says):
        evaluate(estimator, make_corpus(3), *protocol)


def _leaking():
    from serenade.protocols import Fold

    return (Fold("leaking", np.arange(5), np.arange(0), np.arange(4, 9)),)


def test_evaluate_names_a_fold_with_one_training_class(make_corpus):
    corpus = make_corpus(3)
    one = corpus.select(corpus.table["emotion"].to_numpy() == "sad")
    with pytest.raises(EvaluationError, match=r'fold "speaker .*": all \d+ training rows are sad'):
        evaluate(Features, one)
