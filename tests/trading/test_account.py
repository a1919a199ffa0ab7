from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.account import (
    Account,
    Costs,
    Order,
    Position,
    Settlement,
    Side,
    Trade,
    open_account,
    reset_peak,
    settle,
)

DAY = date(2024, 1, 2)
FREE = Costs(0.0, 0.0)
USUAL = Costs(slippage_bp=2.0, commission_bp=1.0)
TICKERS = ("AAA", "BBB", "CCC", "DDD")
PRICE = st.floats(0.5, 5_000.0)
PRICES = st.dictionaries(st.sampled_from(TICKERS), PRICE)
WISHES = st.lists(
    st.tuples(st.sampled_from(TICKERS), st.sampled_from(Side), st.integers(1, 2_000), st.booleans()),
    max_size=6,
)
SESSIONS = st.lists(st.tuples(WISHES, PRICES, PRICES), min_size=1, max_size=12)
COSTS = st.builds(Costs, st.floats(0, 100), st.floats(0, 100))


def order(ticker: str, side: Side, shares: int) -> Order:
    return Order(DAY, ticker, side, shares, side is Side.SELL, 1, "a test")


def buy(ticker: str, shares: int) -> Order:
    return order(ticker, Side.BUY, shares)


def sell(ticker: str, shares: int) -> Order:
    return order(ticker, Side.SELL, shares)


def held(ticker: str, shares: int, price: float, mark: float | None = None) -> Position:
    return Position(ticker, shares, price, 0.0, DAY, 3, price if mark is None else mark)


def book(cash: float, *positions: Position, peak: float | None = None) -> Account:
    equity = cash + sum(one.shares * one.mark for one in positions)
    return Account(cash, positions, equity, equity if peak is None else peak)


def run(
    account: Account,
    *orders: Order,
    opens: Mapping[str, float] | None = None,
    closes: Mapping[str, float] | None = None,
    costs: Costs = FREE,
) -> Settlement:
    return settle(account, orders, opens or {}, closes or {}, DAY + timedelta(days=1), costs)


def wishes_to_orders(
    account: Account, wishes: list[tuple[str, Side, int, bool]], session: date
) -> tuple[Order, ...]:
    """Make orders; an honest sell asks for exactly what is held."""
    shares = {one.ticker: one.shares for one in account.positions}
    return tuple(
        Order(
            session,
            ticker,
            side,
            shares.get(ticker, wished) if honest and side is Side.SELL else wished,
            side is Side.SELL,
            1,
            "",
        )
        for ticker, side, wished, honest in wishes
    )


@settings(max_examples=120, deadline=None)
@given(SESSIONS, COSTS, st.floats(1_000.0, 1e7))
def test_no_dollar_is_made_or_lost_but_by_trading(
    sessions: list[tuple[list[tuple[str, Side, int, bool]], dict[str, float], dict[str, float]]],
    costs: Costs,
    start: float,
) -> None:
    account, closed, peak, day = open_account(start), list[Trade](), start, DAY
    for wishes, opens, closes in sessions:
        day += timedelta(days=1)
        orders = wishes_to_orders(account, wishes, day)
        done = settle(account, orders, opens, closes, day, costs)
        after = done.account
        near = 1e-9 * (start + after.exposure + sum(f.price * f.order.shares for f in done.fills))

        # every order either traded or failed for a reason
        assert sorted([*(f.order for f in done.fills), *(o for o, _ in done.failed)], key=repr) == sorted(
            orders, key=repr
        )
        assert all(why for _, why in done.failed)

        # costs are exactly what the settings say, and cash is what the fills left
        cash = account.cash
        for fill in done.fills:
            worse = 1.0 if fill.order.side is Side.BUY else -1.0
            price = opens[fill.order.ticker]
            assert fill.price == pytest.approx(price + worse * price * costs.slippage_bp / 10_000, rel=1e-12)
            assert fill.cost == pytest.approx(
                fill.order.shares * fill.price * costs.commission_bp / 10_000, rel=1e-12
            )
            assert fill.session == day
            cash -= worse * fill.order.shares * fill.price + fill.cost
        assert math.isclose(after.cash, cash, abs_tol=near)
        assert after.cash >= -near

        # equity is cash and positions, and what was earned is what trades and open positions earned
        assert math.isclose(after.equity, after.cash + after.exposure, abs_tol=near)
        closed += done.trades
        earned = sum(trade.pnl for trade in closed)
        running = sum((one.mark - one.price) * one.shares - one.cost for one in after.positions)
        assert math.isclose(after.equity - start, earned + running, abs_tol=1e-6 + 100 * near)

        peak = max(peak, after.equity)
        assert after.peak == peak
        assert 0.0 <= after.drawdown <= 1.0
        assert [one.ticker for one in after.positions] == sorted({one.ticker for one in after.positions})
        account = after


