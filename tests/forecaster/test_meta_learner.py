from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit

from forecaster.agreement import agreed
from forecaster.calibration.platt import PlattMap
from forecaster.forecast import Contribution, Direction, Forecast
from forecaster.meta_learner import combine
from forecaster.model_version import ModelVersion
from forecaster.reasoning import Facts
from forecaster.target import Target
from forecaster.tier import Tier
from forecaster.training import fit
from market.panel import FloatArray
from tests.forecaster.planted import REGIMES, SECTORS, SIX, planted

N = sum(len(signal.features) for signal in SIX)
NAN = math.nan
RANKS = arrays(
    np.float64,
    st.tuples(st.integers(1, 8), st.just(N)),
    elements=st.one_of(st.just(NAN), st.floats(-0.5, 0.5)),
)


@cache
def believing() -> ModelVersion:
    """A model that found an edge, with a map on top that shifts and bends."""
    model = fit(planted(0.6), version=7)
    map_ = PlattMap((0.05, 0.9), {REGIMES[0]: (-0.02, 1.1)}, {REGIMES[0]: {SECTORS[1]: (0.03, 0.8)}})
    return replace(model, calibration=map_)


@cache
def doubting() -> ModelVersion:
    """A model that found none."""
    return fit(planted(0.0), version=8)


def names(n: int) -> tuple[str, ...]:
    return tuple(f"T{i}" for i in range(n))


def sectors(n: int) -> tuple[str, ...]:
    return tuple(("", *SECTORS)[i % 5] for i in range(n))


def some_ranks(tickers: int = 20, seed: int = 3) -> FloatArray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (tickers, N))


@settings(max_examples=150, deadline=None)
@given(RANKS, st.sampled_from((*REGIMES, "never seen", "")))
def test_contributions_add_up_to_the_log_odds_and_those_are_the_probability(
    ranks: FloatArray, regime: str
) -> None:
    for one in combine(believing(), ranks, names(len(ranks)), regime=regime, sectors=sectors(len(ranks))):
        if one.direction is Direction.NO_CALL:
            assert one.coverage < 0.5
            assert math.isnan(one.probability)
            continue
        assert abs(math.fsum(part.log_odds for part in one.contributions) - one.log_odds) < 1e-9
        assert one.probability == pytest.approx(float(expit(one.log_odds)), abs=1e-12)
        assert one.confidence == pytest.approx(max(one.probability, 1 - one.probability), abs=1e-12)
        assert (one.direction is Direction.UP) == (one.probability > 0.5)
        assert [part.name for part in one.contributions] == [
            "base_rate",
            *(signal.name for signal in SIX),
            "calibration",
        ]


def test_the_maps_shift_is_named_and_its_slope_is_in_every_signal() -> None:
    ranks, model = some_ranks(), believing()
    bare = replace(model, calibration=PlattMap())
    for read, stated in zip(
        combine(model, ranks, names(20), regime=REGIMES[0], sectors=(SECTORS[1],) * 20),
        combine(bare, ranks, names(20), regime=REGIMES[0], sectors=(SECTORS[1],) * 20),
        strict=True,
    ):
        assert read.log_odds == pytest.approx(0.03 + 0.8 * stated.log_odds, abs=1e-12)
        assert read.contributions[-1] == Contribution("calibration", 0.03)
        for one, other in zip(read.contributions[1:-1], stated.contributions[1:-1], strict=True):
            assert one.log_odds == pytest.approx(0.8 * other.log_odds, abs=1e-15)
            assert one.lean == other.lean


class TestWithoutAnEdge:
    def test_the_base_rate_is_stated_and_the_direction_is_a_lean(self) -> None:
        made = combine(doubting(), some_ranks(), names(20))
        assert {one.probability for one in made} == {one.confidence for one in made} == {0.5}
        assert {one.direction for one in made} == {Direction.UP, Direction.DOWN}
        for one in made:
            assert (one.direction is Direction.UP) == (one.lean >= 0)
            assert all(part.log_odds == 0 for part in one.contributions)
            assert "the base rate: in 18,520 resolved forecasts the signals told no more" in one.reasoning

    def test_a_slope_that_could_not_be_measured_is_not_written_down(self) -> None:
        model = doubting()
        unknown = replace(model, metrics=replace(model.metrics, slope=NAN, slope_error=NAN))
        for one in combine(unknown, some_ranks(), names(20)):
            assert "told no more; leaning on" in one.reasoning

    def test_a_least_strength_states_the_lean_all_the_same(self) -> None:
        model = replace(doubting(), strength=0.25)
        for one in combine(model, some_ranks(), names(20)):
            assert one.log_odds == pytest.approx(0.25 * one.lean, abs=1e-15)


