"""Every statistic against NumPy's or SciPy's, and what happens where one is undefined."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import signal, stats

from serenade.features import Functionals
from serenade.features.sets._functionals import GROUPS


def parabola_of(column: np.ndarray) -> tuple[float, float]:
    """Return bend and root mean squared error of a least-squares parabola."""
    half = (len(column) - 1) / 2
    time = np.arange(len(column)) - half
    fit = np.polyfit(time, column, 2)
    return fit[0] * half**2, np.sqrt(np.mean((np.polyval(fit, time) - column) ** 2))


def expected(column: np.ndarray) -> dict[str, float]:
    """Compute all statistics of one contour with reference libraries."""
    count = len(column)
    line = stats.linregress(np.arange(count), column)
    quartiles = np.percentile(column, [25, 50, 75])
    steps = np.diff(column)
    centred = column - column.mean()
    peaks = signal.argrelextrema(column, np.greater)[0]
    peaks = peaks[centred[peaks] > 0]
    low, spread = column.min(), np.ptp(column)
    bend, parabola_error = parabola_of(column)
    fitted = line.intercept + line.slope * np.arange(count)
    return {
        "mean": column.mean(),
        "std": column.std(),
        "skewness": stats.skew(column),
        "kurtosis": stats.kurtosis(column, fisher=False),
        "min": low,
        "max": column.max(),
        "range": spread,
        "argmin": column.argmin() / (count - 1),
        "argmax": column.argmax() / (count - 1),
        **{f"p{p:02d}": np.percentile(column, p) for p in (1, 5, 25, 50, 75, 95, 99)},
        "iqr_12": quartiles[1] - quartiles[0],
        "iqr_23": quartiles[2] - quartiles[1],
        "iqr_13": stats.iqr(column),
        "rise": line.slope * (count - 1),
        "onset": line.intercept,
        "line_error": np.sqrt(np.mean((fitted - column) ** 2)),
        "bend": bend,
        "parabola_error": parabola_error,
        "mean_abs_step": np.abs(steps).mean(),
        "rising": np.mean(steps > 0),
        "falling": np.mean(steps < 0),
        "mean_crossings": np.mean(np.diff(np.sign(centred)) != 0),
        **{f"above_{p}": np.mean(column > low + p / 100 * spread) for p in (25, 50, 75, 90)},
        "peaks": len(peaks) / count,
        "peak_distance": np.diff(peaks).mean() / count,
        "peak_height": centred[peaks].mean(),
    }


@pytest.mark.parametrize("count", [20, 21, 350, 5000])
@pytest.mark.parametrize("offset", [0.0, 50.0])
def test_every_statistic(count, offset):
    rng = np.random.default_rng(count)
    walk = np.cumsum(rng.standard_normal((count, 7)), axis=0)
    columns = (offset + walk + rng.exponential(2.0, (count, 7))).astype(np.float32)
    functionals = Functionals()
    values = functionals(columns)
    assert values.shape == (len(functionals.names), 7)
    assert values.dtype == np.float32
    for index in range(7):
        reference = expected(columns[:, index].astype(np.float64))
        assert tuple(reference) == functionals.names
        size = np.abs(columns).max()
        for name, value in zip(functionals.names, values[:, index], strict=True):
            np.testing.assert_allclose(
                value, reference[name], rtol=2e-3, atol=2e-6 * size, err_msg=name
            )


def test_columns_do_not_mix_and_layout_does_not_matter():
    """More columns than are taken at once, in either memory order."""
    matrix = np.random.default_rng(0).standard_normal((400, 300)).astype(np.float32)
    values = Functionals()(matrix)
    np.testing.assert_array_equal(Functionals()(np.asfortranarray(matrix)), values)
    np.testing.assert_allclose(Functionals()(matrix[:, 250:251])[:, 0], values[:, 250], rtol=1e-5)


def test_groups_are_the_same_values_in_the_order_asked_for():
    matrix = np.random.default_rng(1).standard_normal((50, 3)).astype(np.float32)
    whole = dict(zip(Functionals().names, Functionals()(matrix), strict=True))
    some = Functionals(("peaks", "moments"))
    assert some.names[:1] == ("peaks",)
    for name, values in zip(some.names, some(matrix), strict=True):
        np.testing.assert_array_equal(values, whole[name])


def test_column_names_follow_the_flattened_result():
    functionals = Functionals(("extremes",))
    matrix = np.array([[1.0, 10.0], [2.0, 30.0]], np.float32)
    named = dict(
        zip(functionals.column_names(["a", "b"]), functionals(matrix).ravel(), strict=True)
    )
    assert named["a.max"] == 2
    assert named["b.min"] == 10
    assert named["b.range"] == 20


@pytest.mark.parametrize("count", [1, 2, 3, 1000])
@pytest.mark.parametrize("level", [0.0, 0.1, -3e4])
def test_a_constant_has_no_spread(count, level):
    values = Functionals()(np.full((count, 2), level, np.float32))
    named = dict(zip(Functionals().names, values[:, 0], strict=True))
    for name in ("mean", "min", "max", "p05", "p50", "p99", "onset"):
        np.testing.assert_allclose(named[name], level, rtol=1e-5, err_msg=name)
    spread = "std skewness kurtosis range iqr_13 line_error mean_abs_step peaks peak_height"
    for name in spread.split():
        assert named[name] == 0, name
    assert abs(named["rise"]) <= 1e-5 * abs(level)


def test_no_frames_give_zeros():
    assert not Functionals()(np.empty((0, 4), np.float32)).any()
    assert Functionals()(np.empty((0, 4), np.float32)).shape == (len(Functionals().names), 4)


def test_unknown_groups_are_named():
    with pytest.raises(ValueError, match="modes"):
        Functionals(("moments", "modes"))
    assert len(GROUPS) == len(set(Functionals().groups))


@settings(max_examples=80, deadline=None)
@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 60), st.integers(1, 4)),
        elements=st.floats(-1e4, 1e4, width=32),
    )
)
def test_any_matrix_gives_finite_ordered_values(matrix):
    values = Functionals()(matrix)
    assert np.isfinite(values).all()
    named = dict(zip(Functionals().names, values, strict=True))
    ladder = ["min", "p01", "p05", "p25", "p50", "p75", "p95", "p99", "max"]
    slack = 1e-5 * np.abs(matrix).max() + 1e-6
    for low, high in itertools.pairwise(ladder):
        assert np.all(named[low] <= named[high] + slack)
    for share in ("argmin", "argmax", "rising", "falling", "above_50", "peaks", "mean_crossings"):
        assert np.all((named[share] >= 0) & (named[share] <= 1 + 1e-6))
    assert np.all(named["parabola_error"] <= named["line_error"] * 1.001 + slack)
    assert np.all(named["line_error"] <= named["std"] * 1.001 + slack)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.25, 4.0, 64.0]))
def test_scaling_scales_what_has_the_contours_unit(seed, factor):
    matrix = np.random.default_rng(seed).standard_normal((40, 3)).astype(np.float32)
    plain, scaled = Functionals()(matrix), Functionals()(matrix * np.float32(factor))
    without = {"skewness", "kurtosis", "argmin", "argmax", "rising", "falling", "mean_crossings"}
    without |= {"above_25", "above_50", "above_75", "above_90", "peaks", "peak_distance"}
    for name, before, after in zip(Functionals().names, plain, scaled, strict=True):
        wanted = before if name in without else before * factor
        np.testing.assert_allclose(after, wanted, rtol=1e-4, atol=1e-5 * factor, err_msg=name)
