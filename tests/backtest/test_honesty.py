from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from backtest.evaluation import EvaluationError, Question, evaluate_prices
from backtest.honest_words import delisting, headline, regime_verdict, sentences, unpopulated
from backtest.honesty import Honesty, honesty
from backtest.session_mean import NORMAL_95, SessionMean
from backtest.survivorship import Coverage
from forecaster.regime import REGIMES
from forecaster.target import Target
from forecaster.training import Training, TrainingError
from forecaster.walk_forward import WalkForward, walk_forward
from market.panel import Panel
from market.sample import BENCHMARK, STOCKS
from tests.forecaster.history import changed, copies
from tests.forecaster.history import history as prices
from tests.forecaster.planted import planted


@cache
def walked(edge: float, target: Target) -> WalkForward:
    return walk_forward(planted(edge, sessions=800), training=Training(sessions=504, target=target))


@cache
def report(edge: float, trials: int = 1, target: Target = Target.RELATIVE) -> Honesty:
    forward = walked(edge, target)
    outcomes = forward.history.outcomes
    rng = np.random.default_rng(9)
    returns = np.nan_to_num(outcomes, nan=0.5) - 0.5 + 0.01 * rng.standard_normal(outcomes.shape)
    closes = np.exp(np.cumsum(0.01 * rng.standard_normal(returns.shape), axis=0))
    return honesty(forward, returns, closes, trials=trials)


def test_no_edge_is_called_so() -> None:
    found = report(0.0)
    assert headline(found) == "no edge detected"
    assert found.at_base == 1.0
    assert (found.log_loss_skill, found.log_loss_gain.mean) == (0.0, 0.0)
    words = " ".join(sentences(found))
    assert "100% of the" in words
    assert "the forecaster abstains" in words
    assert "prove restraint, not calibration" in words
    assert all("says nothing" in regime_verdict(one) for one in found.regimes if one.is_enough)


def test_an_edge_is_called_so_with_its_lower_bound() -> None:
    found = report(0.5)
    assert found.edge
    assert headline(found).startswith("edge detected: rank IC +0.")
    assert 0 < found.floor < found.rivals[0].ranking.rank_ic.mean  # type: ignore[union-attr]
    assert found.log_loss_skill > 0
    assert found.rivals[0].right.interval[0] > 0.5
    assert any("presumed a leak" in sentence for sentence in sentences(found))
    best = max(found.signals, key=lambda one: one.rank_ic.mean)
    assert best.name == "momentum"


@pytest.mark.parametrize("seed", [1, 2])
def test_a_weak_edge_is_found_and_what_is_stated_of_it_comes_true(seed: int) -> None:
    """About as weak as real ones: it is right in 51 to 52 cases of a hundred."""
    history = planted(0.12, sessions=1200, tickers=100, seed=seed)
    forward = walk_forward(history, training=Training(), every=63)
    found = honesty(forward, history.outcomes - 0.5, np.ones(history.outcomes.shape))
    assert found.log_loss_skill > 0
    assert found.pooled.ece_debiased < 0.01
    assert found.at_base < 0.6  # and not by abstaining
    stated = np.abs(forward.probability - 0.5)
    sure = stated > np.nanquantile(stated, 0.9)
    right = np.where(forward.probability > 0.5, history.outcomes, 1.0 - history.outcomes)
    assert 0.5 + stated[sure].mean() == pytest.approx(np.nanmean(right[sure]), abs=0.03)  # two errors of it


def test_more_trials_lower_the_bound() -> None:
    assert report(0.5, trials=100).floor < report(0.5, trials=4).floor < report(0.5).floor
    assert report(0.5, trials=4).luck == pytest.approx(1.03, abs=0.1)


def test_a_small_edge_after_many_trials_is_none() -> None:
    found = report(0.5)
    assert not replace(found, floor=-1e-9).edge


def test_the_absolute_target_prints_its_caveat() -> None:
    words = " ".join(sentences(report(0.0, target=Target.ABSOLUTE)))
    assert "stocks of one session rise and fall together" in words


def test_survivorship_is_unknown_without_members_and_told_with_them() -> None:
    found = report(0.0)
    assert sentences(found)[-1].startswith("Survivorship: unknown, no membership file.")
    few, most = Coverage(2013, 500, 395, 0), Coverage(2022, 500, 485, 0)
    assert "hold 79% of the members of 2013" in sentences(replace(found, coverage=(few, most)))[-1]
    assert sentences(replace(found, coverage=(most,)))[-1].endswith("the worst year.")


def test_a_regime_of_few_outcomes_is_not_judged() -> None:
    (first, *_) = report(0.5).regimes
    few = replace(first, evaluation=replace(first.evaluation, effective=799.0))
    assert regime_verdict(few) == "insufficient: worth 799 outcomes, 800 needed"


def test_a_regime_of_few_sessions_is_not_judged_however_many_outcomes_it_has() -> None:
    (first, *_) = report(0.5).regimes
    few = replace(
        first, evaluation=replace(first.evaluation, effective=2_400.0, by_session=False, sessions=10)
    )
    assert not few.is_enough
    assert regime_verdict(few) == "insufficient: 10 sessions do not tell what their outcomes are worth"


def leaning(ic: float, error: float) -> Honesty:
    """A report whose leans had another rank IC."""
    found = report(0.0)
    own, *others = found.rivals
    assert own.ranking is not None
    other = replace(own.ranking, rank_ic=SessionMean(ic, error, 500))
    floor = ic - NORMAL_95 * error
    return replace(found, rivals=(replace(own, ranking=other), *others), floor=floor)


