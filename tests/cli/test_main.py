"""The command `serenade` itself, and its commands `doctor` and `compare`."""

from __future__ import annotations

import collections
import importlib
import json
import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import get_completion_class
from click.testing import CliRunner

import serenade
from serenade.cli import _options, doctor
from serenade.cli._help import explain_usage
from serenade.cli._main import cli, main

HEAVY = {"numpy", "pandas", "scipy", "sklearn", "torch", "onnxruntime", "soundfile"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("predict a.wav --hop 0.5", "--hop has no effect without --timeline; add it, or leave"),
        ("predict a.wav --enrol self --enrol-speech mixed", "--enrol-speech has no effect without"),
        ("embed a.wav --out x.npy --method umap", "--method has no effect without --plot"),
        ("embed a.wav --out x.npy --colour style", "--colour has no effect without --plot"),
        ("export bundled --out x --browser --features-inside", "so leave out --features-inside"),
        ("export bundled --out x --onnxruntime-web .", "--onnxruntime-web has no effect without"),
        ("export bundled --out x --root .", "--root has no effect without --corpus"),
        ("export bundled --out x --max-unusable 0", "--max-unusable has no effect without"),
        ("corpora --deep", "--deep has no effect without NAME"),
        ("corpora emodb --deep", "--deep has no effect without --root"),
        ("corpora emodb --root . --jobs 2", "--jobs has no effect without --deep"),
        ("corpora emodb --download x --root . --deep", "so leave out --root, --deep"),
        ("transcribe . --out x --align --model base --device cpu", "leave out --model, --device"),
        ("speech2vec --out x --nearest a --seed 1", "--seed has no effect without CORPUS or --wor"),
        ("predict a.wav --timeline --hop nan", "nan is not a finite number"),
        ("predict a.wav --timeline --window inf", "inf is not a finite number"),
        ("predict a.wav --timeline --window 5000", "5000.0 is not in the range 0.5<=x<=3600"),
        ("stress bundled a --max-unusable 2", "2.0 is not in the range 0<=x<=1"),
        *(
            (f"{words} --seed {seed}", f"{seed} is not in the range 0<=x<=4294967295")
            for words in ("audit a", "stress bundled a", "pretrain npc --audio . --out b")
            for seed in (-1, 2**32)
        ),
        ("speech2vec --out x --nearest a --seed -1", "-1 is not in the range"),
        ("train whisper-probe a --out b --seed -1", "-1 is not in the range"),
        ("listen --input - --device 3", "--input - uses no microphone, so leave out --device"),
        ("cache --clear --trim 1", "--clear removes every entry, so leave out --trim"),
        ("serve --max-duration inf", "inf is not a finite number"),
    ],
)
def test_commands_refuse_numbers_and_options_without_effect(arguments, message):
    done = CliRunner().invoke(cli, arguments.split())
    assert (done.exit_code, message in done.output) == (2, True), done.output


def test_adapt_before_the_recordings_says_how_to_write_it():
    with pytest.raises(click.BadParameter) as caught:
        cli.main(["predict", "--adapt", "a.wav", "b.wav"], standalone_mode=False)
    assert "; write --adapt=unknown, or put --adapt at the end\n" in explain_usage(caught.value)


def test_every_option_that_takes_a_float_refuses_nan():
    context = click.Context(cli)
    for name in cli.list_commands(context):
        for each in cli.get_command(context, name).params:
            floats = isinstance(each.type, click.FloatRange | click.types.FloatParamType)
            assert not floats or isinstance(each.type, _options.Number), (name, each.name)


def test_help_groups_commands_and_keeps_the_lines_of_examples():
    lines = CliRunner().invoke(cli, ["--help"]).output.splitlines()
    titles = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert titles == ["Options:", "Recordings:", "Research:", "Models:", "Tools:"]
    assert "  serenade predict recordings/ --csv emotions.csv" in lines
    assert any(line.startswith("  train       train a system") for line in lines)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predic", "a.wav"], "no command 'predic'; did you mean predict?"),
        (["predict", "a.wav", "--timelin"], "--timeline"),
    ],
)
def test_wrong_commands_and_options_get_the_nearest_names(arguments, message):
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 2
    assert message in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("evaluate whisper-prob ravdess", "no system 'whisper-prob'; did you mean whisper-probe?"),
        ("evaluate whisper-probe ravdes", "no corpus 'ravdes'; did you mean ravdess?"),
        ("train whisper-prob ravdess --out m", "did you mean whisper-probe?"),
        ("extract whisper-probe ravdes --out m", "did you mean ravdess?"),
        ("evaluate whisper-prob", "no system 'whisper-prob'; did you mean whisper-probe?"),
        ("evaluate whisper-probe ravdess", "name the folder of the corpus with --root"),
        ("evaluate whisper-probe ravdess --root nowhere", "nowhere: no such folder"),
        ("evaluate whisper-probe nowhere.csv", "nowhere.csv: no such file"),
        ("evaluate nowhere.py ravdess", "nowhere.py: no such file"),
    ],
)
def test_wrong_names_are_found_before_heavy_imports(arguments, message):
    code = (
        "import sys; from serenade.cli._main import main\n"
        "try: main()\n"
        "except SystemExit as end: print(end.code, *sys.modules)"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments.split()], capture_output=True, text=True, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5
    status, *modules = done.stdout.split()
    assert (status, message in done.stderr) == ("1", True)
    assert not HEAVY & set(modules)


