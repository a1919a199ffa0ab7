"""Folds: what the same model shows when it is tested on shuffled folds, beside a purged walk-forward.

Features last and outcomes overlap: a row's neighbours in time all but tell its outcome, and shuffled folds
put them into the training. The ratio of both says how far a shuffled test flatters.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.tree import DecisionTreeRegressor

from backtest.leaks.record import Record
from backtest.ranking import rank_ics
from backtest.session_mean import SessionMean, session_mean
from forecaster.label import outcomes
from forecaster.signals import History
from forecaster.target import Target
from market.panel import FloatArray

HORIZON: Final = 5
FOLDS: Final = 5
LEAF: Final = 20
TICKERS: Final = 10
SESSIONS: Final = 1_500
"""Newest sessions looked at, and the first ten tickers: it is a picture, no judgement."""


@dataclass(frozen=True, slots=True)
class Folds:
    """One regression tree, tested in two ways.

    Attributes:
        purged: Rank IC of a walk-forward that fits on what was known.
        shuffled: Rank IC of scores from five shuffled folds.
    """

    purged: SessionMean
    shuffled: SessionMean

    @property
    def ratio(self) -> float:
        """Shuffled over purged; NaN where the purged one found nothing."""
        return self.shuffled.mean / self.purged.mean if self.purged.mean > 0 else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        ratio = self.ratio if np.isfinite(self.ratio) else None
        return asdict(self) | {"ratio": ratio}


def folds(record: Record, history: History) -> Folds:
    """Test a tree on the ranks of the forecaster's features in both ways."""
    ranks = np.nan_to_num(history.ranks[-SESSIONS:, :TICKERS])
    _, returns = outcomes(record.panel, record.universe, HORIZON, Target.RELATIVE)
    returns = returns[: len(history.sessions)][-SESSIONS:, :TICKERS]
    above = (
        returns
        - np.nanmean(np.where(np.isnan(returns).all(axis=1, keepdims=True), 0.0, returns), axis=1)[:, None]
    )
    return Folds(
        *(session_mean(rank_ics(way(ranks, above), returns), HORIZON) for way in (_purged, _shuffled))
    )


def _purged(ranks: FloatArray, above: FloatArray) -> FloatArray:
    n = len(above)
    scores = np.full(above.shape, np.nan)
    step = max(1, n // (2 * FOLDS))
    for start in range(n // 2, n, step):
        rows, known = _resolved(ranks[: start - HORIZON], above[: start - HORIZON])
        if len(known):
            scores[start : start + step] = (
                _tree()
                .fit(rows, known)
                .predict(_rows(ranks[start : start + step]))
                .reshape(-1, above.shape[1])
            )
    return scores


def _shuffled(ranks: FloatArray, above: FloatArray) -> FloatArray:
    there = ~np.isnan(above)
    scores = np.full(above.shape, np.nan)
    rows, known = _resolved(ranks, above)
    scores[there] = cross_val_predict(_tree(), rows, known, cv=KFold(FOLDS, shuffle=True, random_state=1))
    return scores


def _resolved(ranks: FloatArray, above: FloatArray) -> tuple[FloatArray, FloatArray]:
    there = ~np.isnan(above)
    return ranks[there], above[there]


def _tree() -> DecisionTreeRegressor:
    return DecisionTreeRegressor(min_samples_leaf=LEAF, random_state=1)


def _rows(values: FloatArray) -> FloatArray:
    return np.asarray(values.reshape(-1, values.shape[-1]))
