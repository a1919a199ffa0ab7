"""The budget: every detector tuned to the same rate of false alarms on some streams, judged on the others."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bench.real_drift.stream import Score, Stream, score, total


@dataclass(frozen=True, slots=True)
class Trial:
    """One detector at one setting on one input.

    Attributes:
        setting: In words, the input included.
        alarms: Where it alarmed, by stream.
    """

    setting: str
    alarms: dict[str, list[int]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a detector did at one budget.

    Attributes:
        detector: Its name.
        budget: False alarms a thousand calm values that the tuning allowed.
        score: On the streams that it was not tuned on.
        settings: Chosen, the most frequent choice first.
        by_stream: The score on each stream.
    """

    detector: str
    budget: float
    score: Score
    settings: tuple[str, ...]
    by_stream: dict[str, Score]


class Aim(StrEnum):
    """What a setting is chosen for, within the budget.

    `SOON` notices most, then soonest, and so spends the budget; `F1` weighs false alarms against hits, then
    the delay decides.
    """

    SOON = "to notice most, then soonest"
    F1 = "for F1"


def judged(
    detector: str,
    trials: Sequence[Trial],
    streams: Sequence[Stream],
    budget: float,
    aim: Aim = Aim.SOON,
) -> Outcome:
    """Judge each stream at the setting tuned on all other streams.

    Chosen is, of the settings that keep the budget on the others, the best by `aim` there; where none keeps
    it, the one with fewest false alarms. The false alarms on the stream judged are reported as they are.

    Args:
        detector: Its name.
        trials: Every setting on every input.
        streams: What they ran on, at least two.
        budget: False alarms a thousand calm values.
        aim: What the setting is chosen for; delays are medians.
    """
    scores = [
        {stream.name: score(stream, trial.alarms[stream.name]) for stream in streams} for trial in trials
    ]
    by_stream: dict[str, Score] = {}
    settings: Counter[str] = Counter()
    for stream in streams:
        others = [total(found for name, found in of.items() if name != stream.name) for of in scores]
        best = min(range(len(trials)), key=lambda i: _cost(others[i], budget, aim))
        settings[trials[best].setting] += 1
        by_stream[stream.name] = scores[best][stream.name]
    return Outcome(
        detector,
        budget,
        total(by_stream.values()),
        tuple(name for name, _ in settings.most_common()),
        by_stream,
    )


def _cost(found: Score, budget: float, aim: Aim) -> tuple[float, float, float]:
    over = max(0.0, found.false_rate - budget)
    gained = found.hits if aim is Aim.SOON else round(found.f1, 2)
    return over, -gained, found.delay if not math.isnan(found.delay) else math.inf