def test_leans_that_are_wrong_beyond_chance_are_called_so_and_their_data_doubted() -> None:
    found = leaning(-0.051, 0.0134)
    assert headline(found) == "no edge detected; the leans were wrong"
    words = " ".join(sentences(found))
    assert "the upper 95 % bound of the rank IC is -0.0247, below 0" in words
    assert "A rank IC below -0.03 from daily prices is as suspect as one above 0.03" in words
    assert found.to_dict()["ceiling"] == pytest.approx(-0.051 + NORMAL_95 * 0.0134)


def test_leans_that_may_be_wrong_by_chance_are_not() -> None:
    found = leaning(-0.02, 0.0134)
    assert headline(found) == "no edge detected"
    words = " ".join(sentences(found))
    assert "leans were wrong" not in words
    assert "suspect" not in words


def test_regimes_that_hardly_occur_are_named() -> None:
    found = report(0.0)
    seen = {one.regime for one in found.regimes}
    assert seen  # "", the unknown one, is none of them
    assert set(found.unpopulated) == set(REGIMES) - seen
    rare = replace(found, unpopulated=("down_calm_narrow", "up_volatile_broad"))
    assert unpopulated(rare).startswith("Less than 1 % of the sessions: down calm narrow, up volatile broad.")
    assert unpopulated(replace(found, unpopulated=())) == ""


def test_it_is_json() -> None:
    told = json.loads(json.dumps(report(0.5).to_dict(), allow_nan=False))
    assert told["edge"] is True
    assert told["rivals"][2]["ranking"] is None
    assert {"first", "floor", "detectable_ic", "log_loss_skill", "trials"} <= told.keys()


class TestPrices:
    def test_the_sample_is_walked_through(self) -> None:
        found = evaluate_prices(Question(prices().rows(0, 500), STOCKS, BENCHMARK, every=63))
        assert found.honesty.tickers == len(STOCKS)
        assert found.honesty.sessions == 500 - 257 - 6
        assert found.honesty.models == 4

    def test_calls_of_a_ticker_that_ends_are_counted_and_judged_if_that_is_asked_for(self) -> None:
        panel = prices().rows(0, 500)
        fields = copies(panel)
        for values in fields.values():
            values[450:, 0] = math.nan
        asked = Question(changed(panel, **fields), STOCKS, BENCHMARK, every=63)
        kept, judged = evaluate_prices(asked), evaluate_prices(replace(asked, delisting=-0.3))
        assert (kept.honesty.ended, kept.honesty.cut_short) == (1, 5)
        assert "5 calls of 1 ticker reached beyond" in delisting(kept.honesty)
        assert "--delisting-return -0.3" in delisting(kept.honesty)
        assert judged.honesty.forecasts == kept.honesty.forecasts + 5
        assert judged.honesty.rivals[0] != kept.honesty.rivals[0]
        assert "as if -30% came on top of the last close" in delisting(judged.honesty)
        assert judged.forward.models == kept.forward.models
        whole = evaluate_prices(Question(panel, STOCKS, BENCHMARK, every=63)).honesty
        assert (whole.ended, whole.cut_short, delisting(whole)) == (0, 0, "")

    @pytest.mark.parametrize("kind", ["all_nan", "constant", "zero"])
    def test_one_spoilt_ticker_spoils_no_other(self, kind: str) -> None:
        panel = prices().rows(0, 500)
        fields = copies(panel)
        for name in fields:
            if kind == "all_nan":
                fields[name][:, 0] = math.nan
            elif kind == "constant":
                fields[name][:, 0] = 10.0
            elif name != "volume":
                fields[name][300, 0] = 0.0
        found = evaluate_prices(Question(changed(panel, **fields), STOCKS, every=63))
        assert found.honesty.forecasts > 0
        whole = np.abs(found.forward.contributions.sum(axis=-1) - found.forward.log_odds)
        assert np.nanmax(whole) < 1e-9

    def test_more_than_fits_into_memory_is_refused_before_it_is_tried(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("backtest.evaluation.MOST_CELLS", 100)
        with pytest.raises(
            EvaluationError, match=r"6 tickers over \d+ sessions are [\d,]+ bars: more than 100"
        ):
            evaluate_prices(Question(prices().rows(0, 400), STOCKS, BENCHMARK))

    def test_prices_that_never_move_are_said_to_decide_nothing(self) -> None:
        panel = prices().rows(0, 400)
        still = changed(panel, **{name: np.full(panel.close.shape, 10.0) for name in copies(panel)})
        with pytest.raises(TrainingError, match="prices never move"):
            evaluate_prices(Question(still, STOCKS, BENCHMARK))

    def test_too_little_is_refused_by_name(self) -> None:
        with pytest.raises(EvaluationError, match="2 tickers to forecast: at least 3"):
            evaluate_prices(Question(prices(), STOCKS[:2]))
        with pytest.raises(EvaluationError, match="1 sessions in which a price is known: 284 are needed"):
            evaluate_prices(Question(prices().rows(0, 1), STOCKS))

    def test_a_panel_in_which_nothing_is_known_is_refused(self) -> None:
        panel = prices().rows(0, 400)
        empty = np.full((400, len(panel.tickers)), math.nan)
        with pytest.raises(EvaluationError, match="0 sessions in which a price is known"):
            evaluate_prices(Question(Panel(panel.sessions, panel.tickers, *(empty,) * 6), STOCKS))
