"""The label: did a ticker beat the universe's median over the horizon, from the next open on?

A ticker that ends within the horizon has no label, for its exit has no price.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from forecaster.target import Target
from market.panel import FloatArray, Panel

GONE: Final = 20
"""Sessions of others after which a ticker without a bar has ended."""


@dataclass(frozen=True, slots=True)
class Label:
    """What a forecast's horizon brought, per ticker.

    Attributes:
        return_: Total return from the open after the forecast to the open `horizon` sessions later, as a
            fraction, shape (tickers,); NaN where either open is unknown.
        median: The universe's median return, a fraction; NaN where fewer than two returns are known.
        beat: 1.0 above the median, 0.0 below, NaN exactly at it or unknown, shape (tickers,).
    """

    return_: FloatArray
    median: float
    beat: FloatArray

    def came(self, target: Target) -> FloatArray:
        """Return 1.0 where the target came, 0.0 where not, NaN undecided or unknown, shape (tickers,)."""
        return self.beat if target is Target.RELATIVE else _above(self.return_, 0.0)


def label(panel: Panel, universe: tuple[str, ...], row: int, horizon: int) -> Label:
    """Label the forecasts made at the close of session `row`.

    Args:
        panel: Bars reaching at least `1 + horizon` sessions beyond `row`.
        universe: The tickers forecast, in the order of the result.
        row: The index of the forecast's session in the panel.
        horizon: Sessions held.

    Raises:
        IndexError: The row is no session, or its outcome is not known yet within the panel.
    """
    enter, leave = row + 1, row + 1 + horizon
    if row < 0:
        raise IndexError(f"row {row} is no session of the panel; count from 0")
    if leave >= len(panel.sessions):
        raise IndexError(f"outcome of session {panel.sessions[row]} needs {leave - row} later sessions")
    (return_,) = _returns(panel.rows(enter, leave + 1).columns(universe), horizon)
    (median,) = _medians(return_[None, :])
    return Label(return_, float(median), _above(return_, median))


def outcomes(
    panel: Panel, universe: tuple[str, ...], horizon: int, target: Target
) -> tuple[FloatArray, FloatArray]:
    """Label every session of a panel.

    Args:
        panel: The bars.
        universe: The tickers forecast.
        horizon: Sessions held.
        target: What is asked.

    Returns:
        Whether the target came (1.0, 0.0, NaN undecided or not known within the panel), and the returns, both
        of shape (sessions, universe).
    """
    came = np.full((len(panel.sessions), len(universe)), np.nan)
    returns = came.copy()
    known = max(len(panel.sessions) - horizon - 1, 0)
    if known:
        found = _returns(panel.rows(1, len(panel.sessions)).columns(universe), horizon)
        returns[:known] = found
        relative = target is Target.RELATIVE
        came[:known] = _above(found, _medians(found)[:, None]) if relative else _above(found, 0.0)
    return came, returns


def cut_short(panel: Panel, universe: tuple[str, ...], horizon: int) -> FloatArray:
    """Return what was left of the horizon where a ticker ended in it: from the entry to its last close.

    A ticker has ended where it has no bar after some session, and other tickers have bars in `GONE` later
    sessions or more; that is known in hindsight only.

    Returns:
        Total returns as fractions, shape (sessions, universe); NaN wherever the ticker has not ended within
        the horizon, or could not be entered.
    """
    stocks = panel.columns(universe)
    n = len(panel.sessions)
    out = np.full((n, len(universe)), np.nan)
    traded: NDArray[np.bool_] = np.asarray(~np.isnan(stocks.close))
    others = np.cumsum(np.asarray(traded.any(axis=1))[::-1])[::-1]
    for ticker in range(len(universe)):
        known = np.flatnonzero(traded[:, ticker])
        if known.size == 0 or known[-1] + 1 >= n or others[known[-1] + 1] < GONE:
            continue
        last = int(known[-1])
        entered = np.arange(max(last - horizon + 1, 1), last + 1)
        bars = (
            stocks.open[entered, ticker] * stocks.adj_close[entered, ticker] / stocks.close[entered, ticker]
        )
        out[entered - 1, ticker] = stocks.adj_close[last, ticker] / bars - 1.0
    return np.where(np.isfinite(out), out, np.nan)


def came_against(returns: FloatArray, others: FloatArray, target: Target) -> FloatArray:
    """Return whether the target came for returns that are not among those that make the median.

    Args:
        returns: What is asked about, fractions, shape (sessions, universe); NaN unknown.
        others: Of the tickers that make the median, the same shape.
        target: What is asked.

    Returns:
        1.0, 0.0, or NaN undecided or unknown, of the same shape.
    """
    return _above(returns, _medians(others)[:, None] if target is Target.RELATIVE else 0.0)


def _returns(stocks: Panel, horizon: int) -> FloatArray:
    """Return total returns from each open to the one `horizon` sessions later, NaN where one is unknown."""
    with np.errstate(divide="ignore", invalid="ignore"):
        opens = stocks.open * stocks.adj_close / stocks.close
        returns = opens[horizon:] / opens[:-horizon] - 1.0
    return np.where(np.isfinite(returns), returns, np.nan)


def _medians(returns: FloatArray) -> FloatArray:
    """Return the median of what is known of each row; NaN where fewer than two values are."""
    ordered = np.sort(returns, axis=1)  # NaN last
    n = (~np.isnan(returns)).sum(axis=1)
    rows = np.arange(len(n))
    middle = 0.5 * (
        ordered[rows, np.maximum(n - 1, 0) // 2] + ordered[rows, np.minimum(n // 2, len(ordered[0]) - 1)]
    )
    return np.where(n >= 2, middle, np.nan)


def _above(values: FloatArray, limit: FloatArray | float) -> FloatArray:
    return np.where(values > limit, 1.0, np.where(values < limit, 0.0, np.nan))
