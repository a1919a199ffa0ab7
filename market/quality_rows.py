"""Rows of one ticker as a provider tells them: put in order, with what no panel can hold named.

A panel has one bar a session; what comes twice, from a day without a session or from the future has to be
sorted out before.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from market.panel import FloatArray
from market.quality_finding import Finding, Kind


@dataclass(frozen=True, slots=True)
class Sifted:
    """Rows in order.

    Attributes:
        sessions: Strictly ascending.
        values: Shape (sessions, fields); rows of NaN where two rows of a session differ.
        findings: What was wrong with the rows.
    """

    sessions: tuple[date, ...]
    values: FloatArray
    findings: tuple[Finding, ...]


def sift(
    ticker: str,
    days: Sequence[date],
    values: FloatArray,
    *,
    sessions: Collection[date] | None = None,
    newest_closed: date | None = None,
) -> Sifted:
    """Put rows in order.

    Of equal rows of a session one stays. Of different ones none does: which is right cannot be told. Rows of
    the future and of days that are no session are left out.

    Args:
        ticker: Whose rows.
        days: Their sessions, in any order, length n.
        values: Shape (n, fields); NaN where unknown.
        sessions: The exchange's; None does not check.
        newest_closed: The newest session that has closed; None does not check.

    Raises:
        ValueError: There is not one session a row.
    """
    if len(days) != len(values):
        raise ValueError(f"{ticker}: {len(days)} sessions for {len(values)} rows; give one a row")
    places: dict[date, list[int]] = {}
    for place, day in enumerate(days):
        places.setdefault(day, []).append(place)
    findings: list[Finding] = []
    kept: dict[date, FloatArray] = {}
    for day in sorted(places):
        rows = values[places[day]]
        if newest_closed is not None and day > newest_closed:
            evidence = f"the newest session that has closed is {newest_closed}"
            repair = "drop the row; check the clock and the time zone"
            findings.append(Finding(ticker, (day,), Kind.FUTURE, evidence, repair))
            continue
        if sessions is not None and day not in sessions:
            evidence = f"the exchange has no session on {day:%A}, {day}"
            repair = "drop the row; check the calendar and the time zone"
            findings.append(Finding(ticker, (day,), Kind.NO_SESSION, evidence, repair))
            continue
        kept[day] = rows[0]
        if len(rows) > 1:
            same = all(np.array_equal(rows[0], row, equal_nan=True) for row in rows[1:])
            if not same:
                kept[day] = np.full_like(rows[0], np.nan)
            evidence = f"{len(rows)} {'equal' if same else 'different'} rows of one session"
            repair = "keep one" if same else "ask another provider which is right"
            findings.append(Finding(ticker, (day,), Kind.DUPLICATE, evidence, repair))
    ordered = np.stack(list(kept.values())) if kept else np.empty((0, values.shape[1]))
    return Sifted(tuple(kept), ordered, tuple(findings))
