"""Tables in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def format_table(head: Sequence[str], rows: Iterable[Sequence[str]], align: str = "") -> str:
    r"""Format rows as a Markdown table.

    Args:
        head: titles of the columns.
        rows: cells of each row.
        align: a letter for each column, `l` or `r`; further columns are like the last.

    >>> print(format_table(["name", "UA", "WA"], [["x|y", "0.5", "0.6"]], "lr"))
    | name | UA | WA |
    |---|--:|--:|
    | x\|y | 0.5 | 0.6 |
    """
    letters = align.ljust(len(head), align[-1:] or "l")
    bars = "|".join("--:" if letter == "r" else "---" for letter in letters)
    return "\n".join([_format_row(head), f"|{bars}|", *map(_format_row, rows)])


def _format_row(cells: Sequence[str]) -> str:
    escaped = (" ".join(cell.replace("|", "\\|").split()) for cell in cells)
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in escaped)
