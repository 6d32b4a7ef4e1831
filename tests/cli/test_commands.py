"""The other commands, end to end on synthetic speech."""

import json
import shlex

import numpy as np
import pytest
import soundfile
from support.small_corpora import SYNTHETIC

from serenade import corpora
from serenade.cli._output import format_command
from serenade.corpora import write_manifest


@pytest.mark.parametrize(
    "command", ["", "predict", "evaluate", "train", "export", "push", "systems", "corpora", "cache"]
)
def test_help_reads_like_documentation(run, command):
    done = run(*filter(None, [command]), "--help")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) > 8
    assert "Usage: " in done.stdout


def test_models_lists_licences_data_sizes_and_figures(run):
    models = json.loads(run("models", "--json").stdout)
    named = {entry["name"]: entry for entry in models}
    assert named["bundled"]["licence"] == "CC-BY-NC-SA-4.0"
    assert named["commercial"]["licence"] == "Apache-2.0"
    assert named["commercial"]["data"] == "emodb"
    assert "(ravdess, never heard, 6 classes)" in named["commercial"]["UA"]
    assert named["arousal"]["licence"] == "CC-BY-NC-SA-4.0"
    assert named["arousal"]["labels"].startswith("derived: mean arousal of the word")
    assert "0.807 [0.745, 0.858] (emodb, never heard)" in named["arousal"]["CCC"]
    assert named["whisper-base"]["licence"] == "MIT"
    assert named["speaker-encoder"]["licence"] == "Apache-2.0"
    assert "CC-BY-NC-SA-4.0" in named["emotion-projection"]["licence"]
    assert all(entry["size"] for entry in models)
    assert "licence: Apache-2.0" in run("models", "commercial").stdout


def test_evaluate_writes_a_whole_report(run, tmp_path):
    out = tmp_path / "run"
    done = run(
        *("evaluate", "whisper-probe", SYNTHETIC, "--root", tmp_path / "speech"),
        *("--labels", "angry,sad", "--set", "copies=0", "--set", "layers=(1,)"),
        *("--out", out, "--jobs", "1"),
    )
    assert done.returncode == 0, done.stderr
    report = json.loads((out / "report.json").read_text("utf-8"))
    expected = {
        *("system", "corpus", "licence", "protocol", "seed", "versions", "seconds", "folds"),
        *("metrics", "confusion"),
    }
    assert expected <= set(report)
    assert report["system"] == "whisper-probe"
    assert len(report["folds"]) == 6
    for metric in ("ua", "wa", "f1_macro", "f1_weighted"):
        found = report["metrics"][metric]
        assert found["low"] <= found["value"] <= found["high"]
    assert "synthetic speech: never for a reported number" in done.stdout
    assert str(tmp_path) not in (out / "report.json").read_text("utf-8")
    assert (out / "report.md").read_text("utf-8").strip() == done.stdout.strip()


def test_standardisation_by_speaker_is_reported(run, tmp_path):
    done = run(
        *("evaluate", "whisper-probe", SYNTHETIC, "--root", tmp_path / "speech"),
        *("--labels", "angry,sad", "--set", "copies=0", "--set", "layers=(1,)"),
        *("--speaker-standardisation", "--protocol", "random", "--jobs", "1"),
    )
    assert done.returncode == 0, done.stderr
    assert "uses unlabelled test speech" in done.stdout
    assert "speaker-dependent" in done.stdout.lower()


