"""Write a page per system."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from typing import TYPE_CHECKING, Any

from docs_pages import text

from serenade import papers, systems
from serenade._printable import format_table

if TYPE_CHECKING:
    from docs_pages.results import Results

    from serenade.papers import Paper
    from serenade.systems import System


def pages(found: Results) -> dict[str, str]:
    """Return pages by their path, with `systems/index.md`."""
    made = {f"systems/{name}.md": page(systems.get(name), found) for name in systems.names()}
    rows = [
        [f"[{name}]({name}.md)", system.title, text.prose(system.source)]
        for name, system in ((name, systems.get(name)) for name in systems.names())
    ]
    made["systems/index.md"] = (
        "# Systems\n\n`serenade evaluate` and `serenade train` take these systems, or "
        "[a file with your own](../extend/system.md). Each page has the system's source, how we "
        "filled the gaps of its paper, its recipes and our measurements.\n\n"
        + format_table(["system", "what it is", "source"], rows)
        + "\n"
        + (f"\n## The papers' numbers beside ours\n\n{told}" if (told := found.headlines()) else "")
    )
    return made


def page(system: System, found: Results) -> str:
    """Return the page of a system."""
    module = _module(system)
    title, gaps, rest = text.docstring(module)
    title = title.partition(": ")[2] or title
    parts = [
        f"# {system.name}",
        text.prose(title[:1].upper() + title[1:]),
        rest,
        f"Source: {text.prose(system.source)}. Recordings are read at {system.sampling_rate} Hz.",
    ]
    if gaps:
        parts += ["## How gaps of the paper are read", gaps]
    parts += ["## Recipes", _recipes(system)]
    for paper in (papers.get(name) for name in papers.names()):
        if paper.name == system.name:
            parts += ["## What the paper prints", _printed(paper)]
            if entries := found.reproduced(paper):
                parts += ["## The paper's tables beside ours", entries]
                parts += [f"![{name}]({name}.svg)" for name in found.figures(paper)]
        elif system.name in _fillers(paper):
            parts.append(f"It fills rows of the paper of [{paper.name}]({paper.name}.md).")
    parts += ["## Measured", found.of(system.name)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _module(system: System) -> Any:
    """Return the module that defines a system; the class if a module defines several systems."""
    module = importlib.import_module(type(system).__module__)
    return module if module.SYSTEM is system else type(system)


def _recipes(system: System) -> str:
    """Return a table of the fields, their values in each recipe, and their meaning."""
    meaning = text.arguments(type(system.recipe()))
    names = list(system.recipes)
    head = ["field", *(f"`{name}`" for name in names), "meaning"]
    rows = []
    for field in dataclasses.fields(system.recipe()):
        values = [getattr(system.recipes[name], field.name) for name in names]
        cells = [text.code(values[0])]
        cells += ["" if value == values[0] else text.code(value) for value in values[1:]]
        rows.append([f"`{field.name}`", *cells, text.prose(meaning[field.name])])
    says = (
        "A recipe has every setting of a run. `--recipe NAME` selects one, and `--set FIELD=VALUE` "
        "changes a field. An empty cell has the value of the first column.\n\n"
    )
    return (says if len(names) > 1 else says.partition(" An empty")[0] + "\n\n") + format_table(
        head, rows
    )


def _printed(paper: Paper) -> str:
    """Return the numbers that a paper prints and `serenade reproduce` compares with."""
    parts = [f"{paper.title}. {paper.citation}."]
    for table in paper.tables:
        rows = [
            [row.name, _METRICS[metric], text.share(value)]
            for row in table.rows
            for metric, value in row.values.items()
            if value is not None
        ]
        parts.append(f"**{table.name}.** {table.caption}")
        if rows:
            parts.append(format_table(["row", "", "paper"], rows, "llr"))
    parts += [f"- {note}" for note in paper.notes]
    parts.append(
        f"`serenade reproduce {paper.name} --root CORPORA` compares them with our numbers."
    )
    return text.prose("\n\n".join(parts))


_METRICS = {"ua": "UA", "wa": "WA", "f1_weighted": "F1"}


def _fillers(paper: Paper) -> set[str]:
    return {row.system for table in paper.tables for row in table.rows}


def documented(system: System) -> list[str]:
    """Return the fields of a system's recipes that no docstring explains."""
    kinds = {type(recipe) for recipe in system.recipes.values()}
    return [
        f"{inspect.getmodule(kind).__name__}.{kind.__name__}.{field.name}"  # type: ignore[union-attr]
        for kind in kinds
        for field in dataclasses.fields(kind)
        if field.name not in text.arguments(kind)
    ]
