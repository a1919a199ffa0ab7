"""FINRA's daily short-volume files: what was traded off exchange and how much of it was sold short.

The consolidated file (CNMS) of a session is posted by 18:00 New York time: before that the session's figures
are unknown. They count raw shares of that day, while a panel's volume is split-adjusted: without the later
splits of a ticker its share is off by their ratio, and nothing in the number shows it. So a ticker whose
splits are not told is unknown. Off-exchange means dark pools and wholesalers alike; the short part is mostly
market makers' selling to buyers and not short interest (FINRA, "Understanding Short Sale Volume Data").
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from market.observations import Observation
from market.panel import FloatArray, Panel
from market.splits import Splits, shares_since

NEW_YORK: Final = ZoneInfo("America/New_York")
POSTED: Final = time(18)
"""By then the file of the day is there."""

HEADER: Final = ("Date", "Symbol", "ShortVolume", "ShortExemptVolume", "TotalVolume", "Market")


class ShortVolumeError(ValueError):
    """A file is not a daily short-volume file; the text names the file, the line and the value."""


@dataclass(frozen=True, slots=True)
class ShortVolume:
    """One session's file.

    Attributes:
        session: Its session.
        tickers: In the house's spelling (`BRK-B`), in the order of the file.
        short: Shares sold short off exchange, raw, shape (tickers,).
        total: Shares traded off exchange, raw, shape (tickers,).
    """

    session: date
    tickers: tuple[str, ...]
    short: FloatArray
    total: FloatArray


def read_short_volume(path: Path) -> ShortVolume:
    """Read a daily file, `.txt` or `.txt.gz`, as FINRA posts it.

    Raises:
        ShortVolumeError: It cannot be read, a line is at fault, or lines are missing at its end.
    """
    path = Path(path)
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except FileNotFoundError as error:
        raise ShortVolumeError(f"{path}: there is no such file; check the path") from error
    except (OSError, EOFError, zlib.error) as error:
        raise ShortVolumeError(f"{path}: cannot be read: {error}; fetch it again") from error
    return parse_short_volume(str(path), raw)


def parse_short_volume(name: str, raw: bytes) -> ShortVolume:
    """Read what a daily file holds.

    Args:
        name: Where it is from, for messages.
        raw: Its bytes.

    Raises:
        ShortVolumeError: It is no text, a line is at fault, or lines are missing at its end.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise ShortVolumeError(f"{name}: cannot be read: {error}; fetch it again") from error
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines or tuple(lines[0].split("|")) != HEADER:
        found = lines[0][:60] if lines else "nothing"
        raise ShortVolumeError(f"{name}: line 1 is {found!r}, not {'|'.join(HEADER)}; is it a daily file?")
    if len(lines) < 2 or "|" in lines[-1] or not lines[-1].isdecimal():
        raise ShortVolumeError(
            f"{name}: the last line is no count of records: it was cut off; fetch it again"
        )
    if int(lines[-1]) != len(lines) - 2:
        raise ShortVolumeError(
            f"{name}: {len(lines) - 2} records, the last line says {lines[-1]}; fetch it again"
        )
    rows = [_row(name, place, line) for place, line in enumerate(lines[1:-1], start=2)]
    if not rows:
        raise ShortVolumeError(f"{name}: no records; the exchange was closed, or fetch it again")
    days = {row[0] for row in rows}
    if len(days) > 1:
        raise ShortVolumeError(f"{name}: records of {min(days)} and {max(days)}; a file holds one session")
    tickers = tuple(row[1] for row in rows)
    if len(set(tickers)) < len(tickers):
        doubled = next(ticker for ticker in tickers if tickers.count(ticker) > 1)
        raise ShortVolumeError(f"{name}: {doubled} occurs twice; fetch it again")
    short, total = np.array([row[2:] for row in rows]).T
    return ShortVolume(days.pop(), tickers, short, total)


def file_name(session: date) -> str:
    """Return what FINRA calls the consolidated file of a session."""
    return f"CNMSshvol{session:%Y%m%d}.txt"


