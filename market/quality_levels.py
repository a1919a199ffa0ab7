"""Levels: prices that jump to another unit (100x) or across a split that the bars do not follow.

A jump counts as a fault only where something explains it better than the market: a factor of about 100; a
split that the provider tells near by and that the jump equals; or the ratio of a usual split while neither
the session's range nor its traded volume is out of the ordinary. A company's bad or good day has both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from market.panel import FloatArray
from market.quality_finding import Finding, Kind, Told

HUNDRED: Final = float(np.log(100.0))
UNIT_SLACK: Final = 0.5
"""How far, in logs, a jump may be from a factor of 100: from 61 to 165."""

NEAR_SESSIONS: Final = 15
"""Bars between a jump and the split that explains it: providers date splits some days wrong."""

TOLD_SLACK: Final = 0.3
"""Share of a told split's log by which the jump may differ from it: the market moves as well."""

RATIOS: Final = (1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0)
"""New shares for an old one, or the other way round, of usual splits."""

SPLIT_SLACK: Final = 0.05
"""How far, in logs, a gap may be from the ratio of a usual split."""

LEAST_GAP: Final = float(np.log(RATIOS[0])) - SPLIT_SLACK
"""Log of the smallest gap at the open that a usual split may explain."""

LEAST_JUMP: Final = float(np.log(1.2))
SETTLED_BARS: Final = 5
"""Bars from which the newest level counts as the right one; a shorter one is at fault itself."""

BEFORE: Final = 20
"""Bars before a jump that say what range and volume are ordinary."""

LEAST_BEFORE: Final = 5


@dataclass(frozen=True, slots=True)
class Jump:
    """A change of level that is not the market's.

    Attributes:
        at: The first bar of the new level, counted among the known bars.
        factor: log of new level over old.
        kind: Unit or split.
        why: What shows it.
    """

    at: int
    factor: float
    kind: Kind
    why: str


@dataclass(frozen=True, slots=True)
class Bars:
    """One ticker's known bars, each array of shape (bars,), prices as logs."""

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    dividends: FloatArray
    splits: FloatArray


def check_levels(told: Told) -> Iterator[Finding]:
    """Find bars that are in another unit or on the wrong side of a split."""
    close = told.panel.close
    for column in range(close.shape[1]):
        rows = np.flatnonzero(close[:, column] > 0)
        if rows.size < 2:
            continue
        with np.errstate(divide="ignore", invalid="ignore"):
            steps = np.abs(np.diff(np.log(close[rows, column])))
        if steps.max() < LEAST_JUMP:
            continue
        jumps = tuple(_jumps(_bars(told, rows, column), np.flatnonzero(steps >= LEAST_JUMP) + 1))
        yield from _findings(told, rows, column, jumps)


def _bars(told: Told, rows: np.ndarray[tuple[int], np.dtype[np.intp]], column: int) -> Bars:
    with np.errstate(divide="ignore", invalid="ignore"):
        o, h, lo, c = (np.log(told.field(name)[rows, column]) for name in ("open", "high", "low", "close"))
    none = np.zeros(rows.size)
    return Bars(
        open=o,
        high=h,
        low=lo,
        close=c,
        volume=told.panel.volume[rows, column],
        dividends=none if told.dividends is None else np.nan_to_num(told.dividends[rows, column]),
        splits=none if told.splits is None else np.nan_to_num(told.splits[rows, column]),
    )


