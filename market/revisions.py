"""Revisions: what a provider now says of bars that are already kept.

A provider restates its history at every split and dividend; it corrects bars; bars come late. Kept bars stay
in the unit in which the first of them were kept. What is told now is brought into that unit by the bars that
both have, so that a split is never mixed with a correction: a split or a dividend changes all bars before it
by one factor, a correction changes some of them by another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from market.panel import FIELDS, FloatArray, Panel

ANCHORS: Final = 5
"""The oldest bars told again whose median says how the units differ; newer ones may be corrected."""

RESTATED: Final = 1e-4
"""Relative change of a price beyond which it counts as changed, and not as rounded."""

RECOUNTED: Final = 0.01
"""The same of a volume: late prints change every volume a little."""

CLOSE, ADJ_CLOSE, VOLUME = (FIELDS.index(name) for name in ("close", "adj_close", "volume"))


class RevisionKind(StrEnum):
    """The kinds of revision."""

    SPLIT = "split"
    DIVIDEND = "dividend"
    CORRECTION = "correction"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Revision:
    """One kept bar that is told otherwise now.

    Attributes:
        session: Of the bar; for a split or dividend, which change all bars before it, of the newest one kept.
        ticker: Whose bar.
        kind: Of which kind. A correction or a late bar has values, the others a factor.
        factor: Kept over told: closes for a split; for a dividend `adj_close` beyond the split. NaN for the
            others.
        values: The bar in the kept unit, in the order of `FIELDS`; empty for a split or dividend.
    """

    session: date
    ticker: str
    kind: RevisionKind
    factor: float = float("nan")
    values: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Scale:
    """How the units of kept and of told bars differ, of shape (tickers,); NaN where none is told again.

    Attributes:
        price: Kept close over told close.
        adjusted: Kept `adj_close` over told `adj_close`.
    """

    price: FloatArray
    adjusted: FloatArray

    def apply(self, told: FloatArray) -> FloatArray:
        """Return told bars, shape (fields, sessions, tickers), in the kept unit; as told where it is NaN."""
        price = np.where(np.isfinite(self.price), self.price, 1.0)
        adjusted = np.where(np.isfinite(self.adjusted), self.adjusted, price)
        out = told * price
        out[ADJ_CLOSE] = told[ADJ_CLOSE] * adjusted
        out[VOLUME] = told[VOLUME] / price
        return out


def scale(kept: Panel, told: FloatArray) -> Scale:
    """Compare what is kept with what is told of the same sessions.

    Args:
        kept: The kept bars.
        told: What the provider says now of the same sessions, shape (fields, sessions, tickers).
    """
    return Scale(_ratio(kept.close, told[CLOSE]), _ratio(kept.adj_close, told[ADJ_CLOSE]))


def revisions(kept: Panel, told: FloatArray, found: Scale) -> tuple[Revision, ...]:
    """Return what changed, in the order of ticker and session.

    Where more than half of a ticker's bars differ, another history is told, and none counts as corrected. A
    kept bar that is no longer told stays.

    Args:
        kept: The kept bars.
        told: As `scale` has it.
        found: Its result.
    """
    cube = np.stack([getattr(kept, name) for name in FIELDS])
    fresh = found.apply(told)
    both = ~np.isnan(cube[CLOSE]) & ~np.isnan(fresh[CLOSE])
    late = np.isnan(cube[CLOSE]) & ~np.isnan(fresh[CLOSE])
    changed = both & _changed(cube, fresh)
    changed &= changed.sum(axis=0) <= both.sum(axis=0) // 2
    values = np.where(np.isnan(fresh), cube, fresh)
    out = list(_restated(kept, both, found))
    for kind, cells in ((RevisionKind.CORRECTION, changed), (RevisionKind.LATE, late)):
        for row, column in np.argwhere(cells).tolist():
            bar = tuple(values[:, row, column].tolist())
            out.append(Revision(kept.sessions[row], kept.tickers[column], kind, values=bar))
    return tuple(sorted(out, key=lambda one: (one.ticker, one.session, one.kind)))


def revise(kept: Panel, changes: tuple[Revision, ...]) -> Panel:
    """Return the kept bars with corrections and late bars in their place."""
    fields = [getattr(kept, name).copy() for name in FIELDS]
    row = {session: i for i, session in enumerate(kept.sessions)}
    column = {ticker: i for i, ticker in enumerate(kept.tickers)}
    for one in changes:
        for field, value in zip(fields, one.values, strict=False):
            field[row[one.session], column[one.ticker]] = value
    return Panel(kept.sessions, kept.tickers, *fields)


def _ratio(kept: FloatArray, told: FloatArray) -> FloatArray:
    """Return the lower median of the oldest ratios, shape (tickers,): one of them, so that 1 stays 1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = kept / told
    out = np.full(ratios.shape[1], np.nan)
    for column, known in enumerate((np.isfinite(ratios) & (ratios > 0)).T):
        oldest = np.sort(ratios[np.flatnonzero(known)[:ANCHORS], column])
        if oldest.size:
            out[column] = oldest[(oldest.size - 1) // 2]
    return out


def _changed(kept: FloatArray, fresh: FloatArray) -> NDArray[np.bool_]:
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.abs(fresh / kept - 1.0)
    moved = np.asarray(change > RESTATED, dtype=np.bool_)
    moved[VOLUME] = change[VOLUME] > RECOUNTED
    appeared = np.isnan(kept) & ~np.isnan(fresh)
    return np.asarray((moved | appeared).any(axis=0), dtype=np.bool_)


def _restated(kept: Panel, both: NDArray[np.bool_], found: Scale) -> Iterator[Revision]:
    for column, ticker in enumerate(kept.tickers):
        rows = np.flatnonzero(both[:, column])
        if not rows.size:
            continue
        price = float(found.price[column])
        beyond = float(found.adjusted[column]) / price
        for kind, factor in ((RevisionKind.SPLIT, price), (RevisionKind.DIVIDEND, beyond)):
            if abs(factor - 1.0) > RESTATED:
                yield Revision(kept.sessions[rows[-1]], ticker, kind, factor)
