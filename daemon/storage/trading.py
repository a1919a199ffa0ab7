"""Orders, fills, trades and accounts as stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date
from typing import Any, Final

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.storage.schema import accounts, fills, orders, trades, ungated_orders
from trading.account import Account, Order, Position, Settlement, Side, Trade

PAPER: Final = "paper"
UNGATED: Final = "ungated"
"""The book that trades as if the gate were always open: what the pauses cost or saved."""


class TradingStore:
    """Reads and writes the books inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add_orders(self, planned: tuple[Order, ...]) -> None:
        """Write orders as open."""
        rows = [
            {**_order_row(order), "session": order.session, "status": "open", "status_reason": ""}
            for order in planned
        ]
        if rows:
            await self._connection.execute(insert(orders), rows)

    async def open_orders(self) -> tuple[Order, ...]:
        """Return the orders that wait for an open."""
        query = select(orders).where(orders.c.status == "open").order_by(orders.c.session, orders.c.ticker)
        return tuple(
            Order(row.session, row.ticker, Side(row.side), row.shares, row.reducing, row.epoch, row.reason)
            for row in await self._connection.execute(query)
        )

    async def close_orders(self, closed: Iterable[Order], status: str, reason: str) -> None:
        """Write what became of open orders."""
        rows = [
            {
                "at_session": order.session,
                "at_ticker": order.ticker,
                "at_side": order.side.value,
                "status": status,
                "status_reason": reason,
            }
            for order in closed
        ]
        if rows:
            await self._connection.execute(
                update(orders).where(
                    orders.c.session == bindparam("at_session"),
                    orders.c.ticker == bindparam("at_ticker"),
                    orders.c.side == bindparam("at_side"),
                    orders.c.status == "open",
                ),
                rows,
            )

    async def settle(self, session: date, done: Settlement) -> None:
        """Write the fills, failures and trades of one session's open."""
        await self.close_orders([fill.order for fill in done.fills], "filled", "")
        for order, reason in done.failed:
            await self.close_orders([order], "failed", reason)
        if done.fills:
            rows = [
                {
                    "session": session,
                    "ticker": fill.order.ticker,
                    "side": fill.order.side.value,
                    "ordered": fill.order.session,
                    "shares": fill.order.shares,
                    "price": fill.price,
                    "cost": fill.cost,
                }
                for fill in done.fills
            ]
            await self._connection.execute(insert(fills), rows)
        if done.trades:
            await self._connection.execute(insert(trades), [asdict(trade) for trade in done.trades])

    async def closed_on(self, session: date) -> tuple[Trade, ...]:
        """Return the trades closed in a session, by ticker."""
        query = select(trades).where(trades.c.closed == session).order_by(trades.c.ticker)
        return tuple(Trade(**row._mapping) for row in await self._connection.execute(query))

    async def add_accounts(self, session: date, books: Mapping[str, Account]) -> None:
        """Write the books at a session's close."""
        rows = [
            {
                "session": session,
                "book": book,
                "cash": account.cash,
                "equity": account.equity,
                "peak": account.peak,
                "exposure": account.exposure,
                "positions": [_position_row(position) for position in account.positions],
            }
            for book, account in books.items()
        ]
        await self._connection.execute(insert(accounts), rows)

    async def newest_accounts(self) -> dict[str, Account]:
        """Return every book at its newest close; empty before the first."""
        newest = select(func.max(accounts.c.session)).scalar_subquery()
        found = await self._connection.execute(select(accounts).where(accounts.c.session == newest))
        return {row.book: _account(row) for row in found}

    async def account_at(self, book: str, session: date) -> Account:
        """Return a book at a session's close.

        Raises:
            NoResultFound: The session was not settled.
        """
        query = select(accounts).where(accounts.c.book == book, accounts.c.session == session)
        return _account((await self._connection.execute(query)).one())

    async def account_before(self, book: str, session: date) -> Account | None:
        """Return a book at the newest close before a session; None before the first."""
        query = (
            select(accounts)
            .where(accounts.c.book == book, accounts.c.session < session)
            .order_by(accounts.c.session.desc())
            .limit(1)
        )
        row = (await self._connection.execute(query)).first()
        return None if row is None else _account(row)

    async def set_ungated_orders(self, session: date, planned: tuple[Order, ...]) -> None:
        """Write what the ungated book wants to trade at the next open."""
        row = {"session": session, "orders": [_order_row(order) for order in planned]}
        await self._connection.execute(insert(ungated_orders), [row])

    async def ungated_orders(self, session: date | None) -> tuple[Order, ...]:
        """Return what the ungated book decided at a session's close."""
        query = select(ungated_orders).where(ungated_orders.c.session == session)
        row = (await self._connection.execute(query)).first()
        if row is None:
            return ()
        return tuple(
            Order(**{**order, "session": row.session, "side": Side(order["side"])}) for order in row.orders
        )


def _order_row(order: Order) -> dict[str, Any]:
    return {
        "ticker": order.ticker,
        "side": order.side.value,
        "shares": order.shares,
        "reducing": order.reducing,
        "epoch": order.epoch,
        "reason": order.reason,
    }


def _account(row: Any) -> Account:  # noqa: ANN401 - a row of `accounts`
    return Account(row.cash, tuple(_position(p) for p in row.positions), row.equity, row.peak)


def _position_row(position: Position) -> dict[str, Any]:
    return {**asdict(position), "opened": position.opened.isoformat()}


def _position(row: dict[str, Any]) -> Position:
    return Position(**{**row, "opened": date.fromisoformat(row["opened"])})
