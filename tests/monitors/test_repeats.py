from __future__ import annotations

import math

import numpy as np

from monitors.repeats import most_repeated, repeated


def test_a_live_feed_never_stands_still() -> None:
    values = np.random.default_rng(13).standard_normal((50, 20))
    assert repeated(values) == 0.0
    assert most_repeated(values) == 0.0


def test_the_share_counts_ticker_moves_of_the_last_five_sessions() -> None:
    values = np.random.default_rng(14).standard_normal((50, 4))
    values[-6:, 0] = 1.0
    assert repeated(values) == 0.25
    assert most_repeated(values) == 0.25
    assert most_repeated(values[::-1]) == 0.25


def test_moves_to_and_from_nan_are_not_counted() -> None:
    values = np.ones((10, 2))
    values[:, 1] = np.nan
    assert repeated(values) == 1.0
    assert math.isnan(repeated(np.full((10, 2), np.nan)))


def test_too_short_a_window_cannot_be_judged() -> None:
    assert math.isnan(repeated(np.ones((5, 2))))
    assert most_repeated(np.ones((5, 2))) == 0.0
