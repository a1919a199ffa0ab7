from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.special import expit

from forecaster.features import FEATURE_NAMES
from forecaster.signals import SIGNALS, History, Signal, features_of, fit_signals, gather, usable_signals
from forecaster.signals.evidence import DROPOUT, feature_places, speaking
from forecaster.signals.fitted import LEAST_SPREAD
from tests.forecaster.history import everything, window_at
from tests.forecaster.planted import SIX, planted

TWO = (Signal("one", "?", ("return_1", "return_5")), Signal("two", "?", ("beta_63",)))


class TestRegistry:
    def test_every_signal_reads_registered_features_and_none_is_read_twice(self) -> None:
        names = [name for signal in SIGNALS for name in signal.features]
        assert set(names) <= set(FEATURE_NAMES)
        assert len(names) == len(set(names))
        assert len({signal.name for signal in SIGNALS}) == len(SIGNALS) >= 12
        assert [feature.name for feature in features_of()] == names

    def test_daily_bars_alone_make_fewer_signals_than_a_window_with_everything(self) -> None:
        bare = {signal.name for signal in usable_signals(window_at(400))}
        assert usable_signals(everything()) == SIGNALS
        assert bare == {signal.name for signal in SIGNALS} - {
            "cross_asset",
            "sector",
            "off_exchange",
            "after_hours",
            "supply_chain",
        }


class TestSpeaking:
    def test_a_signal_speaks_where_half_of_its_features_are_known_and_reads_the_unknown_as_the_middle(
        self,
    ) -> None:
        nan = math.nan
        ranks = np.array([[0.1, nan, 0.3], [nan, nan, 0.3], [0.1, 0.2, nan]])
        x, present = speaking(ranks, TWO)
        assert_array_equal(present, [[True, True], [False, True], [True, False]])
        assert_array_equal(x, [[0.1, 0.0, 0.3], [0.0, 0.0, 0.3], [0.1, 0.2, 0.0]])


class TestEvidence:
    def test_its_sums_are_those_of_the_resolved_rows(self) -> None:
        history = planted(0.1, sessions=30, tickers=9)
        history.outcomes[4, :5] = math.nan
        history.ranks[4, 6] = math.nan
        found = gather(history)
        rows = ~np.isnan(history.outcomes[4])
        x = np.nan_to_num(history.ranks[4][rows])
        y = history.outcomes[4][rows]
        assert_allclose(found.grams[4], x.T @ x, atol=1e-14)
        assert_allclose(found.products[4], x.T @ y, atol=1e-14)
        assert_allclose(found.sums[4], x.sum(axis=0), atol=1e-14)
        assert (found.resolved[4], found.hits[4]) == (rows.sum(), y.sum())

    def test_a_stretch_holds_the_same_bits_as_one_gathered_alone(self) -> None:
        history = planted(0.1, sessions=40, tickers=9)
        cut = History(
            history.sessions[10:30],
            history.ranks[10:30],
            history.outcomes[10:30],
            history.signals,
            history.regimes[10:30],
            history.sectors,
        )
        part, alone = gather(history).between(10, 30), gather(cut)
        for name in ("x", "present", "grams", "products", "sums", "resolved", "hits", "heard"):
            assert_array_equal(getattr(part, name), getattr(alone, name))
        assert part.digests == alone.digests

    def test_the_dropout_silences_a_fifth_and_depends_on_the_seed(self) -> None:
        history = planted(0.0, sessions=600, tickers=3)
        heard = gather(history, seed=1).heard
        assert heard.mean() == pytest.approx(1 - DROPOUT, abs=0.02)
        assert (heard != gather(history, seed=2).heard).any()

    def test_what_does_not_pair_up_is_named(self) -> None:
        history = planted(0.0, sessions=10, tickers=3)
        with pytest.raises(ValueError, match=r"history's ranks have shape \(10, 3, 2\), \(10, 3, \d+\)"):
            History(history.sessions, history.ranks[..., :2], history.outcomes, SIX)
        with pytest.raises(ValueError, match="history has 1 sectors, 3 or none are needed"):
            History(history.sessions, history.ranks, history.outcomes, SIX, (), ("Energy",))


class TestFit:
    def test_one_newton_step_comes_as_near_to_the_ridge_logistic_as_rounding_of_honest_skill_asks(
        self,
    ) -> None:
        rng = np.random.default_rng(5)
        x = rng.uniform(-0.5, 0.5, (4_000, 3))
        y = (rng.random(4_000) < expit(x @ [0.3, -0.2, 0.0])).astype(float)
        signal = (Signal("one", "?", ("a", "b", "c")),)
        score = x.T @ (y - 0.5)
        blocks = np.stack([part[0].T @ (part[1] - 0.5) for part in zip(np.split(x, 40), np.split(y, 40))])  # noqa: B905
        (fitted,) = fit_signals(signal, feature_places(signal), 0.25 * x.T @ x, score, blocks)
        weight = 1 / fitted.repeats

        def loss(b: np.ndarray) -> float:
            z = x @ b
            told = float((np.logaddexp(0, z) - y * z).sum())
            return weight * told + float(b @ b) / (2 * fitted.spread**2)

        assert_allclose(fitted.coefficients, minimize(loss, np.zeros(3), tol=1e-10).x, atol=0.003)

    def test_noise_leaves_a_spread_so_small_that_the_signal_only_leans(self) -> None:
        rng = np.random.default_rng(6)
        signal = (Signal("one", "?", ("a", "b")),)
        score, blocks = np.array([3.0, -2.0]), rng.standard_normal((50, 2)) * 3
        (fitted,) = fit_signals(signal, feature_places(signal), 100 * np.eye(2), score, blocks)
        assert fitted.spread == LEAST_SPREAD
        assert 0 < max(map(abs, fitted.coefficients)) < 0.001

    def test_rows_of_one_session_that_move_together_count_once(self) -> None:
        rng = np.random.default_rng(7)
        signal = (Signal("one", "?", ("a",)),)
        alone = rng.standard_normal((60, 1)) * 5
        information = np.array([[60 * 25.0]])
        (free,) = fit_signals(signal, feature_places(signal), information, alone.sum(axis=0), alone)
        (tied,) = fit_signals(signal, feature_places(signal), information / 9, alone.sum(axis=0), alone)
        assert free.repeats == pytest.approx(1.0, abs=0.4)
        assert tied.repeats == pytest.approx(9 * float(np.square(alone).sum()) / 1500, rel=1e-9)

    def test_a_signal_without_data_says_nothing(self) -> None:
        signal = (Signal("one", "?", ("a", "b")),)
        zero = np.zeros((2, 2))
        (fitted,) = fit_signals(signal, feature_places(signal), zero, zero[0], np.zeros((9, 2)))
        assert fitted.coefficients == (0.0, 0.0)


def test_a_history_without_labels_of_its_own_is_dated() -> None:
    assert planted(0.0, sessions=3, tickers=3).sessions[0] == date(2010, 1, 4)
