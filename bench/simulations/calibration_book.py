"""The calibration book on streams of 500 trades.

One trade a session, its stated probability drawn from a beta law about one half, regimes and sectors by
chance. In a calibrated stream what is stated is the truth. A biased one has its log-odds 0.32 too high, which
is 8 points at one half, a bold one states log-odds three times too large. In streams that overlap, 20 tickers
a session share a shock, every outcome spans five sessions, and nothing is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.special import expit, logit, ndtri

from bench.finding import Finding
from bench.share import Share
from forecaster.calibration import Sample, make_sample
from forecaster.calibration.book import CalibrationBook, Verdict, step
from forecaster.calibration.platt import AS_STATED
from market.panel import FloatArray

TITLE = "The calibration book"
SEED = 20261122
FULL = 400  # streams of each kind
TRADES = 500
TICKERS, HORIZON, SESSIONS, SHOCK = 20, 5, 250, 0.3
REGIMES = tuple(f"regime {i}" for i in range(12))
SECTORS = tuple(f"sector {i}" for i in range(11))


def findings(size: int = FULL) -> list[Finding]:
    """Measure.

    Args:
        size: Streams of each kind.
    """
    rng = np.random.default_rng(SEED)
    found = []
    for what, shift, slope, low, high in (
        ("calibrated: accused within 500 trades", 0.0, 1.0, -np.inf, 0.05),
        ("biased by 8 points: accused within 500 trades", -0.32, 1.0, 0.65, np.inf),
        ("three times too bold: accused within 500 trades", 0.0, 0.35, -np.inf, np.inf),
    ):
        after = [_accused(CalibrationBook.opened(AS_STATED), _single(rng, shift, slope)) for _ in range(size)]
        found.append(Finding.share(what, _share(after), at_least=low, at_most=high))
        if slope < 1 or shift < 0:
            median = float(np.median([one for one in after if one is not None] or [0]))
            found.append(Finding.number("its median delay", median, "trades"))
    book = CalibrationBook.opened(AS_STATED, horizon=HORIZON)
    after = [_accused(book, _overlapping(rng)) for _ in range(size // 4)]
    what = "calibrated, overlapping: accused within 250 sessions"
    found.append(Finding.share(what, _share(after), at_most=0.05))
    return found


def _share(after: list[int | None]) -> Share:
    return Share(sum(one is not None for one in after), len(after))


def _accused(book: CalibrationBook, stream: Iterator[Sample]) -> int | None:
    """After how many trades the map in use is accused; None where it is not."""
    for sample in stream:
        book, decisions = step(book, sample)
        for decision in decisions:
            if decision.verdict is Verdict.ACCUSED:
                return decision.trades
    return None


def _single(rng: np.random.Generator, shift: float, slope: float) -> Iterator[Sample]:
    stated = rng.beta(9, 9, TRADES)
    came = (rng.random(TRADES) < expit(shift + slope * logit(stated))).astype(np.float64)
    regimes, sectors = rng.integers(0, 12, TRADES // 20), rng.integers(0, 11, TRADES)
    for i in range(TRADES):
        labels = {"regimes": (REGIMES[regimes[i // 20]],), "sectors": (SECTORS[sectors[i]],)}
        yield make_sample(stated[i : i + 1], came[i : i + 1], **labels)


def _overlapping(rng: np.random.Generator) -> Iterator[Sample]:
    """Outcomes of moving sums, so that what is stated is exact and neighbours share four fifths."""
    stated = rng.beta(9, 9, (SESSIONS, TICKERS))
    moved = np.sqrt(SHOCK) * _moving(rng, 1) + np.sqrt(1.0 - SHOCK) * _moving(rng, TICKERS)
    came = (moved < ndtri(stated)).astype(np.float64)
    for one, outcome in zip(stated, came, strict=True):
        yield make_sample(one, outcome)


def _moving(rng: np.random.Generator, columns: int) -> FloatArray:
    """Sums over the horizon of normals, of unit variance, shape (sessions, columns)."""
    steps = np.cumsum(rng.standard_normal((SESSIONS + HORIZON, columns)), axis=0)
    return np.asarray((steps[HORIZON:] - steps[:-HORIZON]) / np.sqrt(HORIZON))
