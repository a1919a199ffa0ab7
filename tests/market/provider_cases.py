"""What the tests of the providers share: time that need not pass, quick limits, the sample's bars."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from random import Random

import numpy as np

from market.guard import Guard, Request
from market.limits import Limits
from market.panel import FIELDS, FloatArray, Panel
from market.provider import Fetched
from tests.stand_ins.market_wire import sample

START, END = date(2012, 12, 3), date(2012, 12, 28)
QUICK = Limits(per_s=500.0, at_once=6, timeout_s=5.0, attempts=4, first_pause_s=0.01, longest_pause_s=5.0)


class JumpingTimer:
    """Time that passes only where somebody sleeps: a sleep ends at once, and that much later.

    Sleepers wake in the order of their instants, as they would in real time.
    """

    def __init__(self) -> None:
        self.at_s = 1000.0
        self.slept: list[float] = []

    def seconds(self) -> float:
        return self.at_s

    def now(self) -> datetime:
        return datetime(2024, 3, 7, tzinfo=UTC) + timedelta(seconds=self.at_s)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at_s += seconds
        await asyncio.sleep(0)


def guard(
    name: str = "yahoo",
    limits: Limits = QUICK,
    *,
    timer: JumpingTimer | None = None,
    seen: list[Request] | None = None,
) -> Guard:
    return Guard(name, limits, timer=timer, chance=Random(7), told=(seen if seen is not None else []).append)


def truth(tickers: tuple[str, ...], start: date = START, end: date = END) -> Panel:
    """The sample's own bars of a range, for tickers of the sample."""
    panel = sample().columns(tickers)
    return panel.select(np.array([start <= day <= end for day in panel.sessions]))


def cube(panel: Panel) -> FloatArray:
    return np.stack([getattr(panel, field) for field in FIELDS])


def assert_told(fetched: Fetched, tickers: tuple[str, ...], fields: int = len(FIELDS)) -> None:
    """All that is known of the sample's tickers has come, and nothing has failed."""
    wanted = truth(tickers)
    assert fetched.failed == ()
    assert fetched.panel.tickers == tickers
    assert fetched.panel.sessions == wanted.sessions
    np.testing.assert_allclose(cube(fetched.panel)[:fields], cube(wanted)[:fields], rtol=1e-12)
