"""Splits as they are told: by ticker, the first session in new shares, and how many an old share became.

Not to be told is not to have none: a ticker that is absent may have split, one with an empty row has not.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np

from market.panel import FloatArray, Panel

Split = tuple[date, float]
"""First session in new shares, new shares for an old one."""

Splits = Mapping[str, Sequence[Split]]
"""By ticker; one without splits has an empty row."""


def split_grid(splits: Splits, panel: Panel) -> FloatArray:
    """Return the splits beside a panel's bars, shape (sessions, tickers), 0 where there is none.

    A split of a day without a session counts on the next one; two of one session count as their product.
    """
    grid = np.zeros(panel.close.shape)
    for column, ticker in enumerate(panel.tickers):
        for day, ratio in splits.get(ticker, ()):
            row = bisect_left(panel.sessions, day)
            if row < len(panel.sessions) and panel.sessions[0] <= day:
                grid[row, column] = ratio * (grid[row, column] or 1.0)
    return grid


def shares_since(splits: Sequence[Split], session: date) -> float:
    """Return how many shares one of a session has become by the splits after it."""
    return math.prod(ratio for day, ratio in splits if day > session)
