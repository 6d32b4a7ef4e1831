"""Scores by speaker and gender."""

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import recall_score

from serenade.evaluation import LabelledPrediction, _fairness

LABELS = ("angry", "sad")


@pytest.fixture
def predictions():
    """Women are recognised better than men; one speaker is unknown."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(8):
        gender = "female" if number % 2 else "male"
        for take in range(30):
            reference = LABELS[take % 2]
            right = rng.random() < (0.9 if gender == "female" else 0.6)
            predicted = reference if right else LABELS[1 - take % 2]
            rows.append(
                LabelledPrediction(
                    f"{number}{take}", 0.0, None, f"s{number}", reference, predicted, (1, 0), gender
                )
            )
    return [*rows, LabelledPrediction("x", 0.0, None, None, "sad", "angry", (1, 0))]


def test_score_by_speaker_equals_scikit_learn(predictions):
    found = _fairness.score_by_speaker(predictions)
    assert list(found.values()) == sorted(found.values())
    assert len(found) == 8
    for speaker, value in found.items():
        part = [one for one in predictions if one.speaker == speaker]
        expected = recall_score(
            [one.reference for one in part], [one.predicted for one in part], average="macro"
        )
        assert value == pytest.approx(expected)


def test_score_by_gender_equals_each_group_alone(predictions):
    found = _fairness.score_by_gender(predictions, LABELS)
    assert list(found) == ["female", "male"]
    assert found["female"].low > found["male"].high
    assert found["female"].clusters == 4
    speakers, genders = _fairness.list_notes(predictions, LABELS)
    assert speakers.startswith("UA by speaker: 0.")
    gap = found["female"].value - found["male"].value
    assert genders.endswith(f"gap {gap:.3f}")


def test_compare_groups_compares_each_group_with_the_others(predictions):
    groups = [one.gender for one in predictions]
    female, male = _fairness.compare_groups("gender", predictions, groups, LABELS)
    known = [one for one in predictions if one.gender]
    ua = _fairness.score_by_gender(predictions, LABELS)
    assert (female.group, female.clips, female.speakers) == ("female", len(known) // 2, 4)
    assert female.ua == ua["female"]
    gap = ua["female"].value - ua["male"].value
    assert female.difference.value == pytest.approx(gap)
    assert male.difference.value == pytest.approx(-gap)
    assert female.difference.low > 0.05
    assert male.difference.clusters == 4
    # All women are recognised as angry instead: their shares differ by half.
    angry = [
        dataclasses.replace(one, predicted="angry" if one.gender == "female" else one.reference)
        for one in known
    ]
    found, _ = _fairness.compare_groups("gender", angry, [one.gender for one in angry], LABELS)
    assert (found.emotion, found.share) == ("angry", pytest.approx(0.5))
    assert _fairness.compare_groups("gender", known, ["all"] * len(known), LABELS) == []


def test_compare_groups_scores_emotions_that_both_sides_have(predictions):
    part = [one for one in predictions if one.gender != "female" or one.reference == "sad"]
    groups = [one.gender for one in part]
    female, male = _fairness.compare_groups("gender", part, groups, LABELS)
    assert female.labels == male.labels == ("sad",)
    assert male.clips == 60


def test_list_notes_leaves_unknown_groups_out():
    alone = [LabelledPrediction("x", 0.0, None, None, "sad", "sad", (0, 1))]
    assert _fairness.list_notes(alone, LABELS) == []
