"""Data quality: what is wrong with daily bars, which of them to leave out, and what would mend them.

A finding names the ticker, the sessions, the kind of fault, what shows it and how it could be repaired.
Nothing is repaired here: a faulty bar is quarantined, which means that it is treated as unknown. Large moves
of the market are no faults; see `market.quality_levels` for what tells them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import date
from typing import Final

import numpy as np

from market.panel import FloatArray
from market.quality_dividends import check_dividends
from market.quality_finding import BoolArray, Finding, Kind, Report, Told
from market.quality_levels import check_levels

__all__ = ["Finding", "Kind", "Report", "Told", "check"]

OUTSIDE: Final = 1e-5
"""Relative distance beyond high or low that is rounding."""

STALE_SESSIONS: Final = 5
"""Sessions in a row with the same four prices from which a run counts as stale."""

Evidence = Callable[[int, int], str]
"""What shows a fault of the bar in a row and column."""

TRADED: Final = 0.95
"""Share of bars with volume from which a bar without any is a fault, and not how the ticker trades."""


def check(
    told: Told, *, expected: Collection[date] | None = None, newest_closed: date | None = None
) -> Report:
    """Check bars.

    Args:
        told: The bars, with the dividends and splits that the provider tells, if any.
        expected: The exchange's sessions; None takes those of the panel, so that only holes are missing.
        newest_closed: The newest session that has closed; later bars are of the future. None does not check.

    Returns:
        The findings in the order of ticker, session and kind, and which bars are quarantined.
    """
    findings = [
        *_missing(told, expected),
        *_future(told, newest_closed),
        *_outside(told),
        *_volume(told),
        *_stale(told),
        *check_levels(told),
        *check_dividends(told),
    ]
    findings.sort(key=lambda one: (one.ticker, one.sessions[0], one.kind))
    return Report(tuple(findings), _quarantine(told, findings))


def _quarantine(told: Told, findings: list[Finding]) -> BoolArray:
    row = {session: i for i, session in enumerate(told.panel.sessions)}
    column = {ticker: i for i, ticker in enumerate(told.panel.tickers)}
    out = np.zeros(told.panel.close.shape, dtype=np.bool_)
    for one in findings:
        if one.kind is not Kind.MISSING:
            out[[row[session] for session in one.sessions], column[one.ticker]] = True
    return out


def _missing(told: Told, expected: Collection[date] | None) -> Iterator[Finding]:
    panel = told.panel
    absent = sorted(set(expected or ()) - set(panel.sessions))
    known = ~np.isnan(panel.close)
    for column, ticker in enumerate(panel.tickers):
        rows = np.flatnonzero(known[:, column])
        if not rows.size:
            continue
        first, last = panel.sessions[rows[0]], panel.sessions[rows[-1]]
        holes = np.flatnonzero(~known[rows[0] : rows[-1], column]) + rows[0]
        days = sorted({panel.sessions[row] for row in holes} | {day for day in absent if first < day < last})
        if days:
            evidence = f"{len(days)} sessions without a close between {first} and {last}"
            yield Finding(ticker, tuple(days), Kind.MISSING, evidence, "ask the provider again")


def _future(told: Told, newest_closed: date | None) -> Iterator[Finding]:
    if newest_closed is None:
        return
    later = np.array([day > newest_closed for day in told.panel.sessions], dtype=np.bool_)
    bad = later[:, None] & ~np.isnan(told.panel.close)
    yield from _each(
        told,
        bad,
        Kind.FUTURE,
        lambda _row, _column: f"the newest session that has closed is {newest_closed}",
        "drop the bar; check the clock and the time zone",
    )


def _outside(told: Told) -> Iterator[Finding]:
    panel = told.panel
    low, high = panel.low * (1.0 - OUTSIDE), panel.high * (1.0 + OUTSIDE)
    with np.errstate(invalid="ignore"):
        bad = (panel.low > panel.high * (1.0 + OUTSIDE)) | (panel.close < low) | (panel.close > high)
        bad |= (panel.open < low) | (panel.open > high)

    def evidence(row: int, column: int) -> str:
        o, h, lo, c = (float(told.field(name)[row, column]) for name in ("open", "high", "low", "close"))
        return f"open {o:.6g} and close {c:.6g} outside low {lo:.6g} to high {h:.6g}"

    yield from _each(told, bad, Kind.OUTSIDE, evidence, "ask another provider for the bar")


def _volume(told: Told) -> Iterator[Finding]:
    volume = told.panel.volume
    known = ~np.isnan(told.panel.close) & ~np.isnan(volume)
    traded = (known & (volume > 0)).sum(axis=0)
    usual = traded >= TRADED * np.maximum(known.sum(axis=0), 1)
    bad = known & (volume == 0) & usual
    yield from _each(
        told,
        bad,
        Kind.NO_VOLUME,
        lambda _row, column: (
            f"no share traded; {traded[column] / known[:, column].sum():.1%} of the bars have volume"
        ),
        "keep the price unknown: nothing traded, or the bar is not complete yet",
    )


def _stale(told: Told) -> Iterator[Finding]:
    """Runs of bars whose four prices are those of the bar before."""
    prices = np.stack([told.field(name) for name in ("open", "high", "low", "close")])
    same = np.zeros(told.panel.close.shape, dtype=np.bool_)
    same[1:] = (prices[:, 1:] == prices[:, :-1]).all(axis=0)
    for column in np.flatnonzero(same.sum(axis=0) >= STALE_SESSIONS - 1):
        edges = np.flatnonzero(np.diff(np.concatenate(([0], same[:, column].astype(int), [0]))))
        for start, stop in edges.reshape(-1, 2).tolist():
            if stop - start >= STALE_SESSIONS - 1:
                yield Finding(
                    told.panel.tickers[column],
                    told.panel.sessions[start:stop],
                    Kind.STALE,
                    f"{stop - start + 1} bars in a row have the prices {_bar(prices[:, start, column])}",
                    "keep them unknown until the price moves; ask another provider",
                )


def _bar(prices: FloatArray) -> str:
    return " ".join(f"{price:.6g}" for price in prices)


def _each(told: Told, bad: BoolArray, kind: Kind, evidence: Evidence, repair: str) -> Iterator[Finding]:
    for row, column in np.argwhere(bad).tolist():
        session, ticker = told.panel.sessions[row], told.panel.tickers[column]
        yield Finding(ticker, (session,), kind, evidence(row, column), repair)
