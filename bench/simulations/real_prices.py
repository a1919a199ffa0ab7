"""Drift of features of real prices, looked at weekly from 2016 to 2023.

120 US stocks; six raw features pooled over tickers; the newest 20 sessions against the 756 before them. In
alarm is what the daemon's default would act on: a share of at least a quarter of the features drifted, and
all of them together as unlikely as 1 % by the reference's own windows. The classic PSI > 0.2 stands beside
it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from bench.development_data import PRICES
from bench.finding import Finding
from bench.share import Share
from monitors.arrays import FloatArray
from monitors.drift import prepare_reference
from monitors.feature_drift import drift_readings
from monitors.reading import Reading, State
from monitors.settings import WatchSettings

TITLE = "Feature drift on real prices, weekly 2016 to 2023"
NEEDS = (PRICES,)
FULL = 5  # sessions from one look to the next
WINDOW, REFERENCE, FIRST = 20, 756, 64  # sessions; the first in which every feature is known
CALM_YEARS = (2016, 2017, 2021, 2023)
LIMITS = WatchSettings()


@dataclass(frozen=True, slots=True)
class Look:
    """What was said after one session.

    Attributes:
        session: The session.
        alarm: Whether drift as a whole is in breach.
        above: By feature, whether the PSI is above 0.2.
        unlikely: By feature, whether its PSI's evidence is at 1 % or below.
    """

    session: date
    alarm: bool
    above: dict[str, bool]
    unlikely: dict[str, bool]


def findings(size: int = FULL) -> list[Finding]:
    """Measure.

    Args:
        size: Sessions from one look to the next.
    """
    sessions, values = features()
    held = looks(sessions, values, range(FIRST + REFERENCE + WINDOW, len(sessions), size))
    held = [look for look in held if look.session.year >= 2016]
    spring = [look for look in held if (look.session.year, look.session.month) == (2020, 3)]
    found = [
        Finding.share("weeks in alarm", _share([look.alarm for look in held]), at_most=0.03),
        *(
            Finding.number(
                f"weeks in alarm in {year}", _alarms(held, year), at_most=0 if year in CALM_YEARS else np.inf
            )
            for year in range(2016, 2024)
        ),
        Finding.answer(
            "in alarm in March 2020", "yes", "yes" if any(look.alarm for look in spring) else "no"
        ),
        Finding.text("sessions in alarm", _spans(held)),
        Finding.share("PSI > 0.2 in some feature", _share([any(look.above.values()) for look in held])),
    ]
    for name in values:
        found += [
            Finding.share(f"{name}: own windows at 1 %", _share([look.unlikely[name] for look in held])),
            Finding.share(f"{name}: PSI > 0.2", _share([look.above[name] for look in held])),
        ]
    return found


def features() -> tuple[list[date], dict[str, FloatArray]]:
    """The sessions, and six features of shape (sessions, tickers), NaN = unknown."""
    prices = pd.read_parquet(PRICES)
    close = prices.pivot_table(index="date", columns="ticker", values="adj_close")
    volume = prices.pivot_table(index="date", columns="ticker", values="volume")
    log = close.apply(np.log)
    moved = log.diff()
    up, either = moved.clip(lower=0).ewm(alpha=1 / 14).mean(), moved.abs().ewm(alpha=1 / 14).mean()
    traded = ((volume.rolling(5).mean() + 1) / (volume.rolling(60).mean() + 1)).apply(np.log)
    tables = {
        "return 5": log.diff(5),
        "momentum 63": log.diff(63),
        "volatility 21": moved.rolling(21).std(),
        "volume 5/60": traded,
        "RSI 14": up / either,
        "below 60-day high": close / close.rolling(60).max() - 1,
    }
    sessions = [pd.Timestamp(str(day)).date() for day in close.index]
    return sessions, {name: table.to_numpy(np.float64) for name, table in tables.items()}


def looks(sessions: list[date], values: dict[str, FloatArray], ends: Iterable[int]) -> list[Look]:
    """What the monitors say of the window that ends before each of `ends`."""
    stacked, names, found = np.stack(list(values.values()), axis=2), tuple(values), []
    for end in ends:
        start = end - WINDOW
        reference = prepare_reference(stacked[start - REFERENCE : start], names, window=WINDOW)
        readings = drift_readings(sessions[end - 1], stacked[start:end], reference, LIMITS)
        by_psi = {reading.subject: reading for reading in readings if reading.metric == "psi"}
        found.append(
            Look(
                sessions[end - 1],
                readings[-1].state is State.BREACH,
                {name: reading.value > 0.2 for name, reading in by_psi.items()},
                {name: _unlikely(reading) for name, reading in by_psi.items()},
            )
        )
    return found


def _unlikely(reading: Reading) -> bool:
    evidence = reading.evidence
    return evidence is not None and evidence.p_value is not None and evidence.p_value <= LIMITS.drift_p


def _share(held: list[bool]) -> Share:
    return Share(sum(held), len(held))


def _alarms(held: list[Look], year: int) -> int:
    return sum(look.alarm for look in held if look.session.year == year)


def _spans(held: list[Look]) -> str:
    """From when to when, each stretch of alarms."""
    spans: list[list[date]] = []
    for before, look in zip([None, *held], held, strict=False):
        if look.alarm:
            spans += [] if before is not None and before.alarm else [[look.session, look.session]]
            spans[-1][1] = look.session
    return "; ".join(f"{first} to {last}" for first, last in spans) or "none"
