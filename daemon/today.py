"""Today: what the steps of one session have brought so far."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.storage.forecasts import ForecastStore
from daemon.storage.readings import ReadingStore
from daemon.storage.runs import RunStore
from daemon.storage.trading import PAPER, UNGATED, TradingStore
from forecaster.forecast import Forecast
from monitors.reading import Reading
from trading.account import Account, Trade


@dataclass(frozen=True, slots=True)
class Resolved:
    """A forecast whose outcome has become known.

    Attributes:
        ticker: The ticker.
        probability: What was stated for beating the universe's median.
        outcome: 1.0 where it did, else 0.0.
        up: Whether that is what was forecast: at one half by the lean alone.
        regime: The market's regime when it was stated; "" where unknown.
    """

    ticker: str
    probability: float
    outcome: float
    up: bool
    regime: str = ""


@dataclass(frozen=True, slots=True)
class Settled:
    """What the session's open and close did to the books.

    Attributes:
        paper: The paper account at the close.
        ungated: The same with the gate held open.
        before: The paper account at the last close; None before the first.
        trades: Trades the paper account closed, by ticker.
        resolved: The forecasts whose outcome became known, by ticker.
        orders: Orders that were due to be filled.
        failed: How many of them were not.
        anew: Whether a lift starts the drawdown and the monitors' bets anew.
        return_: Equity's change since the last close, a fraction; None where nothing was held in between.
    """

    paper: Account
    ungated: Account
    before: Account | None
    trades: tuple[Trade, ...]
    resolved: tuple[Resolved, ...]
    orders: int
    failed: int
    anew: bool
    return_: float | None


@dataclass(slots=True)
class Today:
    """Results that later steps of the same session read; each is what the store holds, no more.

    Attributes:
        session: The session.
        forecasts: The forecasts made at its close.
        settled: What happened to the books.
        readings: The readings taken, by metric and subject.
        posted: Messages written to the outbox by this process.
    """

    session: date
    forecasts: tuple[Forecast, ...] = ()
    settled: Settled | None = None
    readings: tuple[Reading, ...] = ()
    posted: int = 0

    @classmethod
    async def recall(cls, connection: AsyncConnection, session: date, done: Set[str]) -> Today:
        """Read back what the steps that the ledger holds have brought."""
        today = cls(session)
        if "forecast" in done:
            today.forecasts = await ForecastStore(connection).of(session)
        if "settle" in done:
            store = TradingStore(connection)
            counts = await RunStore(connection).result("settle", session)
            today.settled = Settled(
                paper=await store.account_at(PAPER, session),
                ungated=await store.account_at(UNGATED, session),
                before=await store.account_before(PAPER, session),
                trades=await store.closed_on(session),
                resolved=tuple(
                    Resolved(*found) for found in await ForecastStore(connection).resolved_on(session)
                ),
                orders=counts["orders"],
                failed=counts["failed"],
                anew=counts["anew"],
                return_=counts["return"],
            )
        if "monitor" in done:
            today.readings = await ReadingStore(connection).of(session)
        return today
