"""The payoff: what a decision at a close earns. It may start only after what the decision has read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from backtest.leaks.record import Record, copied, rebuilt
from backtest.leaks.result import Check, Result
from backtest.leaks.subject import Subject, compared
from market.panel import FloatArray


@dataclass(frozen=True, slots=True)
class Payoff:
    """What decisions earn, as a named function.

    Attributes:
        name: Its name.
        compute: Takes a record and the place of a session, and returns what a decision at that close earns,
            shape (tickers,); NaN where unknown.
        horizon: Sessions after that one which it reads.
    """

    name: str
    compute: Callable[[Record, int], FloatArray]
    horizon: int


def earlier_bars(payoff: Payoff, record: Record, at: Sequence[int]) -> Result:
    """Change the bars up to a decision and compute what it earns again: the entry must come afterwards."""
    own = np.stack([payoff.compute(record, t) for t in at])[..., None]
    other = np.stack([payoff.compute(_changed(record, t), t) for t in at])[..., None]
    where = [f"{record.panel.sessions[t]}, other bars up to it" for t in at]
    subject = Subject(payoff.name, lambda _: own)
    return compared(Check.EARLIER_BARS, subject, record, (own, other), where)


def _changed(record: Record, t: int) -> Record:
    fields = copied(record.panel)
    factors = np.exp(0.1 * np.random.default_rng(t).standard_normal(fields["close"][: t + 1].shape))
    for values in fields.values():
        values[: t + 1] *= factors
    fields["adj_close"][: t + 1] *= factors
    return replace(record, panel=rebuilt(record.panel, fields))
