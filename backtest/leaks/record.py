"""The record: everything a subject may be computed from, and since when each part of it is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from typing import Final, Self
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from forecaster.window import Window, make_window
from market.filings_links import Links
from market.membership import Membership
from market.observations import Observation
from market.panel import FIELDS, FloatArray, Panel


class RecordError(ValueError):
    """A record that cannot be examined; the text says what is missing."""


Join = Callable[[Panel], Mapping[str, FloatArray]]
"""Takes a panel and returns the market-wide series in it, as known at each session's close."""

CLOSE: Final = time(16, tzinfo=ZoneInfo("America/New_York"))


def no_series(_: Panel) -> Mapping[str, FloatArray]:
    """Join nothing."""
    return {}


@dataclass(frozen=True, slots=True)
class Record:
    """What is on record.

    Attributes:
        panel: Daily bars of the universe, and of what describes the market.
        universe: The tickers that have values.
        benchmark: The market's ticker, used where the panel holds it.
        join: How the market-wide series are read from the panel.
        late: Tickers of the panel whose bar of a session is known only after that session's close.
        sectors: Sector by ticker.
        extras: Values per session and ticker that were known at the session's close, each of shape (sessions,
            universe).
        reports: Values that carry the times at which they happened and became known.
        links: Who is whose customer, and since when that is known.
        membership: Who belonged to the index when.
    """

    panel: Panel
    universe: tuple[str, ...]
    benchmark: str = ""
    join: Join = no_series
    late: frozenset[str] = frozenset()
    sectors: Mapping[str, str] = field(default_factory=dict)
    extras: Mapping[str, FloatArray] = field(default_factory=dict)
    reports: tuple[Observation, ...] = ()
    links: tuple[Links, ...] = ()
    membership: Membership = field(default_factory=lambda: Membership(()))

    @classmethod
    def of(cls, panel: Panel, universe: tuple[str, ...] | None = None, benchmark: str = "") -> Self:
        """Make the record of daily bars alone; every ticker is in the universe where none is given."""
        return cls(panel, panel.tickers if universe is None else universe, benchmark)

    @property
    def stocks(self) -> Panel:
        """The bars of the universe."""
        return self.panel.columns(self.universe)

    @property
    def closes(self) -> tuple[datetime, ...]:
        """The instant of each session's close, 16:00 in New York."""
        return tuple(datetime.combine(day, CLOSE) for day in self.panel.sessions)

    def window(self) -> Window:
        """Return what the forecaster's features read at the newest close."""
        return make_window(
            self.panel,
            self.universe,
            self.benchmark,
            series=self.join(self.panel),
            sectors=self.sectors,
            extras=self.extras,
        )

    def rows(self, start: int, stop: int) -> Record:
        """Return sessions `start` (inclusive) to `stop` (exclusive) as a view.

        Reports about what happened later are left out; those that became known later are not.
        """
        panel = self.panel.rows(start, stop)
        end = datetime.combine(panel.sessions[-1], CLOSE)
        return replace(
            self,
            panel=panel,
            extras={name: values[start:stop] for name, values in self.extras.items()},
            reports=tuple(one for one in self.reports if one.event_time <= end),
        )

    def since(self, start: int) -> Record:
        """Return the sessions from `start` on, market-wide series staying joined as in the full history.

        A join may delay a series or carry a value on: that is no part of what a feature looks back on.
        """
        series = {name: values[start:] for name, values in self.join(self.panel).items()}
        return replace(self.rows(start, len(self.panel.sessions)), join=lambda _: series)

    def with_known_sessions(self) -> Record:
        """Leave out the sessions in which nothing of the universe is known."""
        known: NDArray[np.bool_] = np.atleast_1d(~np.isnan(self.stocks.close).all(axis=1))
        extras = {name: values[known] for name, values in self.extras.items()}
        return replace(self, panel=self.panel.select(known), extras=extras)


def copied(panel: Panel) -> dict[str, FloatArray]:
    """Return a panel's fields, free to be changed."""
    return {name: np.array(getattr(panel, name)) for name in FIELDS}


def rebuilt(panel: Panel, fields: Mapping[str, FloatArray]) -> Panel:
    """Return the panel with other values."""
    return Panel(panel.sessions, panel.tickers, *(fields[name] for name in FIELDS))
