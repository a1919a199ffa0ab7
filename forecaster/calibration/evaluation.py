"""The evaluation: do stated probabilities come true, and do they tell more than the base rate?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from forecaster.calibration.sample import Sample
from market.panel import FloatArray
from monitors.ece import BINS, debiased, equal_mass_bins
from monitors.overlap import null_sums
from monitors.reliability import ReliabilityBin
from monitors.scores import brier, log_loss, skill

LEAST_SESSIONS: Final = 20
"""With fewer, or fewer than four horizons, nobody can measure how far outcomes repeat one another."""

DRAWS: Final = 499
SEED: Final = 20261122


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a sample of stated probabilities is worth; every number is NaN for an empty sample.

    Attributes:
        n: Forecasts.
        sessions: Sessions they were stated in.
        effective: How many independent forecasts would be known as well as these: n less what outcomes of one
            session, and overlapping ones, repeat, in the bins or over all of them, whichever leaves fewer. At
            most n; NaN where the dependence was not measured.
        by_session: Whether the dependence was measured; for want of sessions the error's band, bound and
            p-value take outcomes as independent.
        base_rate: Share that came true.
        ece: Expected calibration error over bins of equal mass.
        ece_debiased: The same less what chance adds to it.
        ece_upper: A 95 % upper bound of the debiased error.
        ece_p: Share of calibrated forecasters who state the same and show an ECE as large.
        brier: Mean squared error.
        brier_skill: Share of climatology's Brier score that is saved.
        log_loss: Nats.
        log_loss_skill: Share of climatology's log-loss that is saved.
        bins: The reliability table with the band of calibrated forecasters.
    """

    n: int
    sessions: int
    effective: float
    by_session: bool
    base_rate: float
    ece: float
    ece_debiased: float
    ece_upper: float
    ece_p: float
    brier: float
    brier_skill: float
    log_loss: float
    log_loss_skill: float
    bins: tuple[ReliabilityBin, ...]


def evaluate(
    sample: Sample, *, horizon: int = 1, bins: int = BINS, climatology: float | None = None
) -> Evaluation:
    """Judge stated probabilities by what came; weights make no difference.

    The band, the error's bias, bound and p-value follow Broecker and Smith (2007): what would calibrated
    forecasters who state the same show? Outcomes of one session move together, so they are not drawn one by
    one: whole sessions of residuals are multiplied at random (the dependent wild bootstrap, Shao 2010).

    Args:
        sample: Probabilities to be judged, as they were used.
        horizon: Sessions an outcome spans; 1 means that outcomes of different sessions do not overlap.
        bins: Bins of equal mass.
        climatology: The probability a forecaster without skill states; None for this sample's own base rate,
            which only hindsight knows.
    """
    p, y = sample.probability, sample.outcome
    n = p.size
    if n == 0:
        return Evaluation(0, 0, 0.0, False, *(math.nan,) * 9, ())
    order = np.argsort(p, kind="stable")
    bin_ = np.empty(n, np.int64)
    bin_[order] = equal_mass_bins(p, min(bins, n))
    null, by_session, sessions = _null(sample, bin_, horizon)
    gaps = np.bincount(bin_, y - p) / n
    errors = null.std(axis=0)
    worst = np.abs(null).sum(axis=1)
    raw = float(np.abs(gaps).sum())
    rate = float(y.mean())
    usual = np.full(n, rate if climatology is None else climatology)
    scored = {score: score(p, y) for score in (brier, log_loss)}
    return Evaluation(
        n=n,
        sessions=sessions,
        effective=_effective(sample, errors, horizon) if by_session else math.nan,
        by_session=by_session,
        base_rate=rate,
        ece=raw,
        ece_debiased=debiased(gaps, errors),
        ece_upper=_upper(gaps, null, errors),
        ece_p=(1 + int((worst >= raw).sum())) / (1 + worst.size),
        brier=scored[brier],
        brier_skill=skill(scored[brier], brier(usual, y)),
        log_loss=scored[log_loss],
        log_loss_skill=skill(scored[log_loss], log_loss(usual, y)),
        bins=_table(p, y, bin_, null * n),
    )


def _null(sample: Sample, bin_: NDArray[np.int64], horizon: int) -> tuple[FloatArray, bool, int]:
    """Gaps that calibrated forecasters show, shape (draws, bins), and whether sessions were kept whole."""
    p, n = sample.probability, len(sample)
    bins = int(bin_.max()) + 1
    _, session = np.unique(sample.session, return_inverse=True)
    sessions = int(session.max()) + 1
    if sessions < max(LEAST_SESSIONS, 4 * horizon):
        rng = np.random.default_rng(SEED)
        drawn = np.empty((DRAWS, bins))
        for row in drawn:
            row[:] = np.bincount(bin_, (rng.random(n) < p) - p, bins)
        return drawn / n, False, sessions
    residuals = np.zeros((sessions, bins))
    np.add.at(residuals, (session, bin_), sample.outcome - p)
    return null_sums(_centred(residuals, session, bin_), horizon) / n, True, sessions


def _centred(residuals: FloatArray, session: NDArray[np.int64], bin_: NDArray[np.int64]) -> FloatArray:
    """Residuals less what each bin is off by on average, so that a miscalibrated bin looks no noisier."""
    counts = np.zeros(residuals.shape)
    np.add.at(counts, (session, bin_), 1.0)
    return np.asarray(residuals - counts * (residuals.sum(axis=0) / counts.sum(axis=0)))


def _effective(sample: Sample, errors: FloatArray, horizon: int) -> float:
    """Forecasts less what they repeat: n times the variance of independent ones over the variance found.

    A shock that all forecasts of a session share hides where bins are looked at one by one and each is
    centred; it shows in the sum over all of them.
    """
    p, n = sample.probability, len(sample)
    _, session = np.unique(sample.session, return_inverse=True)
    missed = sample.outcome - p
    summed = np.zeros(int(session.max()) + 1)
    np.add.at(summed, session, missed - missed.mean())
    found = max(float((errors**2).sum()) * n**2, float(null_sums(summed[:, None], horizon).var()))
    return n * min(1.0, float((p * (1.0 - p)).sum()) / found) if found > 0 else float(n)


def _upper(gaps: FloatArray, null: FloatArray, errors: FloatArray) -> float:
    """95 % quantile of the debiased error when chance strikes once more, and is taken off twice."""
    return float(np.quantile([debiased(gaps + noise, math.sqrt(2.0) * errors) for noise in null], 0.95))


def _table(
    p: FloatArray, y: FloatArray, bin_: NDArray[np.int64], null: FloatArray
) -> tuple[ReliabilityBin, ...]:
    counts, stated, hits = np.bincount(bin_), np.bincount(bin_, p), np.bincount(bin_, y)
    low, high = np.clip((stated + np.quantile(null, (0.025, 0.975), axis=0)) / counts, 0.0, 1.0)
    return tuple(
        ReliabilityBin(int(n), float(s / n), float(h / n), float(a), float(b))
        for n, s, h, a, b in zip(counts, stated, hits, low, high, strict=True)
    )
