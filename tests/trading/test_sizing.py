from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.account import Account, Costs, Position, Side, open_account, settle
from trading.gate import GLOBAL, Gate, GateState
from trading.sizing import Limits, View, plan

DAY = date(2024, 1, 2)
NAN = math.nan
LIMITS = Limits(0.51, target_volatility=0.07, max_weight=0.2, max_gross=0.95, horizon=5, max_hold=20)
TICKERS = tuple(f"T{i:02d}" for i in range(10))
LOOSE = 1.0 + 1e-12


def gate_in(state: GateState, epoch: int = 4) -> Gate:
    at = datetime(2024, 1, 2, 21, 30, tzinfo=UTC)
    return Gate(GLOBAL, state, state is GateState.HALTED, epoch, at, "", "a test", "forewarn")


OPEN = gate_in(GateState.ACTIVE)


def up(
    ticker: str = "AAA", *, confidence: float = 0.6, volatility: float = 0.25, close: float = 100.0
) -> View:
    return View(ticker, True, confidence, volatility, close)


def down(ticker: str = "AAA") -> View:
    return View(ticker, False, 0.6, 0.25, 100.0)


def position(ticker: str = "AAA", *, shares: int = 100, age: int = 0, mark: float = 100.0) -> Position:
    return Position(ticker, shares, 90.0, 1.0, DAY, age, mark)


def book(*positions: Position, cash: float = 1e6) -> Account:
    equity = cash + sum(one.shares * one.mark for one in positions)
    return Account(cash, positions, equity, equity)


VOLATILITIES = st.one_of(st.just(NAN), st.just(0.0), st.just(math.inf), st.floats(0.001, 3.0))
CLOSES = st.one_of(st.just(NAN), st.just(0.0), st.floats(0.01, 5_000.0))
CONFIDENCES = st.one_of(st.just(NAN), st.floats(0.5, 1.0))


@st.composite
def views(draw: st.DrawFn) -> tuple[View, ...]:
    tickers = draw(st.lists(st.sampled_from(TICKERS), unique=True))
    return tuple(
        View(ticker, draw(st.booleans()), draw(CONFIDENCES), draw(VOLATILITIES), draw(CLOSES))
        for ticker in tickers
    )


@st.composite
def accounts(draw: st.DrawFn) -> Account:
    tickers = sorted(draw(st.lists(st.sampled_from(TICKERS), unique=True, max_size=6)))
    positions = (
        position(
            ticker,
            shares=draw(st.integers(1, 3_000)),
            age=draw(st.integers(0, 30)),
            mark=draw(st.floats(0.5, 500.0)),
        )
        for ticker in tickers
    )
    return book(*positions, cash=draw(st.floats(0.0, 1e6)) + 1.0)


LIMITS_DRAWN = st.builds(
    Limits,
    min_confidence=st.floats(0.5, 0.9),
    target_volatility=st.floats(0.01, 1.0),
    max_weight=st.floats(0.01, 1.0),
    max_gross=st.floats(0.05, 1.0),
    horizon=st.integers(1, 10),
    max_hold=st.integers(1, 25),
)


@settings(max_examples=200, deadline=None)
@given(accounts(), views(), LIMITS_DRAWN)
def test_no_entry_ever_exceeds_a_limit(account: Account, seen: tuple[View, ...], limits: Limits) -> None:
    orders = plan(account, seen, OPEN, DAY, limits)
    by_ticker = {view.ticker: view for view in seen}
    buys = [order for order in orders if order.side is Side.BUY]
    leaving = {order.ticker for order in orders if order.side is Side.SELL}
    staying = sum(one.shares * one.mark for one in account.positions if one.ticker not in leaving)
    spent = risk = 0.0
    for order in buys:
        view = by_ticker[order.ticker]
        assert isinstance(order.shares, int)
        assert order.shares >= 1
        assert view.long
        assert view.confidence >= limits.min_confidence
        assert 0 < view.volatility < math.inf
        value = order.shares * view.close
        assert value <= limits.max_weight * account.equity * LOOSE
        spent += value
        risk += value * view.volatility
    assert not buys or staying + spent <= limits.max_gross * account.equity * LOOSE
    assert risk <= limits.target_volatility * account.equity * LOOSE
    assert len({order.ticker for order in orders}) == len(orders)
    assert not {order.ticker for order in buys} & {one.ticker for one in account.positions}


