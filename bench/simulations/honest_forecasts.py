"""The forecaster, walked forward honestly.

Real prices of 120 large companies, 2013 to 2023, all of which still existed in 2024: relative direction over
five sessions, a model fitted each month to what was resolved by then. Four designs were tried on these very
prices, so four trials are deflated: the signals added up without a meta-learner; a lower bound of the
strength for one look at 95 %, with a calibration map admitted by a t-test (log-loss skill -0.000132); the
same at 99 %, the map admitted by an e-value (-0.000024); and the present bound, which holds at all looks (0).
The skill of 0 is thus chosen in part by these data. It comes from stating the base rate throughout: with a
calibration error of 0 it says that nothing was claimed, not that anything was calibrated. So the same learner
is also given simulated histories with a planted edge, which it must find, state with skill and state
calibrated.
"""

from __future__ import annotations

import time

import numpy as np

from backtest.evaluation import Question, evaluate_prices
from backtest.honesty import Honesty
from bench.development_data import PRICES
from bench.finding import Finding
from forecaster.calibration import evaluate, make_sample
from forecaster.walk_forward import WalkForward, walk_forward
from market.price_file import read_prices
from tests.forecaster.planted import planted

TITLE = "Honest forecasts"
NEEDS = (PRICES,)
FULL = 2_768  # sessions
TRIALS = 4
FIVE_YEARS, HUNDRED = 1_260, 100
EDGES = (0.0, 0.1, 0.2)
SEEDS = 5


def findings(size: int = FULL) -> list[Finding]:
    """Measure.

    Args:
        size: Sessions of the real prices; simulations shrink with them.
    """
    panel = read_prices(PRICES)
    panel = panel.rows(0, size)
    found = evaluate_prices(Question(panel, panel.tickers, trials=TRIALS))
    short = panel.rows(max(0, size - FIVE_YEARS), size).columns(panel.tickers[:HUNDRED])
    speed = evaluate_prices(Question(short, short.tickers))
    shape = f"{len(short.sessions):,} sessions x {len(short.tickers)} tickers, {speed.honesty.models} fits"
    out = [
        Finding.number(
            f"walk-forward, {shape}", speed.walk_s, "s", at_most=10, digits=1, note="features apart"
        ),
        Finding.number("its features, ranks, regimes and labels", speed.feature_s, "s", digits=1),
        *_real(found.honesty),
        Finding.number("contributions miss the log-odds by", _gap(found.forward), at_most=1e-9, digits=18),
    ]
    for edge in EDGES:
        out += _planted(edge, max(400, size // 2))
    return out


def _real(found: Honesty) -> list[Finding]:
    own, reversal = found.rivals[0], found.rivals[1]
    note = "every call states the base rate: restraint, not calibration" if found.at_base == 1 else ""
    assert own.ranking is not None  # noqa: S101 - both order tickers
    assert reversal.ranking is not None  # noqa: S101
    return [
        Finding.number("resolved forecasts", found.forecasts),
        Finding.text("edge", "detected" if found.edge else "no edge detected"),
        Finding.number("calls that state the base rate", 100 * found.at_base, "%", digits=1),
        Finding.number("pooled ECE, debiased", found.pooled.ece_debiased, at_most=0.01, digits=4, note=note),
        Finding.number("log-loss skill", found.log_loss_skill, at_least=0.0, digits=6, note=note),
        Finding.number(
            "rank IC of the leans", own.ranking.rank_ic.mean, digits=4, error=own.ranking.rank_ic.error
        ),
        Finding.number(
            "rank IC of 5-day reversal",
            reversal.ranking.rank_ic.mean,
            digits=4,
            error=reversal.ranking.rank_ic.error,
        ),
        Finding.number("detectable rank IC", found.detectable_ic, digits=4),
    ]


def _gap(forward: WalkForward) -> float:
    called = ~np.isnan(forward.log_odds)
    return float(np.abs(forward.contributions[called].sum(axis=-1) - forward.log_odds[called]).max())


def _planted(edge: float, sessions: int) -> list[Finding]:
    skills, errors, gaps, stated = [], [], [], []
    started = time.perf_counter()
    for seed in range(SEEDS):
        forward = walk_forward(planted(edge, seed=seed + 1, sessions=sessions, tickers=100))
        made = forward.model >= 0
        rows = np.repeat(np.flatnonzero(made), forward.log_odds.shape[1])
        sample = make_sample(
            forward.probability[made].ravel(), forward.history.outcomes[made].ravel(), session=rows
        )
        judged = evaluate(sample, horizon=5, climatology=0.5)
        skills.append(judged.log_loss_skill)
        errors.append(judged.ece_debiased)
        gaps.append(_gap(forward))
        stated.append(float((forward.log_odds[made] != 0).mean()))
    took = (time.perf_counter() - started) / SEEDS
    what = f"planted edge {edge:g}" if edge else "no edge planted"
    note = f"{SEEDS} histories of {sessions:,} sessions, {took:.0f} s each"
    skilled = 0.0 if edge in {0.0, max(EDGES)} else -np.inf
    return [
        Finding.number(f"{what}: least log-loss skill", min(skills), at_least=skilled, digits=6, note=note),
        Finding.number(f"{what}: mean log-loss skill", float(np.mean(skills)), digits=6),
        Finding.number(f"{what}: mean ECE, debiased", float(np.mean(errors)), at_most=0.01, digits=4),
        Finding.number(f"{what}: calls that say more than the base rate", 100 * float(np.mean(stated)), "%"),
        Finding.number(f"{what}: contributions miss by", max(gaps), at_most=1e-9, digits=18),
    ]
