from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from monitors.shelf import Policy, Shelf, ShelfSettings, renewed

NAMES = ("a", "b")
DAYS = [date(2020, 1, 1) + timedelta(days=day) for day in range(700)]
HISTORY = np.random.default_rng(1).standard_normal((700, 4, 2))
SMALL = {"window": 10, "sessions": 200, "gap": 10, "renew_after": 50, "least": 150}


def fold(policy: Policy, sessions: int, regimes: list[str] | None = None) -> list[Shelf]:
    shelf, seen = Shelf(ShelfSettings(policy=policy, **SMALL)), []
    for count in range(1, sessions + 1):
        now = "all" if regimes is None else regimes[count - 1]
        known = None if regimes is None else regimes[:count]
        shelf = renewed(shelf, DAYS[:count], HISTORY[:count], NAMES, regime=now, regimes=known)
        seen.append(shelf)
    return seen


def test_a_fixed_reference_is_made_once_it_can_be_and_never_again() -> None:
    shelves = fold(Policy.FIXED, 400)
    assert shelves[158].reference() is None
    assert shelves[159].reference() is not None
    assert shelves[399] is shelves[159]
    version = shelves[399].places["all"]
    assert (version.number, version.first, version.last) == (1, DAYS[0], DAYS[149])


def test_a_rolling_reference_is_renewed_and_leaves_out_the_newest_window() -> None:
    shelves = fold(Policy.ROLLING, 360)
    versions = [shelf.places["all"].number for shelf in shelves[159:]]
    assert versions == sorted(versions)
    assert versions[-1] == 5
    newest = shelves[-1].places["all"]
    assert newest.last == DAYS[newest.made_after - 11]
    assert newest.reference.sessions == 200
    names = {shelf.places["all"].name for shelf in shelves[159:]}
    assert len(names) == 5


def test_each_regime_has_its_own_reference_and_none_is_judged_by_another() -> None:
    regimes = ["calm" if day % 100 < 70 else "wild" for day in range(700)]
    shelf = fold(Policy.PER_REGIME, 700, regimes)[-1]
    calm, wild = shelf.reference("calm"), shelf.reference("wild")
    assert calm is not None
    assert wild is not None
    assert calm is not wild
    assert shelf.reference("unseen") is None


def test_lengths_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="2 sessions"):
        renewed(Shelf(ShelfSettings()), DAYS[:2], HISTORY[:3], NAMES)
    with pytest.raises(ValueError, match="regime"):
        renewed(Shelf(ShelfSettings(policy=Policy.PER_REGIME)), DAYS[:3], HISTORY[:3], NAMES)
    with pytest.raises(ValueError, match="exceeds"):
        ShelfSettings(sessions=100, least=200)
