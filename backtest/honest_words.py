"""The honest words: what a report says, in sentences that a person can check against its numbers."""

from __future__ import annotations

import math
from typing import Final

from backtest.honesty import ENOUGH, Honesty, RegimeCalibration
from backtest.session_mean import SessionMean
from forecaster.target import Target

PRESUMED_LEAK: Final = 0.03
"""Rank IC of large companies from prices alone, either way, beyond which the data are doubted first."""

SOUND: Final = 0.05
"""Upper bound of a regime's calibration error below which it is sound."""

COVERED: Final = 0.95
"""Share of an index below which survivorship makes returns too good."""

AT_BASE: Final = 0.995
"""Share of calls at the base rate from which calibration says nothing."""


def headline(found: Honesty) -> str:
    """Return the verdict in a few words."""
    if found.ceiling < 0:
        return "no edge detected; the leans were wrong"
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
            _wrong(found),
            _stated(found),
            _seen(found),
            _absolute(found),
            _leak(found),
            delisting(found),
            survivorship(found),
        )
        if one
    )


def delisting(found: Honesty) -> str:
    """Return what became of forecasts of tickers that ended; "" where none ended."""
    if not found.cut_short:
        return ""
    tickers = f"{found.ended:,} ticker{'s' if found.ended > 1 else ''}"
    words = f"Delisting: {found.cut_short:,} calls of {tickers} reached beyond the ticker's last bar"
    if math.isnan(found.delisting):
        return f"{words} and have no outcome. Ends are often losses; --delisting-return -0.3 counts 30 %."
    return (
        f"{words}; judged as if {found.delisting:+.0%} came on top of the last close. No model was fitted to "
        "that."
    )


def unpopulated(found: Honesty) -> str:
    """Return of which regimes the sessions tell next to nothing; "" where there is none."""
    if not found.regimes:
        return "No regime is known in any session: how the forecaster does in each is not known."
    if not found.unpopulated:
        return ""
    names = ", ".join(name.replace("_", " ") for name in found.unpopulated)
    return f"Less than 1 % of the sessions: {names}. How the forecaster does there is not known."


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
    if not found.by_session:
        return f"insufficient: {found.sessions:,} sessions do not tell what their outcomes are worth"
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


def _wrong(found: Honesty) -> str:
    if not found.ceiling < 0:
        return ""
    return (
        f"The leans were wrong: the upper 95 % bound of the rank IC is {found.ceiling:+.4f}, below 0. A book "
        "that follows the leans where nothing is stated bets on the wrong order."
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
    if ic > PRESUMED_LEAK:
        return (
            f"A rank IC above {PRESUMED_LEAK:g} from daily prices is presumed a leak until shown otherwise: "
            "look for values that were not known at the close."
        )
    if ic < -PRESUMED_LEAK:
        return (
            f"A rank IC below {-PRESUMED_LEAK:g} from daily prices is as suspect as one above "
            f"{PRESUMED_LEAK:g}: look for bars out of order, prices of another day and adjustments "
            "that reach back."
        )
    return ""


def _tried(trials: int) -> str:
    return f"{trials} trial{'s' if trials > 1 else ''}"
