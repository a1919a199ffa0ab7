"""Screening: which bars of a history cannot be right, as far as could be known at each session's close.

A bar is left out if the check of `market.quality` finds it in the `SCREENED` sessions that end with its own.
What comes later neither condemns nor acquits it: a history that ends earlier is screened the same. So a new
level of prices, as after a split that the file does not follow, costs its first bars only; from then on the
newest level counts as the right one, and the jump into it stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Final

import numpy as np

from market.panel import FIELDS, FloatArray, Panel
from market.quality import OUTSIDE, STALE_SESSIONS, TRADED, Finding, Kind, Told, check
from market.quality_dividends import LEAST_YIELD, USUAL
from market.quality_finding import BoolArray
from market.quality_levels import HUNDRED, LEAST_GAP, LEAST_JUMP, UNIT_SLACK
from market.splits import Splits, split_grid

NOT_TOLD: Final[Splits] = {}

SCREENED: Final = 63
"""Sessions that a bar is held against, its own included: they tell what is ordinary for its ticker."""


def screen(
    panel: Panel, splits: Splits = NOT_TOLD, *, only: BoolArray | None = None
) -> tuple[Panel, tuple[Finding, ...]]:
    """Return a history without the bars that could not be right at their own close, and why not.

    Args:
        panel: The bars as they were told.
        splits: Those that were told with them; each counts from its own session on.
        only: The bars that are judged, shape (sessions, tickers), the others tell what is ordinary; None
            judges all.

    Returns:
        The panel with the bars left out as NaN, and what was found of each of them, in the order of session
        and ticker. A finding names one bar.
    """
    bad = np.zeros(panel.close.shape, np.bool_)
    findings: list[Finding] = []
    grid = split_grid(splits, panel)
    suspects = _suspects(panel, grid) & (True if only is None else only)
    for column in np.flatnonzero(suspects.any(axis=0)).tolist():
        own = panel.columns((panel.tickers[column],))
        for row in np.flatnonzero(suspects[:, column]).tolist():
            rows = slice(max(row + 1 - SCREENED, 0), row + 1)
            found = list(_of_newest(own.rows(rows.start, rows.stop), grid[rows, column, None]))
            bad[row, column] = bool(found)
            findings += found
    place = {ticker: i for i, ticker in enumerate(panel.tickers)}
    findings.sort(key=lambda one: (one.sessions, place[one.ticker], one.kind))
    fields = (np.where(bad, np.nan, getattr(panel, name)) for name in FIELDS)
    return Panel(panel.sessions, panel.tickers, *fields), tuple(findings)


def _of_newest(window: Panel, splits: FloatArray) -> Iterator[Finding]:
    """Find what is wrong with the newest bar of one ticker's window."""
    newest: tuple[date, ...] = window.sessions[-1:]
    for one in check(Told(window, splits=splits)).findings:
        if one.kind is not Kind.MISSING and one.sessions[-1:] == newest:
            yield replace(one, sessions=newest)


def _suspects(panel: Panel, splits: FloatArray) -> BoolArray:
    """Return the bars of which a fault could be found: every other one is right without a look at it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(
            ~np.isnan(panel.close)
            & (
                _contradicts(panel)
                | _untraded(panel)
                | _repeats(panel)
                | _jumped(panel, splits)
                | _stepped(panel)
            )
        )


def _contradicts(panel: Panel) -> BoolArray:
    low, high = panel.low * (1.0 - OUTSIDE), panel.high * (1.0 + OUTSIDE)
    least = np.fmin(np.fmin(panel.open, panel.close), panel.high * (1.0 + OUTSIDE))
    return np.asarray((least < low) | (panel.low > high) | (np.fmax(panel.open, panel.close) > high))


def _untraded(panel: Panel) -> BoolArray:
    """No volume, of a ticker that usually has some."""
    known = ~np.isnan(panel.close) & ~np.isnan(panel.volume)
    traded, held = _recent(known & (panel.volume > 0)), _recent(known)
    return np.asarray(known & (panel.volume == 0) & (traded >= TRADED * held))


def _repeats(panel: Panel) -> BoolArray:
    """The four prices have not moved for as long as makes a run stale."""
    prices = np.stack([panel.open, panel.high, panel.low, panel.close])
    same = np.zeros(panel.close.shape, np.bool_)
    same[1:] = (prices[:, 1:] == prices[:, :-1]).all(axis=0)
    return np.asarray(_recent(same, STALE_SESSIONS - 1) == STALE_SESSIONS - 1)


def _jumped(panel: Panel, splits: FloatArray) -> BoolArray:
    """Within the window the price jumped so far that another unit or a split may explain it."""
    before = _before(panel.close)
    close, open_ = np.abs(np.log(panel.close / before)), np.abs(np.log(panel.open / before))
    told = (splits > 0).any(axis=0)  # whatever gap or range: a told split explains it by the closes alone
    jumps = (close >= LEAST_JUMP) & ((open_ >= LEAST_GAP) | (close >= HUNDRED - UNIT_SLACK) | told)
    return _recent(jumps, SCREENED - 1) > 0


def _stepped(panel: Panel) -> BoolArray:
    """`adj_close` moved against `close` backwards, or by more than dividends do."""
    ratio = np.where(panel.close > 0, panel.adj_close / panel.close, np.nan)
    size = 1.0 - _before(ratio) / ratio
    return np.asarray((size < -LEAST_YIELD) | (size > USUAL[1]))


def _recent(flags: BoolArray, n: int = SCREENED) -> FloatArray:
    """Count the flags of the `n` newest sessions up to each, shape (sessions, tickers)."""
    padded = np.concatenate([np.zeros((n, flags.shape[1]), np.intp), np.cumsum(flags, axis=0)])
    return np.asarray(padded[n:] - padded[: len(flags)], np.float64)


def _before(values: FloatArray) -> FloatArray:
    """Return the newest value above 0 before each session; NaN where there is none."""
    rows = np.arange(len(values))[:, None]
    last = np.maximum.accumulate(np.where(values > 0, rows, -1), axis=0)
    out = np.full(values.shape, np.nan)
    out[1:] = np.where(last[:-1] >= 0, np.take_along_axis(values, np.maximum(last[:-1], 0), axis=0), np.nan)
    return out
