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
from docs_pages import api, corpora, results, systems, text

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
    for page in pages.rglob("*.md"):
        content = page.read_text("utf-8")
        page.write_text(text.to_site(str(page.relative_to(pages)), content, root), "utf-8")
    for notebook in pages.rglob("*.ipynb"):
        content = text.convert_notebook(notebook)
        name = str(notebook.relative_to(pages))
        notebook.with_suffix(".md").write_text(text.to_site(name, content, root), "utf-8")
    shutil.copy(root / "ARCHITECTURE.md", pages / "architecture.md")
    for model, name in _CARDS.items():
        shutil.copy(_find_model_card(model), pages / name)
    found = results.Results.load(root / "results")
    made = {
        **systems.pages(found),
        **corpora.pages(),
        **results.pages(found),
        **api.pages(),
    }
    for name, content in made.items():
        path = pages / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    for name, draw in found.drawings().items():
        draw_figure(draw, pages / name, kinds=("svg",))
    _draw_leaks(root / "docs" / "benchmarks", pages / "benchmarks")
    settings = yaml.safe_load((root / "mkdocs.yml").read_text("utf-8"))
    python = settings["plugins"]["mkdocstrings"]["handlers"]["python"]
    python["paths"] = [str(root / path) for path in python["paths"]]
    extensions = python["options"]["extensions"]
    python["options"]["extensions"] = [str(root / path) for path in extensions]
    settings |= {"docs_dir": "pages", "site_dir": "site", "nav": navigation(pages)}
    path = out / "mkdocs.yml"
    path.write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True), "utf-8")
    return path


_CARDS = {
    "adaptive": "model_card.md",
    "commercial": "model_card_commercial.md",
    "arousal": "model_card_arousal.md",
}


def _draw_leaks(benchmarks: Path, folder: Path) -> None:
    """Draw the figures of the leak laboratory from its result, and show them on its page."""
    sys.path.insert(0, str(ROOT))  # of the package `benchmarks`
    leaks, runner = map(importlib.import_module, ("benchmarks.leaks", "benchmarks.runner"))
    result = runner.read_results(benchmarks)["leaks"]
    leaks.draw(result, folder)
    page = folder / "leaks.md"
    content = page.read_text("utf-8")
    for name in result["systems"]:
        figure = f"![UA of {name} by protocol](leaks-{name}.svg)"
        content = content.replace(f"\n## {name}\n", f"\n## {name}\n\n{figure}\n")
    page.write_text(content, "utf-8")


def _find_model_card(model: str) -> Path:
    inference = importlib.import_module("serenade.inference")
    return Path(str(inference.__file__)).parent / model / "MODEL_CARD.md"


# Sections of the navigation: pages by their paths, and folders with a slash at the end. Pages in
# none of them go to the section `_OTHERS`.
_SECTIONS = {
    "Start": ["tutorials/recording.md", "tutorials/developer.md", "tutorials/researcher.md"],
    "Notebooks": ["notebooks/recording.md", "notebooks/application.md", "notebooks/research.md"],
    "How to": [
        *("recordings.md", "command_line.md", "models.md", "server.md", "browser.md"),
        *("deploy.md", "integrations.md", "extend/corpus.md", "extend/system.md", "cluster.md"),
    ],
    "Explanations": [
        *("comparison.md", "reliability.md", "security.md", "privacy.md", "architecture.md"),
        "since_0.1.md",
    ],
    "Results": ["results.md", "leaderboard.md", *_CARDS.values()],
    "Measurements": ["benchmarks/"],
    "Systems": ["systems/"],
    "Corpora": ["corpora/"],
    "Reference": ["reference/commands.md", "reference/"],
}
_OTHERS = "How to"


def navigation(pages: Path) -> list[dict[str, Any]]:
    """Return the navigation: the home page, then sections.

    Pages of single runs are left out, because there may be hundreds; the list of runs links them.
    """
    every = {page.relative_to(pages).as_posix() for page in pages.rglob("*.md")}
    left = {page for page in every if not page.startswith("runs/")} - {"index.md"}
    sections: dict[str, list[str]] = {}
    for title, places in _SECTIONS.items():
        for place in places:
            folder = place if place.endswith("/") else "/"
            inside = [page for page in left if page == place or page.startswith(folder)]
            inside.sort(key=lambda page: (not page.endswith("/index.md"), page))
            sections.setdefault(title, []).extend(inside)
            left -= set(inside)
    sections["Results"].insert(2, "runs/index.md")
    sections[_OTHERS] += sorted(left)
    return [
        {"Home": "index.md"},
        *({title: [_entitle(page) for page in listed]} for title, listed in sections.items()),
    ]


def _entitle(page: str) -> str | dict[str, str]:
    """Return the entry of a page; readers look for the names of corpora and packages they type."""
    folder, _, name = page.rpartition("/")
    typed = folder in {"corpora", "reference"} and name != "index.md"
    return {name.removesuffix(".md"): page} if typed else page


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "docs")
    print(make(parser.parse_args().out))
