from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import rankdata

from forecaster.ranks import centred_ranks
from market.panel import FloatArray

VALUES = st.one_of(st.just(math.nan), st.integers(-3, 3).map(float), st.floats(-1e6, 1e6))
MATRICES = arrays(np.float64, st.tuples(st.integers(1, 12), st.integers(1, 4)), elements=VALUES)


@settings(max_examples=100, deadline=None)
@given(MATRICES)
def test_they_are_scipys_ranks_of_the_known_stretched_from_minus_to_plus_one_half(values: FloatArray) -> None:
    got = centred_ranks(values)
    for column in range(values.shape[1]):
        known = ~np.isnan(values[:, column])
        n = int(known.sum())
        assert np.isnan(got[~known, column]).all()
        if n > 1:
            want = (rankdata(values[known, column]) - 1) / (n - 1) - 0.5
            assert_allclose(got[known, column], want, rtol=0, atol=1e-15)
        else:
            assert (got[known, column] == 0.0).all()


def test_a_sessions_ranks_are_the_same_bits_alone_and_among_others() -> None:
    values = np.random.default_rng(3).integers(0, 9, (20, 15, 4)).astype(float)
    values[values == 8] = math.nan
    together = centred_ranks(values)
    for session, alone in enumerate(values):
        assert_array_equal(centred_ranks(alone), together[session])


def test_by_hand() -> None:
    column = np.array([[30.0], [10.0], [math.nan], [10.0], [99.0]])
    want = [2 / 3 - 0.5, 0.5 / 3 - 0.5, math.nan, 0.5 / 3 - 0.5, 0.5]
    assert_allclose(centred_ranks(column)[:, 0], want, rtol=0, atol=1e-15)


def test_no_ticker_has_no_rank() -> None:
    assert centred_ranks(np.empty((0, 3))).shape == (0, 3)
