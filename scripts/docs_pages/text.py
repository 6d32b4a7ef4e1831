"""Format docstrings and values as Markdown."""

from __future__ import annotations

import inspect
import re
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