def test_evaluate_trains_on_some_corpora_and_tests_another(run, tmp_path):
    speech = corpora.open(SYNTHETIC, tmp_path / "speech", labels=("angry", "neutral", "sad"))
    for name, chosen in {"one": speech.speakers[:3], "two": speech.speakers[3:]}.items():
        part = speech.select(speech.table["speaker"].isin(chosen))
        write_manifest(part, part.root / f"{name}.csv")
    places = ("--train-on", speech.root / "one.csv", "--test-on", speech.root / "two.csv")
    done = run(
        *("evaluate", "whisper-probe", *places, "--set", "copies=0", "--set", "layers=(1,)"),
        *("--map", "neutral=", "--adapt=mixed", "--adapt-by", "corpus", "--out", tmp_path / "run"),
    )
    assert done.returncode == 0, done.stderr
    assert "Protocol: cross-corpus from one, speaker-independent; seed 0; 24 " in done.stdout
    assert "test recordings of each fold, mixed expected; transductive: " in done.stdout
    report = json.loads((tmp_path / "run" / "report.json").read_text("utf-8"))
    assert (report["corpus"], report["labels"]) == ("two", ["angry", "sad"])
    assert report["adapted"]["by"] == "corpus"
    shown = run("compare", tmp_path / "run")
    assert "two, 2 emotions: cross-corpus from one, speaker-independent" in shown.stdout
    assert "mixed by corpus (transductive)" in shown.stdout
    for wrong in (["--train-on", "one.csv"], ["two.csv", "--train-on", "a", "--test-on", "b"]):
        assert "give both, with a system" in run("evaluate", "whisper-probe", *wrong).stderr
    extra = {"--set": "copies=0", "--repeats": 5, "--recipe": "nested", "--seed": 0}
    extra |= {"--device": "cpu", "--protocol": "random"}
    given = [word for pair in extra.items() for word in pair]
    trained = run("evaluate", "--model", "bundled", "two.csv", *given)
    assert "nothing is trained, so leave out --" in trained.stderr
    assert all(name in trained.stderr for name in extra)
    unadapted = run("evaluate", "--model", "bundled", "two.csv", "--adapt-by", "corpus")
    assert "--adapt-by adapts nothing without --adapt" in unadapted.stderr
    unknown = run("evaluate", "whisper-probe", "--train-on", "one.csv", "--test-on", "none.csv")
    assert "one.csv" in unknown.stderr.splitlines()[-1]


def test_stress_writes_a_page_and_its_data(run, tmp_path):
    pytest.importorskip("av")
    done = run(
        *("stress", "bundled", SYNTHETIC, "--root", tmp_path / "speech", "--labels", "angry,sad"),
        *("--speakers", "2", "--per-speaker", "1", "--out", tmp_path / "x.md"),
        *("--out", tmp_path / "x.json"),
    )
    assert done.returncode == 0, done.stderr
    data = json.loads((tmp_path / "x.json").read_text("utf-8"))
    conditions = [one["condition"] for one in data["corpora"][0]["conditions"]]
    page = (tmp_path / "x.md").read_text("utf-8")
    assert page.startswith("# Fairness and robustness of bundled\n")
    assert all(f"| {name} |" in page for name in conditions)
    assert "Opus, 8 kbit/s" in conditions
    refused = run("stress", "bundled", SYNTHETIC, "--out", tmp_path / "x.txt")
    assert "a stress test is written as .md or .json" in refused.stderr


