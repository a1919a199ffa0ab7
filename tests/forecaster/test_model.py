from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import rankdata

from forecaster.features import MODEL_NAMES
from forecaster.model import Direction, Model, centred_ranks, fit, forecast, model_to_dict
from market.panel import FloatArray

NAN = math.nan
N = len(MODEL_NAMES)
FIRST = date(2024, 1, 2)
VALUES = st.one_of(st.just(NAN), st.integers(-3, 3).map(float), st.floats(-1e6, 1e6))
MATRICES = arrays(np.float64, st.tuples(st.integers(1, 12), st.integers(1, 4)), elements=VALUES)
RANKS = arrays(
    np.float64,
    st.tuples(st.integers(1, 8), st.just(N)),
    elements=st.one_of(st.just(NAN), st.floats(-0.5, 0.5)),
)


def model_of(coefficients: list[float], intercept: float = 0.0) -> Model:
    padded = (*coefficients, *(0.0,) * (N - len(coefficients)))
    return Model(1, FIRST, FIRST, FIRST, MODEL_NAMES, padded, intercept, 100, 0.69)


MODELS = st.builds(model_of, st.lists(st.floats(-1.5, 1.5), min_size=N, max_size=N), st.floats(-2, 2))


def names(n: int) -> tuple[str, ...]:
    return tuple(f"T{i:03d}" for i in range(n))


def days(n: int) -> tuple[date, ...]:
    return tuple(FIRST + timedelta(days=i) for i in range(n))


def fitted(ranks: FloatArray, beat: FloatArray, *, penalty: float = 0.05, version: int = 1) -> Model:
    sessions = days(len(ranks))
    return fit(ranks, beat, sessions, version=version, fitted_on=sessions[-1], penalty=penalty)


def drawn(
    seed: int, weights: dict[int, float], sessions: int = 300, tickers: int = 20
) -> tuple[FloatArray, FloatArray]:
    """Ranks of noise, and outcomes whose log-odds are the weighted ranks."""
    rng = np.random.default_rng(seed)
    ranks = np.stack([centred_ranks(rng.standard_normal((tickers, N))) for _ in range(sessions)])
    log_odds = sum((weight * ranks[..., i] for i, weight in weights.items()), np.zeros(ranks.shape[:2]))
    return ranks, (rng.random(log_odds.shape) < expit(log_odds)).astype(float)


class TestCentredRanks:
    @settings(max_examples=200, deadline=None)
    @given(MATRICES)
    def test_they_are_scipys_ranks_of_the_known_stretched_from_minus_to_plus_one_half(
        self, values: FloatArray
    ) -> None:
        got = centred_ranks(values)
        for column in range(values.shape[1]):
            known = ~np.isnan(values[:, column])
            n = int(known.sum())
            assert np.isnan(got[~known, column]).all()
            if n > 1:
                want = (rankdata(values[known, column]) - 1) / (n - 1) - 0.5
                assert_allclose(got[known, column], want, rtol=0, atol=1e-15)
            else:
                assert (got[known, column] == 0.0).all()

    @settings(max_examples=100, deadline=None)
    @given(MATRICES)
    def test_they_lie_within_one_half_and_balance(self, values: FloatArray) -> None:
        got = centred_ranks(values)
        known = np.nan_to_num(got)
        assert (np.abs(known) <= 0.5).all()
        assert_allclose(known.sum(axis=0), 0.0, atol=1e-12)

    def test_by_hand(self) -> None:
        column = np.array([[30.0], [10.0], [NAN], [10.0], [99.0]])
        assert_allclose(centred_ranks(column)[:, 0], [2 / 3 - 0.5, 0.5 / 3 - 0.5, NAN, 0.5 / 3 - 0.5, 0.5])

    def test_ranks_do_not_change_under_a_rising_function(self) -> None:
        values = np.random.default_rng(2).standard_normal((9, 4))
        assert_array_equal(centred_ranks(np.exp(values) * 7 + 1), centred_ranks(values))


