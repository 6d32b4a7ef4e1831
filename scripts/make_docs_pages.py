"""Collect the pages of the documentation site: those in docs/, and those made from the program.

    python scripts/make_docs_pages.py            # into build/docs
    mkdocs build --strict -f build/docs/mkdocs.yml   # the site is build/docs/site

Pages written by hand are in docs/. This script generates a page per system (docstring, recipes,
the paper's numbers, measured numbers), per corpus (INFO) and per run (its report), the leaderboard,
the help of the commands and the list of public names, so that each fact has one source. Pages are
plain Markdown except for mkdocstrings' `:::` lines.
"""

from __future__ import annotations

import argparse
import importlib
import shutil
import sys
from pathlib import Path
from typing import Any

import yaml
from docs_pages import api, corpora, results, systems

from serenade.evaluation import draw_figure

ROOT = Path(__file__).parents[1]


def make(out: Path, root: Path = ROOT) -> Path:
    """Write all pages and the settings of the site.

    Args:
        out: folder for both; its old content is deleted.
        root: root of the repository.

    Returns:
        The settings file, for `mkdocs build --strict -f`.
    """
    if out.exists():
        shutil.rmtree(out)
    pages = out / "pages"
    shutil.copytree(root / "docs", pages, ignore=shutil.ignore_patterns("*.json"))
    shutil.copy(root / "ARCHITECTURE.md", pages / "architecture.md")
    shutil.copy(_model_card(), pages / "model_card.md")
    for name in ("corpus", "system"):
        with_example(pages / "extend" / f"{name}.md", root / "examples" / f"own_{name}.py")
    for name in ("pipecat", "livekit"):
        with_example(pages / "integrations.md", root / "examples" / f"{name}_agent.py")
    found = results.Results.load(root / "results")
    made = {
        **systems.pages(found),
        **corpora.pages(),
        **results.pages(found),
        **api.pages(),
    }
    for name, text in made.items():
        path = pages / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    for name, draw in found.drawings().items():
        draw_figure(draw, pages / name, kinds=("svg",))
    _draw_leaks(root / "docs" / "benchmarks", pages / "benchmarks")
    settings = yaml.safe_load((root / "mkdocs.yml").read_text("utf-8"))
    python = settings["plugins"]["mkdocstrings"]["handlers"]["python"]
    python["paths"] = [str(root / path) for path in python["paths"]]
    settings |= {"docs_dir": "pages", "site_dir": "site", "nav": navigation(pages)}
    path = out / "mkdocs.yml"
    path.write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True), "utf-8")
    return path


def with_example(page: Path, example: Path) -> None:
    """Replace the line `{name of the example}` of a page by the content of the example."""
    text, mark = page.read_text("utf-8"), f"\n{{{example.name}}}\n"
    if text.count(mark) != 1:
        raise SystemExit(f"{page}: write {mark.strip()} on exactly one separate line")
    code = example.read_text("utf-8")
    page.write_text(text.replace(mark, f"\n```python\n{code}```\n"), "utf-8")


def _draw_leaks(benchmarks: Path, folder: Path) -> None:
    """Draw the figures of the leak laboratory from its result."""
    sys.path.insert(0, str(ROOT))  # of the package `benchmarks`
    leaks, runner = map(importlib.import_module, ("benchmarks.leaks", "benchmarks.runner"))
    leaks.draw(runner.read_results(benchmarks)["leaks"], folder)


def _model_card() -> Path:
    inference = importlib.import_module("serenade.inference")
    return Path(str(inference.__file__)).parent / "adaptive" / "MODEL_CARD.md"


SECTIONS = {
    "Tutorials": "tutorials",
    "Systems": "systems",
    "Corpora": "corpora",
    "Add your own": "extend",
    "Benchmarks": "benchmarks",
    "Reference": "reference",
}
SINGLE = {
    "Home": "index.md",
    "Leaderboard": "leaderboard.md",
    "Runs": "runs/index.md",
    "Recordings and live speech": "recordings.md",
    "Models and features": "models.md",
    "Commands by task": "command_line.md",
    "The server": "server.md",
    "Containers and services": "deploy.md",
    "The browser without a server": "browser.md",
    "Voice agents, tables and annotation tools": "integrations.md",
    "Many machines": "cluster.md",
    "Reliability": "reliability.md",
    "Attacks and faults": "security.md",
    "Privacy": "privacy.md",
    "The bundled model": "model_card.md",
    "Architecture": "architecture.md",
}


def navigation(pages: Path) -> list[dict[str, Any]]:
    """Return the navigation: single pages, and a section per folder with its index first.

    Pages of single runs are left out, because there may be hundreds; the list of runs links them.
    """
    nav: list[dict[str, Any]] = [{"Home": SINGLE["Home"]}]
    for title, folder in SECTIONS.items():
        files = sorted((pages / folder).rglob("*.md"), key=lambda f: (f.stem != "index", f.stem))
        names = [file.relative_to(pages).as_posix() for file in files]
        # Readers look for the names that they type, not for the titles of the pages.
        typed = folder in {"corpora", "reference"}
        nav.append(
            {
                title: [
                    {file.stem: name} if typed and file.stem != "index" else name
                    for file, name in zip(files, names, strict=True)
                ]
            }
        )
        if title == "Corpora":
            nav += [{one: SINGLE[one]} for one in ("Leaderboard", "Runs")]
    shown = {title for entry in nav for title in entry}
    return [*nav, *({title: page} for title, page in SINGLE.items() if title not in shown)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "docs")
    print(make(parser.parse_args().out))
