"""Alterations: another record that was the same, as far as anybody could know at a session's close."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from backtest.leaks.record import Record, copied, rebuilt
from market.filings_links import Links
from market.membership import Membership
from market.panel import FIELDS, FloatArray

Alter = Callable[[Record, int], Record]
"""Takes a record and the place of a session, which keeps its place."""

AHEAD: Final = 64
"""Sessions kept after the one looked at: what reads further ahead reads them too."""

HUGE: Final = 1_000.0
SPLIT: Final = 0.5
"""Price after a split of 2 for 1 per price before; and what a special dividend of half the price leaves."""


def truncated(record: Record, t: int) -> Record:
    """The history ends with the session."""
    return record.rows(0, t + 1)


def unknown_after(record: Record, t: int) -> Record:
    """Nothing after the session is known."""
    return _after(record, t, lambda later: np.full(later.shape, np.nan))


def scaled_after(record: Record, t: int) -> Record:
    """Everything after the session is a thousand times as much."""
    return _after(record, t, lambda later: later * HUGE)


def shuffled_after(record: Record, t: int) -> Record:
    """The sessions after it come in another order."""
    order = np.random.default_rng(t).permutation(min(AHEAD, len(record.panel.sessions) - t - 1))
    return _after(record, t, lambda later: later[order])


def late_changed(record: Record, t: int) -> Record:
    """Only what became known after the session's close is other, whatever day it is about."""
    fields = copied(record.panel)
    for column in (i for i, ticker in enumerate(record.panel.tickers) if ticker in record.late):
        for name in FIELDS:
            fields[name][t, column] *= HUGE
    close = record.closes[t]
    reports = (
        one._replace(value=one.value * HUGE + 1.0) if one.known_at > close else one for one in record.reports
    )
    return replace(
        record, panel=rebuilt(record.panel, fields), reports=tuple(reports), links=_links_after(record, close)
    )


def restated(record: Record, t: int) -> Record:
    """A split and a dividend after the session have restated every other ticker's bars up to it."""
    fields = copied(record.panel)
    places = {ticker: i for i, ticker in enumerate(record.panel.tickers)}
    columns = [places[ticker] for ticker in record.universe[::2]]
    for name in ("open", "high", "low", "close"):
        fields[name][:, columns] *= SPLIT
    fields["adj_close"][:, columns] *= SPLIT * SPLIT
    fields["volume"][:, columns] /= SPLIT
    return replace(record, panel=rebuilt(record.panel, fields))


def members_changed(record: Record, t: int) -> Record:
    """Those who join or leave after the session are others: members stay for ever, nobody joins.

    Where all of today's members were so already, every other one leaves on the next day instead.
    """
    day = record.panel.sessions[t]
    known = [one for one in record.membership.spells if one.start <= day]
    ending = [one.end is not None and one.end > day for one in known]
    spells = []
    for place, (one, ends) in enumerate(zip(known, ending, strict=True)):
        lasts = one.end is None or ends
        end = one.end if not lasts else day + timedelta(days=1) if place % 2 and not ends else None
        spells.append(replace(one, end=end))
    return replace(record, membership=Membership(tuple(spells)))


def _after(record: Record, t: int, change: Callable[[FloatArray], FloatArray]) -> Record:
    """Change the rows after a session, of which `AHEAD` are kept."""
    record = record.rows(0, min(t + 1 + AHEAD, len(record.panel.sessions)))
    fields, extras = copied(record.panel), {name: np.array(x) for name, x in record.extras.items()}
    for values in (*fields.values(), *extras.values()):
        values[t + 1 :] = change(values[t + 1 :])
    close = record.closes[t]
    reports = (
        one._replace(value=one.value * HUGE + 1.0) if one.event_time > close else one
        for one in record.reports
    )
    return replace(
        record,
        panel=rebuilt(record.panel, fields),
        extras=extras,
        reports=tuple(reports),
        links=_links_after(record, close),
    )


def _links_after(record: Record, close: datetime) -> tuple[Links, ...]:
    """The links with those that became known later naming another customer."""
    place = {ticker: i for i, ticker in enumerate(record.universe)}
    return tuple(
        replace(one, weights={record.universe[place[one.supplier] - 1]: 0.5}) if one.known_at > close else one
        for one in record.links
    )
