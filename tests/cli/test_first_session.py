"""A first session of a newcomer, compared with the output that `first_session.txt` holds.

Set SERENADE_WRITE_SESSION=1 to write that file again, and read its changes.
"""

import functools
import io
import itertools
import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import serenade
from serenade.cli import main
from serenade.inference import Model

GOLDEN = Path(__file__).with_name("first_session.txt")

SESSION = """
serenade
serenade --version
serenade predict
serenade predict call.flac
serenade predict cal.flac
serenade predcit call.flac
serenade predict call.flac --timelin
serenade predict call.flac --timeline --out call.srt
serenade predict short.flac --json
serenade predict calls
serenade predict calls --jobs 1 --csv kept.csv ^C
NO_COLOR=1 serenade predict talk.flac
NO_COLOR=1 serenade predict calls
serenade predict empty
serenade predict calls/m*.flac
cat short.flac | serenade predict -
serenade predict https://example.org/call.wav
serenade predict calls --csv emotions.xlsx
serenade predict short.flac --plot call.docx
serenade predict short.flac --model my-model
serenade systems cnn
serenade corpora
serenade corpora ravdes
serenade corpora ravdess --root calls
serenade evaluate
serenade evaluate whisper-prob
serenade evaluate whisper-probe
serenade evaluate whisper-probe ravdess
serenade evaluate whisper-probe ravdess --root nowhere
serenade evaluate whisper-probe my.csv
serenade evaluate my_system.py my.csv
serenade train whisper-probe calls --out calls
serenade push my-model me/my-model
serenade compare runs
serenade cache
serenade serve --port 70000
"""
WRITTEN = ("kept.csv", "call.srt")


def interrupt_second_call(function):
    """Return a function that raises what Ctrl-C raises when it is called again."""
    calls = itertools.count()

    @functools.wraps(function)
    def run(*given, **named):
        if next(calls):
            raise KeyboardInterrupt
        return function(*given, **named)

    return run


def type_command(command):
    """Run a command in this process; return it with all that it prints.

    Standard output is a pipe, or a terminal for a command that begins with NO_COLOR.
    """
    piped, _, words = command.rpartition("| ")
    words, stopped, _ = words.partition(" ^C")
    words = words.removeprefix("NO_COLOR=1 ")
    content = Path(piped.split()[1]).read_bytes() if piped else b""
    shown, errors = (
        io.TextIOWrapper(content, "utf-8", write_through=True) for content in [io.BytesIO()] * 2
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", shlex.split(words))
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        patch.setattr(sys, "stdout", shown)
        patch.setattr(sys, "stderr", errors)
        if command.startswith("NO_COLOR"):
            patch.setenv("NO_COLOR", "1")
            patch.setattr(shown, "isatty", lambda: True)
        if stopped:
            patch.setattr(Model, "predict", interrupt_second_call(Model.predict))
        with pytest.raises(SystemExit) as end:
            main()
    lines = [f"$ {command}\n", shown.buffer.getvalue().decode()]
    lines += [f"[exit status {end.value.code}]\n"] if end.value.code else []
    for path in WRITTEN:
        if f" {path}" in command:
            lines += [f"[{path}]\n", Path(path).read_text("utf-8")]
    return "".join(lines)


def normalise(text, folder):
    """Replace what differs between machines: folders, versions, digits of shares, weak answers."""
    text = text.replace(str(folder), "HERE").replace(serenade.__version__, "VERSION")
    text = text.replace("[OPTIONS] COMMAND [ARGS]", "[OPTIONS] [COMMAND] [ARGS]")  # of click 8.1
    text = re.sub(r"\w+(?=[ #█▏▎▍▌▋▊▉]* ([12]?\d|3[0-4])%)", "EMOTION", text)
    text = re.sub(r"\b[01]\.\d{2,4}\b", "N.NN", re.sub(r"\b\d+%", "NN%", text))
    return re.sub(r"[#█]*[#█▏▎▍▌▋▊▉] *", lambda bar: "#".ljust(len(bar[0])), text)


@pytest.fixture
def home(example, tmp_path, monkeypatch):
    """Return the current folder of a newcomer: some recordings, and a file that is none."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SERENADE_CACHE", str(tmp_path / "cache"))
    shutil.copy(example, "call.flac")
    for folder in ("calls", "empty"):
        Path(folder).mkdir()
    signal, rate = soundfile.read(example)
    for name in ("short.flac", "calls/monday.flac", "calls/tuesday.flac"):
        soundfile.write(name, signal[: 3 * rate], rate)
    soundfile.write("talk.flac", np.tile(signal, 3)[: 32 * rate], rate)
    Path("calls", "notes.wav").write_text("Call back on Friday.", "utf-8")
    return tmp_path


def test_a_first_session_reads_well(home):
    shown = "\n".join(map(type_command, SESSION.strip().splitlines()))
    text = normalise(shown, home)
    if os.environ.get("SERENADE_WRITE_SESSION"):
        GOLDEN.write_text(text, "utf-8")
    assert text == GOLDEN.read_text("utf-8")
