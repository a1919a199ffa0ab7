"""The subject: a named function of the record, and the checks of what its values read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backtest.leaks import alteration
from backtest.leaks.record import Record
from backtest.leaks.result import Check, Result
from forecaster.window import Window
from market.panel import FloatArray, Panel

Compute = Callable[[Record], FloatArray]

ALTERATIONS: Final[dict[Check, alteration.Alter]] = {
    Check.KNOWN_AT: alteration.late_changed,
    Check.RESTATED: alteration.restated,
    Check.MEMBERSHIP: alteration.members_changed,
}
"""What each check changes in a history that ends with the session looked at."""

ROUNDING: Final = 1e-7
"""Share of a column's greatest value within which restated bars give the same: factors are rounded anew."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A named function of the record, or several at once.

    Attributes:
        name: Its name.
        compute: Takes a record and returns the values, shape (sessions, tickers) or (sessions, tickers,
            columns); one row a session of the record, NaN where unknown. Values of the market as a whole have
            one ticker.
        columns: Names of the columns; its own name for a single one.
        lookbacks: How many sessions each column reads, its own included; empty where it reads all there is.
        row: Computes the row of one session of a record, where that takes less than all of them; None leaves
            it to `compute`.
        warm_up: Sessions before its first value.
        is_forecast: Whether it is to be traded on at the next open.
        skips: Checks that make no sense for it.
        why: Why they do not, in words.
    """

    name: str
    compute: Compute
    columns: tuple[str, ...] = ()
    lookbacks: tuple[int, ...] = ()
    row: Callable[[Record, int], FloatArray] | None = None
    warm_up: int = 0
    is_forecast: bool = False
    skips: frozenset[Check] = frozenset()
    why: str = ""

    @classmethod
    def of_window(cls, name: str, function: Callable[[Window], FloatArray], lookback: int = 0) -> Subject:
        """Make a subject of a function of the forecaster's window.

        Args:
            name: Its name.
            function: Takes a window and returns shape (tickers, sessions), like a registered feature.
            lookback: Sessions it reads; 0 says that it reads all of the history.
        """
        lookbacks = (lookback,) if lookback else ()
        return cls(name, lambda record: function(record.window()).T, lookbacks=lookbacks)

    @classmethod
    def of_panel(cls, name: str, function: Callable[[Panel], FloatArray], lookback: int = 0) -> Subject:
        """Make a subject of a function of the universe's bars that returns shape (sessions, tickers)."""
        return cls(name, lambda record: function(record.stocks), lookbacks=(lookback,) if lookback else ())

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return self.columns or (self.name,)

    def values(self, record: Record) -> FloatArray:
        """Return its values, shape (sessions, tickers, columns).

        Raises:
            ValueError: They have another shape.
        """
        found = self.compute(record)
        found = found[..., None] if found.ndim == 2 else found
        if found.ndim != 3 or found.shape[2] != len(self.names):
            raise ValueError(
                f"subject {self.name!r} returned shape {found.shape}; "
                f"(sessions, tickers) or (sessions, tickers, {len(self.names)}) is needed"
            )
        return found

    def at(self, record: Record, t: int) -> FloatArray:
        """Return the values of one session, shape (tickers, columns)."""
        if self.row is None:
            return np.asarray(self.values(record)[t])
        found = self.row(record, t)
        return found[..., None] if found.ndim == 1 else found


