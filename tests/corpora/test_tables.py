from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serenade.corpora import build_table
from serenade.corpora._tables import clean_cell


def column(*values, name="extra"):
    rows = [{"file": f"/{n}.wav", "emotion": "sad", name: v} for n, v in enumerate(values)]
    return build_table(rows)[name]


def test_build_table_uses_the_whole_file_without_times():
    table = build_table([{"file": "/a.wav"}, {"file": "/a.wav", "start": 5, "end": 7}])
    starts, ends = (table.index.get_level_values(name) for name in ("start", "end"))
    assert list(starts) == [pd.Timedelta(0), pd.Timedelta(5, "ns")]
    assert ends[0] is pd.NaT
    assert ends[1] == pd.Timedelta(7, "ns")
    assert starts.dtype == ends.dtype == np.dtype("m8[ns]")


def test_build_table_always_has_speaker_and_emotion():
    table = build_table([{"file": "/a.wav"}])
    assert list(table.columns) == ["speaker", "emotion"]
    assert table.isna().all(axis=None)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (("1", "-20"), "i"),
        ((31, 34), "i"),
        (("1", None), "f"),
        (("0.5", "1e-3", "7"), "f"),
        (("01", "02"), "O"),
        (("1", "b"), "O"),
        (("nan", "1"), "O"),
        (("1e999", "1"), "O"),
        (("123456789012345678901", "b"), "O"),
        ((None, None), "O"),
    ],
)
def test_build_table_converts_columns_of_numbers(values, kind):
    assert column(*values).dtype.kind == kind


def test_build_table_keeps_shared_columns_as_text():
    assert list(column("3", "10", name="speaker")) == ["3", "10"]
    assert list(column(" WR0\t", "a \n b", "", name="speaker")) == ["WR0", "a b", None]


def test_build_table_uses_nan_for_missing_numbers():
    first, second = column("2.5", None)
    assert first == 2.5
    assert math.isnan(second)


@given(st.lists(st.one_of(st.none(), st.text(), st.integers(), st.floats()), min_size=1))
def test_build_table_is_idempotent(values):
    once = column(*values)
    again = column(*(None if pd.isna(value) else str(value) for value in once))
    pd.testing.assert_series_equal(once, again)


@given(st.text())
def test_clean_cell_is_idempotent(value):
    assert clean_cell(clean_cell(value)) == clean_cell(value)