def known_at(session: date) -> datetime:
    """Return the instant from which a session's file is exact: 18:00 New York time."""
    return datetime.combine(session, POSTED, NEW_YORK)


def observe(files: Iterable[ShortVolume], tickers: Sequence[str], field: str) -> Iterator[Observation]:
    """Tell the raw shares of some tickers with their two times, for joins by what was known.

    Args:
        files: In any order.
        tickers: Which ones.
        field: `short` or `total`.
    """
    for one in files:
        place = {ticker: i for i, ticker in enumerate(one.tickers)}
        values: FloatArray = getattr(one, field)
        known = known_at(one.session)
        event = datetime.combine(one.session, time(16), NEW_YORK)
        for ticker in tickers:
            if ticker in place:
                yield Observation(ticker, event, known, float(values[place[ticker]]))


@dataclass(frozen=True, slots=True)
class OffExchange:
    """Off-exchange trading in the shares of a panel, each of shape (sessions, tickers), NaN where unknown.

    Attributes:
        total: Shares traded off exchange.
        short: Those sold short of them.
        impossible: (ticker, session) where more was traded off exchange than in all: left unknown. A split is
            missing, or told wrong.
    """

    total: FloatArray
    short: FloatArray
    impossible: tuple[tuple[str, date], ...]


def off_exchange(
    files: Iterable[ShortVolume], panel: Panel, splits: Splits, *, now: datetime | None = None
) -> OffExchange:
    """Bring files into the shares of a panel, which are those after all its splits.

    Args:
        files: In any order; sessions that the panel lacks are left out.
        panel: Its volume, split-adjusted, and its tickers.
        splits: Of each ticker, all splits up to the day on which the panel was told. A ticker that is not in
            it stays unknown.
        now: Files not posted by then stay unknown; None takes all.
    """
    row = {session: i for i, session in enumerate(panel.sessions)}
    total, short = (np.full(panel.close.shape, np.nan) for _ in range(2))
    for one in files:
        if one.session not in row or (now is not None and known_at(one.session) > now):
            continue
        place = {ticker: i for i, ticker in enumerate(one.tickers)}
        for column, ticker in enumerate(panel.tickers):
            if ticker in place and ticker in splits:
                factor = shares_since(splits[ticker], one.session)
                total[row[one.session], column] = one.total[place[ticker]] * factor
                short[row[one.session], column] = one.short[place[ticker]] * factor
    beyond = total > panel.volume
    impossible = tuple(
        (panel.tickers[column], panel.sessions[at]) for at, column in np.argwhere(beyond).tolist()
    )
    total[beyond] = short[beyond] = np.nan
    return OffExchange(total, short, impossible)


def _row(name: str, place: int, line: str) -> tuple[date, str, float, float]:
    parts = line.split("|")
    if len(parts) != len(HEADER):
        raise ShortVolumeError(
            f"{name}: line {place} has {len(parts)} values, not {len(HEADER)}: {line[:60]!r}"
        )
    try:
        session = _day(parts[0])
    except ValueError as error:
        raise ShortVolumeError(f"{name}: line {place}: {parts[0]!r} is no date as in 20201231") from error
    if not parts[1]:
        raise ShortVolumeError(f"{name}: line {place} has no symbol")
    short, total = (_shares(name, place, parts[at]) for at in (2, 4))
    if short > total:
        raise ShortVolumeError(f"{name}: line {place}: {short:g} shares short of {total:g} in all")
    return session, parts[1].replace("/", "-"), short, total


def _shares(name: str, place: int, text: str) -> float:
    try:
        shares = float(text)
    except ValueError:
        shares = math.nan
    if not (math.isfinite(shares) and shares >= 0):
        raise ShortVolumeError(f"{name}: line {place}: {text!r} is no number of shares, 0 or more")
    return shares


@cache
def _day(text: str) -> date:
    return datetime.strptime(text, "%Y%m%d").replace(tzinfo=NEW_YORK).date()
