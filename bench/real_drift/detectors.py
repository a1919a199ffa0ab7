"""Our detectors on a plain series of numbers, made of the monitors' public functions only."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace

import numpy as np

from monitors import e_detector
from monitors.drift import DriftReference, prepare_reference
from monitors.feature_drift import compare
from monitors.pooled import PooledDetector, measured_law
from monitors.rolling_drift import RollingDrift
from monitors.settings import WatchSettings

LIMITS = WatchSettings()

SHIFTS = (0.25, 0.5, 1.0, 2.0, 4.0)  # standard deviations to be found, in either direction
LEAST = 10  # values from which a mean and a spread are known
KEPT = 5  # newest values that begin the next stretch after an alarm
CONFIRMED = 20  # values of a new stretch after which an alarm is taken back if nothing has changed
CEILING = 1e15  # of a level
TRUSTED = 30  # values of a new stretch from which its own spread counts alone


class ShiftBets:
    """An e-detector of a shift in mean: M <- (M + 1) exp(d z - d^2 / 2) for several shifts d, up and down.

    z is how many standard deviations a value lies from the mean of those since the last alarm, cut at `clip`.
    The gain is the likelihood ratio of a normal law whose mean moved by d; `e_detector.advance` sums it, the
    alarm is at a mean level of `limit`. For independent normal values of known mean and spread the limit is
    the run length between false alarms; as mean and spread are measured and values dependent, it is tuned.

    After an alarm the newest five values begin a new stretch. Where alarms are taken back: if their mean lies
    within `same` standard deviations of the stretch before once they are twenty, the alarm was false, or what
    it saw is over, and the stretch before goes on. A false alarm then does not cost what was known; a lasting
    shift of less than that is alarmed again.

    Args:
        limit: Level of the alarm.
        clip: Greatest |z|, so that one bad tick is not a shift.
        memory: Newest values that the mean and the spread are taken of.
        greatest: Greatest shift to bet on; without the great ones a short burst is not a shift.
        same: Standard deviations within which an alarm is taken back; 0 for never.
    """

    def __init__(
        self,
        limit: float,
        clip: float = 5.0,
        memory: int = 300,
        greatest: float = 4.0,
        same: float = 0.0,
    ) -> None:
        self._limit = limit
        self._clip = clip
        self._memory = memory
        self._same = same
        sizes = np.array([size for size in SHIFTS if size <= greatest])
        self._shifts = np.concatenate([-sizes, sizes])
        self._levels = np.zeros((1, self._shifts.size))
        self._past_variance = math.nan
        self._past: tuple[float, ...] = ()  # the stretch before, until the alarm is confirmed
        self._newest: deque[float] = deque()
        self._n, self._sum, self._squares = 0, 0.0, 0.0

    def update(self, value: float) -> bool:
        """Take one value; whether it alarms. After an alarm the newest values begin a new stretch."""
        variance = self._variance()
        alarmed = False
        if variance > 0:
            z = (value - self._sum / self._n) / math.sqrt(variance * (1 + 1 / self._n))
            z = max(-self._clip, min(self._clip, z))
            gains = np.exp(self._shifts * (z - self._shifts / 2))
            self._levels = e_detector.advance(self._levels, gains, ceiling=CEILING)
            alarmed = e_detector.level(self._levels) >= self._limit
        if alarmed:
            self._levels = np.zeros_like(self._levels)
            self._past_variance, self._past = variance, tuple(self._newest)
            self._begin_with((*self._past, value)[-KEPT:])
            return True
        self._take(value)
        if self._same and self._past and self._n >= CONFIRMED:
            past, self._past = np.array(self._past), ()
            if abs(self._sum / self._n - past.mean()) <= self._same * past.std():
                self._begin_with((*past.tolist(), *self._newest)[-self._memory :])
        return False

    def _begin_with(self, values: tuple[float, ...]) -> None:
        self._newest = deque()
        self._n, self._sum, self._squares = 0, 0.0, 0.0
        for one in values:
            self._take(one)

    def _variance(self) -> float:
        """Of the stretch, filled up with that of the stretch before while short; 0 where unknown."""
        known = not math.isnan(self._past_variance)
        if self._n < (KEPT if known else LEAST):
            return 0.0
        own = max(0.0, self._squares / self._n - (self._sum / self._n) ** 2)
        if not known or self._n >= TRUSTED:
            return own
        return (own * self._n + self._past_variance * (TRUSTED - self._n)) / TRUSTED

    def _take(self, value: float) -> None:
        if self._n == self._memory:
            oldest = self._newest.popleft()
            self._sum -= oldest
            self._squares -= oldest**2
        self._newest.append(value)
        self._sum += value
        self._squares += value**2
        self._n = len(self._newest)


class NewestWindow:
    """The newest values held against those before by PSI and KS, judged by the reference's own windows.

    The reference is all values since the last alarm but the newest window; it is prepared anew whenever it
    has grown by a fifth. Until it holds ten windows nothing can be said and nothing is.

    Args:
        p: Alarm at or below this p-value.
        window: Values in a window.
        most: Most values in a reference.
    """

    def __init__(self, p: float, window: int = 20, most: int = 2000) -> None:
        self._p = p
        self._window = window
        self._most = most
        self._values: list[float] = []
        self._rolling: RollingDrift | None = None
        self._due = 11 * window

    def update(self, value: float) -> bool:
        """Take one value; whether it alarms. After an alarm everything starts anew."""
        self._values.append(value)
        n = len(self._values)
        if n >= self._due:
            self._due = int(1.2 * n)
            held = np.array(self._values[-self._most - self._window :])
            old = held[: -self._window, None, None]
            self._rolling = RollingDrift(prepare_reference(old, ("series",), window=self._window))
            for row in held[-self._window :, None]:
                self._rolling.update(row)
        elif self._rolling is not None:
            self._rolling.update(np.array([value]))
        if self._rolling is None or n % max(1, self._window // 5):
            return False
        p = float(self._rolling.p[0])
        if math.isnan(p) or p > self._p:
            return False
        self._values, self._rolling, self._due = [], None, 11 * self._window
        return True


class NewestDays:
    """The newest days of a series held against its first ones, as the daemon does with sessions.

    Values of a day are pooled as tickers of a session are; p-values by the reference's own windows.

    Args:
        p: Alarm at or below this p-value.
        days: Days in a window.
        known: Days in the reference.
        a_day: Values a day.
    """

    def __init__(self, p: float, days: int, *, known: int, a_day: int) -> None:
        self._p = p
        self._days = days
        self._known = known
        self._a_day = a_day
        self._day: list[float] = []
        self._past: list[list[float]] = []
        self._reference: DriftReference | None = None
        self._quiet_until = 0
        self._seen = 0

    def update(self, value: float) -> bool:
        """Take one value; whether the day that it ends alarms. A window of silence follows an alarm."""
        self._day.append(value)
        if len(self._day) < self._a_day:
            return False
        self._past.append(self._day)
        self._day = []
        self._seen += 1
        if self._reference is None:
            if self._seen == self._known:
                history = np.array(self._past)[:, :, None]
                self._reference = prepare_reference(history, ("series",), window=self._days)
                self._past = []
            return False
        self._past = self._past[-self._days :]
        if self._seen < max(self._quiet_until, self._known + self._days):
            return False
        p = compare(np.array(self._past)[:, :, None], self._reference, LIMITS)[0].p
        if math.isnan(p) or p > self._p:
            return False
        self._quiet_until = self._seen + self._days
        return True


class PooledWins:
    """The pooled detector on days of wins: half-hours are the tickers, the first days give the law.

    Args:
        sessions: Days between false alarms that its limit is made for.
        fall: Fall of the win rate to be found.
        known: Days the law is measured on.
        a_day: Values a day.
    """

    def __init__(self, sessions: float, fall: float, *, known: int, a_day: int) -> None:
        self._sessions = sessions
        self._fall = fall
        self._known = known
        self._a_day = a_day
        self._values: list[float] = []
        self._wins: list[float] = []
        self._detector: PooledDetector | None = None

    def update(self, value: float) -> bool:
        """Take one win (1) or loss (0); whether the day it ends alarms. Bets start anew after an alarm."""
        self._values.append(value)
        if len(self._values) < self._a_day:
            return False
        won = sum(self._values)
        self._values = []
        if self._detector is None:
            self._wins.append(won)
            if len(self._wins) == self._known:
                law = measured_law(np.array(self._wins), np.full(self._known, float(self._a_day)))
                self._detector = PooledDetector(law, law.rate - self._fall, self._sessions)
            return False
        self._detector = self._detector.update(int(won), self._a_day)
        if not self._detector.alarmed(self._a_day):
            return False
        self._detector = replace(self._detector, level=0.0)
        return True
