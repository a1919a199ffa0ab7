"""Planted leaks in studies: fits that have seen what they forecast."""

from __future__ import annotations

from typing import Final

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from backtest.leaks.record import Record
from backtest.leaks.study import PURGE, Study
from market.panel import FloatArray

PENALTIES: Final = (1.0, 3e1, 1e3, 3e4, 1e6, 3e7)
LEAST: Final = 120
EVERY: Final = 42
FOLDS: Final = 5
LEAF: Final = 20
DEPTH: Final = 7


def walked(
    ranks: FloatArray, outcomes: FloatArray, *, purge: int = PURGE, penalty: float = 30.0
) -> FloatArray:
    """Fit a ridge to what is known and score the sessions up to the next fit: the honest way, if purged.

    Args:
        ranks: Shape (sessions, tickers, features).
        outcomes: Shape (sessions, tickers).
        purge: Newest sessions that are left out of a fit.
        penalty: Of the ridge.
    """
    scores = np.full(outcomes.shape, np.nan)
    for start in range(LEAST, len(outcomes), EVERY):
        seen = slice(0, start + 1 - purge)
        model = Ridge(alpha=penalty).fit(_rows(ranks[seen]), outcomes[seen].ravel())
        stop = min(start + EVERY, len(outcomes))
        scores[start:stop] = model.predict(_rows(ranks[start:stop])).reshape(stop - start, -1)
    return scores


def forgotten_purge(_: Record) -> Study:
    """The walk-forward fits on every session before, whether its outcome is known or not."""
    return Study("walk-forward, not purged", lambda ranks, outcomes: walked(ranks, outcomes, purge=1))


def shuffled_fold_tuning(_: Record) -> Study:
    """The walk-forward is purged, its penalty comes from shuffled folds of the whole sample."""

    def tuned(ranks: FloatArray, outcomes: FloatArray) -> FloatArray:
        search = GridSearchCV(Ridge(), {"alpha": list(PENALTIES)}, cv=_shuffled())
        search.fit(_rows(ranks), outcomes.ravel())
        return walked(ranks, outcomes, penalty=float(search.best_params_["alpha"]))

    return Study("walk-forward, tuned on shuffled folds", tuned)


def shuffled_folds(_: Record) -> Study:
    """Every row is scored by a fit to the other folds, in which its neighbours in time are."""

    def crossed(ranks: FloatArray, outcomes: FloatArray) -> FloatArray:
        tree = DecisionTreeRegressor(max_depth=DEPTH, min_samples_leaf=LEAF, random_state=1)
        scores = cross_val_predict(tree, _rows(ranks), outcomes.ravel(), cv=_shuffled())
        return np.asarray(scores).reshape(outcomes.shape)

    return Study("shuffled 5-fold scores", crossed)


def full_sample_scaler(_: Record) -> Study:
    """The walk-forward is purged, its features are scaled by the whole sample."""

    def scaled(ranks: FloatArray, outcomes: FloatArray) -> FloatArray:
        return walked(StandardScaler().fit_transform(_rows(ranks)).reshape(ranks.shape), outcomes)

    return Study("walk-forward, scaled on all rows", scaled)


def target_encoding(_: Record) -> Study:
    """The walk-forward is purged, a feature of it is each ticker's mean outcome over the whole sample."""

    def encoded(ranks: FloatArray, outcomes: FloatArray) -> FloatArray:
        habit = np.broadcast_to(outcomes.mean(axis=0), outcomes.shape)
        return walked(np.concatenate([ranks, 10.0 * (habit[..., None] - 0.5)], axis=-1), outcomes)

    return Study("walk-forward with encoded tickers", encoded)


def _shuffled() -> KFold:
    return KFold(FOLDS, shuffle=True, random_state=1)


def _rows(values: FloatArray) -> FloatArray:
    return np.asarray(values.reshape(-1, values.shape[-1]))