def cuts(subject: Subject, sessions: int, n: int, seed: int) -> list[int]:
    """Draw sessions to look at, ascending: late enough for every lookback, and not the newest."""
    last = max(sessions - 2, 0)
    first = min(max((sessions // 4, subject.warm_up, *subject.lookbacks)), last)
    places = np.arange(first, last + 1)
    drawn = np.random.default_rng(seed).choice(places, min(n, len(places)), replace=False)
    return [int(t) for t in np.sort(drawn)]


def truncation(subject: Subject, record: Record, full: FloatArray, cut: Mapping[int, FloatArray]) -> Result:
    """Hold the values of a history that ends with a session against those of the full one.

    Args:
        subject: The subject.
        record: The full history.
        full: The subject's values, shape (sessions, tickers, columns).
        cut: Its row of each session looked at, from the history that ends there.
    """
    where = [f"{record.panel.sessions[t]}, truncated" for t in cut]
    values = (full[list(cut)], np.stack(list(cut.values())))
    return compared(Check.TRUNCATION, subject, record, values, where)


def poison(subject: Subject, record: Record, full: FloatArray, at: Sequence[int]) -> Result:
    """Spoil all that comes after a session in three ways and compute it again."""
    where, other = [], []
    for t in at:
        for alter in (alteration.unknown_after, alteration.scaled_after, alteration.shuffled_after):
            other.append(subject.at(alter(record, t), t))
            where.append(f"{record.panel.sessions[t]}, {alter.__name__.replace('_', ' ')}")
    return compared(Check.POISON, subject, record, (np.repeat(full[at], 3, axis=0), np.stack(other)), where)


def altered(subject: Subject, record: Record, check: Check, cut: Mapping[int, FloatArray]) -> Result:
    """Alter a history that ends with a session, and hold its newest row against what it was.

    Args:
        subject: The subject.
        record: The full history.
        check: One of `ALTERATIONS`.
        cut: The subject's row of each session looked at, from the history that ends there, unaltered.
    """
    if why := _does_not_apply(subject, record, check):
        return Result(check, subject.name, skipped=why)
    alter = ALTERATIONS[check]
    other = [subject.at(alter(alteration.truncated(record, t), t), t) for t in cut]
    where = [f"{record.panel.sessions[t]}, {alter.__name__.replace('_', ' ')}" for t in cut]
    tolerance = ROUNDING if check is Check.RESTATED else 0.0
    return compared(check, subject, record, (np.stack(list(cut.values())), np.stack(other)), where, tolerance)


def start_up(subject: Subject, record: Record, full: FloatArray, at: Sequence[int]) -> Result:
    """Compute each column from its lookback and from twice as much, and compare with all of the history."""
    if why := _does_not_apply(subject, record, Check.START_UP):
        return Result(Check.START_UP, subject.name, skipped=why)
    lookbacks = np.array(subject.lookbacks)
    own, other, where = [], [], []
    for t in at:
        for times in (1, 2):
            row = np.full(full[t].shape, np.nan)
            for depth in sorted(set(subject.lookbacks)):
                held = alteration.truncated(record, t).since(max(0, t + 1 - times * depth))
                mine = lookbacks == depth
                row[:, mine] = subject.at(held, len(held.panel.sessions) - 1)[:, mine]
            own.append(full[t])
            other.append(row)
            where.append(f"{record.panel.sessions[t]}, {times} x its lookback")
    return compared(Check.START_UP, subject, record, (np.stack(own), np.stack(other)), where)


def compared(
    check: Check,
    subject: Subject,
    record: Record,
    values: tuple[FloatArray, FloatArray],
    where: Sequence[str],
    tolerance: float = 0.0,
) -> Result:
    """Count the values that differ; both of shape (rows, tickers, columns), NaN equal to NaN only.

    What is unknown both times counts neither way.
    """
    own, other = values
    known: NDArray[np.bool_] = ~(np.isnan(own) & np.isnan(other))
    scale = np.nanmax(np.where(np.isfinite(own), np.abs(own), 0.0), axis=(0, 1), initial=0.0)
    with np.errstate(invalid="ignore"):
        equal = (own == other) | (np.abs(own - other) <= tolerance * scale)
    missed = known & ~equal
    names = subject.names
    seen = known.any(axis=(0, 1))
    said = ""
    if missed.any():
        row, ticker, column = (int(i[0]) for i in np.nonzero(missed))
        whose = record.universe[ticker] if own.shape[1] == len(record.universe) else "the market"
        said = (
            f"{names[column]} of {whose} on {where[row]}: "
            f"{own[row, ticker, column]:.6g} becomes {other[row, ticker, column]:.6g}"
        )
    return Result(
        check,
        subject.name,
        columns=int(seen.sum()),
        compared=int(known.sum()),
        misses=int(missed.sum()),
        leaking=tuple(names[i] for i in np.flatnonzero(missed.any(axis=(0, 1)))),
        said=said,
        skipped="" if known.any() else "no value is known at any of the sessions looked at",
        unseen=tuple(names[i] for i in np.flatnonzero(~seen)),
    )


def _does_not_apply(subject: Subject, record: Record, check: Check) -> str:
    if check in subject.skips:
        return subject.why
    if check is Check.START_UP and not subject.lookbacks:
        return "it declares no lookback: it may read all of the history"
    if check is Check.KNOWN_AT and not (record.late or record.reports or record.links):
        return "nothing on record becomes known after a close"
    if check is Check.MEMBERSHIP and not record.membership.spells:
        return "no membership is on record"
    return ""
