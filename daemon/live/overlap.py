"""The overlap: which kept sessions a provider is asked for again, beside the new one."""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np

from daemon.memory import Memory
from market.panel import FIELDS, Panel

KNOWN_SESSIONS: Final = 21
"""Known sessions that are compared: corrections are noticed within a month."""

HOLE_SESSIONS: Final = 130
"""Sessions back within which one that never came is asked for again: half a year."""

MOSTLY: Final = 0.5
"""Share of the tickers without a close from which a session counts as one that never came."""


def holes(memory: Memory, last: date) -> tuple[date, ...]:
    """Return the kept sessions up to `last` that never came, oldest first."""
    upto = _upto(memory, last)
    return tuple(
        memory.sessions[row] for row in range(max(upto - HOLE_SESSIONS, 0), upto) if _hole(memory, row)
    )


def overlap(memory: Memory, last: date) -> Panel:
    """Return the sessions up to `last` to be asked for again, none where nothing is kept.

    They begin with known ones, so that the units can be compared, and hold every session that never came.
    """
    upto = _upto(memory, last)
    gaps = holes(memory, last)
    first = memory.sessions.index(gaps[0]) if gaps else upto
    start = min(_back(memory, first), _back(memory, upto))
    chosen = memory.bars[start:upto]
    values = np.stack(chosen, axis=1) if chosen else np.empty((len(FIELDS), 0, len(memory.tickers)))
    return Panel(tuple(memory.sessions[start:upto]), memory.tickers, *values)


def _back(memory: Memory, row: int) -> int:
    """Return the row from which on `KNOWN_SESSIONS` known ones lie before `row`, or the oldest known one."""
    start, known = row, 0
    for place in range(row - 1, -1, -1):
        if not _hole(memory, place):
            start, known = place, known + 1
            if known == KNOWN_SESSIONS:
                break
    return start


def _upto(memory: Memory, last: date) -> int:
    return sum(session <= last for session in memory.sessions)


def _hole(memory: Memory, row: int) -> bool:
    return bool(np.isnan(memory.bars[row][FIELDS.index("close")]).mean() >= MOSTLY)