class TestForecast:
    @settings(max_examples=200, deadline=None)
    @given(MODELS, RANKS)
    def test_the_reasons_add_up_to_the_log_odds_and_those_to_the_probability(
        self, model: Model, ranks: FloatArray
    ) -> None:
        for one, row in zip(forecast(model, ranks, names(len(ranks))), ranks, strict=True):
            if one.direction is Direction.NO_CALL:
                continue
            assert one.log_odds == pytest.approx(model.intercept + math.fsum(one.contributions), abs=1e-12)
            for part, rank, coefficient in zip(one.contributions, row, model.coefficients, strict=True):
                assert part == (0.0 if math.isnan(rank) else rank * coefficient)
            assert one.probability == pytest.approx(float(expit(one.log_odds)), abs=1e-12)
            assert 0.0 < one.probability < 1.0
            assert (one.direction is Direction.UP) == (one.probability >= 0.5)
            assert one.confidence == pytest.approx(max(one.probability, 1 - one.probability), abs=1e-15)
            assert 0.5 <= one.confidence < 1.0

    @settings(max_examples=100, deadline=None)
    @given(MODELS, RANKS)
    def test_there_is_no_call_exactly_where_less_than_half_is_known(
        self, model: Model, ranks: FloatArray
    ) -> None:
        for one, row in zip(forecast(model, ranks, names(len(ranks))), ranks, strict=True):
            known = int((~np.isnan(row)).sum())
            assert (one.direction is Direction.NO_CALL) == (2 * known < N)

    def test_no_call_states_nothing_and_says_how_much_is_known(self) -> None:
        ranks = np.full((1, N), NAN)
        ranks[0, :9] = 0.5
        (one,) = forecast(model_of([1.0] * N), ranks, ("AAA",))
        assert one.direction is Direction.NO_CALL
        assert all(math.isnan(value) for value in (one.confidence, one.probability, one.log_odds))
        assert one.contributions == ()
        assert one.reasoning == "no call: 47% of the features are known, 50% needed"
        ranks[0, 9] = 0.5
        assert forecast(model_of([1.0] * N), ranks, ("AAA",))[0].direction is Direction.UP

    def test_the_largest_reasons_come_first_with_their_place_and_their_weight(self) -> None:
        ranks = np.zeros((1, N))
        ranks[0, :4] = 0.5, -0.5, 0.1, NAN
        (one,) = forecast(model_of([-0.2, 1.0, 3.0, 9.0], intercept=0.05), ranks, ("AAA",))
        first, second, third = MODEL_NAMES[1], MODEL_NAMES[2], MODEL_NAMES[0]
        assert one.reasoning == (
            f"below the median: low {first} (-0.500), middling {second} (+0.300), high {third} (-0.100)"
        )
        assert one.log_odds == pytest.approx(-0.25)
        assert one.direction is Direction.DOWN
        assert one.confidence == pytest.approx(float(expit(0.25)))

    def test_a_model_without_an_opinion_says_up_with_one_half(self) -> None:
        (one,) = forecast(model_of([]), np.zeros((1, N)), ("AAA",))
        assert (one.direction, one.probability, one.confidence) == (Direction.UP, 0.5, 0.5)

    @settings(max_examples=60, deadline=None)
    @given(MODELS, RANKS, st.integers(0, 1_000))
    def test_another_order_of_tickers_gives_the_same_forecasts_in_that_order(
        self, model: Model, ranks: FloatArray, seed: int
    ) -> None:
        order = np.random.default_rng(seed).permutation(len(ranks))
        universe = names(len(ranks))
        straight = {one.ticker: one for one in forecast(model, ranks, universe)}
        shuffled = forecast(model, ranks[order], tuple(universe[i] for i in order))
        assert [one.ticker for one in shuffled] == [universe[i] for i in order]
        assert [repr(one) for one in shuffled] == [repr(straight[one.ticker]) for one in shuffled]

    def test_from_raw_features_to_forecasts_the_order_of_tickers_does_not_matter(self) -> None:
        rng = np.random.default_rng(3)
        features, order = rng.standard_normal((12, N)), rng.permutation(12)
        model = model_of(rng.standard_normal(N).tolist())
        straight = forecast(model, centred_ranks(features), names(12))
        shuffled = forecast(model, centred_ranks(features[order]), tuple(names(12)[i] for i in order))
        assert shuffled == tuple(straight[i] for i in order)

    def test_an_empty_universe_has_no_forecasts(self) -> None:
        assert forecast(model_of([1.0]), np.empty((0, N)), ()) == ()


