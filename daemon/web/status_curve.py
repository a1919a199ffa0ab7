"""The equity curve as shown: both books, thinned so that no peak and no trough is lost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.storage.trading import PAPER, UNGATED
from daemon.summary import equity_curve

MAX_POINTS: Final = 600


@dataclass(frozen=True, slots=True)
class EquityPoint:
    """Equity at a session's close in USD: behind the gate, and with the gate held open; NaN is unknown."""

    session: date
    paper: float
    ungated: float


async def read_curve(connection: AsyncConnection) -> tuple[EquityPoint, ...]:
    """Read both books inside the caller's transaction, oldest first, thinned."""
    ungated = dict(await equity_curve(connection, UNGATED))
    paper = await equity_curve(connection, PAPER)
    return thin(tuple(EquityPoint(day, value, ungated.get(day, math.nan)) for day, value in paper))


def thin(points: tuple[EquityPoint, ...], limit: int = MAX_POINTS) -> tuple[EquityPoint, ...]:
    """Return at most `limit` points: the first, the last, and the extremes of both books in between."""
    if len(points) <= limit:
        return points
    kept = {0, len(points) - 1}
    curves = np.array([(point.paper, point.ungated) for point in points]).T
    for stretch in np.array_split(np.arange(len(points)), max(1, (limit - 2) // 4)):
        for curve in curves:
            known = stretch[~np.isnan(curve[stretch])]
            if known.size:
                kept |= {int(known[curve[known].argmin()]), int(known[curve[known].argmax()])}
    return tuple(points[i] for i in sorted(kept))
