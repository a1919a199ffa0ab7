"""The universe: which tickers are looked at, and of which sector.

The universe that ships with the project is a list of today's names: a history over it leaves out those that
failed meanwhile. Point-in-time membership (`market.membership`) tells who belonged on each session.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from market.fact_table import UniverseError, read_text, rows_of, ticker_of

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
        name, text = str(path), read_text(path)
    members = []
    for row, (ticker, company, sector) in rows_of(name, text, ("ticker", "name", "sector")):
        if sector not in SECTORS:
            raise UniverseError(f"{name}: row {row}: sector {sector!r} is none of {', '.join(SECTORS)}")
        members.append(Member(ticker_of(name, row, ticker), company, sector))
    tickers = [member.ticker for member in members]
    if len(set(tickers)) < len(tickers):
        doubled = next(ticker for ticker in tickers if tickers.count(ticker) > 1)
        raise UniverseError(f"{name}: {doubled} occurs twice; keep one row")
    return tuple(members)
