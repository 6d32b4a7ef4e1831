"""Print text on any terminal, in CSV cells and in tables of Markdown."""

from __future__ import annotations

import json
import math
import os
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_ORDERS = "\u202a-\u202e\u2066-\u2069"  # overrides of the writing direction
_NO_XML = "\ufffe\uffff"  # no character of XML
_UNSAFE = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff{_ORDERS}{_NO_XML}]")
_ESCAPED = re.compile(r"\\(x[0-9a-f]{2}|u[0-9a-f]{4}|[nrt])")
_LETTERS = {"n": "\n", "r": "\r", "t": "\t"}
_FORMULA = re.compile(r"'*[=+\-@]")
_NUMBER = re.compile(r"[+-]?[\d.]+([eE][+-]?\d+)?%?")


def to_printable(text: object, keep: str = "") -> str:
    r"""Escape characters that control a terminal, break a line or cannot be encoded.

    Args:
        text: a name, a label or a message.
        keep: characters that are not escaped, such as line breaks.

    >>> print(to_printable("M\udcfcller\x1b[2J\nok.wav"))
    M\xfcller\x1b[2J\nok.wav
    """
    return _UNSAFE.sub(
        lambda found: _escape(found[0], keep),
        os.fspath(text) if isinstance(text, os.PathLike) else str(text),
    )


def _escape(character: str, keep: str) -> str:
    if character in keep:
        return character
    number = ord(character)
    # A byte that is not UTF-8 is a surrogate from U+DC80 to U+DCFF.
    if 0xDC80 <= number <= 0xDCFF:
        return f"\\x{number - 0xDC00:02x}"
    return f"\\u{number:04x}" if number >= 0x80 else ascii(character)[1:-1]


def restore_name(name: str) -> str:
    r"""Return a file name with the characters that `to_printable` escaped.

    >>> restore_name("M\\xfcller.wav") == "M\udcfcller.wav"
    True
    """
    return _ESCAPED.sub(lambda found: _restore(found[1]), name)


def _restore(code: str) -> str:
    if code in _LETTERS:
        return _LETTERS[code]
    number = int(code[1:], 16)
    return chr(number + 0xDC00 if code[0] == "x" and number >= 0x80 else number)


def to_csv_cell(value: object, *, exact: bool = False) -> object:
    """Return a printable cell that no spreadsheet takes for a formula; numbers stay as they are.

    Args:
        value: content of the cell.
        exact: keep characters that are not printable, for tables that this package reads.

    >>> to_csv_cell("=1+1"), to_csv_cell("sad"), to_csv_cell(-0.5), to_csv_cell("-0.5")
    ("'=1+1", 'sad', -0.5, '-0.5')
    """
    if not isinstance(value, str):
        return value
    text = value if exact else to_printable(value)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def from_csv_cell(cell: str) -> str:
    """Return the text of a cell that `to_csv_cell` marked as text.

    >>> from_csv_cell("'=1+1"), from_csv_cell("'tis"), from_csv_cell("sad")
    ('=1+1', "'tis", 'sad')
    """
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def to_csv_path(name: str) -> str:
    """Return a printable file name that no spreadsheet takes for a formula, and is still a path.

    >>> to_csv_path("=1+1.wav"), to_csv_path("a/b.wav")
    ('./=1+1.wav', 'a/b.wav')
    """
    text = to_printable(name)
    return f"./{text}" if _FORMULA.match(text) else text


def dump_json(value: Any, *, indent: int | None = None) -> str:
    r"""Format data as JSON that is valid UTF-8 and safe on a terminal; reading it gives the data.

    Args:
        value: JSON data without NaN and infinite numbers; see `drop_nan`.
        indent: spaces of each level; None for one line.

    >>> print(dump_json({"file": "M\udcfcller.wav", "label": "嬉しい"}))
    {"file": "M\udcfcller.wav", "label": "嬉しい"}
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    # JSON escapes the other control characters, except for the line breaks of its own layout.
    return re.sub(_UNSAFE, lambda f: f[0] if f[0] == "\n" else f"\\u{ord(f[0]):04x}", text)


def drop_nan(value: Any) -> Any:
    """Return JSON data in which NaN and infinite numbers are None, and tuples are lists.

    >>> drop_nan({"low": float("nan"), "high": float("inf"), "ends": (0.5, 1.0)})
    {'low': None, 'high': None, 'ends': [0.5, 1.0]}
    """
    if isinstance(value, dict):
        return {name: drop_nan(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [drop_nan(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


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
