from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitors.arrays import FloatArray, IntArray
from monitors.cells import Cells

HUGE = float(np.finfo(np.float64).max)
TINY = float(np.finfo(np.float64).smallest_subnormal)
ANY = st.floats(allow_nan=False, allow_infinity=False)
CLOSE = st.integers(0, 40).map(lambda step: 1e9 + step * 2.0**-23)  # neighbouring floats
ODD = st.sampled_from([0.0, -0.0, TINY, -TINY, 1.0, HUGE, -HUGE, HUGE / 2])
KNOTS = st.one_of([st.sets(element, max_size=30) for element in (ANY, CLOSE, ODD)])


def side_by_side(rows: list[FloatArray]) -> FloatArray:
    out = np.full((len(rows), max(row.size for row in rows)), np.inf)
    for place, row in zip(out, rows, strict=True):
        place[: row.size] = row
    return out


def around(rows: list[FloatArray]) -> FloatArray:
    """Every knot of any feature, the floats beside it, and what is no ordinary number, for each feature."""
    knots = np.concatenate([*rows, [0.0]])
    with np.errstate(over="ignore"):
        beside = np.nextafter(knots, -np.inf), np.nextafter(knots, np.inf)
    values = np.concatenate([knots, *beside, [np.inf, -np.inf, np.nan]])
    return np.tile(values, (len(rows), 1))


def searched(rows: list[FloatArray], values: FloatArray, stride: int) -> IntArray:
    """The naive twin: each value looked for among its feature's knots."""
    out = np.empty(values.shape, dtype=np.int64)
    for place, row, looked_for in zip(out, rows, values, strict=True):
        place[:] = np.where(np.isnan(looked_for), stride - 1, row.searchsorted(looked_for))
    return out


@settings(deadline=None)
@given(st.lists(KNOTS, min_size=1, max_size=4))
def test_every_value_lands_in_the_cell_that_a_search_finds(features: list[set[float]]) -> None:
    rows = [np.array(sorted(knots), dtype=np.float64) for knots in features]
    cells, values = Cells.of(side_by_side(rows)), around(rows)
    found = cells.of_values(values) - cells.stride * np.arange(len(rows))[:, None]
    assert np.array_equal(found, searched(rows, values, cells.stride))


@pytest.mark.parametrize("scale", [1e-320, 1e-9, 1.0, 1e300])
def test_knots_of_two_scales_that_crowd_one_bucket_are_told_apart(scale: float) -> None:
    rng = np.random.default_rng(1)
    crowded = np.unique(np.concatenate([scale * rng.standard_normal(500), rng.standard_normal(500)]))
    rows = [crowded, np.sort(rng.standard_normal(300)), np.sort(np.exp(9 * rng.standard_normal(1000)))]
    cells, values = Cells.of(side_by_side(rows)), around(rows)
    found = cells.of_values(values) - cells.stride * np.arange(3)[:, None]
    assert np.array_equal(found, searched(rows, values, cells.stride))


def test_counts_hold_every_value_once_and_the_unknown_last() -> None:
    rows = [np.array([0.0, 1.0, 2.0]), np.array([5.0])]
    values = np.array([[-np.inf, 0.0, 0.5, 1.0, 9.0, np.nan], [np.nan, np.nan, 5.0, 5.1, np.inf, 4.9]])
    counts = Cells.of(side_by_side(rows)).counts(values)
    assert counts[0, :4].tolist() == [2, 2, 0, 1]
    assert counts[1, :2].tolist() == [2, 2]
    assert counts[:, -1].tolist() == [1, 2]
    assert counts.sum() == values.size


def test_features_without_knots_take_any_value_in_silence() -> None:
    values = np.array([[1.0, -np.inf, np.nan], [HUGE, -HUGE, 0.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for width in (0, 1):
            counts = Cells.of(np.full((2, width), np.inf)).counts(values)
            assert counts[:, 0].tolist() == [2, 3]
            assert counts[:, -1].tolist() == [1, 0]
