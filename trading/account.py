"""The paper account: cash and positions, filled at the next session's open.

Assumptions: whole shares; a fill at the open plus slippage against us, and a commission, both in basis points
of the fill; no partial fills; dividends are not credited (prices are split-adjusted, not total return); an
order for a ticker without an open price fails; a position without a close keeps its last mark.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum


class Side(StrEnum):
    """Which way an order goes."""

    BUY = "buy"
    SELL = "sell"


@dataclass(frozen=True, slots=True)
class Order:
    """A wish to trade at the next open, decided at a session's close.

    Attributes:
        session: The session at whose close it was decided.
        ticker: What to trade.
        side: Buy or sell.
        shares: Whole shares, positive.
        reducing: True where it can only make the exposure smaller.
        epoch: The gate's epoch under which it was allowed.
        reason: Why, and which limit bound its size.
    """

    session: date
    ticker: str
    side: Side
    shares: int
    reducing: bool
    epoch: int
    reason: str


@dataclass(frozen=True, slots=True)
class Fill:
    """An order that traded.

    Attributes:
        order: What was asked.
        session: The session at whose open it traded.
        price: USD a share, slippage included.
        cost: Commission, USD.
    """

    order: Order
    session: date
    price: float
    cost: float


@dataclass(frozen=True, slots=True)
class Position:
    """Shares held.

    Attributes:
        ticker: What is held.
        shares: Whole shares, positive: the account is long only.
        price: Entry price, USD a share, slippage included.
        cost: Entry commission, USD.
        opened: The session of the entry fill.
        age: Sessions held so far, 0 on the day of entry.
        mark: Last known close, USD a share.
    """

    ticker: str
    shares: int
    price: float
    cost: float
    opened: date
    age: int
    mark: float


@dataclass(frozen=True, slots=True)
class Trade:
    """A closed position.

    Attributes:
        ticker: What was held.
        opened: Session of the entry fill.
        closed: Session of the exit fill.
        shares: Whole shares.
        entry: Entry price, USD a share.
        exit: Exit price, USD a share.
        pnl: Profit after costs, USD.
        return_: Profit after costs over the entry value, a fraction.
    """

    ticker: str
    opened: date
    closed: date
    shares: int
    entry: float
    exit: float
    pnl: float
    return_: float


@dataclass(frozen=True, slots=True)
class Costs:
    """What a fill costs, in basis points (1/10,000) of its value."""

    slippage_bp: float
    commission_bp: float

    @property
    def buying(self) -> float:
        """What a purchase takes from the cash, as a multiple of its value at the open."""
        return (1.0 + self.slippage_bp / 1e4) * (1.0 + self.commission_bp / 1e4)


@dataclass(frozen=True, slots=True)
class Account:
    """The book.

    Attributes:
        cash: USD.
        positions: What is held, by ticker, sorted.
        equity: Cash plus positions at their last known closes, USD.
        peak: Highest equity since the start or since a person lifted a halt, USD.
    """

    cash: float
    positions: tuple[Position, ...]
    equity: float
    peak: float

    @property
    def exposure(self) -> float:
        """Value of the positions at their marks, USD."""
        return sum(position.shares * position.mark for position in self.positions)

    @property
    def drawdown(self) -> float:
        """Loss from the peak as a fraction, in [0, 1]."""
        return max(0.0, 1.0 - self.equity / self.peak)


@dataclass(frozen=True, slots=True)
class Settlement:
    """What one session's open and close did to the account.

    Attributes:
        account: The book at the close.
        fills: Orders that traded.
        failed: Orders that could not, each with the reason.
        trades: Positions that were closed.
    """

    account: Account
    fills: tuple[Fill, ...]
    failed: tuple[tuple[Order, str], ...]
    trades: tuple[Trade, ...]


def open_account(cash: float) -> Account:
    """Return an account that holds only cash (USD)."""
    return Account(cash, (), cash, cash)


def settle(
    account: Account,
    orders: tuple[Order, ...],
    opens: Mapping[str, float],
    closes: Mapping[str, float],
    session: date,
    costs: Costs,
) -> Settlement:
    """Fill the open orders at the session's open, sells first, then mark the book at its close.

    Args:
        account: The book at the previous close.
        orders: Orders decided at the previous close and still allowed.
        opens: Open price by ticker, USD; a missing ticker has none.
        closes: Close price by ticker, USD; a missing ticker keeps its last mark.
        session: The session.
        costs: Slippage and commission.
    """
    book = {position.ticker: position for position in account.positions}
    cash = account.cash
    fills: list[Fill] = []
    failed: list[tuple[Order, str]] = []
    trades: list[Trade] = []
    for order in sorted(orders, key=lambda order: (order.side is Side.BUY, order.ticker)):
        price = opens.get(order.ticker)
        problem = _problem(order, price, cash, book, costs)
        if problem or price is None:
            failed.append((order, problem))
            continue
        fill = _fill(order, price, session, costs)
        value = fill.price * order.shares
        if order.side is Side.BUY:
            cash -= value + fill.cost
            book[order.ticker] = Position(
                order.ticker, order.shares, fill.price, fill.cost, session, -1, price
            )
        else:
            cash += value - fill.cost
            trades.append(_close(book.pop(order.ticker), fill))
        fills.append(fill)
    held = tuple(
        replace(p, age=p.age + 1, mark=closes.get(p.ticker, p.mark)) for _, p in sorted(book.items())
    )
    equity = cash + sum(p.shares * p.mark for p in held)
    after = Account(cash, held, equity, max(account.peak, equity))
    return Settlement(after, tuple(fills), tuple(failed), tuple(trades))


def reset_peak(account: Account) -> Account:
    """Start the drawdown anew from the present equity, as after a person lifted a halt."""
    return replace(account, peak=account.equity)


def _problem(
    order: Order, price: float | None, cash: float, book: Mapping[str, Position], costs: Costs
) -> str:
    if price is None or not price > 0:
        return "no open price for the session"
    held = book.get(order.ticker)
    if order.side is Side.SELL:
        return "" if held is not None and held.shares == order.shares else "no such position to sell"
    if held is not None:
        return "already held"
    need = order.shares * price * costs.buying
    return "" if need <= cash else f"needs {need:,.2f} USD, the account has {cash:,.2f}"


def _fill(order: Order, price: float, session: date, costs: Costs) -> Fill:
    sign = 1.0 if order.side is Side.BUY else -1.0
    paid = price * (1.0 + sign * costs.slippage_bp / 1e4)
    return Fill(order, session, paid, paid * order.shares * costs.commission_bp / 1e4)


def _close(position: Position, fill: Fill) -> Trade:
    entry_value = position.price * position.shares
    pnl = (fill.price - position.price) * position.shares - position.cost - fill.cost
    return Trade(
        ticker=position.ticker,
        opened=position.opened,
        closed=fill.session,
        shares=position.shares,
        entry=position.price,
        exit=fill.price,
        pnl=pnl,
        return_=pnl / entry_value,
    )
