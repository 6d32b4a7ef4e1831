"""`serenade audit`, and folds that go from one command to another."""

import json

import pytest
from support.small_corpora import SYNTHETIC

pytest.importorskip("sklearn")


def test_a_clean_protocol_and_a_leaking_one(run, tmp_path):
    speech = ("--root", tmp_path / "speech", "--labels", "angry,sad")
    clean = run("audit", SYNTHETIC, *speech)
    assert clean.returncode == 0, clean.stderr
    assert "looked for shared speakers, byte-identical files" in clean.stdout
    assert clean.stdout.endswith("no leak found\n")
    leaking = run("audit", SYNTHETIC, *speech, "--protocol", "random", "--json")
    assert leaking.returncode == 1
    (speakers,) = (one for one in json.loads(leaking.stdout)["findings"] if one["leak"])
    assert speakers["kind"] == "speakers"


def test_a_table_of_folds_needs_no_audio(run, tmp_path):
    table = tmp_path / "folds.csv"
    table.write_text("fold,split,file\n1,train,a/1.wav\n1,test,a/2.wav\n2,test,b/1.wav\n")
    found = run("audit", table, "--speaker", "^(.)/", "--json")
    assert found.returncode == 1, found.stderr
    assert [one["shared"] for one in json.loads(found.stdout)] == [["a"], []]
    assert "leak: fold 1: 1 of 1 test" in run("audit", table, "--speaker", "^(.)/").stdout


def test_folds_are_written_and_read(run, tmp_path):
    speech = (SYNTHETIC, "--root", tmp_path / "speech", "--labels", "angry,sad")
    settings = ("--set", "copies=0", "--set", "layers=(1,)", "--jobs", "1")
    folds = tmp_path / "folds.json"
    first = run(
        *("evaluate", "whisper-probe", *speech, *settings, "--out", tmp_path / "one"),
        *("--protocol", "groups", "--protocol-set", "groups=2", "--write-folds", folds),
    )
    assert first.returncode == 0, first.stderr
    again = run(
        *("evaluate", "whisper-probe", *speech, *settings, "--out", tmp_path / "two"),
        *("--folds", folds),
    )
    assert again.returncode == 0, again.stderr
    one, two = (
        json.loads((tmp_path / name / "report.json").read_text("utf-8")) for name in ("one", "two")
    )
    assert one["predictions"] == two["predictions"]
    assert (one["protocol"], two["protocol"]) == ("groups", "groups")
    assert two["speaker_independent"]
    assert run("audit", *speech, "--folds", folds).returncode == 0
