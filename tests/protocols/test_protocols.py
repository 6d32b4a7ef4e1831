"""What every division must hold, and what it says when a corpus lacks something."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serenade import corpora
from serenade.corpora import build_table
from serenade.errors import EvaluationError
from serenade.protocols import _protocols, check_folds, join_corpora
from serenade.protocols._drawing import cut_evenly, draw_stratified
from serenade.protocols._folds import PARTS

EMOTIONS = ("angry", "happy", "sad")


def _table(sizes, seed=0, **columns):
    """Return as many rows of each speaker as `sizes` says, in random order."""
    rng = np.random.default_rng(seed)
    rows = [
        {
            "file": f"/c/{speaker}-{take}.wav",
            "speaker": f"{speaker}",
            "emotion": EMOTIONS[take % 3],
            **{name: of(speaker) for name, of in columns.items()},
        }
        for speaker, size in enumerate(sizes, 1)
        for take in range(size)
    ]
    return build_table([rows[place] for place in rng.permutation(len(rows))])


def _as_lists(folds):
    return [(fold.name, *(getattr(fold, part).tolist() for part in PARTS)) for fold in folds]


SIZES = st.lists(st.integers(1, 6), min_size=4, max_size=15)
BY_SPEAKER = st.sampled_from(
    [
        _protocols.SpeakerIndependent(),
        _protocols.SpeakerIndependent(validation_speakers=1),
        _protocols.LeaveOneSpeakerOut(validation_speakers=0.3),
        _protocols.GroupKFold(3, validation_speakers=1),
        _protocols.GroupKFold(4),
        _protocols.LeaveOneSessionOut(),
    ]
)


@settings(deadline=None)
@given(SIZES, BY_SPEAKER, st.integers(0, 2**32))
def test_speaker_protocols_test_every_row_once_and_share_no_speaker(sizes, protocol, seed):
    table = _table(sizes, session=lambda speaker: str(speaker % 2))
    folds = protocol.split(table, seed)
    check_folds(folds, table, speaker_independent=True)
    tested = Counter(row for fold in folds for row in fold.test.tolist())
    assert tested == Counter(range(len(table)))
    speaker = table["speaker"].to_numpy()
    for fold in folds:
        parts = [getattr(fold, part) for part in PARTS]
        assert sorted(np.concatenate(parts).tolist()) == list(range(len(table)))
        for one, other in itertools.combinations(parts, 2):
            assert not set(speaker[one]) & set(speaker[other])
        assert bool(len(fold.validation)) == bool(protocol.validation_speakers)
    assert _as_lists(protocol.split(table, seed)) == _as_lists(folds)
    others = protocol.split(table, seed + 1)
    assert [fold.test.tolist() for fold in others] == [fold.test.tolist() for fold in folds]


@settings(deadline=None)
@given(
    st.lists(st.integers(3, 20), min_size=4, max_size=8),
    st.sampled_from([0.1, 0.2, 0.4]),
    st.sampled_from([0.0, 0.1, 0.3]),
    st.integers(0, 2**32),
)
def test_random_keeps_the_shares_of_the_emotions(sizes, test, validation, seed):
    table = _table(sizes)
    protocol = _protocols.RandomStratified(test, validation, repeats=2)
    folds = protocol.split(table, seed)
    check_folds(folds, table, speaker_independent=False)
    emotion = table["emotion"].to_numpy()
    for fold in folds:
        rows = np.concatenate([fold.train, fold.validation, fold.test])
        assert sorted(rows.tolist()) == list(range(len(table)))
        assert len(fold.test) == pytest.approx(test * len(table), abs=0.5001)
        assert len(fold.validation) == pytest.approx(validation * len(table), abs=1.2)
        for label, count in Counter(emotion).items():
            assert (emotion[fold.test] == label).sum() == pytest.approx(test * count, abs=1)
    assert _as_lists(protocol.split(table, seed)) == _as_lists(folds)


def test_draw_stratified_gives_remaining_rows_to_the_largest_remainders():
    # A tenth of 19, 12 and 9 rows: 1.9, 1.2 and 0.9 of four.
    emotion = np.repeat(["angry", "happy", "sad"], [19, 12, 9])
    left, drawn = draw_stratified(emotion, np.arange(40), 0.1, np.random.default_rng(0))
    assert Counter(emotion[drawn]) == {"angry": 2, "happy": 1, "sad": 1}
    assert sorted([*left, *drawn]) == list(range(40))


def test_random_draws_differ_by_repeat_and_seed():
    protocol, table = _protocols.RandomStratified(repeats=3), _table([10] * 6)
    tests = [tuple(fold.test) for seed in (0, 1) for fold in protocol.split(table, seed)]
    assert len(set(tests)) == 6


def test_speaker_independent_tests_ten_speakers_singly_and_eleven_in_six_groups():
    assert _protocols.get() == _protocols.SpeakerIndependent()
    ten = _protocols.get().split(_table([2] * 10))
    assert [fold.name for fold in ten] == [f"speaker {n}" for n in range(1, 11)]
    table = _table([2] * 11)
    names = table["speaker"].to_numpy()
    eleven = _protocols.get().split(table)
    groups = [sorted(set(names[fold.test]), key=int) for fold in eleven]
    assert sorted(map(len, groups)) == [1, 2, 2, 2, 2, 2]
    assert list(itertools.chain(*groups)) == [str(n) for n in range(1, 12)]


def test_speaker_independent_balances_the_genders_of_ravdess(corpora_root):
    table = corpora.open("ravdess", corpora_root).table
    folds = _protocols.get().split(table)
    assert [sorted(set(table["speaker"].iloc[fold.test])) for fold in folds] == [
        [f"{actor:02d}" for actor in range(first, first + 4)] for first in range(1, 25, 4)
    ]
    for fold in folds:
        assert len(fold.test) == 240
        assert (table["gender"].iloc[fold.test] == "female").sum() == 120


def test_groups_alternates_genders():
    table = _table([3] * 12, gender=lambda speaker: "f" if speaker <= 6 else "m")
    for fold in _protocols.GroupKFold(3).split(table):
        assert Counter(table["gender"].iloc[fold.test]) == {"f": 6, "m": 6}


@settings(deadline=None)
@given(st.lists(st.integers(1, 9), min_size=2, max_size=8), st.data())
def test_cut_evenly_has_the_smallest_sum_of_squares(sizes, data):
    groups = data.draw(st.integers(1, len(sizes)))
    bounds = cut_evenly(sizes, groups)
    assert [bounds[0][0], *(stop for _, stop in bounds)] == [
        *(start for start, _ in bounds),
        len(sizes),
    ]

    def cost(cuts):
        edges = [0, *cuts, len(sizes)]
        return sum(sum(sizes[a:b]) ** 2 for a, b in itertools.pairwise(edges))

    every = itertools.combinations(range(1, len(sizes)), groups - 1)
    assert cost([stop for _, stop in bounds[:-1]]) == min(map(cost, every))


def test_session_rejects_shared_speakers():
    table = build_table(
        [
            {"file": f"/c/{n}.wav", "speaker": "x", "session": str(n % 2), "emotion": "sad"}
            for n in range(4)
        ]
    )
    folds = _protocols.get("session").split(table)
    with pytest.raises(EvaluationError, match="train and test share x"):
        check_folds(folds, table, speaker_independent=True)


def test_fixed_uses_the_column_split():
    parts = ["train", "DEV", "test"]
    table = _table([2, 2, 2], split=lambda speaker: parts[speaker - 1])
    (fold,) = _protocols.FixedSplit().split(table)
    for part, speaker in zip(PARTS, "123", strict=True):
        assert set(table["speaker"].iloc[getattr(fold, part)]) == {speaker}


def test_split_names_the_missing_column_or_setting():
    table = _table([3, 3, 3])
    nameless = table.assign(speaker=[None, *table["speaker"][1:]])
    odd = table.assign(split="hidden")
    cases = [
        ("session", {}, table, "no sessions"),
        ("fixed", {}, table, "no splits"),
        ("fixed", {}, odd, "column split: hidden"),
        ("fixed", {}, table.assign(split="train"), "no row has the split test"),
        ("speaker-independent", {}, nameless, "1 of 9 rows have no speaker"),
        ("loso", {}, table[table["speaker"] == "1"], "1 speakers where at least 2"),
        ("groups", {"groups": 4}, table, "3 speakers where at least 4"),
        ("groups", {"groups": 1}, table, "at least 2"),
        ("loso", {"validation_speakers": 2}, table, "2 validation speakers of 2 leave no"),
        ("loso", {"validation_speakers": 1.5}, table, "a share between 0 and 1"),
        ("random", {"test": 0.7, "validation": 0.3}, table, "must be below 1"),
        ("random", {"repeats": 0}, table, "at least 1"),
    ]
    for name, fields, broken, says in cases:
        with pytest.raises(EvaluationError, match=says):
            _protocols.get(name, **fields).split(broken)


def test_get_returns_each_protocol_by_name():
    for name, kind in _protocols.PROTOCOLS.items():
        protocol = _protocols.get(name)
        assert isinstance(protocol, kind)
        assert protocol.name == name
        assert protocol.description
        assert hash(protocol) == hash(kind())
    assert _protocols.get("groups", groups=3) == _protocols.GroupKFold(3)
    assert not _protocols.RandomStratified.speaker_independent
    assert _protocols.RandomStratified(0.1, 0.1, 5).description == (
        "random rows, train/validation/test 80/10/10% by emotion, 5 times"
    )
    with pytest.raises(EvaluationError, match="choose from speaker-independent, loso"):
        _protocols.get("cv")
    with pytest.raises(EvaluationError, match="no setting folds; choose from"):
        _protocols.get("random", folds=3)


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
    strange = name_corpus("three", angry="calm", happy="boredom", sad="fear")
    with pytest.raises(EvaluationError, match="three: has none of the emotions that are kept"):
        join_corpora([one, strange], name_corpus("two"))
