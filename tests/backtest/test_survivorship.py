from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np

from backtest.survivorship import coverage
from market.membership import Spell
from market.panel import Panel

DAYS = tuple(date(2019, 12, 29) + timedelta(days=i) for i in range(6))


def panel() -> Panel:
    prices = np.full((6, 3), 10.0)
    prices[:3, 2] = math.nan  # C is priced in 2020 only
    return Panel(DAYS, ("A", "B", "C"), *(prices,) * 6)


def test_each_year_counts_its_members_and_those_with_a_price() -> None:
    spells = (
        Spell("A", date(2000, 1, 1), None),
        Spell("C", date(2019, 6, 1), date(2020, 1, 2)),
        Spell("GONE", date(2001, 1, 1), date(2019, 12, 30)),
        Spell("LATER", date(2021, 1, 1), None),
    )
    first, second = coverage(panel(), ("A", "B", "C"), spells)
    assert (first.year, first.members, first.held, first.strangers) == (2019, 3, 1, 1)
    assert (second.year, second.members, second.held, second.strangers) == (2020, 2, 2, 1)
    assert (first.share, second.share) == (1 / 3, 1.0)


def test_a_year_without_members_has_no_share() -> None:
    (first, _) = coverage(panel(), ("A",), (Spell("A", date(2020, 1, 1), None),))
    assert math.isnan(first.share)
