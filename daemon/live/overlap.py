"""The overlap: which kept sessions a provider is asked for again, beside the new one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from daemon.memory import Memory
from market.panel import FIELDS, Panel
from market.screening import SCREENED

KNOWN_SESSIONS: Final = 21
"""Known sessions that may still be corrected: within a month."""

HOLE_SESSIONS: Final = 130
"""Sessions back within which one that never came is asked for again: half a year."""

MOSTLY: Final = 0.5
"""Share of the tickers without a close from which a session counts as one that never came."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Kept sessions to be asked for again.

    Attributes:
        panel: As they are kept.
        first: Row of the first that is still taken over where it is told otherwise. Those before it are asked
            for because later ones are held against them: bars that were left out are not kept.
    """

    panel: Panel
    first: int = 0

    @classmethod
    def none(cls, tickers: tuple[str, ...]) -> Overlap:
        """Return that of a store that keeps nothing."""
        return cls(Panel((), tickers, *np.empty((len(FIELDS), 0, len(tickers)))))


def holes(memory: Memory, last: date) -> tuple[date, ...]:
    """Return the kept sessions up to `last` that never came, oldest first."""
    upto = _upto(memory, last)
    return tuple(
        memory.sessions[row] for row in range(max(upto - HOLE_SESSIONS, 0), upto) if _hole(memory, row)
    )


def overlap(memory: Memory, last: date) -> Overlap:
    """Return the sessions up to `last` to be asked for again, none where nothing is kept.

    They hold every session that never came, and begin with as many known ones as a bar is held against: with
    them the units are compared, too.
    """
    upto = _upto(memory, last)
    gaps = holes(memory, last)
    first = min(_back(memory, upto, KNOWN_SESSIONS), memory.sessions.index(gaps[0]) if gaps else upto)
    start = _back(memory, first, SCREENED - 1)
    chosen = memory.bars[start:upto]
    if not chosen:
        return Overlap.none(memory.tickers)
    panel = Panel(tuple(memory.sessions[start:upto]), memory.tickers, *np.stack(chosen, axis=1))
    return Overlap(panel, first - start)


def _back(memory: Memory, row: int, count: int) -> int:
    """Return the row from which on `count` known sessions lie before `row`, or the oldest known one."""
    start, known = row, 0
    for place in range(row - 1, -1, -1):
        if not _hole(memory, place):
            start, known = place, known + 1
            if known == count:
                break
    return start


def _upto(memory: Memory, last: date) -> int:
    return sum(session <= last for session in memory.sessions)


def _hole(memory: Memory, row: int) -> bool:
    return bool(np.isnan(memory.bars[row][FIELDS.index("close")]).mean() >= MOSTLY)
