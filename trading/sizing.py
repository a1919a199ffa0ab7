"""The sizing: from views to orders, within limits, through the gate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

from trading.account import Account, Order, Position, Side
from trading.gate import Gate, permits


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds the book.

    Attributes:
        min_confidence: A forecast below it opens nothing, in [0.5, 1].
        target_volatility: Annualised volatility the book aims at, a fraction.
        max_weight: Largest position, as a fraction of equity.
        max_gross: Largest sum of positions, as a fraction of equity.
        horizon: Sessions a position is held before its forecast is asked again.
        max_hold: Sessions after which it is closed whatever the forecast says.
    """

    min_confidence: float
    target_volatility: float
    max_weight: float
    max_gross: float
    horizon: int
    max_hold: int


@dataclass(frozen=True, slots=True)
class View:
    """What the forecaster says of one ticker, as far as trading needs it.

    Attributes:
        ticker: The ticker.
        long: True where it is forecast to beat the median.
        confidence: Probability of that direction, in [0.5, 1]; NaN for no call.
        volatility: Annualised volatility of its returns, a fraction; NaN where unknown.
        close: Last price, USD; NaN where unknown.
        lean: Which of two views of equal confidence is the stronger one; 0 where nobody says.
    """

    ticker: str
    long: bool
    confidence: float
    volatility: float
    close: float
    lean: float = 0.0


def plan(
    account: Account, views: tuple[View, ...], gate: Gate, session: date, limits: Limits
) -> tuple[Order, ...]:
    """Decide the orders for the next open: exits that are due, then entries that fit.

    Each entry's weight is the target volatility over its own, shared by as many names as may be held, so that
    the book stays at or below the target even if everything moves together. Only what the gate permits is
    returned.
    """
    by_ticker = {view.ticker: view for view in views}
    exits = [
        _sell(position, gate.epoch, session, reason)
        for position in account.positions
        if (reason := _exit_reason(position, by_ticker.get(position.ticker), limits))
    ]
    leaving = {order.ticker for order in exits}
    staying = [position for position in account.positions if position.ticker not in leaving]
    entries = _entries(account, staying, leaving, views, gate.epoch, session, limits)
    return tuple(order for order in (*exits, *entries) if permits(gate.state, reducing=order.reducing))


def _exit_reason(position: Position, view: View | None, limits: Limits) -> str:
    age = position.age + 1  # by the next open
    if age >= limits.max_hold:
        return f"held {age} sessions, the most allowed is {limits.max_hold}"
    if age < limits.horizon:
        return ""
    if view is None or math.isnan(view.confidence):
        return f"held {age} sessions and there is no call any more"
    if not (view.long and view.confidence >= limits.min_confidence):
        return f"held {age} sessions and the forecast no longer says up"
    return ""


def _sell(position: Position, epoch: int, session: date, reason: str) -> Order:
    return Order(session, position.ticker, Side.SELL, position.shares, True, epoch, reason)


def _entries(
    account: Account,
    staying: list[Position],
    leaving: set[str],
    views: tuple[View, ...],
    epoch: int,
    session: date,
    limits: Limits,
) -> list[Order]:
    held = {position.ticker for position in staying} | leaving
    wanted = sorted(
        (view for view in views if view.ticker not in held and _eligible(view, limits)),
        key=lambda view: (-view.confidence, -view.lean, view.ticker),
    )
    names = max(len(wanted) + len(staying), 1)
    used = sum(position.shares * position.mark for position in staying)
    orders = []
    for view in wanted:
        room = limits.max_gross * account.equity - used
        weight, bound = _weight(view, names, limits)
        if room < weight * account.equity:
            weight, bound = room / account.equity, "the largest sum of positions allowed"
        shares = math.floor(weight * account.equity / view.close)
        if shares < 1:
            continue
        used += shares * view.close
        reason = f"up with confidence {view.confidence:.3f}; size bound by {bound}"
        orders.append(Order(session, view.ticker, Side.BUY, shares, False, epoch, reason))
    return orders


def _eligible(view: View, limits: Limits) -> bool:
    numbers = (view.confidence, view.volatility, view.close)
    return (
        view.long
        and all(math.isfinite(x) and x > 0 for x in numbers)
        and view.confidence >= limits.min_confidence
    )


def _weight(view: View, names: int, limits: Limits) -> tuple[float, str]:
    by_volatility = limits.target_volatility / view.volatility / names
    if by_volatility <= limits.max_weight:
        return by_volatility, "the volatility target"
    return limits.max_weight, "the largest position allowed"
