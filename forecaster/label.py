"""The label: did a ticker beat the universe's median over the horizon, from the next open on?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecaster.target import Target
from market.panel import FloatArray, Panel


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
        return self.beat if target is Target.RELATIVE else _rose(self.return_)


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
    stocks = panel.rows(enter, leave + 1).columns(universe)
    with np.errstate(divide="ignore", invalid="ignore"):
        opens = stocks.open * stocks.adj_close / stocks.close
        return_ = opens[-1] / opens[0] - 1.0
    return_[~np.isfinite(return_)] = np.nan
    known = return_[~np.isnan(return_)]
    median = float(np.median(known)) if known.size >= 2 else float("nan")
    beat = np.where(return_ > median, 1.0, np.where(return_ < median, 0.0, np.nan))
    return Label(return_, median, beat)


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
    stocks = panel.columns(universe)
    for row in range(len(panel.sessions) - horizon - 1):
        found = label(stocks, universe, row, horizon)
        returns[row] = found.return_
        came[row] = found.came(target)
    return came, returns


def _rose(returns: FloatArray) -> FloatArray:
    return np.where(returns > 0, 1.0, np.where(returns < 0, 0.0, np.nan))
