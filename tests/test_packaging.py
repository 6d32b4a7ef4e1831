"""What the package promises about itself: bounds, rooms, lightness."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

import serenade

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
NOT_TESTED_AT_THEIR_BOUND = {"torch", "skorch"}


def _pins(path):
    lines = path.read_text("utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))


def test_lower_bounds_are_the_ones_ci_installs():
    wanted = [
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["train"],
    ]
    pins = _pins(ROOT / "constraints" / "lowest.txt")
    for requirement in wanted:
        name, bound = re.fullmatch(r"([\w.-]+)>=([\w.]+)", requirement).groups()
        if name not in NOT_TESTED_AT_THEIR_BOUND:
            assert pins[name] == bound, requirement


def test_what_ci_used_is_pinned():
    pins = _pins(ROOT / "constraints" / "constraints.txt")
    assert pins["torch"] == "2.13.0"
    for requirement in PROJECT["project"]["dependencies"]:
        assert re.match(r"[\w.-]+", requirement).group() in pins


def test_hashes_cover_the_server_at_the_pinned_versions():
    text = (ROOT / "constraints" / "hashes.txt").read_text("utf-8")
    hashed = dict(re.findall(r"^([\w-]+)==([\w.]+) \\\n    --hash=sha256:", text, re.MULTILINE))
    pins = _pins(ROOT / "constraints" / "constraints.txt")
    pins = {re.sub(r"[-_.]+", "-", name.lower()): version for name, version in pins.items()}
    assert hashed.items() <= pins.items()
    serve = PROJECT["project"]["optional-dependencies"]["serve"]
    for requirement in (*PROJECT["project"]["dependencies"], *serve):
        assert re.match(r"[\w-]+", requirement).group() in hashed, requirement


def test_files_of_the_project_are_well_formed():
    yaml = pytest.importorskip("yaml")
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == serenade.__version__
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    for path in (ROOT / ".github").rglob("*.yml"):
        content = yaml.safe_load(path.read_text("utf-8"))
        for job in content.get("jobs", {}).values():
            assert all(("run" in step) != ("uses" in step) for step in job["steps"]), path


def test_every_room_is_drawn():
    drawn = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    for room in (ROOT / "src" / "serenade").iterdir():
        if room.is_dir() and (room / "__init__.py").exists():
            assert f"| `{room.name}` |" in drawn, room.name


def test_architecture_names_files_that_exist():
    drawn = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    for name in re.findall(r"`([a-z_]+(?:/[a-z_]+)+\.(?:py|md))`", drawn):
        assert (ROOT / "src" / "serenade" / name).is_file() or (ROOT / name).is_file(), name


def _list_extras_in_messages():
    """Return each extra that the package names, with the place of the message."""
    for path in (ROOT / "src" / "serenade").rglob("*.py"):
        text = path.read_text("utf-8")
        for found in re.findall(r"serenade\[([\w,]+)\]", text):
            for extra in found.split(","):
                yield extra, str(path)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "MissingExtraError":
                extra = node.args[1]
                if isinstance(extra, ast.Constant):
                    yield extra.value, f"{path}:{node.lineno}"


def _list_extras_in_pages():
    """Return each extra that a page installs, with the page."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("src/**/*.md")]
    for page in pages:
        for found in re.findall(r"(?:serenade|\.)\[([a-z,]+)\]", page.read_text("utf-8")):
            for extra in found.split(","):
                yield extra, str(page)


def test_every_extra_in_a_message_or_page_exists():
    extras = PROJECT["project"]["optional-dependencies"]
    named = [*_list_extras_in_messages(), *_list_extras_in_pages()]
    assert {extra for extra, _ in named} >= {"train", "audformat", "serve"}
    assert [place for extra, place in named if extra not in extras] == []
