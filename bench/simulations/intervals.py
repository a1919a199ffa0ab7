"""Intervals beside the rolling numbers: how often they are wrong.

At one look: a window of independent trades (20 for the win rate, 100 for expectancy and profit factor, 63
sessions for the Sharpe ratio), many windows, each looked at once. At all times: histories of 500 sessions in
which three trades close a session, each held five sessions, so that neighbours share four of five daily moves
and half of every move is common to all; the interval of all trades is looked at after every session from the
20th on (the Sharpe ratio's after every fifth), and a history counts as wrong where any look is. Then trades
that stand alone and are skewed, looked at after every tenth; one law goes beyond the stated bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.special import ndtr

from bench.finding import Finding
from bench.share import Share
from monitors.arrays import FloatArray
from monitors.bounded import Reach, Seen
from monitors.confidence_sequence import Interval, mean_interval
from monitors.moments import Moments
from monitors.ratio_tally import RatioTally
from monitors.tally import Tally

TITLE = "Intervals of rolling numbers"
SEED = 20261122
FULL = 1_000  # windows; a fourth as many histories
SESSIONS, FIRST_LOOK, SHARPE_EVERY = 500, 20, 5
HELD, CLOSED, COMMON = 5, 3, 0.5
DAILY = 0.01  # standard deviation of a day's move
DRIFT = 0.0005  # its mean
BOUND = 0.2
REACH = Reach(-BOUND, BOUND)
ALLEGED = 0.01
SKEWED = {  # the rare return and its chance; the others make up for it, so that the mean is zero
    "1 in 100 loses 18 %": (-0.18, 0.01),
    "1 in 50 gains 18 %": (0.18, 0.02),
    "1 in 20 gains 9 %": (0.09, 0.05),
}
BEYOND = {"1 in 100 loses 70 %": (-0.70, 0.01)}
TRADE_MEAN = HELD * DRIFT
TRADE_SPREAD = DAILY * math.sqrt(HELD)
TRADE_SHARPE = float(TRADE_MEAN / TRADE_SPREAD)
Draw = Callable[[np.random.Generator], FloatArray]


def findings(size: int = FULL) -> list[Finding]:
    """Measure.

    Args:
        size: Windows of each kind.
    """
    found = [
        Finding.share(f"one look, {what}: wrong", wrong(draw, ends, truth, size), at_most=0.05)
        for what, draw, ends, truth in _windows()
    ]
    found += [
        Finding.share(f"all times, overlapping trades, {what}: ever wrong", share, at_most=0.05)
        for what, share in ever_wrong(max(size // 4, 1)).items()
    ]
    found += [
        Finding.share(
            f"all times, skewed trades, {what}",
            share,
            at_most=ALLEGED if what.endswith("said to lose") else 0.05,
        )
        for what, share in skewed_ever_wrong(max(size // 4, 1), SKEWED).items()
    ]
    found += [
        Finding.share(f"all times, beyond the stated bound, {what}", share, note="what the bound is worth")
        for what, share in skewed_ever_wrong(max(size // 4, 1), BEYOND).items()
    ]
    rate, _ = _truths()

    def overlapping(rng: np.random.Generator) -> FloatArray:
        return (closed(rng, 7).ravel()[-20:] > 0).astype(np.float64)

    found.append(
        Finding.share(
            "one look, overlapping trades, win rate of 20: would be wrong",
            wrong(overlapping, mean_interval, rate, size),
            note="why a window of overlapping trades is given none",
        )
    )
    return found


def wrong(draw: Draw, interval: Callable[[FloatArray], Interval], truth: float, windows: int) -> Share:
    """In how many windows, each drawn anew and looked at once, the truth lies outside."""
    rng = np.random.default_rng(SEED)
    ends = (interval(draw(rng)) for _ in range(windows))
    return Share(sum(_wrong_once([one], truth) for one in ends), windows)


def ever_wrong(histories: int) -> dict[str, Share]:
    """In how many histories the interval of all trades is wrong at any look."""
    rng = np.random.default_rng([SEED, 1])
    won, factor = _truths()
    truths = {"win rate": won, "expectancy": TRADE_MEAN, "profit factor": factor, "Sharpe ratio": 0.05}
    missed = dict.fromkeys(truths, 0)
    for _ in range(histories):
        seen = _history(rng)
        for what, truth in truths.items():
            missed[what] += _wrong_once(seen[what], truth)
    return {what: Share(count, histories) for what, count in missed.items()}


def skewed_ever_wrong(histories: int, laws: dict[str, tuple[float, float]]) -> dict[str, Share]:
    """The same of trades that each stand alone and whose law is skewed; also how often losing was alleged."""
    found: dict[str, Share] = {}
    for law, (rare, chance) in laws.items():
        rng = np.random.default_rng([SEED, 2])
        often = -rare * chance / (1 - chance)
        missed = {"expectancy": 0, "profit factor": 0, "Sharpe ratio": 0}
        alleged = 0
        for _ in range(histories):
            noise = rng.uniform(-1, 1, SESSIONS) * abs(often) / 2
            returns = np.where(rng.random(SESSIONS) < chance, rare, often) + noise
            seen, p = _looks(returns)
            for what, truth in (("expectancy", 0.0), ("profit factor", 1.0), ("Sharpe ratio", 0.0)):
                missed[what] += _wrong_once(seen[what], truth)
            alleged += p <= ALLEGED
        found |= {f"{law}, {what}: ever wrong": Share(count, histories) for what, count in missed.items()}
        found[f"{law}, expectancy: ever said to lose"] = Share(alleged, histories)
    return found


def _wrong_once(intervals: list[Interval], truth: float) -> bool:
    return any(one.low > truth or one.high < truth for one in intervals)


def _looks(returns: FloatArray) -> tuple[dict[str, list[Interval]], float]:
    """Intervals at every tenth look, and the least p-value."""
    seen: dict[str, list[Interval]] = {"expectancy": [], "profit factor": [], "Sharpe ratio": []}
    least = 1.0
    for n in range(FIRST_LOOK, returns.size + 1, 10):
        part = returns[:n]
        reach = Seen().added(part).reach(BOUND)._replace(most=1)
        trades = Tally.over(part)
        seen["expectancy"].append(trades.interval(reach))
        seen["profit factor"].append(RatioTally.over(part).interval(reach))
        seen["Sharpe ratio"].append(Moments.over(part).interval(reach))
        least = min(least, trades.below_p(reach))
    return seen, least


def closed(rng: np.random.Generator, sessions: int) -> FloatArray:
    """Returns of trades that close, shape (sessions, trades a session); half of every move is common."""
    days = sessions + HELD - 1
    common, own = rng.standard_normal((days, 1)), rng.standard_normal((days, CLOSED))
    moves = DRIFT + DAILY * (math.sqrt(COMMON) * common + math.sqrt(1 - COMMON) * own)
    running = np.cumsum(np.vstack([np.zeros((1, CLOSED)), moves]), axis=0)
    return np.asarray(running[HELD:] - running[:-HELD])


def _history(rng: np.random.Generator) -> dict[str, list[Interval]]:
    wins, trades, gains, moments = Tally(), Tally(), RatioTally(), Moments()
    seen: dict[str, list[Interval]] = {
        "win rate": [],
        "expectancy": [],
        "profit factor": [],
        "Sharpe ratio": [],
    }
    days = DAILY * rng.standard_normal(SESSIONS) + 0.05 * DAILY
    for session, (row, day) in enumerate(zip(closed(rng, SESSIONS), days.tolist(), strict=True), start=1):
        wins, trades = wins.added(row.size, int((row > 0).sum())), trades.added(row.size, float(row.sum()))
        gains = gains.added(float(row[row > 0].sum()), -float(row[row < 0].sum()))
        moments = moments.added(day)
        if session >= FIRST_LOOK:
            reach = REACH._replace(most=CLOSED)
            seen["win rate"].append(wins.interval(Reach(0.0, 1.0, CLOSED), HELD))
            seen["expectancy"].append(trades.interval(reach, HELD))
            seen["profit factor"].append(gains.interval(reach, HELD))
            if session % SHARPE_EVERY == 0:
                seen["Sharpe ratio"].append(moments.interval(REACH))
    return seen


def _windows() -> list[tuple[str, Draw, Callable[[FloatArray], Interval], float]]:
    """What is drawn, the interval, and the truth; the rare loss is one trade in 20 that loses 15 %."""
    rare = np.array([0.01, -0.15])

    def rarely(rng: np.random.Generator) -> FloatArray:
        return np.asarray(rare[(rng.random(100) < 0.05).astype(np.int64)])

    def heavy(rng: np.random.Generator) -> FloatArray:
        return np.asarray(np.clip(0.02 * rng.standard_t(3, 100), -BOUND, BOUND))

    return [
        ("win rate of 20", lambda rng: (rng.random(20) < 0.55).astype(np.float64), mean_interval, 0.55),
        ("expectancy of 100, t(3)", heavy, _expectancy, 0.0),
        ("expectancy of 100, rare great losses", rarely, _expectancy, 0.95 * 0.01 - 0.05 * 0.15),
        ("expectancy of 20, rare great losses", lambda rng: rarely(rng)[:20], _expectancy, 0.002),
        ("profit factor of 100, t(3)", heavy, _factor, 1.0),
        ("profit factor of 100, rare great losses", rarely, _factor, 0.95 * 0.01 / (0.05 * 0.15)),
        (
            "Sharpe ratio of 63, t(5)",
            lambda rng: 0.1 + rng.standard_t(5, 63) * math.sqrt(0.6),
            lambda returns: Moments.over(returns).interval(Reach(-8.0, 8.0)),
            0.1,
        ),
    ]


def _expectancy(returns: FloatArray) -> Interval:
    return Tally.over(returns).interval(REACH)


def _factor(returns: FloatArray) -> Interval:
    return RatioTally.over(returns).interval(REACH)


def _truths() -> tuple[float, float]:
    """Win rate and profit factor of a normal trade: E max(x, 0) over E max(-x, 0)."""
    density = float(np.exp(-(TRADE_SHARPE**2) / 2) / np.sqrt(2 * np.pi))
    won = float(ndtr(TRADE_SHARPE))
    return won, (density + TRADE_SHARPE * won) / (density - TRADE_SHARPE * (1 - won))
