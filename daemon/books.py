"""The books: the paper account behind the gate, and beside it the same account with the gate held open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.configuration.settings import ForecastSettings, TradingSettings
from daemon.storage.gates import GateStore
from daemon.storage.trading import PAPER, UNGATED, TradingStore
from daemon.today import Settled
from trading.account import Costs, Order, open_account, reset_peak, settle
from trading.gate import GateState, permits
from trading.sizing import Limits, View, plan

Prices = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Books:
    """Settles and orders for both books inside the caller's transaction."""

    cash: float
    costs: Costs
    limits: Limits

    @classmethod
    def of(cls, trading: TradingSettings, forecast: ForecastSettings) -> Books:
        """Build from the settings."""
        limits = Limits(
            min_confidence=trading.min_confidence,
            target_volatility=trading.target_volatility,
            max_weight=trading.max_weight,
            max_gross=trading.max_gross,
            horizon=forecast.horizon_sessions,
            max_hold=trading.max_hold_sessions,
        )
        return cls(trading.cash, Costs(trading.slippage_bp, trading.commission_bp), limits)

    async def settle(
        self,
        connection: AsyncConnection,
        sessions: tuple[date | None, date],
        opens: Prices,
        closes: Prices,
        now: datetime,
    ) -> Settled:
        """Fill the open orders at the session's open, as far as the gate permits, and mark at its close.

        Args:
            connection: The caller's transaction.
            sessions: The session before, whose orders are meant for this open, and the session.
            opens: Open prices by ticker, USD.
            closes: Close prices by ticker, USD.
            now: The instant, aware UTC.
        """
        decided, session = sessions
        store, gates = TradingStore(connection), GateStore(connection)
        gate = await gates.hold(now)
        books = await store.newest_accounts()
        last = books.get(PAPER)
        before = last or open_account(self.cash)
        if gate.lifted:
            before = reset_peak(before)
            await gates.settle_lift(gate)
        allowed = await self._allowed(store, gate.state, decided)
        done = settle(before, allowed, opens, closes, session, self.costs)
        await store.settle(session, done)
        ungated_before = books.get(UNGATED) or open_account(self.cash)
        ungated_orders = await store.ungated_orders(decided)
        ungated = settle(ungated_before, ungated_orders, opens, closes, session, self.costs).account
        await store.add_accounts(session, {PAPER: done.account, UNGATED: ungated})
        return Settled(
            paper=done.account,
            ungated=ungated,
            before=last,
            trades=tuple(sorted(done.trades, key=lambda trade: trade.ticker)),
            resolved=(),
            orders=len(allowed),
            failed=len(done.failed),
            anew=gate.lifted,
            return_=done.account.equity / before.equity - 1.0 if before.positions or done.fills else None,
        )

    async def order(
        self,
        connection: AsyncConnection,
        session: date,
        settled: Settled,
        views: tuple[View, ...],
        now: datetime,
    ) -> int:
        """Write the orders for the next open that the gate permits. Returns how many."""
        store = TradingStore(connection)
        gate = await GateStore(connection).hold(now)
        orders = plan(settled.paper, views, gate, session, self.limits)
        await store.add_orders(orders)
        held_open = replace(gate, state=GateState.ACTIVE)
        await store.set_ungated_orders(session, plan(settled.ungated, views, held_open, session, self.limits))
        return len(orders)

    async def _allowed(
        self, store: TradingStore, state: GateState, decided: date | None
    ) -> tuple[Order, ...]:
        """Return the open orders that may trade at this open and cancel the others."""
        allowed = []
        for order in await store.open_orders():
            if order.session != decided:
                await store.close_orders((order,), "cancelled", "it was meant for an earlier open")
            elif not permits(state, reducing=order.reducing):
                await store.close_orders((order,), "cancelled", f"the gate is {state} at the open")
            else:
                allowed.append(order)
        return tuple(allowed)
