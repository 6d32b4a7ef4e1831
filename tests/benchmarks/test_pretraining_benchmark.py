"""The benchmark of pre-training: that it runs end to end, and what it writes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")
pytest.importorskip("opensmile")

from benchmarks import pretraining
from benchmarks.runner import read_results
from support.small_corpora import SYNTHETIC

from serenade.encoders import npc
from serenade.encoders.selfsupervised._encoder_folder import save_untrained

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.filterwarnings("ignore:openSMILE may be used")
def test_a_table_of_probes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("SERENADE_CACHE", str(tmp_path / "cache"))
    root, encoder = tmp_path / "speech", tmp_path / "my-npc"
    settings = npc.PRESETS["small"][0]
    network = dataclasses.replace(settings.network, width=16, blocks=1, groups=2)
    save_untrained(encoder, dataclasses.replace(settings, network=network), seed=7)
    output = tmp_path / "docs" / "pretraining.md"
    stated = ["--root", root, "--corpus", SYNTHETIC, "--labels", "angry,sad", "--jobs", "1"]
    stated += ["--encoder", encoder, "--output", output]
    pretraining.main([str(word) for word in stated])
    found = read_results(output.parent)["pretraining"]["corpora"]["synthetic"]
    assert list(found["probes"]) == [
        *("log-mel", "IS10"),
        *("my-npc, all states", "my-npc untrained, all states"),
        *("my-npc, last state", "my-npc untrained, last state", "IS10 and my-npc"),
    ]
    assert [probe["dimensions"] for probe in found["probes"].values()] == [
        *(160, 3164, 96, 96, 32, 32, 3260)
    ]
    assert found["probes"]["log-mel"]["value"] > 0.8  # anger is louder than sadness
    assert len(found["differences"]) == 5
    assert found["differences"][-1].items() >= {"of": "IS10 and my-npc", "to": "IS10"}.items()
    written = output.read_text("utf-8")
    assert written == capsys.readouterr().out
    assert "| my-npc, last state | 32 | " in written


def test_a_probe_finds_what_is_there_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    labels, speakers = np.repeat(["a", "b"], 120), np.tile(np.repeat(list("uvwxyz"), 20), 2)
    noise = rng.standard_normal((240, 30))
    told = noise + 2.0 * (labels == "b")[:, None]
    assert (pretraining.predict(told, labels, speakers, 6)[0] == labels).mean() > 0.95
    assert abs((pretraining.predict(noise, labels, speakers, 6)[0] == labels).mean() - 0.5) < 0.12


def test_speakers_of_two_corpora_count_apart_when_taken_together() -> None:
    labels = np.array(["a", "b"] * 10)
    speakers = np.repeat(list("uvwxy"), 4)
    wrong = np.array(["a"] * 20)
    one = pretraining.Probed(labels, speakers, {"good": labels, "poor": wrong})
    both = pretraining.Probed.together({"first": one, "second": one})
    alone, found = (part.facts([("good", "poor")]) for part in (one, both))
    assert (alone["speakers"], found["speakers"], found["recordings"]) == (5, 10, 40)
    assert found["probes"]["good"]["value"] == 1.0
    assert found["differences"][0]["difference"] == 0.5
    # All speakers agree: only exchanging none or every one of them goes as far.
    assert alone["differences"][0]["p"] == 2 / 2**5
    assert found["differences"][0]["p"] == 2 / 2**10


pytest.importorskip("torch")
metrics = pytest.importorskip("sklearn.metrics")

from benchmarks.speech2vec import same_different  # noqa: E402


def test_the_area_is_scikit_learns_over_pairs_of_different_groups():
    rng = np.random.default_rng(0)
    words, groups = rng.choice(list("abc"), 40), rng.choice(list("xyz"), 40)
    vectors = rng.standard_normal((40, 5)) + (words == "a")[:, None]
    found = same_different(vectors, words, groups)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    pairs = [(i, j) for i in range(40) for j in range(i) if groups[i] != groups[j]]
    expected = metrics.roc_auc_score(
        [words[i] == words[j] for i, j in pairs], [unit[i] @ unit[j] for i, j in pairs]
    )
    assert found["auc"] == pytest.approx(expected, abs=1e-9)
    assert found["pairs"] == len(pairs)
    assert found["low"] < found["auc"] < found["high"]
