"""A first session of a newcomer, compared with the output that `first_session.txt` holds.

Set SERENADE_WRITE_SESSION=1 to write that file again, and read its changes.
"""

import contextlib
import io
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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
serenade predict call.flac --timeline
serenade predict call.flac --json
serenade predict calls
serenade predict empty
serenade predict calls/*.flac
serenade predict https://example.org/call.wav
serenade predict calls --csv emotions.csv
serenade predict calls --csv emotions.xlsx
serenade predict call.flac --out call.srt
serenade predict call.flac --plot call.docx
serenade predict call.flac --model my-model
serenade systems cnn
serenade corpora
serenade corpora ravdes
serenade corpora ravdess --root calls
serenade evaluate
serenade evaluate whisper-prob
serenade evaluate whisper-probe
serenade evaluate whisper-probe ravdess
serenade evaluate whisper-probe my.csv
serenade train whisper-probe ravdess --out calls
serenade push my-model me/my-model
serenade compare runs
serenade cache
serenade serve --port 70000
"""


def type_command(command, written=()):
    """Run a command in this process; return it with all that it prints, as a terminal shows it."""
    shown = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", shlex.split(command))
        with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
            with pytest.raises(SystemExit) as end:
                main()
    lines = [f"$ {command}", shown.buffer.getvalue().decode()]
    lines += [f"[exit status {end.value.code}]\n"] if end.value.code else []
    for path in map(Path, written):
        lines += [f"[{path}]\n", path.read_text("utf-8")]
    return "".join(line if line.endswith("\n") else line + "\n" for line in lines)


def normalise(text, folder):
    """Replace what differs between machines: folders, versions, and the digits of shares."""
    text = text.replace(str(folder), "HERE").replace(serenade.__version__, "VERSION")
    text = re.sub(r"\b\d\.\d{3,4}\b", "0.NNN", re.sub(r"\b\d+%", "NN%", text))
    return re.sub(r"#+ *", lambda bar: "#".ljust(len(bar[0])), text)


@pytest.fixture
def home(example, tmp_path, monkeypatch):
    """Return the current folder of a newcomer: some recordings, and a file that is none."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SERENADE_CACHE", str(tmp_path / "cache"))
    shutil.copy(example, "call.flac")
    for folder in ("calls", "empty"):
        Path(folder).mkdir()
    for name in ("monday.flac", "tuesday.flac"):
        shutil.copy(example, Path("calls", name))
    Path("calls", "notes.wav").write_text("Call back on Friday.", "utf-8")
    return tmp_path


def test_a_first_session_reads_well(home):
    written = {"emotions.csv": ["emotions.csv"], "call.srt": ["call.srt"]}
    shown = [
        type_command(command, written.get(command.split()[-1], ()))
        for command in SESSION.strip().splitlines()
    ]
    text = normalise("\n".join(shown), home)
    if os.environ.get("SERENADE_WRITE_SESSION"):
        GOLDEN.write_text(text, "utf-8")
    assert text == GOLDEN.read_text("utf-8")
