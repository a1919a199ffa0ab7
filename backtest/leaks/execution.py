"""Execution shift: what values are worth when the trade is made a bar earlier or later.

A value that comes from a table made elsewhere cannot be computed again from an altered record. What gives it
away is that it is too good: prices say little of the next week, and whoever knows more has looked. Only what
chance cannot explain is called so, with three standard errors to spare.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from backtest.leaks.record import Record
from backtest.leaks.result import Check, Result
from backtest.leaks.subject import Subject
from backtest.ranking import LEAST_TICKERS, rank_ics
from backtest.session_mean import SessionMean, session_mean
from market.panel import FloatArray

HORIZON: Final = 5
PRESUMED: Final = 0.05
"""Rank correlation with the returns of a week above which daily data are presumed to leak."""

NOTABLE: Final = 0.03
"""Below it nothing is asked of the bar later: there is nothing to lose."""

KEPT: Final = 0.7
"""Share of it that an entry one bar later keeps at least: four of five sessions are the same."""

GAINED: Final = 2.0
"""Factor by which an entry one bar earlier may be better, for a forecast."""

SURE: Final = 3.0
"""Standard errors of doubt that must be cleared before anything is called a leak."""


def execution(subject: Subject, record: Record, full: FloatArray) -> Result:
    """Judge a subject's values by the returns that came, entered at the next open, a bar later and earlier.

    Args:
        subject: The subject.
        record: The full history.
        full: The subject's values, shape (sessions, tickers, columns); every fifth session is looked at, so
            that no two returns overlap.
    """
    if full.shape[1] != len(record.universe) or full.shape[1] < LEAST_TICKERS:
        return Result(Check.EXECUTION, subject.name, skipped="its values do not order three tickers or more")
    n = len(full)
    rows = np.arange(1, n - HORIZON - 2, HORIZON)
    opens = _opens(record)
    leaking, seen, sessions, said = [], [], 0, ""
    for column, name in enumerate(subject.names):
        score = full[rows, :, column]
        earlier, now, later = (
            rank_ics(score, opens[rows + enter + HORIZON] / opens[rows + enter] - 1.0) for enter in (0, 1, 2)
        )
        found = session_mean(now, 1)
        if found.sessions:
            seen.append(name)
            sessions += found.sessions
        if why := _too_good(found, later, now) or (
            _early(found, earlier, now) if subject.is_forecast else ""
        ):
            leaking.append(name)
            said = said or f"{name}: {why}"
    return Result(
        Check.EXECUTION,
        subject.name,
        columns=len(seen),
        compared=sessions,
        misses=len(leaking),
        leaking=tuple(leaking),
        said=said,
        skipped="" if seen else "its values order nothing",
    )


def _too_good(found: SessionMean, later: FloatArray, now: FloatArray) -> str:
    size, sign = abs(found.mean), np.sign(found.mean)
    if size - SURE * found.error > PRESUMED:
        return f"rank IC {found.mean:.3f} ± {found.error:.3f}; above {PRESUMED} a leak is presumed"
    lost = session_mean(sign * (KEPT * now - later), 1)
    if size >= NOTABLE and size > (SURE + 1) * found.error and lost.mean > SURE * lost.error:
        return f"rank IC {found.mean:.3f}, a bar later {np.nanmean(later):.3f}: it knows the very next bar"
    return ""


def _early(found: SessionMean, earlier: FloatArray, now: FloatArray) -> str:
    gained = session_mean(np.sign(found.mean) * (earlier - GAINED * now), 1)
    if abs(found.mean) > SURE * found.error and gained.mean > SURE * gained.error:
        return f"rank IC {found.mean:.3f}, a bar earlier {np.nanmean(earlier):.3f}: it comes a bar too late"
    return ""


def _opens(record: Record) -> FloatArray:
    """Adjusted opens, shape (sessions, universe)."""
    stocks = record.stocks
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(stocks.open * stocks.adj_close / stocks.close)
