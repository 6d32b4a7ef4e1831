"""Format comparisons of runs as LaTeX tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serenade._printable import to_printable
from serenade.evaluation._compare import (
    describe_untested,
    explain_tests,
    format_entrant,
    format_test,
    list_entrant_head,
    list_sections,
    list_test_head,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from serenade.evaluation._compare import Comparison, Entrant, UntestedPair

_ESCAPES = str.maketrans(
    {
        **{character: f"\\{character}" for character in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"$<$",
        ">": r"$>$",
        "±": r"$\pm$",
    }
)


def format_latex(
    found: Sequence[Entrant],
    tests: Sequence[Comparison],
    untested: Sequence[UntestedPair] = (),
) -> str:
    """Format the tables of `format_comparison` for a document that loads the package booktabs.

    Pairs without a test are stated in comments.
    """
    tables = []
    for title, here, tested in list_sections(found, tests):
        head = list_entrant_head(here[0])
        tables.append(_format_table(title, head, map(format_entrant, here), "lrlrlr"))
        if tested:
            rows, head = map(format_test, tested), list_test_head(tested)
            caption = f"{title}. {explain_tests(tested)}"
            tables.append(_format_table(caption, head, rows, "llrrr"[: len(head)]))
        skipped = describe_untested(untested, here[0].where)
        tables += [f"% {to_printable(line)}\n" for line in skipped]
    return "\n".join(tables)


def _format_table(
    caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], align: str
) -> str:
    r"""Format a table with a caption.

    >>> print(_format_table("A_B", ["name", "UA"], [["x & y", "0.5 ± 0.1"]], "lr"))
    \begin{table}
    \caption{A\_B}
    \begin{tabular}{lr}
    \toprule
    name & UA \\
    \midrule
    x \& y & 0.5 $\pm$ 0.1 \\
    \bottomrule
    \end{tabular}
    \end{table}
    <BLANKLINE>
    """
    lines = [
        r"\begin{table}",
        rf"\caption{{{caption.translate(_ESCAPES)}}}",
        rf"\begin{{tabular}}{{{align}}}",
        r"\toprule",
        _format_row(head),
        r"\midrule",
        *map(_format_row, rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
        "",
    ]
    return "\n".join(lines)


def _format_row(cells: Sequence[str]) -> str:
    return " & ".join(cell.translate(_ESCAPES) for cell in cells) + r" \\"
