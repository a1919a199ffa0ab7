from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from forecaster.code_hash import code_hash
from forecaster.model_version import ModelVersion
from forecaster.signals import History
from forecaster.target import Target
from forecaster.training import Training, TrainingError, fit
from tests.forecaster.planted import SIX, planted

PURGE = Training().purge


@cache
def fitted(edge: float, seed: int = 1, doubt: float = 0.05) -> ModelVersion:
    return fit(planted(edge, seed=seed), version=3, training=Training(doubt=doubt))


def test_noise_is_stated_as_the_base_rate() -> None:
    for seed in (1, 2, 3, 4):
        assert fitted(0.0, seed).strength == 0.0


def test_an_edge_is_found_and_credited_to_the_signal_that_has_it() -> None:
    model = fitted(0.6)
    weights = dict(zip(model.weights.signals, model.weights.everything, strict=True))
    assert 0 < model.strength < model.metrics.slope
    assert max(weights, key=weights.__getitem__) == "momentum"
    assert model.signals[0].coefficients[0] > 0.1 > -0.1 > model.signals[0].coefficients[1]
    assert model.metrics.log_loss_gain > 0


def test_less_doubt_is_asked_for_more_is_believed() -> None:
    assert fitted(0.6, 1, 0.5).strength > fitted(0.6).strength > fitted(0.6, 1, 0.001).strength


def test_labels_that_no_one_could_know_at_the_close_are_not_read() -> None:
    history = planted(0.6)
    poisoned = np.array(history.outcomes)
    poisoned[-PURGE:] = 1 - np.nan_to_num(poisoned[-PURGE:])
    assert fit(replace(history, outcomes=poisoned), version=3) == fitted(0.6)
    poisoned[-PURGE - 1] = 1 - np.nan_to_num(poisoned[-PURGE - 1])
    assert fit(replace(history, outcomes=poisoned), version=3) != fitted(0.6)


def test_sessions_before_the_training_window_make_no_difference() -> None:
    history, short = planted(0.6), Training(sessions=400)
    late = slice(len(history.sessions) - 400 - PURGE, None)
    cut = History(
        history.sessions[late],
        history.ranks[late],
        history.outcomes[late],
        history.signals,
        history.regimes[late],
        history.sectors,
    )
    assert fit(cut, version=3, training=short) == fit(history, version=3, training=short)


def test_it_comes_back_from_json_as_it_was() -> None:
    for model in (fitted(0.0), fitted(0.6)):
        assert ModelVersion.from_dict(json.loads(json.dumps(model.to_dict()))) == model


def test_a_model_says_where_it_comes_from() -> None:
    history, model = planted(0.6), fitted(0.6)
    assert model.fitted_on == history.sessions[-1]
    assert (model.train_from, model.train_to) == (history.sessions[0], history.sessions[-1 - PURGE])
    assert model.features == tuple(name for signal in SIX for name in signal.features)
    assert model.code_hash == code_hash()
    assert len(model.code_hash) == len(model.data_hash) == 64
    other = np.array(history.outcomes)
    other[5, 5] = 1 - other[5, 5]
    assert fit(replace(history, outcomes=other), version=3).data_hash != model.data_hash


def test_the_relative_base_rate_is_one_half_and_the_absolute_one_is_counted() -> None:
    history = planted(0.0)
    assert fitted(0.0).base_rate == 0.0
    often = np.where(np.random.default_rng(1).random(history.outcomes.shape) < 0.6, 1.0, 0.0)
    model = fit(replace(history, outcomes=often), version=1, training=Training(target=Target.ABSOLUTE))
    assert 1 / (1 + math.exp(-model.base_rate)) == pytest.approx(often[:-PURGE].mean(), abs=1e-12)


def test_a_signal_that_was_hardly_ever_known_is_no_part_of_the_model() -> None:
    history = planted(0.6)
    ranks = np.array(history.ranks)
    ranks[:-40, :, :3] = math.nan
    model = fit(replace(history, ranks=ranks), version=1)
    assert model.weights.signals == tuple(signal.name for signal in SIX[1:])
    assert model.features == tuple(name for signal in SIX[1:] for name in signal.features)
    without = fit(replace(history, ranks=ranks[..., 3:], signals=SIX[1:]), version=1)
    for one, other in zip(model.signals, without.signals, strict=True):
        assert one.coefficients == pytest.approx(other.coefficients, abs=1e-12)
    assert model.metrics.slope == pytest.approx(without.metrics.slope, abs=1e-9)


def test_a_fit_does_not_change_what_it_is_given() -> None:
    history, untouched = planted(0.3), planted(0.3)
    fit(history, version=1)
    assert_array_equal(history.ranks, untouched.ranks)
    assert_array_equal(history.outcomes, untouched.outcomes)


class TestRefusals:
    def test_a_history_in_which_nothing_is_known(self) -> None:
        history = planted(0.0, sessions=100)
        nothing = np.full(history.ranks.shape, math.nan)
        with pytest.raises(TrainingError, match="model 1: no signal speaks in 5% of the training rows"):
            fit(replace(history, ranks=nothing), version=1)

    def test_too_few_resolved_sessions(self) -> None:
        with pytest.raises(TrainingError, match="model 1: 24 sessions are resolved, 40 are needed"):
            fit(planted(0.0, sessions=30), version=1)

    def test_no_session_at_all_is_resolved(self) -> None:
        with pytest.raises(TrainingError, match="model 1: 0 sessions are resolved"):
            fit(planted(0.0, sessions=4), version=1)

    def test_a_long_horizon_needs_a_long_history(self) -> None:
        with pytest.raises(TrainingError, match="model 1: 136 sessions are resolved, 380 are needed"):
            fit(planted(0.0, sessions=200), version=1, training=Training(horizon=63))

    def test_and_a_horizon_of_one_session_the_least(self) -> None:
        assert fit(planted(0.0, sessions=42, horizon=1), version=1, training=Training(horizon=1)).horizon == 1

    def test_outcomes_of_one_kind(self) -> None:
        history = planted(0.0, sessions=100)
        with pytest.raises(TrainingError, match="model 1: all 3760 outcomes are hits, both are needed"):
            fit(replace(history, outcomes=np.ones(history.outcomes.shape)), version=1)