def test_train_then_predict(run, tmp_path, example):
    done = run(
        *("train", "whisper-probe", SYNTHETIC, "--root", tmp_path / "speech"),
        *("--labels", "angry,sad", "--set", "copies=0", "--out", tmp_path / "model", "--jobs", "1"),
    )
    assert done.returncode == 0, done.stderr
    (entry,) = json.loads(run("predict", "--model", tmp_path / "model", "--json", example).stdout)
    assert set(entry["probabilities"]) == {"angry", "sad"}
    assert "trained on 48 recordings of " in done.stdout
    manifest = next((tmp_path / "speech").rglob("manifest.csv"))
    head, first, *_ = manifest.read_text("utf-8").splitlines()
    name = first.split(",")[head.split(",").index("file")]
    soundfile.write(manifest.parent / "silent.wav", np.zeros(16000), 16000)
    more = manifest.with_name("more.csv")
    silent = first.replace(name, "silent.wav")
    more.write_text(f"{manifest.read_text('utf-8')}{silent}\n", "utf-8")
    again = run(
        *("train", "whisper-probe", "--corpus", more, "--labels", "furious,sad"),
        *("--set", "copies=0", "--out", tmp_path / "own", "--jobs", "1"),
        *("--licence", "CC0-1.0", "--map", "angry=furious", "--overwrite"),
    )
    assert again.returncode == 0, again.stderr
    assert "silent.wav: is silent" in again.stderr
    assert "trained on 48 recordings of more" in again.stdout
    assert (tmp_path / "own" / "head.onnx").is_file()
    assert "CC0-1.0" in (tmp_path / "own" / "MODEL_CARD.md").read_text("utf-8")
    refused = run("train", "whisper-probe", manifest, "--out", tmp_path / "own")
    assert refused.returncode == 2
    assert "replace it with --overwrite, or name another folder" in refused.stderr
    # The same recordings under another name.
    other = manifest.with_name("other.csv")
    other.write_bytes(manifest.read_bytes())
    small = run(
        *("export", tmp_path / "own", "--precision", "int8", "--out", tmp_path / "small"),
        *("--corpus", other, "--limit", "6"),
    )
    assert small.returncode == 0, small.stderr
    first, second = (small.stdout.splitlines()[row].split(" | ") for row in (2, 3))
    assert (first[0], second[0]) == ("| before", "| int8")
    assert 0 < float(second[1]) <= float(first[1])  # megabytes; the encoder has 8 bits already
    assert not any(character.isdigit() for character in second[6])  # no UA on training data
    card = (tmp_path / "small" / "MODEL_CARD.md").read_text("utf-8")
    for shown in (small.stdout, card):
        assert "which the model was trained on; UA on training data is not stated" in shown
    assert "compared on 6 recordings" in small.stdout
    assert "## Exported as int8" in card
    found = run("predict", "--model", tmp_path / "small", example)
    assert found.stdout.split()[1] in {"angry", "sad"}, found.stderr
    measured = run(
        *("evaluate", "--model", tmp_path / "small", other, "--map", "angry=furious"),
        *("--out", tmp_path / "measured"),
    )
    assert measured.returncode == 0, measured.stderr
    assert "Protocol: trained model, heard in training, speaker-dependent" in measured.stdout
    assert "48 of 48 recordings were heard in training" in measured.stdout
    report = json.loads((tmp_path / "measured" / "report.json").read_text("utf-8"))
    assert report["system"] == "small"
    assert report["labels"] == ["furious", "sad"]


def test_systems_and_corpora_are_listed(run):
    assert "whisper-probe: " in run("systems").stdout
    assert "recipe nested" in run("systems", "whisper-probe").stdout
    assert "ravdess: " in run("corpora").stdout
    assert "CC BY-NC-SA 4.0" in run("corpora", "ravdess").stdout


def test_the_cache_is_shown_and_cleared(run, tmp_path):
    shown = run("cache")
    assert shown.stdout.startswith(str(tmp_path / "cache"))
    assert "0 entries" in shown.stdout
    assert "removed 0 entries" in run("cache", "--clear").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "nothing", "ravdess"], "no system 'nothing'; choose from"),
        (["evaluate", "whisper-probe", "nowhere.csv"], "nowhere.csv"),
        (["evaluate", "whisper-probe", SYNTHETIC, "--protocol", "x"], "no protocol 'x'"),
        (["evaluate", "--model", "nowhere", SYNTHETIC], "nowhere: not a model folder"),
        (["train", "whisper-probe", SYNTHETIC, "--set", "copy=1", "--out", "m"], "no copy"),
        (["train", "stser", SYNTHETIC, "--out", "m"], "--set parts=speech"),
        (["export", "nowhere", "--out", "m"], "nowhere: not a model folder"),
        (["export", "bundled", "--corpus", "nowhere.csv", "--out", "m"], "nowhere.csv"),
    ],
)
def test_mistakes_are_one_line(run, arguments, message):
    done = run(*arguments)
    assert done.returncode == 1
    assert message in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_command_line_is_kept_without_this_machines_folders():
    given = "serenade evaluate probe /a/b/c.csv --root /home/x --out=/tmp/y --seed 3"
    arguments = shlex.split(given)[1:]
    assert (
        format_command(arguments) == "serenade evaluate probe c.csv --root ROOT --out=DIR --seed 3"
    )
