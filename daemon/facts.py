"""The facts: what one session tells the monitors, gathered from the memory and the books."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import numpy as np

from daemon.configuration.settings import Settings
from daemon.memory import Memory
from daemon.references import compared
from daemon.today import Resolved, Settled
from market.panel import FloatArray
from monitors.live import Live
from monitors.watch import DEFAULTS, Facts, WatchSettings
from trading.account import Account


def watch_settings(settings: Settings) -> WatchSettings:
    """Return the monitors' limits: the classic ones, and what the configuration says of them."""
    return replace(
        DEFAULTS,
        horizon=settings.forecast.horizon_sessions,
        false_alarms_per_year=settings.monitors.false_alarms_per_year,
    )


def make_facts(
    memory: Memory, settings: Settings, session: date, settled: Settled, live: Live | None
) -> Facts:
    """Gather a session's facts.

    Args:
        memory: Up to the session.
        settings: The window's length and the tickers' sectors.
        session: The session.
        settled: What its open and close did to the books.
        live: What the observer saw; None in a replay.
    """
    window, reference = compared(memory, settings.monitors)
    looks = begins_week(memory.before(session), session)
    return Facts(
        session=session,
        features=window,
        reference=reference.drift if reference else None,
        trade_returns=np.array([trade.return_ for trade in settled.trades]),
        probabilities=np.array([one.probability for one in settled.resolved]),
        outcomes=np.array([one.outcome for one in settled.resolved]),
        said_up=np.array([one.up for one in settled.resolved], dtype=np.bool_),
        equity=settled.paper.equity,
        peak=settled.paper.peak,
        equity_return=float("nan") if settled.return_ is None else settled.return_,
        orders=settled.orders,
        failed_orders=settled.failed,
        bars_expected=len(memory.tickers),
        bars_missing=len(memory.tickers) - len(memory.prices(session, "close")),
        labels=_labels(settled.resolved, settings.market.sector_of()),
        weights=_weights(settled.before, settled.paper),
        joint=reference.joint if reference and looks else None,
        live=live,
    )


def begins_week(before: date | None, session: date) -> bool:
    """Whether a session is the first of its week: in it the multivariate check looks."""
    return before is None or before.isocalendar()[:2] != session.isocalendar()[:2]


def _labels(
    resolved: tuple[Resolved, ...], sectors: Mapping[str, str]
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the sector and the regime of each resolved forecast."""
    return (
        ("sector", tuple(sectors.get(one.ticker, "") for one in resolved)),
        ("regime", tuple(one.regime for one in resolved)),
    )


def _weights(before: Account | None, after: Account) -> FloatArray:
    """Return the share of equity in each ticker and in cash at two closes; no row before the first."""
    if before is None:
        return np.empty((0, 0))
    held = {position.ticker for account in (before, after) for position in account.positions}
    return np.array([_shares(account, sorted(held)) for account in (before, after)])


def _shares(account: Account, tickers: list[str]) -> list[float]:
    if account.equity <= 0:
        return [float("nan")] * (len(tickers) + 1)
    values = {position.ticker: position.shares * position.mark for position in account.positions}
    return [value / account.equity for value in (*(values.get(t, 0.0) for t in tickers), account.cash)]
