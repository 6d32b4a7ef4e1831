"""Write a page per corpus from its `INFO`, its module and its loader."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

from docs_pages import text

from serenade import corpora
from serenade._printable import format_table

if TYPE_CHECKING:
    from serenade.corpora import CorpusInfo


def pages() -> dict[str, str]:
    """Return pages by their path, with `corpora/index.md`."""
    made, rows = {}, []
    for name in corpora.names():
        info = corpora.describe(name)
        made[f"corpora/{name}.md"] = page(name, info)
        counts = info.expected
        rows.append(
            [
                f"[{name}]({name}.md)",
                info.title,
                ", ".join(info.languages),
                str(counts.files) if counts else "-",
                str(counts.speakers) if counts else "-",
                str(len(info.labels)),
                info.licence,
            ]
        )
    head = ["corpus", "title", "language", "recordings", "speakers", "emotions", "licence"]
    made["corpora/index.md"] = (
        "# Corpora\n\nYou can open these corpora by name, and any other with "
        "[a CSV file or your own loader](../extend/corpus.md). Serenade contains no "
        "recordings; `examples/synthetic_corpus.py` in the repository creates synthetic ones.\n\n"
        + format_table(head, rows, "lllrrrl")
        + "\n"
    )
    return made


def page(name: str, info: CorpusInfo) -> str:
    """Return the page of a corpus."""
    load = corpora.get(name).load
    load = getattr(load, "func", load)  # paired corpora are partial functions
    about = inspect.getdoc(inspect.getmodule(load)) or ""
    facts = [
        ["licence", info.licence],
        ["cite", info.citation],
        ["home", f"<{info.url}>" if info.url else ""],
        ["languages", ", ".join(info.languages)],
        ["emotions", ", ".join(info.labels)],
        ["layout", text.prose(info.layout)],
        ["how to get it", re.sub(r"(https?://[^\s;]+)", r"<\1>", info.obtain)],
        ["download", f"`serenade corpora {name} --download DIR`" if info.archive else ""],
    ]
    parts = [f"# {name}: {info.title}", text.prose(about)]
    if info.warning:
        parts.append(f"!!! warning\n    {info.warning}")
    parts.append(format_table(["", ""], [row for row in facts if row[1]]))
    if info.expected:
        counts = info.expected
        rows = [[label, str(count)] for label, count in counts.per_label.items()]
        rows.append(["all", str(counts.files)])
        says = (
            f"{counts.files} recordings of {counts.speakers} speakers. The loader compares your "
            "copy with these counts and lists every difference as a problem."
        )
        table = format_table(["emotion", "recordings"], rows, "lr")
        parts += ["## Published counts", says, table]
    parts += ["## How to open it", _loader(load)]
    parts.append(
        f"`serenade corpora {name} --root DIR` counts your copy and lists every problem "
        "with its files."
    )
    return "\n\n".join(parts) + "\n"


def _loader(load: object) -> str:
    """Return the arguments, columns and errors in the docstring of a loader."""
    doc = inspect.cleandoc(load.__doc__ or "")
    parts = [f"`serenade.corpora.open(NAME, root, **options)`; {doc.split(chr(10))[0]}"]
    for section in ("Args", "Returns", "Raises"):
        found = re.search(rf"^{section}:\n((?:    .*\n?|\n)+)", doc, re.MULTILINE)
        if found is None:
            continue
        body = inspect.cleandoc(found.group(1))
        entries = re.findall(r"^(\w+): (.*(?:\n +.*)*)", body, re.MULTILINE)
        shown = (
            "\n".join(f"- `{key}`: {' '.join(value.split())}" for key, value in entries)
            if entries and section != "Returns"
            else body
        )
        parts.append(f"**{section}**\n\n{text.prose(shown)}")
    return "\n\n".join(parts)