@settings(max_examples=150, deadline=None)
@given(SESSIONS, COSTS)
def test_the_order_in_which_orders_were_written_does_not_matter_where_tickers_differ(
    sessions: list[tuple[list[tuple[str, Side, int, bool]], dict[str, float], dict[str, float]]],
    costs: Costs,
) -> None:
    account, day = open_account(500_000.0), DAY
    for wishes, opens, closes in sessions:
        day += timedelta(days=1)
        once = {wish[0]: wish for wish in wishes}
        orders = wishes_to_orders(account, list(once.values()), day)
        done = settle(account, orders, opens, closes, day, costs)
        assert settle(account, orders[::-1], opens, closes, day, costs) == done
        account = done.account


def test_a_round_trip_by_hand() -> None:
    entered = run(
        open_account(10_000.0), buy("AAA", 10), opens={"AAA": 100.0}, closes={"AAA": 101.0}, costs=USUAL
    )
    (fill,) = entered.fills
    assert fill.price == pytest.approx(100.02)
    assert fill.cost == pytest.approx(0.10002)
    assert entered.account.cash == pytest.approx(10_000 - 1_000.2 - 0.10002)
    assert entered.account.equity == pytest.approx(10_000 - 1_000.2 - 0.10002 + 1_010.0)
    (position,) = entered.account.positions
    assert (position.shares, position.age, position.mark) == (10, 0, 101.0)

    left = run(entered.account, sell("AAA", 10), opens={"AAA": 110.0}, closes={"AAA": 1.0}, costs=USUAL)
    (trade,) = left.trades
    assert trade.exit == pytest.approx(109.978)
    assert trade.pnl == pytest.approx(1_099.78 - 0.109978 - 1_000.2 - 0.10002)
    assert trade.return_ == pytest.approx(trade.pnl / 1_000.2)
    assert left.account.positions == ()
    assert left.account.equity == left.account.cash == pytest.approx(10_000 + trade.pnl)


def test_sells_come_first_so_that_their_cash_can_buy() -> None:
    account = book(0.0, held("ZZZ", 10, 100.0))
    done = run(account, buy("AAA", 10), sell("ZZZ", 10), opens={"AAA": 99.0, "ZZZ": 100.0})
    assert [fill.order.side for fill in done.fills] == [Side.SELL, Side.BUY]
    assert done.account.cash == pytest.approx(10.0)


def test_a_position_may_be_sold_and_bought_anew_at_one_open() -> None:
    account = book(0.0, held("AAA", 10, 50.0, mark=100.0))
    done = run(account, buy("AAA", 9), sell("AAA", 10), opens={"AAA": 100.0}, closes={"AAA": 100.0})
    assert len(done.trades) == 1
    (position,) = done.account.positions
    assert (position.shares, position.price, position.age) == (9, 100.0, 0)


@pytest.mark.parametrize(
    ("wish", "opens", "why"),
    [
        (buy("AAA", 1), {}, "no open price for the session"),
        (sell("HELD", 5), {}, "no open price for the session"),
        (buy("AAA", 11), {"AAA": 100.0}, "needs 1,100.00 USD, the account has 1,000.00"),
        (sell("AAA", 1), {"AAA": 100.0}, "no such position to sell"),
        (sell("HELD", 4), {"HELD": 10.0}, "no such position to sell"),
        (buy("HELD", 1), {"HELD": 10.0}, "already held"),
    ],
    ids=["buy-without-price", "sell-without-price", "no-cash", "not-held", "part", "twice"],
)
def test_an_order_that_fails_changes_nothing_and_says_why(
    wish: Order, opens: dict[str, float], why: str
) -> None:
    account = book(1_000.0, held("HELD", 5, 10.0))
    done = run(account, wish, opens=opens)
    assert done.failed == ((wish, why),)
    assert (done.fills, done.trades) == ((), ())
    assert done.account == run(account).account


