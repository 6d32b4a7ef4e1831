"""The command `serenade` itself: help, wrong names, interruption."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from serenade.cli import doctor
from serenade.cli._main import cli, main

HEAVY = {"numpy", "pandas", "scipy", "sklearn", "torch", "onnxruntime", "soundfile"}


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
    ],
)
def test_wrong_names_are_found_before_heavy_imports(arguments, message):
    code = (
        "import sys; from serenade.cli._main import main\n"
        "try: main()\n"
        "except SystemExit as end: print(end.code, *sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments.split()], capture_output=True, text=True, check=True
    )
    status, *modules = done.stdout.split()
    assert (status, message in done.stderr) == ("1", True)
    assert not HEAVY & set(modules)


def test_ctrl_c_exits_with_130(monkeypatch, capsys):
    def press():
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor.command, "callback", lambda **_: press())
    monkeypatch.setattr(sys, "argv", ["serenade", "doctor"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 130
    assert capsys.readouterr().err.strip() == "serenade: interrupted"
