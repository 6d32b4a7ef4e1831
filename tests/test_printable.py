"""Names and labels that terminals, encodings and spreadsheets cannot take."""

import json

import pytest

from serenade._printable import (
    dump_json,
    from_csv_cell,
    restore_name,
    to_csv_cell,
    to_csv_path,
    to_printable,
)
from serenade.errors import EmptyFileError

ODD = ["M\udcfcller", "\x1b[2Jclear", "two\r\nlines", "a\u202eb", "\x9b2J", "tab\t", "no\uffff"]


@pytest.mark.parametrize("text", ODD)
def test_to_printable_leaves_no_character_that_does_something(text):
    found = to_printable(text)
    found.encode("utf-8")
    assert found.isprintable()
    assert to_printable(found) == found


def test_to_printable_keeps_other_text():
    assert to_printable("你好 Zoë 🎉.wav") == "你好 Zoë 🎉.wav"
    assert to_printable("a\nb\x07", keep="\n") == "a\nb\\x07"


def test_restore_name_finds_the_bytes_of_a_name():
    for text in ODD:
        assert restore_name(to_printable(text)) == text


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "@SUM(A1)", "+1+1", "-1+1", "'=1", "''-a"])
def test_csv_cells_are_no_formulas_and_read_back(text):
    cell = to_csv_cell(text)
    assert cell[0] == "'"
    assert from_csv_cell(cell) == text
    assert to_csv_path(text).startswith("./")


@pytest.mark.parametrize("text", ["sad", "-0.5", "1e-3", "'tis", "a=b"])
def test_csv_cells_that_are_harmless_stay(text):
    assert to_csv_cell(text) == text
    assert from_csv_cell(text) == text


@pytest.mark.parametrize("indent", [None, 2])
def test_dump_json_is_printable_and_reads_back(indent):
    text = dump_json({"file": ODD}, indent=indent)
    assert to_printable(text, keep="\n") == text
    assert json.loads(text) == {"file": ODD}


def test_audio_errors_are_one_printable_line():
    error = EmptyFileError("a\x1b[2J\n\udcfc.wav", "is empty", "copy it")
    assert str(error) == "a\\x1b[2J\\n\\xfc.wav: is empty; copy it"
    assert error.source == "a\x1b[2J\n\udcfc.wav"
