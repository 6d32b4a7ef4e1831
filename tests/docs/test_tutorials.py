"""Commands and Python blocks of README and of the pages run, in order, on synthetic speech.

A page's `sh` blocks are run by bash and its `python` blocks in one namespace, in a folder that has
the files that the page names; cells of notebooks are `python` blocks. Lines that install are
compared with pyproject instead. Lines that need a corpus, a microphone, a hub or a cluster are
compared with the options of the command. A block after `<!-- not run: reason -->` is not run.
"""

import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.small_corpora import SYNTHETIC
from synthetic_corpus import speaker, synthesise

import serenade
from serenade import corpora

ROOT = Path(__file__).parents[2]
TUTORIALS = [
    path.relative_to(ROOT)
    for folder in ("tutorials", "extend")
    for path in sorted((ROOT / "docs" / folder).glob("*.md"))
]
NOTEBOOKS = [path.relative_to(ROOT) for path in sorted((ROOT / "docs" / "notebooks").iterdir())]
EVERY = [
    *("README.md", "CONTRIBUTING.md", "results/README.md"),
    *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md"))),
]
OTHERS = [page for page in EVERY if Path(page) not in TUTORIALS]
# Corpora, hubs, npm, ffmpeg, clusters, servers, microphones, stereo, ratings; and trainings that
# another test or page has.
NOT_HERE = re.compile(
    r"CORPORA|HEAD|USER/NAME|/path/|^make |^serenade (listen|serve|compare|pretrain|transcribe)\b"
    r"|own_system|--browser|^ffmpeg |--speakers channels|arousal"
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
BLOCK = re.compile(r"^(<!-- not run: .+ -->\n)?```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DATA = {"text", "dockerfile", "ini", "nginx", "yaml", "json", "js", "html", "javascript"}


def blocks(page, every=True):
    """Return language, code and line of each block; without those that are not run if asked."""
    text = (ROOT / page).read_text("utf-8")
    if Path(page).suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        codes = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        return [("python", code, number) for number, code in enumerate(codes)]
    return [
        (b[2], b[3], text[: b.start()].count("\n") + 2)
        for b in BLOCK.finditer(text)
        if every or not b[1]
    ]


def write_class_folders(folder):
    """Write a folder of recordings for each emotion."""
    for name, emotion in (("anger", "angry"), ("sad", "sad")):
        (folder / name).mkdir(parents=True)
        for seed in range(10):
            said = synthesise("We go home.", speaker(seed), emotion, seed=seed)
            soundfile.write(folder / name / f"s{seed}.wav", said.signal, 16000)


@pytest.fixture(scope="module")
def things(tmp_path_factory):
    """Make what the pages name: call.wav, recordings/, normal-voice/, my.csv, own files."""
    folder = tmp_path_factory.mktemp("things")
    signal, rate = soundfile.read(ROOT / "examples" / "example.flac")
    soundfile.write(folder / "call.wav", signal, rate)
    for name in ("recordings", "calls", "normal-voice", "my-normal-voice", "bin"):
        (folder / name).mkdir()
    shutil.copy(folder / "call.wav", folder / "recordings" / "first.wav")
    shutil.copy(folder / "call.wav", folder / "calls" / "first.wav")
    (folder / "recordings" / "second.wav").write_text("not a recording")
    for name, text in (("one", "We go home."), ("two", "We go home.")):
        said = synthesise(text, speaker(1), "neutral", seed=len(name))
        for place in ("normal-voice", "my-normal-voice", "."):
            soundfile.write(folder / place / f"{name}.wav", said.signal, 16000)
    for name in "abc":
        shutil.copy(folder / "call.wav", folder / f"{name}.wav")
    small = corpora.open(SYNTHETIC, folder / "speech", sentences=2, labels=("angry", "sad"))
    rows = small.table.reset_index().itertuples()
    table = "\n".join(
        f"{row.file},{row.emotion},{row.speaker},{('read', 'free')[number % 2]}"
        for number, row in enumerate(rows)
    )
    for name in ("my.csv", "other.csv", "calls.csv"):
        (folder / name).write_text(f"file,emotion,speaker,style\n{table}\n", "utf-8")
    emotions = {"wut": "angry", "freude": "happy", "ruhe": "neutral", "trauer": "sad"}
    write_class_folders(folder / "my-calls")
    for number in (1, 2, 3):
        for own, emotion in emotions.items():
            home = folder / "my-recordings" / f"speaker{number}" / own
            home.mkdir(parents=True)
            for seed in (1, 2):
                said = synthesise("We go home.", speaker(number), emotion, seed=seed)
                soundfile.write(home / f"s{seed}.wav", said.signal, 16000)
    for name in ("own_corpus.py", "own_system.py", "synthetic_corpus.py"):
        shutil.copy(ROOT / "examples" / name, folder)
    shutil.copytree(ROOT / "examples" / "synthetic_speech", folder / "synthetic_speech")
    published = Path("results", "whisper-probe")
    shutil.copytree(ROOT / published, folder / published)
    program = folder / "bin" / "serenade"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m serenade "$@"\n')
    program.chmod(0o755)
    return folder


@pytest.fixture
def folder(things, tmp_path, monkeypatch):
    """Copy the files into a new working folder."""
    shutil.copytree(things, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SERENADE_CACHE", str(things / "cache"))
    examples = str(ROOT / "examples")
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place != examples])
    own = {"own_corpus", "own_system", "synthetic_corpus"}
    for name in own & set(sys.modules):
        monkeypatch.delitem(sys.modules, name)
    yield tmp_path
    for name in own & set(sys.modules):
        del sys.modules[name]


def installs(line):
    """Return whether a line installs the package, and check the names of the extras."""
    if not line.startswith("pip "):
        return False
    # The package is on no index: a page that names it there would install something else.
    found = re.fullmatch(r'pip install (?:\.|"\.\[([\w,]+)\]")(?: +# .*)?', line)
    assert found, line
    extras = found[1].split(",") if found[1] else []
    assert set(extras) <= set(PROJECT["optional-dependencies"]), line
    return True


RUN = [page for page in [*TUTORIALS, *NOTEBOOKS, *OTHERS] if blocks(page, every=False)]


@pytest.mark.parametrize("page", RUN, ids=str)
def test_what_a_page_says_works(page, folder):
    namespace = {"__name__": "page", "serenade": serenade, "chunks": [np.zeros(4800, np.float32)]}
    for language, code, line in blocks(page, every=False):
        where = f"{page}, line {line}"
        if language == "python":
            exec(compile(code, where, "exec"), namespace)
        elif language == "sh":
            lines = [each for each in code.splitlines() if not installs(each)]
            if page in OTHERS:
                lines = [each for each in lines if not NOT_HERE.search(each)]
            script = "\n".join(lines)
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", script],
                capture_output=True,
                text=True,
                check=False,
                cwd=folder,
            )
            assert done.returncode == 0, f"{where}:\n{done.stdout}\n{done.stderr}"
            assert "Traceback" not in done.stderr, where
        else:
            assert language in DATA, f"{where}: a block of {language or 'no language'}"