def _jumps(bars: Bars, places: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Iterator[Jump]:
    for at in places.tolist():
        for explain in (_told_split, _unit, _usual_split):
            if (jump := explain(bars, at)) is not None:
                yield jump
                break


def _step(prices: FloatArray, bars: Bars, at: int) -> float:
    """Log of a price over the close before, less what a told dividend explains."""
    before = float(np.exp(bars.close[at - 1]))
    paid = float(bars.dividends[at])
    explained = np.log1p(-paid / before) if 0 < paid < 0.9 * before else 0.0
    return float(prices[at] - bars.close[at - 1] - explained)


def _told_split(bars: Bars, at: int) -> Jump | None:
    step = _step(bars.close, bars, at)
    near = slice(max(at - NEAR_SESSIONS, 0), at + NEAR_SESSIONS + 1)
    for ratio in {float(one) for one in bars.splits[near] if one > 0 and one != 1}:
        size = float(np.log(ratio))
        for factor in (size, -size):
            if abs(step - factor) <= TOLD_SLACK * abs(size) and _volume_fits(bars, at, factor, within=20.0):
                why = f"the price moved by {np.exp(step):.4g}, as a told split of {ratio:.4g} would move it"
                return Jump(at, factor, Kind.SPLIT, why)
    return None


def _unit(bars: Bars, at: int) -> Jump | None:
    step = _step(bars.close, bars, at)
    if abs(abs(step) - HUNDRED) > UNIT_SLACK:
        return None
    return Jump(at, float(np.copysign(HUNDRED, step)), Kind.UNIT, f"the price moved by {np.exp(step):.4g}")


def _usual_split(bars: Bars, at: int) -> Jump | None:
    gap = _step(bars.open, bars, at)
    span = slice(max(at - BEFORE, 0), at)
    if not np.isfinite(gap) or span.stop - span.start < LEAST_BEFORE:
        return None
    ratio = min(RATIOS, key=lambda one: abs(abs(gap) - np.log(one)))
    factor = float(np.copysign(np.log(ratio), gap))
    overnight = np.abs(bars.open[span][1:] - bars.close[span][:-1])
    if abs(gap - factor) > min(max(0.02, 3.0 * 1.4826 * float(np.median(overnight))), SPLIT_SLACK):
        return None
    if bars.high[at] - bars.low[at] > 2.0 * float(np.median((bars.high - bars.low)[span])) + 0.01:
        return None
    if not _volume_fits(bars, at, factor, within=2.0, blind=False):
        return None
    why = f"it opened at {np.exp(gap):.4g} of the close before, with ordinary range and volume"
    return Jump(at, factor, Kind.SPLIT, why)


def _volume_fits(bars: Bars, at: int, factor: float, *, within: float, blind: bool = True) -> bool:
    """Whether as many shares traded as usual, in old or in new shares; `blind` where that is unknown."""
    before = bars.volume[max(at - BEFORE, 0) : at]
    before = before[before > 0]
    if not before.size or not bars.volume[at] > 0:
        return blind
    step = float(np.log(bars.volume[at] / np.median(before)))
    return bool(min(abs(step), abs(step + factor)) <= np.log(within))


def _findings(
    told: Told,
    rows: np.ndarray[tuple[int], np.dtype[np.intp]],
    column: int,
    jumps: tuple[Jump, ...],
) -> Iterator[Finding]:
    """Tell which levels differ from the right one: the newest, where it holds long enough."""
    if not jumps:
        return
    edges = [0, *(jump.at for jump in jumps), rows.size]
    levels = np.concatenate(([0.0], np.cumsum([jump.factor for jump in jumps])))
    lengths = np.diff(edges)
    right = len(lengths) - 1 if lengths[-1] >= SETTLED_BARS else int(np.argmax(lengths))
    for place in range(len(lengths)):
        off = float(levels[right] - levels[place])
        if abs(off) < LEAST_JUMP / 2:
            continue
        jump = jumps[place - 1] if place > right else jumps[place]
        days = tuple(told.panel.sessions[row] for row in rows[edges[place] : edges[place + 1]])
        side = "older" if place < right else "newer"
        yield Finding(
            told.panel.tickers[column],
            days,
            jump.kind,
            f"{jump.why}; the {side} bars do not fit the others",
            f"multiply the prices by {np.exp(off):.6g}"
            + (f" and the volume by {np.exp(-off):.6g}" if jump.kind is Kind.SPLIT else ""),
        )
