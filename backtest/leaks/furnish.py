"""Furnishing: what daily bars do not hold is made up, so that every feature has something to read.

The suite asks what code reads, not what it says: random walks serve as well as bitcoin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from backtest.leaks.record import CLOSE, Join, Record, no_series, rebuilt
from market.filings_links import EXPIRES, Links
from market.membership import Membership, Spell
from market.observations import Observation
from market.panel import FIELDS, FloatArray, Panel

SECTORS: Final = ("Energy", "Financials", "Materials")
FUND: Final = "made-up fund of "
QUARTER: Final = 63
REPORTED: Final = timedelta(days=40)
REVISED: Final = timedelta(days=130)


@dataclass(frozen=True, slots=True)
class Funds:
    """Joins what another join gives, and each sector's fund from its column of the panel."""

    join: Join

    def __call__(self, panel: Panel) -> Mapping[str, FloatArray]:
        """Return the series by name."""
        places = {name: i for i, name in enumerate(panel.tickers)}
        funds = {sector: panel.adj_close[:, places[FUND + sector]] for sector in SECTORS}
        return dict(self.join(panel)) | funds


def furnished(
    panel: Panel,
    universe: tuple[str, ...],
    benchmark: str = "",
    *,
    join: Join = no_series,
    wanted: Sequence[str] = (),
    late: frozenset[str] = frozenset(),
    seed: int = 20261122,
) -> tuple[Record, tuple[str, ...]]:
    """Make a record of daily bars and make up what they lack.

    Args:
        panel: The bars.
        universe: The tickers that have values.
        benchmark: The market's ticker.
        join: How the market-wide series are read from the panel.
        wanted: Tickers of these series; those that the panel lacks become random walks.
        late: Those of them whose bar is known only after the stock market's close.
        seed: Of what is made up.

    Returns:
        The record, and in words what of it is made up.
    """
    rng = np.random.default_rng(seed)
    absent = tuple(name for name in wanted if name not in panel.tickers)
    panel = _with_walks(panel, (*absent, *(FUND + sector for sector in SECTORS)), rng)
    sectors = {ticker: SECTORS[i % len(SECTORS)] for i, ticker in enumerate(universe)}
    bare = Record(panel, universe, benchmark, Funds(join), late, sectors).with_known_sessions()
    record = replace(
        bare,
        extras=_extras(bare.stocks, rng),
        reports=_reports(bare, rng),
        links=_links(bare),
        membership=_membership(bare, rng),
    )
    made_up = (
        "sectors",
        "sector funds",
        "shares traded off exchange, short and after hours",
        "customers' returns",
    )
    return record, (*absent, *made_up, "reported figures", "index membership")


def _with_walks(panel: Panel, names: Sequence[str], rng: np.random.Generator) -> Panel:
    shape = (len(panel.sessions), len(names))
    close = 50.0 * np.exp(np.cumsum(0.01 * rng.standard_normal(shape), axis=0))
    more = dict.fromkeys(FIELDS, close) | {"volume": np.full(shape, 1e6)}
    wide = Panel(panel.sessions, (*panel.tickers, *names), *(_beside(panel, more, name) for name in FIELDS))
    return rebuilt(wide, {name: getattr(wide, name) for name in FIELDS})


def _beside(panel: Panel, more: Mapping[str, FloatArray], name: str) -> FloatArray:
    return np.concatenate([getattr(panel, name), more[name]], axis=1)


def _extras(stocks: Panel, rng: np.random.Generator) -> dict[str, FloatArray]:
    shape = stocks.volume.shape
    off_exchange = rng.uniform(0.2, 0.6, shape)
    return {
        "off_exchange": off_exchange,
        "short": off_exchange * rng.uniform(0.3, 0.6, shape),
        "premarket": rng.uniform(0.0, 0.05, shape),
        "postmarket": rng.uniform(0.0, 0.08, shape),
        "customer_return": 0.01 * rng.standard_normal(shape),
    }


def _reports(record: Record, rng: np.random.Generator) -> tuple[Observation, ...]:
    """A figure a quarter and ticker, known 40 days later and revised 130 days later."""
    out = []
    for day in record.panel.sessions[::QUARTER]:
        event = datetime.combine(day, CLOSE)
        for ticker in record.universe:
            first, revised = rng.normal(1.0, 0.2, 2).tolist()
            out.append(Observation(ticker, event, event + REPORTED, first))
            out.append(Observation(ticker, event, event + REVISED, revised))
    return tuple(out)


def _links(record: Record) -> tuple[Links, ...]:
    """A report of each ticker every other quarter, each naming another customer than the one before."""
    n = len(record.universe)
    return tuple(
        Links(ticker, {record.universe[(i + 1 + turn % (n - 1)) % n]: 0.3}, 1, known, known + EXPIRES)
        for turn, day in enumerate(record.panel.sessions[:: 2 * QUARTER])
        for i, ticker in enumerate(record.universe if n > 1 else ())
        for known in (datetime.combine(day, CLOSE) + timedelta(days=i % 7),)
    )


def _membership(record: Record, rng: np.random.Generator) -> Membership:
    """All belong at first; half leave at some time, and some of these come back."""
    sessions = record.panel.sessions
    n, spells = len(sessions), []
    for i, ticker in enumerate(record.universe):
        if i % 2 == 0:
            spells.append(Spell(ticker, sessions[0], None))
            continue
        out, back = sorted(rng.choice(np.arange(n // 3, n), 2, replace=False).tolist())
        spells.append(Spell(ticker, sessions[0], sessions[out]))
        if i % 4 == 1:
            spells.append(Spell(ticker, sessions[back], None))
    return Membership(tuple(spells))