@pytest.mark.parametrize("page", EVERY, ids=lambda page: Path(page).name)
def test_commands_of_a_page_have_options_that_exist(page):
    for language, code, _ in blocks(page):
        for line in code.replace("\\\n", " ").splitlines():
            if language == "sh" and line.startswith("serenade "):
                _, name, *words = shlex.split(line, comments=True)
                command = importlib.import_module(f"serenade.cli.{name}").command
                known = {option for each in command.params for option in each.opts}
                given = {word.split("=")[0] for word in words if word.startswith("--")}
                assert given <= known, line


@pytest.mark.parametrize("page", EVERY)
def test_links_of_a_page_work_in_the_repository(page):
    text = BLOCK.sub("", (ROOT / page).read_text("utf-8"))
    for target in re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", text):
        assert ((ROOT / page).parent / target).exists(), target
    assert not re.search(r"^\{.*\}$", text, re.MULTILINE)  # a placeholder of the site


@pytest.mark.parametrize("page", NOTEBOOKS, ids=str)
def test_notebooks_have_small_outputs_without_errors_and_places(page):
    content = (ROOT / page).read_text("utf-8")
    cells = [cell for cell in json.loads(content)["cells"] if cell["cell_type"] == "code"]
    kinds = {output["output_type"] for cell in cells for output in cell["outputs"]}
    assert kinds <= {"stream", "execute_result"}
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert len(content) < 150_000
    assert not re.search(r"/(home|tmp|work|root|Users)/", content)


def test_tutorials_have_commands():
    found = {str(page): [language for language, *_ in blocks(page)] for page in TUTORIALS}
    assert len(found) >= 5
    assert all("sh" in languages for languages in found.values()), found


@pytest.mark.parametrize("name", ["own_corpus.py", "own_system.py"])
def test_an_example_is_short(name):
    assert len((ROOT / "examples" / name).read_text("utf-8").splitlines()) < 60
