"""Names: which ticker a customer's name in a report stands for.

A name links to a ticker only where a table says so; guessing by likeness would link Apple Inc. to Apple
Hospitality.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from market.fact_table import UniverseError, read_text, rows_of

SUFFIXES: Final = re.compile(
    r"[,.]|\b(?:the|inc|incorporated|corp|corporation|co|company|companies|ltd|limited|llc|plc|lp|sa|ag|nv|"
    r"group|holdings?|stores|and its (?:affiliates|subsidiaries))\b"
)

ALIASES: Final[Mapping[str, str]] = {
    "alphabet": "GOOGL",
    "amazon": "AMZN",
    "amazoncom": "AMZN",
    "amerisourcebergen": "COR",
    "apple": "AAPL",
    "at&t": "T",
    "best buy": "BBY",
    "boeing": "BA",
    "cardinal": "CAH",
    "cardinal health": "CAH",
    "cencora": "COR",
    "costco": "COST",
    "costco wholesale": "COST",
    "cummins": "CMI",
    "dell": "DELL",
    "ford": "F",
    "ford motor": "F",
    "general motors": "GM",
    "google": "GOOGL",
    "home depot": "HD",
    "hp": "HPQ",
    "intel": "INTC",
    "kroger": "KR",
    "lockheed martin": "LMT",
    "lowe's": "LOW",
    "mckesson": "MCK",
    "mckesson hboc": "MCK",
    "meta": "META",
    "meta platforms": "META",
    "microsoft": "MSFT",
    "qualcomm": "QCOM",
    "raytheon": "RTX",
    "target": "TGT",
    "tesla": "TSLA",
    "t-mobile": "TMUS",
    "verizon": "VZ",
    "verizon communications": "VZ",
    "walgreens": "WBA",
    "walmart": "WMT",
    "wal-mart": "WMT",
}
"""Reviewed by hand: the name without its legal form, in small letters, and today's ticker."""


def ticker_of(customer: str, aliases: Mapping[str, str] = ALIASES) -> str:
    """Return a customer's ticker, empty where the table has no such name."""
    return aliases.get(plain(customer), "")


def plain(name: str) -> str:
    """Return a name as the table has it: in small letters and without its legal form."""
    return re.sub(r"\s+", " ", SUFFIXES.sub("", name.lower())).strip(" &")


def read_aliases(path: Path) -> dict[str, str]:
    """Read a table of a person's own, a CSV with the columns `name` and `ticker`, over the shipped one.

    A name is written as reports have it or without its legal form. A row without a ticker takes a shipped
    name out.

    Raises:
        UniverseError: The file or a row is at fault.
    """
    own: dict[str, str] = {}
    for row, (name, ticker) in rows_of(str(path), read_text(path), ("name", "ticker")):
        key, found = plain(name), ticker.upper().replace(".", "-")
        if not key:
            raise UniverseError(f"{path}: row {row}: name {name!r} is empty without its legal form")
        if found and not re.fullmatch(r"[A-Z0-9^=-]+", found):
            raise UniverseError(f"{path}: row {row}: ticker {ticker!r} is none; write it as AAPL or BRK-B")
        if own.setdefault(key, found) != found:
            raise UniverseError(
                f"{path}: row {row}: {name!r} is {found or 'nobody'} here and {own[key] or 'nobody'} before; "
                "keep one row"
            )
    return {**ALIASES, **own}