class TestFit:
    def test_a_planted_signal_is_found_with_its_sign(self) -> None:
        model = fitted(*drawn(4, {2: 2.0, 7: -2.0}))
        coefficients = np.array(model.coefficients)
        assert coefficients[2] > 0 > coefficients[7]
        assert set(np.argsort(-np.abs(coefficients))[:2]) == {2, 7}
        assert model.log_loss < math.log(2) - 0.01

    def test_noise_leaves_every_probability_near_one_half(self) -> None:
        ranks, beat = drawn(5, {})
        model = fitted(ranks, beat)
        probabilities = [one.probability for one in forecast(model, ranks[-1], names(20))]
        assert max(abs(p - 0.5) for p in probabilities) < 0.05
        assert model.log_loss == pytest.approx(math.log(2), abs=0.005)

    @pytest.mark.parametrize("penalty", [0.5, 0.05, 0.001])
    def test_the_fit_minimises_mean_log_loss_plus_half_the_penalty(self, penalty: float) -> None:
        ranks, beat = drawn(6, {0: 1.5, 3: -1.0}, sessions=60)
        model = fitted(ranks, beat, penalty=penalty)
        x, y = ranks.reshape(-1, N), beat.ravel()

        def loss(weights: FloatArray) -> float:
            log_odds = x @ weights[:-1] + weights[-1]
            data = np.mean(np.logaddexp(0.0, log_odds) - y * log_odds)
            return float(data + penalty / 2 * np.sum(weights[:-1] ** 2))

        best = minimize(loss, np.zeros(N + 1), method="BFGS", options={"gtol": 1e-9})
        assert_allclose([*model.coefficients, model.intercept], best.x, atol=2e-5)
        without_penalty = loss(best.x) - penalty / 2 * float(np.sum(best.x[:-1] ** 2))
        assert model.log_loss == pytest.approx(without_penalty, abs=1e-6)

    def test_a_larger_penalty_pulls_every_confidence_towards_one_half(self) -> None:
        ranks, beat = drawn(7, {1: 2.0})
        sizes = [
            float(np.linalg.norm(fitted(ranks, beat, penalty=penalty).coefficients))
            for penalty in (0.001, 0.01, 0.1, 1.0, 10.0)
        ]
        assert sizes == sorted(sizes, reverse=True)
        assert sizes[-1] < 0.05

    def test_equal_histories_give_equal_models_to_the_last_bit(self) -> None:
        ranks, beat = drawn(8, {1: 1.0})
        assert fitted(ranks, beat) == fitted(ranks.copy(), beat.copy())

    def test_the_order_of_tickers_barely_moves_the_model(self) -> None:
        ranks, beat = drawn(9, {1: 1.0})
        order = np.random.default_rng(9).permutation(ranks.shape[1])
        one, other = fitted(ranks, beat), fitted(ranks[:, order], beat[:, order])
        assert_allclose(other.coefficients, one.coefficients, atol=1e-6)

    def test_unknown_outcomes_and_hardly_known_rows_are_left_out(self) -> None:
        ranks, beat = drawn(10, {1: 1.0}, sessions=50)
        clean = fitted(ranks[:40], beat[:40])
        beat = beat.copy()
        ranks = ranks.copy()
        beat[40:45] = NAN
        ranks[45:, :, : N // 2 + 1] = NAN  # less than half is known
        ranks[45:, :, N // 2 + 1 :] = 0.5
        spoiled = fitted(ranks, beat)
        assert spoiled.n == clean.n == 40 * 20
        assert spoiled.coefficients == clean.coefficients

    def test_a_missing_feature_counts_as_the_middle_of_its_ranking(self) -> None:
        ranks, beat = drawn(11, {1: 1.0}, sessions=40)
        holes, middle = ranks.copy(), ranks.copy()
        holes[::3, ::2, 4] = NAN
        middle[::3, ::2, 4] = 0.0
        assert fitted(holes, beat).coefficients == fitted(middle, beat).coefficients

    def test_the_model_remembers_what_it_was_made_of(self) -> None:
        ranks, beat = drawn(12, {}, sessions=30)
        sessions = days(30)
        model = fit(ranks, beat, sessions, version=7, fitted_on=date(2025, 1, 1), penalty=0.05)
        assert (model.version, model.fitted_on) == (7, date(2025, 1, 1))
        assert (model.train_from, model.train_to) == (sessions[0], sessions[-1])
        assert model.features == MODEL_NAMES
        assert model.n == 600

    @pytest.mark.parametrize("winners", [0, 1, 19, 20])
    def test_outcomes_of_one_kind_only_cannot_be_fitted(self, winners: int) -> None:
        ranks, _ = drawn(13, {}, sessions=1)
        beat = np.array([[1.0] * winners + [0.0] * (20 - winners)])
        with pytest.raises(ValueError, match="model 3"):
            fitted(ranks, beat, version=3)

    def test_a_history_without_any_outcome_cannot_be_fitted(self) -> None:
        ranks, beat = drawn(14, {}, sessions=3)
        with pytest.raises(ValueError, match="0 of 0 outcomes"):
            fitted(ranks, np.full_like(beat, NAN))


def test_a_model_survives_json_to_the_last_bit() -> None:
    model = fitted(*drawn(15, {1: 1.0}, sessions=40))
    stored = json.loads(json.dumps(model_to_dict(model), allow_nan=False))
    again = replace(
        model,
        features=tuple(stored["features"]),
        coefficients=tuple(stored["coefficients"]),
        intercept=stored["intercept"],
        n=stored["n"],
        log_loss=stored["log_loss"],
    )
    assert again == model
