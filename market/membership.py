"""Point-in-time membership: who belonged to a universe when."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from market.fact_table import UniverseError, read_text, rows_of, ticker_of


@dataclass(frozen=True, slots=True)
class Spell:
    """One stay in a universe.

    Attributes:
        ticker: As `BRK-B`.
        start: The first session of it.
        end: The first day on which it no longer belongs; None while it does.
    """

    ticker: str
    start: date
    end: date | None

    def covers(self, day: date) -> bool:
        """Whether it belongs on a day."""
        return self.start <= day and (self.end is None or day < self.end)


@dataclass(frozen=True, slots=True)
class Membership:
    """Who belonged when.

    Attributes:
        spells: In the order of ticker and start; a ticker's do not overlap.
    """

    spells: tuple[Spell, ...]

    def members(self, day: date) -> tuple[str, ...]:
        """Return who belongs on a day, in ascending order."""
        return tuple(sorted(spell.ticker for spell in self.spells if spell.covers(day)))

    def mask(self, sessions: Sequence[date], tickers: Sequence[str]) -> NDArray[np.bool_]:
        """Say of each session, ascending, and ticker whether it belongs, shape (sessions, tickers)."""
        out = np.zeros((len(sessions), len(tickers)), dtype=np.bool_)
        column = {ticker: i for i, ticker in enumerate(tickers)}
        for spell in self.spells:
            if spell.ticker in column:
                out[_place(sessions, spell.start) : _place(sessions, spell.end), column[spell.ticker]] = True
        return out

    def coverage(self, sessions: Sequence[date], known: Iterable[str]) -> dict[int, float]:
        """Return by year the share of memberships, counted in sessions, of tickers whose prices are known.

        The rest is what survivorship leaves out; a year without a member is NaN.

        Args:
            sessions: Ascending.
            known: Tickers with prices.
        """
        everyone = sorted({spell.ticker for spell in self.spells})
        mask = self.mask(sessions, everyone)
        there = np.isin(everyone, sorted(known))
        years = np.array([day.year for day in sessions])
        out = {}
        for year in sorted({day.year for day in sessions}):
            rows = mask[years == year]
            total = int(rows.sum())
            out[year] = float(rows[:, there].sum()) / total if total else float("nan")
        return out


def read_membership(path: Path) -> Membership:
    """Read stays, a CSV with the columns `ticker`, `start_date` and `end_date`; an empty end goes on.

    Tickers written with a point (`BRK.B`) are read as `BRK-B`.

    Raises:
        UniverseError: The file or a row is at fault, or two stays of a ticker overlap.
    """
    name = str(path)
    spells = []
    for row, (ticker, start, end) in rows_of(name, read_text(path), ("ticker", "start_date", "end_date")):
        first = _day(name, row, "start_date", start)
        last = _day(name, row, "end_date", end) if end else None
        if last is not None and last <= first:
            raise UniverseError(f"{name}: row {row}: {ticker} ends on {last}, not after it starts on {first}")
        spells.append(Spell(ticker_of(name, row, ticker), first, last))
    spells.sort(key=lambda spell: (spell.ticker, spell.start))
    for before, after in pairwise(spells):
        if before.ticker == after.ticker and (before.end is None or after.start < before.end):
            raise UniverseError(
                f"{name}: {after.ticker} starts on {after.start} while its stay since {before.start} lasts; "
                "correct one of the rows"
            )
    return Membership(tuple(spells))


def _place(sessions: Sequence[date], day: date | None) -> int:
    """Return how many sessions lie before a day, all of them before None."""
    return len(sessions) if day is None else bisect_left(sessions, day)


def _day(name: str, row: int, column: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UniverseError(
            f"{name}: row {row}, column {column!r}: {text!r} is no date as in 2024-01-31"
        ) from error
