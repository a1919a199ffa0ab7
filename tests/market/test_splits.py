"""Splits beside bars: on their session, or the next one there is; none is made up."""

from __future__ import annotations

from datetime import date

import numpy as np

from market.panel import FIELDS, Panel
from market.splits import shares_since, split_grid

DAYS = (date(2024, 3, 1), date(2024, 3, 4), date(2024, 3, 5))


def test_a_split_stands_at_its_session_or_at_the_next_one_and_two_of_one_multiply() -> None:
    panel = Panel(DAYS, ("A", "B", "C"), *(np.ones((3, 3)) for _ in FIELDS))
    splits = {
        "A": ((date(2024, 2, 1), 5.0), (date(2024, 3, 2), 2.0), (DAYS[1], 3.0), (date(2024, 3, 6), 7.0)),
        "B": (),
        "X": ((DAYS[0], 9.0),),
    }
    np.testing.assert_array_equal(split_grid(splits, panel), [[0, 0, 0], [6, 0, 0], [0, 0, 0]])
    assert split_grid(splits, panel.rows(0, 0)).shape == (0, 3)


def test_a_share_becomes_more_by_the_splits_after_its_session_only() -> None:
    splits = ((DAYS[0], 4.0), (DAYS[1], 0.5), (DAYS[2], 3.0))
    assert [shares_since(splits, day) for day in DAYS] == [1.5, 3.0, 1.0]
    assert shares_since((), DAYS[0]) == 1.0
