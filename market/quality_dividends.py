"""Dividends: whether what is told, what `adj_close` holds and how far the price fell agree.

At the first session without the dividend the price falls by about the amount. Told amount and adjustment that
differ are judged by that fall, over all of a ticker's dividends of like size together, as one alone says
little; of two that explain the fall alike the more usual yield is believed. Steps of `adj_close` in units of
`close` are `1 - dividend / close before` (CRSP's method).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Final

import numpy as np

from market.panel import FloatArray
from market.quality_finding import Finding, Kind, Told

AGREE: Final = 1.25
"""Factor within which told and adjusted yield agree, and within which two amounts are alike."""

LIKE: Final = 3.0
"""Factor within which dividends of a ticker are judged together."""

LEAST_YIELD: Final = 0.001
"""Difference between two yields below which it does not matter which is right."""

USUAL: Final = (0.001, 0.15)
"""Yields of one payment that nobody wonders about."""

UNUSUAL: Final = 3.0
"""Log-likelihood by which an unusual yield is less credible."""

CLEAR: Final = 4.0
"""Log-likelihood by which another amount must explain the falls better before it is believed."""

POOR: Final = 3.0
"""Mean distance of the falls from an amount, in spreads, at which it explains nothing either."""

NEAR_SESSIONS: Final = 5
"""Sessions within which two like dividends are perhaps one."""

LEAST_SD: Final = 0.005
FEW_MOVES: Final = 20
FEW_SD: Final = 0.02
"""Spread taken where fewer moves than that are known."""


@dataclass(frozen=True, slots=True)
class Course:
    """One ticker's prices.

    Attributes:
        ticker: Which one.
        sessions: The panel's.
        close: NaN where unknown, shape (sessions,).
        ratio: adj_close over close, shape (sessions,).
        falls: Log by which the open and the close fell since the last known close, shape (2, sessions).
        spreads: The usual size of either, shape (2,).
    """

    ticker: str
    sessions: tuple[date, ...]
    close: FloatArray
    ratio: FloatArray
    falls: FloatArray
    spreads: FloatArray


@dataclass(frozen=True, slots=True)
class Paid:
    """One dividend.

    Attributes:
        row: Its row in the panel.
        session: Its session.
        told: Told amount over the close before.
        adjusted: The same as `adj_close` holds it, in this session or, where a provider is late, in the next.
        falls: Log by which the open and the close fell, shape (2,); NaN where the price did not move at all.
    """

    row: int
    session: date
    told: float
    adjusted: float
    falls: FloatArray


def check_dividends(told: Told) -> Iterator[Finding]:
    """Find dividends that are told in a wrong amount, twice, or not adjusted for."""
    for column in range(len(told.panel.tickers)):
        course = _course(told, column)
        if told.dividends is None:
            yield from _untold(course)
            continue
        paid = tuple(_paid(course, told.dividends[:, column]))
        doubled = tuple(_doubled(course, paid))
        rows = {one.row for one in doubled}
        yield from (_twice(course, one) for one in doubled)
        for group in _groups([one for one in paid if one.row not in rows]):
            yield from _judge(course, group)


def _course(told: Told, column: int) -> Course:
    open_, close = told.panel.open[:, column], told.panel.close[:, column]
    falls = np.full((2, len(close)), np.nan)
    rows = np.flatnonzero(close > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = told.panel.adj_close[:, column] / close
        before = np.log(close[rows[:-1]])
        falls[0, rows[1:]] = before - np.log(open_[rows[1:]])
        falls[1, rows[1:]] = before - np.log(close[rows[1:]])
    spreads = np.array([_spread(fall) for fall in falls])
    return Course(told.panel.tickers[column], told.panel.sessions, close, ratio, falls, spreads)


def _spread(fall: FloatArray) -> float:
    moves = np.abs(fall[np.isfinite(fall) & (fall != 0)])
    least = LEAST_SD if moves.size >= FEW_MOVES else FEW_SD
    return max(least, 1.4826 * float(np.median(moves))) if moves.size else least


def _paid(course: Course, dividends: FloatArray) -> Iterator[Paid]:
    known = np.flatnonzero(course.close > 0)
    for row in np.flatnonzero(dividends > 0).tolist():
        place = int(np.searchsorted(known, row))
        if place in (0, known.size):
            continue
        before, at = known[place - 1], known[place]
        amount = float(dividends[row] / course.close[before])
        adjusted = 1.0 - float(course.ratio[before] / course.ratio[at])
        if place + 1 < known.size:
            later = 1.0 - float(course.ratio[at] / course.ratio[known[place + 1]])
            if _agree(amount, later) and not _agree(amount, adjusted):
                adjusted = later
        falls = course.falls[:, at]
        still = np.full(2, np.nan)
        yield Paid(row, course.sessions[row], amount, adjusted, falls if falls.any() else still)


def _doubled(course: Course, paid: tuple[Paid, ...]) -> Iterator[Paid]:
    """The later of two like dividends so near that the price fell for one of them only."""
    for first, second in pairwise(paid):
        if second.row - first.row > NEAR_SESSIONS or not _like(first.told, second.told, AGREE):
            continue
        fell = np.nansum([first.falls, second.falls], axis=0)
        once, twice = _log_fall(first.told), _log_fall(first.told) + _log_fall(second.told)
        if _loss(fell - twice, course.spreads) > _loss(fell - once, course.spreads):
            yield second


def _groups(paid: list[Paid]) -> Iterator[list[Paid]]:
    """Put dividends of like size together, largest first."""
    rest = sorted(paid, key=lambda one: -one.told)
    while rest:
        group = [one for one in rest if _like(one.told, rest[0].told, LIKE)]
        rest = [one for one in rest if one not in group]
        yield sorted(group, key=lambda one: one.row)


def _judge(course: Course, group: list[Paid]) -> Iterator[Finding]:
    differ = [one for one in group if not _agree(one.told, one.adjusted)]
    if differ:
        doubt = UNUSUAL * float(np.sqrt(len(differ)))  # one of the two is wrong, again and again
        as_told = _credit(course, differ, [one.told for one in differ], doubt)
        as_adjusted = _credit(course, differ, [one.adjusted for one in differ], doubt)
        for one in differ:
            wrong = _amount(course, one, one.adjusted) if as_adjusted > as_told else _unadjusted(course, one)
            yield wrong
    agree = [one for one in group if _agree(one.told, one.adjusted)]
    if agree:
        believed = _credit(course, agree, [one.told for one in agree])
        poor = -len(agree) * _loss(POOR * course.spreads, course.spreads)
        for factor in (0.01, 100.0):
            yields = [factor * one.told for one in agree]
            if max(yields) < 0.5 and _credit(course, agree, yields) > max(believed + CLEAR, poor):
                yield from (_amount(course, one, factor * one.told) for one in agree)


def _credit(course: Course, paid: list[Paid], yields: list[float], doubt: float = UNUSUAL) -> float:
    """Return how well yields explain the falls, as a log-likelihood, less the doubt about unusual ones."""
    credit = 0.0
    for one, size in zip(paid, yields, strict=True):
        credit -= _loss(one.falls - _log_fall(size), course.spreads)
    usual = all(USUAL[0] <= size <= USUAL[1] for size in yields)
    return credit - (0.0 if usual else doubt)


def _loss(gaps: FloatArray, spreads: FloatArray) -> float:
    """Mean minus log-likelihood of the gaps at open and close, Student's t with 4 degrees of freedom."""
    losses = 2.5 * np.log1p((gaps / spreads) ** 2 / 4.0)
    return float(np.nanmean(losses)) if np.isfinite(losses).any() else 0.0