@settings(max_examples=200, deadline=None)
@given(accounts(), views(), LIMITS_DRAWN)
def test_the_gate_lets_through_exactly_what_it_permits(
    account: Account, seen: tuple[View, ...], limits: Limits
) -> None:
    everything = plan(account, seen, OPEN, DAY, limits)
    exits = tuple(order for order in everything if order.reducing)
    assert all(order.side is Side.SELL for order in exits)
    assert all(order.side is Side.BUY for order in everything if not order.reducing)
    assert plan(account, seen, gate_in(GateState.REDUCE_ONLY), DAY, limits) == exits
    assert plan(account, seen, gate_in(GateState.UNKNOWN), DAY, limits) == exits
    assert plan(account, seen, gate_in(GateState.HALTED), DAY, limits) == ()


@settings(max_examples=200, deadline=None)
@given(accounts(), views(), LIMITS_DRAWN, st.randoms(use_true_random=False))
def test_the_order_in_which_views_come_does_not_matter(
    account: Account, seen: tuple[View, ...], limits: Limits, random: Random
) -> None:
    shuffled = list(seen)
    random.shuffle(shuffled)
    assert plan(account, tuple(shuffled), OPEN, DAY, limits) == plan(account, seen, OPEN, DAY, limits)


@settings(max_examples=200, deadline=None)
@given(accounts(), views(), LIMITS_DRAWN)
def test_every_exit_sells_the_whole_position_and_says_why(
    account: Account, seen: tuple[View, ...], limits: Limits
) -> None:
    shares = {one.ticker: one.shares for one in account.positions}
    for order in plan(account, seen, gate_in(GateState.REDUCE_ONLY, epoch=17), DAY, limits):
        assert (order.shares, order.session, order.epoch) == (shares[order.ticker], DAY, 17)
        assert order.reason.startswith("held ")


def test_the_weight_is_the_target_over_the_own_volatility_shared_by_the_names() -> None:
    (order,) = plan(book(), (up(volatility=0.5),), OPEN, DAY, LIMITS)
    assert order.shares == math.floor(0.07 / 0.5 * 1e6 / 100)  # 1,400 shares, 14 % of equity
    assert "volatility target" in order.reason
    pair = plan(book(), (up("AAA", volatility=0.5), up("BBB", volatility=0.25)), OPEN, DAY, LIMITS)
    assert [one.shares for one in pair] == [700, 1_400]


def test_a_calm_ticker_is_bounded_by_the_largest_weight() -> None:
    (order,) = plan(book(), (up(volatility=0.01),), OPEN, DAY, LIMITS)
    assert order.shares == 2_000
    assert "largest position" in order.reason


def test_the_most_confident_come_first_when_the_book_is_nearly_full() -> None:
    full = book(position("ZZZ", shares=8_400, mark=100.0), cash=160_000.0)  # 84 % of 1,000,000 USD
    wanted = (up("AAA", confidence=0.55, volatility=0.01), up("BBB", confidence=0.70, volatility=0.01))
    (order,) = plan(full, wanted, OPEN, DAY, LIMITS)
    assert (order.ticker, order.shares) == ("BBB", 1_100)


def test_a_full_book_opens_nothing() -> None:
    full = book(position("ZZZ", shares=9_600, mark=100.0), cash=40_000.0)
    assert plan(full, (up(),), OPEN, DAY, LIMITS) == ()


def test_a_position_that_leaves_makes_room_for_another() -> None:
    full = book(position("ZZZ", shares=9_500, age=4, mark=100.0), cash=50_000.0)
    exit_, entry = plan(full, (up("AAA"), down("ZZZ")), OPEN, DAY, LIMITS)
    assert (exit_.ticker, exit_.side, entry.ticker, entry.side) == ("ZZZ", Side.SELL, "AAA", Side.BUY)


