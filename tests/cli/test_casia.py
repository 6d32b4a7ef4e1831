"""A tree in CASIA's layout goes through the commands every corpus goes through."""

import json
import shutil

import pytest
from support.small_corpora import SYNTHETIC

from serenade import corpora

pytest.importorskip("skorch")

SPEAKERS = ("liuchanhg", "wangzhe", "zhaoquanyin", "ZhaoZuoxiang")
SMALL = {
    "attentive-crnn": ("epochs=3", "coder_steps=20", "patches=500", "cells=8"),
    "lld-svm": ("C=(0.1,1.0)",),
    "cnn-transformer": ("epochs=2", "copies=1", "layers=1"),
    "fusion-transformer": ("acoustic=own", "encoder=whisper", "epochs=2", "width=16", "layers=1"),
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Write six emotions of four speakers, two sentences each."""
    folder = tmp_path_factory.mktemp("casia")
    labels = ("angry", "fear", "happy", "neutral", "sad", "surprise")
    made = corpora.open(SYNTHETIC, folder / "made", speakers=4, sentences=2, labels=labels)
    for (speaker, emotion), rows in made.table.groupby(["speaker", "emotion"]):
        place = folder / "CASIA" / SPEAKERS[made.speakers.index(speaker)] / emotion
        place.mkdir(parents=True)
        for number, (file, _, _) in enumerate(rows.index, 201):
            shutil.copy(file, place / f"{number}.wav")
    return folder / "CASIA"


@pytest.mark.parametrize("system", SMALL)
def test_evaluate(run, tree, tmp_path, system):
    changes = [word for change in SMALL[system] for word in ("--set", change)]
    done = run(
        *("evaluate", system, "casia", "--root", tree, *changes),
        *("--out", tmp_path / "run", "--jobs", "1"),
        SERENADE_CACHE=str(tree.parent / "cache"),
        OMP_NUM_THREADS="1",
    )
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "run" / "report.json").read_text("utf-8"))
    assert sorted(fold["name"] for fold in report["folds"]) == sorted(
        f"speaker {name}" for name in SPEAKERS
    )
    assert report["speaker_independent"]
    assert sum(map(sum, report["confusion"])) == 48
    assert 0 <= report["metrics"]["ua"]["low"] <= report["metrics"]["ua"]["high"] <= 1
