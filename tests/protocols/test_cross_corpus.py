"""Corpora that are joined to train on some and to test another."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from serenade.errors import EvaluationError
from serenade.protocols import join_corpora


@pytest.fixture
def name_corpus(make_corpus):
    """Return a function that makes a small corpus with a name and other emotions."""

    def make(name, **labels):
        corpus = make_corpus(4).map_labels(labels)
        return dataclasses.replace(corpus, info=dataclasses.replace(corpus.info, name=name))

    return make


def test_join_corpora_keeps_shared_emotions_and_parts_speakers(name_corpus):
    train = [name_corpus("one", sad="calm"), name_corpus("two", sad="boredom")]
    joined, plan = join_corpora(train, name_corpus("three"))
    assert joined.labels == ("angry", "happy")
    assert joined.info.name == "three"
    assert len(joined.speakers) == 12
    assert joined.speakers[0] == "one/s1"
    (fold,) = plan.split(joined.table)
    assert set(joined.table["corpus"].iloc[fold.train]) == {"one", "two"}
    assert set(joined.table["corpus"].iloc[fold.test]) == {"three"}
    assert len(fold.train) + len(fold.test) == len(joined)
    assert plan.label == "cross-corpus from one+two"
    assert plan.description == (
        "trained on one, two, tested on three; left out, because only one side has them: "
        "sad, calm, boredom"
    )
    joined, plan = join_corpora(train, name_corpus("three"), "all")
    assert joined.labels == ("angry", "happy", "sad", "calm", "boredom")
    assert plan.left_out == ()


def test_join_corpora_keeps_unknown_speakers_and_labels_of_incomplete_corpora(name_corpus):
    one, two = name_corpus("one"), name_corpus("two")
    nameless = dataclasses.replace(one, table=one.table.assign(speaker=None), incomplete="1 of 2")
    joined, _ = join_corpora([nameless], two)
    assert joined.table["speaker"].isna().sum() == len(one)
    assert joined.incomplete == "1 of 2"
    assert np.array_equal(joined.table["corpus"].unique(), ["one", "two"])


def test_join_corpora_refuses_one_corpus_twice_and_other_emotions(name_corpus):
    one = name_corpus("one")
    with pytest.raises(EvaluationError, match="one: given twice for training and test"):
        join_corpora([one, name_corpus("two")], one)
    other = name_corpus("two", angry="calm", happy="boredom")
    with pytest.raises(EvaluationError, match="training and test data share sad, and two are"):
        join_corpora([one], other)