def _log_fall(size: float) -> float:
    return float(-np.log1p(-min(max(size, -0.9), 0.9)))


def _agree(told: float, adjusted: float) -> bool:
    return abs(told - adjusted) < LEAST_YIELD * 0.5 or _like(told, adjusted, AGREE)


def _like(first: float, second: float, factor: float) -> bool:
    return first > 0 and second > 0 and 1 / factor <= first / second <= factor


def _untold(course: Course) -> Iterator[Finding]:
    """Find steps of `adj_close` that no dividend makes: backwards, or so large that the price shows it."""
    rows = np.flatnonzero(np.isfinite(course.ratio))
    sizes = 1.0 - course.ratio[rows[:-1]] / course.ratio[rows[1:]] if rows.size > 1 else np.empty(0)
    fall, spread = course.falls[1], float(course.spreads[1])
    for row, size in zip(rows[1:].tolist(), sizes.tolist(), strict=True):
        wanted = _log_fall(size)
        unseen = size > USUAL[1] and fall[row] < wanted / 3 and wanted - fall[row] > 4 * spread
        if size < -LEAST_YIELD or unseen:
            fell = 1 - np.exp(-fall[row])
            evidence = f"adj_close holds a dividend of {size:.2%}, the price fell by {fell:.2%}"
            repair = "ask another provider for adj_close"
            yield Finding(course.ticker, (course.sessions[row],), Kind.DIVIDEND_AMOUNT, evidence, repair)


def _evidence(one: Paid) -> str:
    fell = "did not move"
    if np.isfinite(one.falls).any():
        at_open, at_close = (1.0 - np.exp(-one.falls)).tolist()
        fell = f"fell by {at_open:.2%} at the open and {at_close:.2%} at the close"
    return f"told {one.told:.3%} of the price, adjusted for {one.adjusted:.3%}, the price {fell}"


def _amount(course: Course, one: Paid, size: float) -> Finding:
    repair = f"take {size / one.told:.3g} times the told amount, and adj_close from another provider"
    return Finding(course.ticker, (one.session,), Kind.DIVIDEND_AMOUNT, _evidence(one), repair)


def _unadjusted(course: Course, one: Paid) -> Finding:
    repair = f"multiply adj_close before it by {(1 - one.told) / (1 - one.adjusted):.6g}"
    return Finding(course.ticker, (one.session,), Kind.DIVIDEND_NOT_ADJUSTED, _evidence(one), repair)


def _twice(course: Course, one: Paid) -> Finding:
    evidence = f"{_evidence(one)}; the like of it was told within {NEAR_SESSIONS} sessions before"
    repair = f"drop one of the two, and divide adj_close before it by {1 - one.adjusted:.6g}"
    return Finding(course.ticker, (one.session,), Kind.DIVIDEND_DOUBLED, evidence, repair)