class TestMissing:
    @pytest.mark.parametrize("signal", range(len(SIX)))
    def test_a_silent_signal_adds_nothing_and_pulls_the_rest_towards_the_base_rate(self, signal: int) -> None:
        model = replace(believing(), calibration=PlattMap())
        ranks, place = some_ranks(), sum(len(one.features) for one in SIX[:signal])
        silent = np.array(ranks)
        silent[:, place : place + len(SIX[signal].features)] = NAN
        everything, without = (combine(model, given_, names(20)) for given_ in (ranks, silent))
        weight = model.weights.of("", [""])[0][signal] / len(SIX)
        for one, full in zip(without, everything, strict=True):
            assert full.coverage == pytest.approx(1.0, abs=1e-12)
            assert one.coverage == pytest.approx(1 - weight, abs=1e-12)
            if one.direction is not Direction.NO_CALL:
                assert one.contributions[signal + 1].log_odds == 0.0

    def test_below_half_of_the_weight_there_is_no_call(self) -> None:
        ranks = some_ranks(2)
        ranks[0] = NAN
        nothing, full = combine(believing(), ranks, names(2))
        assert nothing.direction is Direction.NO_CALL
        assert nothing.contributions == ()
        assert nothing.reasoning == "no call: 0% of the signals' weight is known, 50% needed"
        assert full.direction is not Direction.NO_CALL

    def test_one_ticker_without_data_changes_no_other(self) -> None:
        ranks = some_ranks(5)
        alone = combine(believing(), ranks[1:], names(5)[1:])
        ranks[0] = NAN
        assert combine(believing(), ranks, names(5))[1:] == alone


class TestAgreement:
    def test_independent_signals_add_up(self) -> None:
        ones = np.ones(4)
        parts, coverage = agreed(0.1 * ones, ones, ones > 0, np.eye(4))
        assert parts.sum() == pytest.approx(0.4)
        assert coverage == 1.0

    def test_signals_that_repeat_one_another_add_up_to_the_root_of_their_number(self) -> None:
        ones = np.ones(4)
        parts, _ = agreed(0.1 * ones, ones, ones > 0, np.ones((4, 4)))
        assert parts.sum() == pytest.approx(0.2)

    def test_opposed_signals_count_for_no_more_than_independent_ones(self) -> None:
        ones = np.ones(2)
        opposed = np.array([[1.0, -0.9], [-0.9, 1.0]])
        parts, _ = agreed(0.1 * ones, ones, ones > 0, opposed)
        assert parts.sum() == pytest.approx(0.2)

    def test_half_of_the_weight_halves_the_log_odds(self) -> None:
        parts, coverage = agreed(np.full(2, 0.1), np.ones(2), np.array([True, False]), np.eye(2))
        assert coverage == 0.5
        assert parts.tolist() == [pytest.approx(0.05), 0.0]

    def test_no_signal_at_all_adds_nothing(self) -> None:
        parts, coverage = agreed(np.full(2, NAN), np.ones(2), np.zeros(2, np.bool_), np.eye(2))
        assert coverage == 0.0
        assert parts.tolist() == [0.0, 0.0]


class TestReasoning:
    def test_every_number_in_it_is_a_stored_one_with_its_tier_and_age(self) -> None:
        n = 11
        ranks = np.repeat((np.arange(n) / (n - 1) - 0.5)[:, None], N, axis=1)
        model = replace(believing(), calibration=PlattMap())
        best = combine(model, ranks, names(n))[-1]
        order = sorted(best.contributions[1:-1], key=lambda part: -abs(part.log_odds))[:3]
        for part in order:
            assert f"{part.name} {part.log_odds:+.4f} (" in best.reasoning
        assert best.reasoning.count("ranks 1 of 11; exact, this close") == 3
        assert f"with {best.confidence:.2%}" in best.reasoning
        assert "universe's median" in best.reasoning

    def test_a_delayed_value_says_how_old_it_is(self) -> None:
        facts = Facts((Tier.DELAYED,) * N, (2,) * N)
        assert (
            "delayed, 2 sessions old"
            in combine(believing(), some_ranks(), names(20), facts=facts)[0].reasoning
        )

    def test_the_absolute_target_speaks_of_a_rise_or_a_fall(self) -> None:
        model = replace(believing(), target=Target.ABSOLUTE)
        words = {one.reasoning.partition(" with")[0] for one in combine(model, some_ranks(), names(20))}
        assert words == {"a rise", "a fall"}


class TestOdd:
    def test_no_ticker_makes_no_forecast(self) -> None:
        assert combine(believing(), np.empty((0, N)), ()) == ()

    def test_ranks_that_do_not_fit_are_named(self) -> None:
        with pytest.raises(ValueError, match=rf"ranks have shape \(2, 3\), model 7 needs \(2, {N}\)"):
            combine(believing(), np.zeros((2, 3)), names(2))

    def test_a_forecast_whose_contributions_do_not_add_up_cannot_be_made(self) -> None:
        with pytest.raises(ValueError, match=r"forecast of A: contributions add up to 0.1, not to 0.2"):
            Forecast("A", Direction.UP, 0.6, 0.6, 0.2, 0.2, (Contribution("base_rate", 0.1),), "", 1.0)