def test_a_share_too_dear_for_its_weight_is_not_bought() -> None:
    assert plan(book(cash=1_000.0), (up(close=300.0, volatility=0.07),), OPEN, DAY, LIMITS) == ()
    assert plan(book(cash=1_000.0), (up(close=199.0, volatility=0.07),), OPEN, DAY, LIMITS) != ()


@pytest.mark.parametrize(
    "view",
    [
        up(confidence=NAN),
        up(confidence=0.5099),
        up(volatility=NAN),
        up(volatility=0.0),
        up(volatility=math.inf),
        up(close=NAN),
        up(close=0.0),
        down(),
        View("AAA", False, NAN, NAN, NAN),
    ],
    ids=["no-call", "unsure", "no-vol", "zero-vol", "wild", "no-price", "zero-price", "down", "nothing"],
)
def test_what_is_unknown_or_unsure_opens_nothing(view: View) -> None:
    assert plan(book(), (view,), OPEN, DAY, LIMITS) == ()


def test_the_least_confidence_itself_is_enough() -> None:
    assert len(plan(book(), (up(confidence=0.51),), OPEN, DAY, LIMITS)) == 1


@pytest.mark.parametrize(
    ("age", "view", "reason"),
    [
        (3, down(), ""),
        (3, None, ""),
        (4, up(), ""),
        (4, down(), "held 5 sessions and the forecast no longer says up"),
        (4, up(confidence=0.5), "held 5 sessions and the forecast no longer says up"),
        (4, up(confidence=NAN), "held 5 sessions and there is no call any more"),
        (4, None, "held 5 sessions and there is no call any more"),
        (4, up(volatility=NAN, close=NAN), ""),
        (18, up(), ""),
        (19, up(confidence=0.99), "held 20 sessions, the most allowed is 20"),
        (40, up(confidence=0.99), "held 41 sessions, the most allowed is 20"),
    ],
)
def test_a_position_is_asked_at_its_horizon_and_closed_at_its_longest(
    age: int, view: View | None, reason: str
) -> None:
    orders = plan(book(position(age=age)), (view,) if view else (), OPEN, DAY, LIMITS)
    assert [order.reason for order in orders] == ([reason] if reason else [])


def test_what_is_sold_today_is_not_bought_back_at_the_same_open() -> None:
    (order,) = plan(book(position(age=19)), (up(confidence=0.99),), OPEN, DAY, LIMITS)
    assert order.side is Side.SELL


def test_a_halt_keeps_a_position_past_its_longest_and_sells_it_at_the_first_permitted_open() -> None:
    account = book(position(age=25))
    assert plan(account, (down(),), gate_in(GateState.HALTED), DAY, LIMITS) == ()
    (order,) = plan(account, (down(),), gate_in(GateState.REDUCE_ONLY), DAY, LIMITS)
    assert (order.side, order.shares) == (Side.SELL, 100)


def test_a_position_is_held_from_open_to_open_for_exactly_the_horizon() -> None:
    account, bought, sold = open_account(1e6), list[int](), list[int]()
    for number in range(12):
        session = DAY + timedelta(days=number)
        orders = plan(account, (up() if number == 0 else down(),), OPEN, session, LIMITS)
        prices = {"AAA": 100.0}
        done = settle(account, orders, prices, prices, session + timedelta(days=1), Costs(0, 0))
        account = done.account
        bought += [number + 1 for fill in done.fills if fill.order.side is Side.BUY]
        sold += [number + 1 for fill in done.fills if fill.order.side is Side.SELL]
    assert (bought, sold) == ([1], [1 + LIMITS.horizon])


def test_orders_carry_the_session_and_the_epoch_they_were_decided_under() -> None:
    orders = plan(book(position("ZZZ", age=19)), (up(),), gate_in(GateState.ACTIVE, epoch=9), DAY, LIMITS)
    assert {(order.session, order.epoch) for order in orders} == {(DAY, 9)}
    assert [(order.side, order.reducing) for order in orders] == [(Side.SELL, True), (Side.BUY, False)]
