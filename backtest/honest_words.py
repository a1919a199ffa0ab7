"""The honest words: what a report says, in sentences that a person can check against its numbers."""

from __future__ import annotations

import math
from typing import Final

from backtest.honesty import ENOUGH, Honesty, RegimeCalibration
from backtest.session_mean import SessionMean
from forecaster.target import Target

PRESUMED_LEAK: Final = 0.03
"""Rank IC of large companies from prices alone above which a leak is presumed before skill."""

SOUND: Final = 0.05
"""Upper bound of a regime's calibration error below which it is sound."""

COVERED: Final = 0.95
"""Share of an index below which survivorship makes returns too good."""

AT_BASE: Final = 0.995
"""Share of calls at the base rate from which calibration says nothing."""


def headline(found: Honesty) -> str:
    """Return the verdict in a few words."""
    if not found.edge:
        return "no edge detected"
    ic = _own(found)
    return f"edge detected: rank IC {ic.mean:+.4f}, at least {found.floor:+.4f} after {_tried(found.trials)}"


def sentences(found: Honesty) -> tuple[str, ...]:
    """Return what belongs beside the verdict."""
    return tuple(
        one
        for one in (
            _edge(found),
            _stated(found),
            _seen(found),
            _absolute(found),
            _leak(found),
            survivorship(found),
        )
        if one
    )


def survivorship(found: Honesty) -> str:
    """Return how many of the true members the prices hold."""
    if not found.coverage:
        return (
            "Survivorship: unknown, no membership file. Prices of companies that still exist flatter every "
            "return above; give --members."
        )
    worst = min(found.coverage, key=lambda one: one.share if one.members else math.inf)
    words = f"Survivorship: the prices hold {worst.share:.0%} of the members of {worst.year}"
    if worst.share >= COVERED:
        return f"{words}, the worst year."
    return (
        f"{words}, the worst year. Below {COVERED:.0%} the missing may be those that failed, and returns "
        "look better than they were."
    )


def regime_verdict(one: RegimeCalibration) -> str:
    """Return what a regime's calibration comes to."""
    found = one.evaluation
    if not one.is_enough:
        return f"insufficient: worth {found.effective:,.0f} outcomes, {ENOUGH:,.0f} needed"
    if len(found.bins) < 2:
        return "one probability stated: says nothing"
    if found.ece_upper < SOUND:
        return f"sound: below {SOUND:g}"
    return f"may be off by {found.ece_upper:.3f}"


def _own(found: Honesty) -> SessionMean:
    ranking = found.rivals[0].ranking
    assert ranking is not None  # noqa: S101 - the forecaster orders tickers
    return ranking.rank_ic


def _edge(found: Honesty) -> str:
    ic, right = _own(found), found.rivals[0].right
    low, high = right.interval
    return (
        f"Rank IC {ic.mean:+.4f} (t {ic.t:+.1f}); its lower 95 % bound after {_tried(found.trials)} is "
        f"{found.floor:+.4f}. Right {right.mean:.2%} of the time ({low:.2%} to {high:.2%}, sessions as the "
        "sample)."
    )


def _stated(found: Honesty) -> str:
    words = f"{found.at_base:.0%} of the {found.forecasts:,} calls state the base rate"
    if found.at_base >= AT_BASE:
        return (
            f"{words}: the past never vouched for more, so the forecaster abstains. A calibration error of "
            f"{found.pooled.ece_debiased:.4f} and a skill of 0 come from that alone: they prove restraint, "
            "not calibration."
        )
    return f"{words}; the others say more because the past vouched for it when they were made."


def _seen(found: Honesty) -> str:
    return (
        f"This sample finds, four times in five, a rank IC of {found.detectable_ic:.4f}, a hit rate of "
        f"{0.5 + found.detectable_hit:.2%} or a Sharpe ratio of {found.detectable_sharpe:.2f}. Less goes "
        "unseen."
    )


def _absolute(found: Honesty) -> str:
    if found.target is not Target.ABSOLUTE:
        return ""
    return (
        "Absolute direction: stocks of one session rise and fall together, so the pooled calibration rests "
        f"on {found.sessions:,} sessions, not on {found.forecasts:,} forecasts. Judge it with that in mind."
    )


def _leak(found: Honesty) -> str:
    ic = _own(found).mean
    if not ic > PRESUMED_LEAK:
        return ""
    return (
        f"A rank IC above {PRESUMED_LEAK:g} from daily prices is presumed a leak until shown otherwise: look "
        "for values that were not known at the close."
    )


def _tried(trials: int) -> str:
    return f"{trials} trial{'s' if trials > 1 else ''}"
