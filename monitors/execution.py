"""The execution readings: orders that failed and bars that did not come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from scipy.special import bdtrc

from monitors.reading import Evidence, NoData, Reading, State
from monitors.settings import WatchSettings
from monitors.verdict import Subject, agreed, graded

LEAST_ORDERS = 5


@dataclass(frozen=True, slots=True)
class ExecutionState:
    """Orders due and orders failed in each of the newest sessions, oldest first."""

    orders: tuple[tuple[int, int], ...] = ()


def step(state: ExecutionState, orders: int, failed: int, limits: WatchSettings) -> ExecutionState:
    """Take in one session's orders.

    Raises:
        ValueError: When more orders failed than were due.
    """
    if not 0 <= failed <= orders:
        raise ValueError(f"{failed} of {orders} orders failed: the first must lie between 0 and the second")
    return ExecutionState((*state.orders, (orders, failed))[-limits.order_window :])


def failure_reading(session: date, state: ExecutionState, limits: WatchSettings) -> Reading:
    """Share of orders that failed over the newest sessions.

    The evidence is the exact binomial test against the accepted rate. Effect and evidence agree: breach; one
    of them alone: warn.
    """
    subject = Subject(session, "execution", "execution_failure_rate", "account", limits.failure_rate_limit)
    due = sum(orders for orders, _ in state.orders)
    failed = sum(failures for _, failures in state.orders)
    if due < LEAST_ORDERS:
        return subject.unknown(NoData.TOO_FEW, due, f"{due} orders in {len(state.orders)} sessions")
    p = 1.0 if failed == 0 else float(bdtrc(failed - 1, due, limits.failure_rate_accepted))
    p = min(1.0, max(p, float(np.finfo(np.float64).tiny)))
    rate = failed / due
    return subject.judged(
        rate,
        due,
        agreed(rate > limits.failure_rate_limit, p <= limits.failure_p),
        Evidence("exact_binomial", p_value=p),
        f"{failed} of {due} orders failed in {len(state.orders)} sessions",
    )


def bars_reading(session: date, expected: int, missing: int, limits: WatchSettings) -> Reading:
    """Share of this session's expected bars that are missing.

    Raises:
        ValueError: When more bars are missing than were expected.
    """
    if not 0 <= missing <= expected:
        raise ValueError(f"{missing} of {expected} bars missing: the first must lie between 0 and the second")
    subject = Subject(session, "execution", "bars_missing_rate", "universe", limits.bars_missing_limit)
    if expected == 0:
        return subject.unknown(NoData.TOO_FEW, 0, "no bar was expected")
    rate = missing / expected
    state: State = graded(rate, warn=limits.bars_missing_warn, limit=limits.bars_missing_limit)
    return subject.judged(rate, expected, state, detail=f"{missing} of {expected} bars missing")
