"""Sample of the inputs that `python -m fuzzing` tries, and of what its judge must catch."""

import sys

import pytest

if sys.platform != "linux":
    pytest.skip("limits and peaks are read from /proc", allow_module_level=True)

from support.media import MEDIA

from fuzzing.__main__ import merge_results
from fuzzing.sounds import systematic
from fuzzing.targets import TARGETS
from fuzzing.workers import judge

LARGE = 27  # the first sounds hold hours: the full run's business, but for half an hour of FLAC
SAMPLES = {
    "sound": (0, 1, *range(LARGE, 4900, 61)),  # every kind of case, then random damage
    "samples": range(1000, 1025),
    "manifest": range(1000, 1025),
    "recipe": range(1000, 1020),
    "folds": range(1000, 1020),
    "words": range(1000, 1015),
    "shard": range(1105, 1120),
    "model": range(3015, 3027),
    "checkpoint": range(1000, 1007),
    "request": range(1000, 1016),
    "messages": range(1000, 1016),
}


def _list_media():
    """Return the numbers of a damaged and of a cut file of each format that FFmpeg reads."""
    wanted = {f"{kind} {how}" for kind in MEDIA for how in ("damaged 0", "cut at 5/10")}
    return [number for number, sound in enumerate(systematic()) if sound.name in wanted]


def test_the_sample_is_of_every_way_in_and_every_kind_of_sound():
    assert SAMPLES.keys() == TARGETS.keys()
    assert LARGE < len(systematic()) < max(SAMPLES["sound"])
    assert len(_list_media()) == 2 * len(MEDIA)


@pytest.mark.parametrize("target", SAMPLES)
def test_damaged_input_gives_a_result_or_a_typed_error(target):
    numbers = [*SAMPLES[target], *(_list_media() if target == "sound" else [])]
    verdicts = list(judge(target, numbers))
    assert len(verdicts) == len(numbers)
    assert [verdict for verdict in verdicts if verdict.bad] == []
    # Of damage that is always fatal, or never there, nothing would be learnt; a checkpoint's
    # archive has checksums, and hardly any damage leaves one that can be used.
    outcomes = {verdict.outcome for verdict in verdicts}
    assert "result" in outcomes or target == "checkpoint"
    assert len(outcomes) > 1


def test_a_target_can_be_tried_anew():
    def result(bad, **targets):
        stated = {name: {"inputs": inputs, "minutes": 1.0} for name, inputs in targets.items()}
        return {
            "inputs": sum(targets.values()),
            "limits": {},
            "targets": stated,
            "bad": [{"target": bad}],
            "minutes": float(len(targets)),
            "versions": {},
        }

    found = merge_results(result("b", a=5, b=7), result("c", b=1, c=2))
    assert {name: entry["inputs"] for name, entry in found["targets"].items()} == {
        "a": 5, "b": 1, "c": 2
    }  # fmt: skip
    assert (found["inputs"], found["bad"], found["minutes"]) == (8, [{"target": "c"}], 3.0)
    with pytest.raises(SystemExit, match="anew"):
        merge_results(result("b", a=5), result("b", b=7) | {"versions": {"numpy": "1"}})


@pytest.mark.parametrize(
    ("trap", "outcome"),
    [
        ("hang", "hang"),
        ("memory", "memory"),
        ("traceback", "traceback"),
        ("two lines", "traceback"),
        ("crash", "crash"),
    ],
)
def test_the_judge_catches(trap, outcome):
    found = [verdict.outcome for verdict in judge(trap, range(3), seconds=3)]
    assert found == [outcome, "result", outcome]
