"""The universe: which tickers are looked at, of which sector, and since when each belonged to it.

The universe that ships with the project is a list of today's names: a history over it leaves out those that
failed meanwhile. Point-in-time membership tells who belonged on each session.
"""

from __future__ import annotations

import csv
import io
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

SHIPPED: Final = "universe_us.csv"
SECTORS: Final = (
    "Communication Services",
    "Consumer Discretionary",
    "Consumer Staples",
    "Energy",
    "Financials",
    "Health Care",
    "Industrials",
    "Information Technology",
    "Materials",
    "Real Estate",
    "Utilities",
)
"""The eleven sectors of the Global Industry Classification Standard."""


class UniverseError(ValueError):
    """A list cannot be used; the text names the file, the row and the value."""


@dataclass(frozen=True, slots=True)
class Member:
    """One company of a universe.

    Attributes:
        ticker: As `BRK-B`.
        name: Of the company.
        sector: Its GICS sector.
    """

    ticker: str
    name: str
    sector: str


def read_universe(path: Path | None = None) -> tuple[Member, ...]:
    """Read a universe, a CSV with the columns `ticker`, `name` and `sector`; the shipped one by default.

    Raises:
        UniverseError: The file or a row is at fault.
    """
    if path is None:
        name, text = SHIPPED, files("market").joinpath(SHIPPED).read_text(encoding="utf-8")
    else:
        name, text = str(path), _text(path)
    members = []
    for row, (ticker, company, sector) in _rows(name, text, ("ticker", "name", "sector")):
        if sector not in SECTORS:
            raise UniverseError(f"{name}: row {row}: sector {sector!r} is none of {', '.join(SECTORS)}")
        members.append(Member(_ticker(name, row, ticker), company, sector))
    tickers = [member.ticker for member in members]
    if len(set(tickers)) < len(tickers):
        doubled = next(ticker for ticker in tickers if tickers.count(ticker) > 1)
        raise UniverseError(f"{name}: {doubled} occurs twice; keep one row")
    return tuple(members)


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
    for row, (ticker, start, end) in _rows(name, _text(path), ("ticker", "start_date", "end_date")):
        first = _day(name, row, "start_date", start)
        last = _day(name, row, "end_date", end) if end else None
        if last is not None and last <= first:
            raise UniverseError(f"{name}: row {row}: {ticker} ends on {last}, not after it starts on {first}")
        spells.append(Spell(_ticker(name, row, ticker), first, last))
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


def _text(path: Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UniverseError(f"{path}: there is no such file; check the path") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UniverseError(f"{path}: cannot be read as text: {error}") from error


def _rows(name: str, text: str, columns: tuple[str, ...]) -> Iterable[tuple[int, list[str]]]:
    reader = csv.DictReader(io.StringIO(text))
    header = reader.fieldnames or ()
    for column in columns:
        if column not in header:
            raise UniverseError(f"{name}: column {column!r} is missing among {', '.join(header) or 'none'}")
    empty = True
    for place, row in enumerate(reader, start=1):
        empty = False
        yield place, [(row[column] or "").strip() for column in columns]
    if empty:
        raise UniverseError(f"{name}: there are no rows below the header")


def _ticker(name: str, row: int, text: str) -> str:
    if not text:
        raise UniverseError(f"{name}: row {row} has no ticker")
    return text.replace(".", "-")


def _day(name: str, row: int, column: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UniverseError(
            f"{name}: row {row}, column {column!r}: {text!r} is no date as in 2024-01-31"
        ) from error