def test_one_failed_order_does_not_keep_the_others_from_trading() -> None:
    done = run(open_account(1_000.0), buy("AAA", 50), buy("BBB", 5), opens={"AAA": 100.0, "BBB": 100.0})
    assert [wish.ticker for wish, _ in done.failed] == ["AAA"]
    assert [fill.order.ticker for fill in done.fills] == ["BBB"]


def test_cash_that_covers_the_price_but_not_the_costs_is_too_little() -> None:
    done = run(open_account(1_000.0), buy("AAA", 10), opens={"AAA": 100.0}, costs=USUAL)
    assert done.failed
    assert done.account.cash == 1_000.0
    assert run(open_account(1_001.0), buy("AAA", 10), opens={"AAA": 100.0}, costs=USUAL).fills


def test_a_session_without_orders_keeps_every_position_and_only_ages_and_marks_it() -> None:
    positions = (held("AAA", 5, 10.0), held("BBB", 7, 20.0))
    done = run(book(100.0, *positions), opens={"AAA": 11.0}, closes={"AAA": 12.0, "BBB": 19.0})
    assert done.account.positions == (
        replace(positions[0], age=4, mark=12.0),
        replace(positions[1], age=4, mark=19.0),
    )
    assert done.account.cash == 100.0
    assert done.account.equity == pytest.approx(100 + 60 + 133)


def test_a_position_without_a_close_keeps_its_last_mark() -> None:
    done = run(book(0.0, held("AAA", 5, 10.0, mark=14.0)))
    assert done.account.positions[0].mark == 14.0
    assert done.account.equity == 70.0


def test_a_position_entered_without_a_close_is_marked_at_its_open() -> None:
    done = run(open_account(1_000.0), buy("AAA", 5), opens={"AAA": 100.0}, costs=USUAL)
    assert done.account.positions[0].mark == 100.0
    assert done.account.equity < 1_000.0


def test_the_peak_only_rises_and_the_drawdown_is_the_loss_from_it() -> None:
    account = book(0.0, held("AAA", 10, 100.0))
    drawdowns, peaks = [], []
    for close in (120.0, 90.0, 60.0, 119.0, 130.0):
        account = run(account, closes={"AAA": close}).account
        drawdowns.append(account.drawdown)
        peaks.append(account.peak)
    assert peaks == [1_200.0, 1_200.0, 1_200.0, 1_200.0, 1_300.0]
    assert drawdowns == pytest.approx([0.0, 0.25, 0.5, 1 - 119 / 120, 0.0])


def test_a_reset_peak_starts_the_drawdown_anew_and_touches_nothing_else() -> None:
    account = book(0.0, held("AAA", 10, 60.0), peak=1_200.0)
    assert account.drawdown == pytest.approx(0.5)
    fresh = reset_peak(account)
    assert fresh.drawdown == 0.0
    assert fresh == replace(account, peak=600.0)


def test_a_new_account_holds_its_cash_and_no_drawdown() -> None:
    account = open_account(1e6)
    assert (account.cash, account.positions, account.equity, account.peak) == (1e6, (), 1e6, 1e6)
    assert (account.exposure, account.drawdown) == (0.0, 0.0)


def test_a_purchase_may_use_the_last_cent_and_not_one_more() -> None:
    costs = Costs(500.0, 500.0)
    order = Order(date(2024, 1, 2), "AAA", Side.BUY, 10, False, 1, "")
    need = 10 * 100.0 * costs.buying
    for cash, filled in ((need, 1), (need - 0.01, 0)):
        done = settle(open_account(cash), (order,), {"AAA": 100.0}, {"AAA": 100.0}, date(2024, 1, 3), costs)
        assert len(done.fills) == filled
        assert done.account.cash >= 0
