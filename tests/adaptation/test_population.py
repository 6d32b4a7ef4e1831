"""`Population` on simulated speakers."""

from __future__ import annotations

import dataclasses
import io
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serenade.adaptation import Population
from serenade.errors import SerenadeError

BETWEEN, WITHIN, OFFSET = np.array([4.0, 0.25, 1.0]), np.array([1.0, 1.0, 2.0]), 0.7


def drawn(rng: np.random.Generator, people: int, each: int) -> tuple[np.ndarray, ...]:
    """Draw rows, speakers and labels; a third of each speaker's rows is neutral, at an offset."""
    centres = rng.standard_normal((people, 3)) * np.sqrt(BETWEEN)
    rows = centres[:, None] + rng.standard_normal((people, each, 3)) * np.sqrt(WITHIN)
    labels = np.tile(np.where(np.arange(each) % 3 == 0, "neutral", "angry"), people)
    rows = rows.reshape(-1, 3)
    rows[labels == "neutral"] += OFFSET
    rows[labels != "neutral"] -= OFFSET / 2
    return rows.astype(np.float32), np.repeat(np.arange(people).astype(str), each), labels


@pytest.fixture(scope="module")
def known() -> Population:
    return Population.learn(*drawn(np.random.default_rng(0), 400, 60))


def test_population_learn_finds_the_statistics_of_simulated_speakers(known: Population) -> None:
    spread = OFFSET**2 / 2  # neutral and other rows lie apart, which counts as within
    np.testing.assert_allclose(known.mean, 0, atol=0.3)
    np.testing.assert_allclose(known.within, WITHIN + spread, rtol=0.05)
    np.testing.assert_allclose(known.between, BETWEEN, rtol=0.2)
    np.testing.assert_allclose(known.neutral_offset, OFFSET, atol=0.05)
    np.testing.assert_allclose(known.neutral_within, WITHIN, rtol=0.05)
    np.testing.assert_allclose(known.neutral_between, 0, atol=0.03)
    assert known.neutral


@pytest.mark.parametrize("neutral", [True, False])
def test_population_shift_beats_no_shift_and_the_plain_mean(
    known: Population, neutral: bool
) -> None:
    rng = np.random.default_rng(1)
    rows, people, labels = drawn(rng, 500, 90)
    for count in (1, 3, 10):
        errors = {"none": [], "plain": [], "drawn": []}
        for person in np.unique(people):
            own = people == person
            truth = rows[own].mean(axis=0) - known.mean
            pool = rows[own & (labels == "neutral")] if neutral else rows[own]
            mean = rng.permutation(pool)[:count].mean(axis=0)
            plain = mean - known.mean - neutral * known.neutral_offset
            found = known.shift(mean, count, neutral=neutral)
            for name, estimate in (("none", 0), ("plain", plain), ("drawn", found)):
                errors[name].append((estimate - truth) ** 2)
        mean_error = {name: np.mean(all_, axis=0) for name, all_ in errors.items()}
        assert (mean_error["drawn"] < mean_error["none"]).all()
        assert mean_error["drawn"].sum() < mean_error["plain"].sum()


@given(st.integers(0, 10**6), st.booleans())
def test_population_shift_lies_between_zero_and_the_mean(count: int, neutral: bool) -> None:
    known = Population(
        *(
            np.array(v)
            for v in ([1.0, 1.0], [2.0, 0.0], [3.0, 0.0], [0.5, 0.0], [1.0, 0], [0.1, 0])
        ),
        neutral=True,
    )
    seen = np.array([4.0, 1.0])
    shift = known.shift(seen, count, neutral=neutral)
    assert (shift >= 0).all()
    assert (shift <= seen - known.mean + 1e-12).all()
    if count == 0:
        assert not shift.any()
    if count > 10**5 and not neutral:
        assert shift[0] == pytest.approx(3.0, rel=1e-4)


def test_population_learn_works_without_neutral_speech() -> None:
    rows, people, _ = drawn(np.random.default_rng(0), 5, 10)
    known = Population.learn(rows, people, np.full(len(rows), "sad"))
    assert not known.neutral
    assert not known.neutral_offset.any()


def test_population_learn_pools_the_variance_within_speakers_with_several_recordings() -> None:
    rng = np.random.default_rng(0)
    rows, people = rng.standard_normal((30_000, 1)), np.repeat(np.arange(10_000).astype(str), 3)
    rows, people = np.append(rows, [[9.0]], axis=0), np.append(people, "alone")
    labels = np.full(len(rows), "sad")
    assert Population.learn(rows, people, labels).within == pytest.approx(1, abs=0.02)
    with pytest.raises(SerenadeError, match="two recordings or more of at least one speaker"):
        Population.learn(rows[::3], people[::3], labels[::3])


def test_population_load_reads_saved_statistics(known: Population) -> None:
    file = io.BytesIO()
    known.save(file)
    file.seek(0)
    again = Population.load(file)
    for field in dataclasses.fields(known):
        np.testing.assert_allclose(getattr(again, field.name), getattr(known, field.name), 1e-6)


def test_population_load_refuses_values_that_are_not_finite(known: Population) -> None:
    file = io.BytesIO()
    dataclasses.replace(known, mean=np.full(3, np.nan)).save(file)
    file.seek(0)
    with pytest.raises(ValueError, match="not finite"):
        Population.load(file)


def _write_archive(content: bytes, *, flags: int = 0, method: int = 0) -> io.BytesIO:
    """Write an archive of one array whose headers state the flags and the compression."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("mean.npy", content)
    whole = bytearray(file.getvalue())
    for start in (6, whole.index(b"PK\x01\x02") + 8):
        struct.pack_into("<HH", whole, start, flags, method)
    return io.BytesIO(whole)


_HUGE = b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}"


@pytest.mark.parametrize(
    "damaged",
    [
        _write_archive(b"\x93NUMPY\x01\x00\x10\x00{'descr': (((((\n"),
        _write_archive(b"no deflated data", method=zipfile.ZIP_DEFLATED),
        _write_archive(b"no data of LZMA", method=zipfile.ZIP_LZMA),
        _write_archive(b"", method=99),
        _write_archive(b"encrypted", flags=1),
        _write_archive(b"\x93NUMPY\x01\x00\x80\x00" + _HUGE.ljust(127) + b"\n"),
    ],
    ids=["header", "deflate", "lzma", "method", "encrypted", "shape"],
)
def test_population_load_refuses_damaged_archives(damaged: io.BytesIO) -> None:
    with pytest.raises(ValueError, match="not an archive of arrays"):
        Population.load(damaged)
