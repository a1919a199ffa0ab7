from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from backtest.evaluation import Question, prepare
from forecaster.calibration import evaluate, make_sample
from forecaster.features import LONGEST_LOOKBACK, feature_matrix
from forecaster.label import label
from forecaster.meta_learner import combine
from forecaster.ranks import centred_ranks
from forecaster.regime import UNKNOWN, RegimeState, observe, step
from forecaster.signals import History, features_of
from forecaster.training import Training, TrainingError, fit
from forecaster.walk_forward import WalkForward, walk_forward
from forecaster.window import make_window
from market.panel import FloatArray
from market.sample import BENCHMARK, STOCKS
from tests.forecaster.history import history as prices
from tests.forecaster.planted import SIX, planted

TRAINING = Training(sessions=252, least_strength=0.5)
SESSIONS, EVERY, LEAST = 620, 63, 126


@cache
def walked(edge: float, seed: int = 1) -> WalkForward:
    return walk_forward(planted(edge, seed=seed, sessions=900), training=Training(sessions=504))


class TestStreamed:
    def test_the_daemon_session_by_session_makes_the_same_forecasts_to_the_last_bit(self) -> None:
        panel = prices().rows(0, SESSIONS)
        question = Question(panel, STOCKS, BENCHMARK, training=TRAINING)
        batch = walk_forward(prepare(question)[0], training=TRAINING, every=EVERY, least=LEAST)
        signals = batch.history.signals
        features = features_of(signals)
        ranks: list[FloatArray] = []
        names: list[str] = []
        outcomes = np.full((SESSIONS, len(STOCKS)), math.nan)
        state, model, compared = RegimeState(), None, 0
        for t in range(SESSIONS):
            window = make_window(panel.rows(max(0, t + 1 - LONGEST_LOOKBACK), t + 1), STOCKS, BENCHMARK)
            ranks.append(centred_ranks(feature_matrix(window, features)))
            state, regime = step(state, observe(window))
            names.append("" if regime.name == UNKNOWN else regime.name)
            if t >= TRAINING.purge:
                resolved = t - TRAINING.purge
                outcomes[resolved] = label(panel.rows(0, t + 1), STOCKS, resolved, TRAINING.horizon).beat
            first = LEAST + TRAINING.purge - 1
            if t >= first and (t - first) % EVERY == 0:
                known = History(
                    panel.sessions[: t + 1],
                    np.stack(ranks),
                    outcomes[: t + 1],
                    signals,
                    tuple(names),
                )
                model = fit(known, version=batch.model[t] + 1, training=TRAINING)
                assert model == batch.models[batch.model[t]]
            if model is None:
                assert batch.model[t] == -1
                continue
            read = [feature.name for feature in features]
            columns = [read.index(name) for name in model.features]
            for i, one in enumerate(combine(model, ranks[t][:, columns], STOCKS, regime=names[t])):
                assert_array_equal(one.log_odds, batch.log_odds[t, i])
                if one.contributions:
                    for part in one.contributions:
                        assert part.log_odds == batch.contributions[t, i, batch.names.index(part.name)]
                    compared += one.log_odds != 0
        assert compared > 2_000


@pytest.mark.no_cover  # it repeats what other tests count
class TestPlanted:
    def test_without_an_edge_the_base_rate_is_stated_throughout(self) -> None:
        for seed in (1, 2):
            found = walked(0.0, seed)
            assert set(np.unique(found.log_odds[found.model >= 0])) == {0.0}
            assert np.nanstd(found.lean) > 0

    def test_an_edge_is_stated_calibrated_and_with_skill(self) -> None:
        found = walked(0.5)
        made = found.model >= 0
        sample = make_sample(found.probability[made].ravel(), found.history.outcomes[made].ravel())
        judged = evaluate(sample, horizon=5, climatology=0.5)
        assert judged.log_loss_skill > 0.001
        assert judged.ece_debiased < 0.03

    @pytest.mark.parametrize("signal", range(len(SIX)))
    def test_it_stays_calibrated_while_any_one_signal_is_out(self, signal: int) -> None:
        found = walked(0.5)
        history, made = found.history, np.flatnonzero(found.model >= 0)[::3]  # outcomes of five days overlap
        start = sum(len(one.features) for one in SIX[:signal])
        ranks = np.array(history.ranks[made])
        ranks[..., start : start + len(SIX[signal].features)] = math.nan
        universe = tuple(map(str, range(ranks.shape[1])))
        stated = np.array(
            [
                [
                    one.probability
                    for one in combine(
                        found.models[found.model[t]],
                        row,
                        universe,
                        regime=history.regimes[t],
                        sectors=history.sectors,
                    )
                ]
                for t, row in zip(made.tolist(), ranks, strict=True)
            ]
        )
        judged = evaluate(make_sample(stated.ravel(), history.outcomes[made].ravel()), climatology=0.5)
        if judged.n:
            assert judged.ece_debiased < 0.03
            assert judged.log_loss_skill > -1e-4

    def test_every_forecasts_contributions_add_up(self) -> None:
        found = walked(0.5)
        called = ~np.isnan(found.log_odds)
        gap = np.abs(found.contributions[called].sum(axis=-1) - found.log_odds[called])
        assert called.sum() == (900 - 257) * 40
        assert gap.max() < 1e-9


def test_each_model_is_fitted_a_month_after_the_one_before() -> None:
    found = walked(0.0)
    first = 252 + found.training.purge - 1
    assert (found.model[:first] == -1).all()
    fitted = [found.history.sessions.index(model.fitted_on) for model in found.models]
    assert fitted == list(range(first, 900, 21))
    assert [model.version for model in found.models] == list(range(1, len(fitted) + 1))


def test_a_signal_whose_data_begin_late_joins_the_models_then() -> None:
    history = planted(0.5, sessions=600)
    ranks = np.array(history.ranks)
    ranks[:300, :, -3:] = math.nan
    found = walk_forward(replace(history, ranks=ranks))
    assert "oscillators" not in found.models[0].weights.signals
    assert "oscillators" in found.models[-1].weights.signals
    called = ~np.isnan(found.log_odds)
    gap = np.abs(found.contributions[called].sum(axis=-1) - found.log_odds[called])
    assert gap.max() < 1e-9
    early = found.model == 0
    assert np.isnan(found.signals[early][..., -1]).all()
    assert (found.coverage[early] > 0.999).all()


def test_the_future_changes_no_forecast() -> None:
    history = planted(0.5, sessions=900)
    cut = 700
    outcomes, ranks = np.array(history.outcomes), np.array(history.ranks)
    outcomes[cut - 5 :] = 1 - np.nan_to_num(outcomes[cut - 5 :])
    ranks[cut + 1 :] *= -1
    poisoned = walk_forward(replace(history, outcomes=outcomes, ranks=ranks), training=Training(sessions=504))
    assert_array_equal(poisoned.log_odds[: cut + 1], walked(0.5).log_odds[: cut + 1])


def test_a_history_too_short_for_one_fit_is_refused() -> None:
    with pytest.raises(TrainingError, match="200 sessions: the first fit needs 258; give a longer history"):
        walk_forward(planted(0.0, sessions=200))