def test_long_helps_show_every_option_in_one_group():
    for command in ("predict", "evaluate", "train", "serve", "pretrain"):
        shown = CliRunner().invoke(cli, [command, "--help"]).output
        found = importlib.import_module(f"serenade.cli.{command}").command
        names = {one.opts[-1] for one in found.params if one.param_type_name == "option"}
        names -= {"--help"}  # making the documentation may have added it to the parameters
        starts = re.findall(r"\n  (--?[a-z-]+)", shown[shown.index(":\n  -") :])
        assert sorted(starts) == sorted([*names, "-h"]), command


@pytest.mark.parametrize(
    ("words", "begun", "found"),
    [
        ([], "pre", ["predict", "pretrain"]),
        (["evaluate"], "whisper-p", ["whisper-probe"]),
        (["evaluate", "whisper-probe"], "ravd", ["ravdess"]),
        (["evaluate", "whisper-probe"], "my.c", ["my.c"]),  # the shell completes files
        (["predict"], "--time", ["--timeline"]),
    ],
)
def test_shells_complete_commands_names_and_options(words, begun, found):
    for shell in ("bash", "zsh", "fish"):
        kind = get_completion_class(shell)
        completion = kind(cli, {}, "serenade", "_SERENADE_COMPLETE")
        assert [item.value for item in completion.get_completions(words, begun)] == found
        assert "_SERENADE_COMPLETE" in completion.source_template % completion.source_vars()


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_a_command(tmp_path):
    program = tmp_path / "serenade"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m serenade "$@"\n')
    program.chmod(0o755)
    script = (
        'eval "$(_SERENADE_COMPLETE=bash_source serenade)"; COMP_WORDS=(serenade pred); '
        'COMP_CWORD=1; _serenade_completion serenade; echo "${COMPREPLY[@]}"'
    )
    path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PATH": path},
    )
    assert done.stdout.split() == ["predict"]


def test_ctrl_c_exits_with_130(monkeypatch, capsys):
    def press():
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor.command, "callback", lambda **_: press())
    monkeypatch.setattr(sys, "argv", ["serenade", "doctor"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 130
    assert capsys.readouterr().err.strip() == "serenade: interrupted"


def test_a_whole_installation_has_nothing_broken(run):
    done = run("doctor", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["broken"] == []
    assert found["serenade"] == serenade.__version__
    assert found["models"]["bundled model"].startswith("predicts, 7 emotions")
    assert found["models"]["speech detector"] == "runs"
    assert {"numpy", "onnxruntime", "soundfile"} <= set(found["packages"])
    assert {"train", "opensmile"} <= set(found["extras"])
    assert {"WAV", "FLAC", "OGG"} <= set(found["sound"]["formats"])
    assert found["cache"]["state"] == "writable"
    assert found["machine"]["all_cores"] == os.cpu_count()


def test_the_text_says_the_same(run):
    done = run("doctor")
    assert done.returncode == 0
    for start in ("serenade ", "packages: ", "bundled model: predicts", "cache: ", "gpu: "):
        assert any(line.startswith(start) for line in done.stdout.splitlines()), start
    assert done.stdout.endswith("nothing is broken\n")


def test_what_is_broken_is_told_and_is_status_1(run, tmp_path):
    (tmp_path / "file").write_text("no folder")
    for environment, words in (
        ({"SERENADE_CACHE_GB": "much"}, "SERENADE_CACHE_GB=much"),
        ({"SERENADE_CACHE": str(tmp_path / "file" / "cache")}, "the cache not writable"),
    ):
        done = run("doctor", **environment)
        assert done.returncode == 1
        assert f"BROKEN {words}" in done.stdout
        assert "Traceback" not in done.stderr


def test_no_home_and_no_secret_is_told(run):
    home = Path.home()
    done = run(
        "doctor", SERENADE_CACHE=str(home / "somewhere" / "cache"), HF_TOKEN="hf_very_secret"
    )
    assert "~/somewhere/cache" in done.stdout
    assert str(home) not in done.stdout or str(home) == "/"
    assert "hf_very_secret" not in done.stdout + done.stderr


@pytest.fixture
def runs(results_root):
    folder = results_root / "reproduce" / "runs"
    return [folder / f"{name}.json.gz" for name in ("lld-svm", "lld-blstm", "crnn")]


@pytest.mark.parametrize(
    ("further", "pairs"), [([], [3, 6, 6, 6]), (["--against", "lld-svm"], [2, 3, 3, 3])]
)
def test_compare_tests_pairs_of_the_same_corpus_emotions_and_protocol(run, runs, further, pairs):
    done = run("compare", *runs, "--json", *further)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    names = {"lld-svm", "lld-svm (tuned)", "lld-blstm", "crnn"}
    assert {one["name"] for one in found["entrants"]} == names
    counts = collections.Counter(json.dumps(one["where"]) for one in found["comparisons"])
    # Seven and four emotions by two protocols; `tuned` has no random split of four emotions.
    assert sorted(counts.values()) == pairs
    if further:
        assert {test["second"] for test in found["comparisons"]} == {"lld-svm"}


def test_compare_writes_latex(run, runs, tmp_path):
    done = run("compare", *runs, "--out", "tables.tex")
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "tables.tex").read_text("utf-8").splitlines()
    assert lines[0].startswith("% `serenade compare` made this page")
    assert lines.count("\\begin{table}") == lines.count("\\end{table}") >= 2
    assert "system & UA & 95\\% interval & WA & 95\\% interval & seeds \\\\" in lines
    assert any(line.startswith("lld-svm & 0.") and line.endswith(" \\\\") for line in lines)


def test_an_unknown_name_is_told_with_the_known_ones(run, runs):
    done = run("compare", *runs, "--against", "svm")
    assert done.returncode != 0
    assert "no run is called 'svm'; choose from " in done.stderr
    assert "Traceback" not in done.stderr
