"""Format docstrings and values as Markdown."""

from __future__ import annotations

import inspect
import json
import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

_GAP = re.compile(
    r"\b[Nn]ot stated in the paper\b|\bread so\b|^Not the paper's|[Gg]aps in the paper"
)
_CODE = re.compile(r"(`[^`]*`)")


def arguments(cls: type) -> dict[str, str]:
    """Return the description of each argument in the docstrings of a class and its bases.

    >>> class One:
    ...     '''One.
    ...
    ...     Args:
    ...         a: first,
    ...             and more.
    ...         b: second.
    ...     '''
    >>> arguments(One)
    {'a': 'first, and more.', 'b': 'second.'}
    """
    found: dict[str, str] = {}
    for each in reversed(cls.__mro__):
        section = re.search(
            r"^Args:\n((?:[ ]{4}.*\n?|\n)+)", inspect.cleandoc(each.__doc__ or ""), re.MULTILINE
        )
        for name, text in re.findall(
            r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", section.group(1) if section else "", re.MULTILINE
        ):
            found[name] = " ".join(text.split())
    return found


def docstring(module: Any) -> tuple[str, str, str]:
    """Split the docstring of a module into first line, gaps of the paper, and the rest.

    A paragraph belongs to the gaps if it contains a phrase such as "not stated in the paper".
    """
    title, *paragraphs = re.split(r"\n\s*\n", inspect.cleandoc(module.__doc__ or ""))
    gaps = [one for one in paragraphs if _GAP.search(" ".join(one.split()))]
    others = [one for one in paragraphs if one not in gaps]
    return " ".join(title.split()), prose("\n\n".join(gaps)), prose("\n\n".join(others))


def prose(text: str) -> str:
    r"""Format the text of a docstring as Markdown; escape tags and brackets outside code.

    >>> print(prose("`<a>` and <b>/x.wav, [0, 1]"))
    `<a>` and &lt;b>/x.wav, \[0, 1]
    """
    parts = _CODE.split(text)
    parts[::2] = [
        re.sub(r"\[(?=[^\]]*\](?!\())", r"\\[", re.sub(r"<(?!https?:)", "&lt;", part))
        for part in parts[::2]
    ]
    return "".join(parts)


def code(value: Any) -> str:
    """Format a value as code in a cell; show empty text as quotes."""
    return f"`{value if isinstance(value, str) and value else repr(value)}`"


def share(value: float | None) -> str:
    """Format a share with three digits; return a dash if it is missing."""
    return "-" if value is None or value != value else f"{value:.3f}"  # noqa: PLR0124 - NaN


# Pages of the site that are made from files of the repository, by the path of these files.
_MADE = {
    "ARCHITECTURE.md": "architecture.md",
    "src/serenade/inference/adaptive/MODEL_CARD.md": "model_card.md",
    "src/serenade/inference/commercial/MODEL_CARD.md": "model_card_commercial.md",
    "src/serenade/inference/arousal/MODEL_CARD.md": "model_card_arousal.md",
    "results": "leaderboard.md",
    "results/README.md": "runs/index.md",
    "src/serenade/cli": "reference/commands.md",
    "src/serenade/corpora": "corpora/index.md",
    "src/serenade/systems": "systems/index.md",
}
_LINK = re.compile(r"\[([^]]*)\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")


def to_site(page: str, content: str, root: Path) -> str:
    """Change the links of a page of `docs`, which work in the repository, to those of the site.

    Links to files that the site shows go to their pages, and links to others become text. A file
    of `examples` is shown below the paragraph that links it.

    Args:
        page: path of the page in `docs`.
        content: its Markdown.
        root: root of the repository.

    >>> to_site("a/b.md", "[x](../../src/serenade/systems) [y](c.md)", Path())
    '[x](../systems/index.md) [y](c.md)'
    """
    folder = PurePosixPath(page).parent

    def replace(link: re.Match[str]) -> str:
        target = os.path.normpath("docs" / folder / link[2])
        if target.startswith("docs/"):
            if link[2].endswith(".ipynb") and not link[1].startswith("Download"):
                return f"[{link[1]}]({link[2].removesuffix('.ipynb')}.md{link[3] or ''})"
            return link[0]
        if target.startswith("examples/"):
            return link[1]
        made = _MADE.get(target) or _name_reference(target)
        if made is None and not (root / target).exists():
            raise SystemExit(f"docs/{page}: links to {target}, which does not exist")
        if made is None:  # a file that the site does not show
            return link[1]
        return f"[{link[1]}]({os.path.relpath(made, folder)}{link[3] or ''})"

    paragraphs = []
    for paragraph in content.split("\n\n"):
        paragraphs.append(_LINK.sub(replace, paragraph))
        examples = re.findall(r"\]\((?:\.\./)+(examples/\w+\.py)\)", paragraph)
        paragraphs += [
            f"```python\n{(root / example).read_text('utf-8')}```" for example in examples
        ]
    return "\n\n".join(paragraphs)


def _name_reference(target: str) -> str | None:
    """Return the page of the reference for a file of the package."""
    found = re.fullmatch(r"src/(serenade(?:/\w+)*?)(?:/__init__\.pyi|\.py)", target)
    return found and f"reference/{found[1].replace('/', '.')}.md"


def convert_notebook(path: Path) -> str:
    """Convert an executed notebook to Markdown, with its outputs as text and HTML.

    Args:
        path: the `.ipynb` file.
    """
    parts = []
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            shown = output.get("data", {"text/plain": output.get("text", [])})
            if "text/html" in shown:
                parts.append("".join(shown["text/html"]).replace("\n\n", "\n"))
            elif plain := "".join(shown["text/plain"]).rstrip("\n"):
                parts.append(f"```text\n{plain}\n```")
    parts.insert(1, f"[Download the notebook]({path.name})")
    return "\n\n".join(parts) + "\n"
