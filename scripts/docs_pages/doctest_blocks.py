"""Show the examples of docstrings as blocks of code in the reference."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import griffe

if TYPE_CHECKING:
    from griffe import Object

# A prompt at the start of a line, and everything up to the next empty line.
_EXAMPLE = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)


def fence_examples(docstring: str) -> str:
    r"""Put the examples of a docstring into blocks of code.

    >>> fence_examples("Add.\n\n>>> 1 + 1\n2").splitlines()
    ['Add.', '', '```pycon', '>>> 1 + 1', '2', '```']
    """
    return _EXAMPLE.sub(r"```pycon\n\g<0>\n```", docstring)


class DoctestBlocks(griffe.Extension):
    """Put the examples of all docstrings into blocks of code."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Change the docstring of an object that was read."""
        if obj.docstring is not None:
            obj.docstring.value = fence_examples(obj.docstring.value)
