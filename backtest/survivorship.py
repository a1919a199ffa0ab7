"""Survivorship: how many of a year's true members a price file still holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from market.membership import Spell
from market.panel import Panel


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of a year's index is in the prices.

    Attributes:
        year: The year.
        members: Tickers that were members at some time in the year.
        held: Those of them that have a price in it.
        strangers: Tickers with a price in the year that were no members in it.
    """

    year: int
    members: int
    held: int
    strangers: int

    @property
    def share(self) -> float:
        """Held over members; NaN without members."""
        return self.held / self.members if self.members else float("nan")


def coverage(panel: Panel, universe: Sequence[str], spells: Sequence[Spell]) -> tuple[Coverage, ...]:
    """Hold a panel against an index, year by year."""
    known = ~np.isnan(panel.columns(tuple(universe)).close)
    years = np.array([day.year for day in panel.sessions])
    out = []
    for year in sorted(set(years.tolist())):
        first, last = date(year, 1, 1), date(year, 12, 31)
        members = {one.ticker for one in spells if one.start <= last and (one.end is None or one.end > first)}
        priced = known[years == year].any(axis=0)
        held = {ticker for ticker, has in zip(universe, priced.tolist(), strict=True) if has}
        out.append(Coverage(year, len(members), len(members & held), len(held - members)))
    return tuple(out)
