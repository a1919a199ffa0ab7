"""The leak suite: it finds every leak that is planted, and none in the forecaster."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from backtest.evaluation import Question, prepare
from backtest.leaks import PLANTS, Check, Plant, Record, Report, Study, Subject, check, examine, own
from backtest.leaks.furnish import furnished
from backtest.leaks.record import RecordError, no_series, rebuilt
from backtest.leaks.study import label_shuffle, no_edge, noise_feature, open_outcomes
from daemon.price_series import LATE, SERIES_TICKERS, market_series
from forecaster.features import FEATURE_NAMES, FEATURES, Feature, Layer
from forecaster.regime import Observation, observations
from forecaster.rolling import window_mean
from forecaster.window import Window
from market import filings_links, outside
from market.filings_links import Links
from market.panel import FIELDS, FloatArray, Panel
from market.sample import BENCHMARK, STOCKS
from tests.forecaster.history import history

FIRST, SESSIONS, CUTS, FEW = 1_500, 740, 5, 2
WANTED = tuple(names[0] for names in SERIES_TICKERS.values())


def joined(panel: Panel) -> Mapping[str, FloatArray]:
    return market_series(panel)[0]


@cache
def record() -> Record:
    """Three years of the sample, with all that it lacks made up."""
    panel = history().rows(FIRST, FIRST + SESSIONS)
    return furnished(panel, STOCKS, BENCHMARK, join=joined, wanted=WANTED, late=LATE)[0]


@cache
def report() -> Report:
    return examine(record(), n=CUTS, few=FEW)


@pytest.mark.no_cover  # it repeats what other tests count
class TestTheForecaster:
    def test_nothing_of_it_leaks(self) -> None:
        assert [(one.subject, one.check, one.said) for one in report().leaks] == []

    @pytest.mark.parametrize(
        "which", [Check.TRUNCATION, Check.POISON, Check.START_UP, Check.KNOWN_AT, Check.RESTATED]
    )
    def test_every_feature_is_compared_by_every_check_of_what_it_reads(self, which: Check) -> None:
        found = next(one for one in report().own if (one.subject, one.check) == ("features", which))
        assert (found.columns, found.unseen, found.skipped) == (len(FEATURES), (), "")
        assert found.compared >= len(STOCKS) * len(FEATURES)

    @pytest.mark.parametrize("subject", ["regime", "forecast", "market-wide series", "reported figures"])
    def test_the_rest_of_it_is_compared_at_every_cut(self, subject: str) -> None:
        found = next(one for one in report().own if (one.subject, one.check) == (subject, Check.TRUNCATION))
        assert found.unseen == ()
        assert found.compared >= CUTS * found.columns

    def test_the_suite_watches_the_history_that_the_evaluation_walks_through(self) -> None:
        bare = replace(record(), extras={}, join=no_series)
        mine, _ = own.Forecasts().history(bare)
        theirs, _, _ = prepare(Question(bare.panel, STOCKS, BENCHMARK, sectors=bare.sectors))
        assert_array_equal(mine.ranks, theirs.ranks)
        assert_array_equal(mine.outcomes, theirs.outcomes)
        assert (mine.regimes, mine.sessions, mine.signals, mine.sectors) == (
            theirs.regimes,
            theirs.sessions,
            theirs.signals,
            theirs.sectors,
        )

    def test_shuffled_folds_flatter_and_the_report_says_how_far(self) -> None:
        found = report().folds
        assert found is not None
        assert found.shuffled.mean > 0.1 > abs(found.purged.mean)


class TestPlantedLeaks:
    @pytest.mark.parametrize("place", range(len(PLANTS)), ids=[one.kind for one in PLANTS])
    def test_each_is_found_by_the_check_that_is_there_for_it(self, place: int) -> None:
        found = report().planted[place]
        assert found.plant is PLANTS[place]
        assert found.plant.caught_by in found.caught_by

    def test_there_are_more_than_twelve_and_each_is_of_its_own_kind(self) -> None:
        assert len({one.kind for one in PLANTS}) == len(PLANTS) >= 12

    def test_every_check_but_one_is_the_one_that_finds_some_leak(self) -> None:
        assert {one.caught_by for one in PLANTS} == set(Check) - {Check.NOISE}

    def test_a_leak_that_no_check_finds_makes_the_report_unclean(self) -> None:
        honest = Plant("none", "none", Check.POISON, lambda _: own.payoff())
        found = examine(record(), subjects=(), plants=(honest,))
        assert (found.is_clean, [one.name for one in found.missed]) == (False, ["label"])

    def test_a_leak_that_reads_what_the_file_does_not_hold_cannot_be_judged(self) -> None:
        given, volume = record(), next(one for one in PLANTS if one.kind == "normalisation")
        fields = {name: getattr(given.panel, name) for name in FIELDS}
        empty = rebuilt(given.panel, fields | {"volume": np.zeros(given.panel.volume.shape)})
        found = examine(replace(given, panel=empty), subjects=(), plants=(volume,))
        assert (found.is_clean, found.planted[0].is_judged, found.missed) == (True, False, ())
        assert found.to_dict()["planted"][0]["judged"] is False

    def test_the_report_is_json_and_says_what_was_found(self) -> None:
        told = json.loads(json.dumps(report().to_dict(), allow_nan=False))
        assert told["clean"] is True
        assert all(one["caught"] for one in told["planted"])
        assert {one["check"] for one in told["own"]} == set(Check)


class TestLeaksInTheForecasterItself:
    def test_a_late_series_that_is_not_delayed_is_found_in_the_features_that_read_it(self) -> None:
        def hasty(panel: Panel) -> Mapping[str, FloatArray]:
            closes = {
                name: panel.columns((ticker[0],)).adj_close[:, 0] for name, ticker in SERIES_TICKERS.items()
            }
            return closes | dict.fromkeys(set(record().sectors.values()), closes["btc"])

        which = tuple(one for one in FEATURES if one.layer is Layer.CROSS_ASSET)
        found = by_check(check(own.features(which), replace(record(), join=hasty), n=2))
        late = {"beta_btc_63", "correlation_btc_63", "beta_dollar_63", "correlation_dollar_63"}
        assert late <= set(found[Check.KNOWN_AT])
        assert "beta_vix_63" not in found[Check.KNOWN_AT]
        assert not found[Check.TRUNCATION]

    def test_shares_that_are_joined_too_early_are_found(self, monkeypatch: pytest.MonkeyPatch) -> None:
        honest = outside.joined

        def early(panel: Panel, universe: tuple[str, ...], shares: FloatArray, *rest: object) -> object:
            return honest(panel, universe, np.roll(shares, -3, axis=1), *rest)  # type: ignore[arg-type]

        monkeypatch.setattr(outside, "joined", early)
        found = {one.check: one for one in check(own.outside(), record(), n=CUTS, few=FEW)}
        assert set(found[Check.TRUNCATION].leaking) == set(outside.NAMES)

    def test_customers_that_count_before_their_report_is_known_are_found(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        honest = filings_links.customer_returns

        def early(links: Iterable[Links], *rest: object) -> FloatArray:
            return honest([replace(one, known_at=one.known_at - timedelta(days=200)) for one in links], *rest)  # type: ignore[arg-type]

        monkeypatch.setattr(filings_links, "customer_returns", early)
        found = {one.check: one for one in check(own.outside(), record(), n=CUTS, few=CUTS)}
        assert found[Check.KNOWN_AT].leaking == ("customer_return",)

    def test_a_registered_feature_that_peeks_is_named(self) -> None:
        honest = FEATURES[FEATURE_NAMES.index("momentum_63")]

        def peeking(*given: object) -> FloatArray:
            return np.roll(honest.compute(*given), -1, axis=1)  # type: ignore[arg-type]

        which: tuple[Feature, ...] = (*FEATURES[:3], replace(honest, name="peeking", compute=peeking))
        found = by_check(check(own.features(which), record(), n=3))
        assert found[Check.TRUNCATION] == found[Check.POISON] == ("peeking",)

    def test_a_feature_whose_lookback_is_too_short_is_named(self) -> None:
        short = replace(FEATURES[FEATURE_NAMES.index("rsi_14")], lookback=20)
        found = by_check(check(own.features((short, FEATURES[0])), record(), n=3))
        assert found[Check.START_UP] == ("rsi_14",)

    def test_a_regime_that_reads_the_next_session_is_found(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def hasty(window: Window) -> tuple[Observation, ...]:
            seen = observations(window)
            nexts = zip(seen, (*seen[1:], seen[-1]), strict=True)
            return tuple(replace(one, market=after.market) for one, after in nexts)

        monkeypatch.setattr(own, "observations", hasty)
        found = by_check(check(own.Regimes().subject(), record(), n=3))
        assert {"trend", "volatility"} <= set(found[Check.TRUNCATION])

    def test_a_walk_forward_that_knows_an_outcome_a_session_too_early_is_found(self) -> None:
        honest = own.study()

        def given(by: int) -> Study:
            def compute(ranks: FloatArray, outcomes: FloatArray) -> FloatArray:
                moved = np.full(outcomes.shape, np.nan)
                moved[max(by, 0) : len(outcomes) + min(by, 0)] = outcomes[
                    max(-by, 0) : len(outcomes) - max(by, 0)
                ]
                return honest.compute(ranks, moved)

            return Study(f"moved by {by}", compute)

        assert not open_outcomes(given(1), 3, 1).is_leak
        assert open_outcomes(given(-1), 3, 1).is_leak


class TestAnybodysFeature:
    def test_an_honest_one_passes_every_check(self) -> None:
        def distance(window: Window) -> FloatArray:
            return window.close / window_mean(window.close, 30) - 1.0

        found = check(Subject.of_window("distance", distance, lookback=30), record(), n=4)
        assert [one.check for one in found if one.skipped or one.is_leak] == []

    def test_one_that_looks_ahead_is_told_with_the_session_and_both_values(self) -> None:
        mine = Subject.of_panel("mine", lambda panel: panel.close / panel.close.max(axis=0))
        found = next(one for one in check(mine, record(), n=2) if one.check is Check.TRUNCATION)
        assert found.said.startswith("mine of AAPL on 20")
        assert " becomes " in found.said

    def test_one_without_any_value_is_not_judged_and_not_called_clean(self) -> None:
        mine = Subject.of_panel("mine", lambda panel: np.full(panel.close.shape, np.nan))
        found = check(mine, record(), n=2)
        assert all(one.skipped and not one.compared for one in found)

    def test_one_of_another_shape_is_refused_by_name(self) -> None:
        with pytest.raises(ValueError, match=r"subject 'mine' returned shape \(740,\)"):
            check(Subject.of_panel("mine", lambda panel: panel.close[:, 0]), record())

    def test_daily_bars_alone_are_record_enough(self) -> None:
        mine = Subject.of_panel("mine", lambda panel: np.log(panel.close / panel.open))
        found = check(mine, Record.of(history().rows(FIRST, FIRST + 300)), n=2)
        assert by_check(found) == {one.check: () for one in found}
        skipped = {one.check: one.skipped for one in found if one.skipped}
        assert skipped[Check.KNOWN_AT] == "nothing on record becomes known after a close"


class TestExecution:
    def test_a_forecast_that_comes_a_bar_too_late_is_found(self) -> None:
        panel = simulated(tickers=20, sessions=1_500)
        opens, rng = np.log(panel.open), np.random.default_rng(3)
        bar, week = np.full(opens.shape, np.nan), np.full(opens.shape, np.nan)
        bar[:-1], week[:-6] = opens[1:] - opens[:-1], opens[6:] - opens[1:-5]
        table = 0.8 * bar / 0.02 + 0.1 * week / 0.045 + rng.standard_normal(opens.shape)

        def late(given: Panel) -> FloatArray:
            return np.asarray(table[: len(given.sessions)])

        score = Subject.of_panel("late", late)
        found = execution_of(replace(score, is_forecast=True), panel)
        assert not execution_of(score, panel)
        assert "it comes a bar too late" in found

    def test_noise_is_never_too_good(self) -> None:
        panel = simulated(tickers=20, sessions=1_500)
        table = np.random.default_rng(4).standard_normal(panel.close.shape)
        assert not execution_of(Subject.of_panel("noise", lambda given: table[: len(given.sessions)]), panel)


class TestStudies:
    def test_scores_that_follow_noise_are_found(self) -> None:
        assert noise_feature(Study("noise", lambda ranks, _: ranks[..., -1]), 1).is_leak
        assert not noise_feature(own.study(), 1).is_leak

    def test_a_fit_to_its_own_outcomes_is_found_by_chance_alone(self) -> None:
        within = Study("in sample", lambda _, outcomes: outcomes + 0.0)
        assert label_shuffle(within, 1).is_leak
        assert no_edge(within, 1).is_leak

    def test_a_study_without_scores_is_not_judged(self) -> None:
        silent = Study("silent", lambda _, outcomes: np.full(outcomes.shape, np.nan))
        found = check(silent, record())
        assert [(one.is_leak, one.skipped) for one in found] == [(False, "it gives no score")] * 4


class TestRefused:
    def test_a_short_history(self) -> None:
        short = replace(record(), panel=record().panel.rows(0, 599))
        with pytest.raises(RecordError, match="599 sessions in which a price is known: 600 are needed"):
            examine(short)

    def test_two_tickers(self) -> None:
        with pytest.raises(RecordError, match="2 tickers: at least 3 are needed"):
            examine(replace(record(), universe=STOCKS[:2]))


def by_check(found: tuple[object, ...]) -> dict[Check, tuple[str, ...]]:
    """What leaks, by the check that found it."""
    return {one.check: one.leaking for one in found}  # type: ignore[attr-defined]


def execution_of(subject: Subject, panel: Panel) -> str:
    found = check(subject, Record.of(panel), n=1, few=1)
    return next(one.said for one in found if one.check is Check.EXECUTION)


def simulated(*, tickers: int, sessions: int) -> Panel:
    rng = np.random.default_rng(5)
    close = 50.0 * np.exp(np.cumsum(0.02 * rng.standard_normal((sessions, tickers)), axis=0))
    fields = (close, close * 1.01, close * 0.99, close, close, np.full(close.shape, 1e6))
    days = history().sessions[:sessions]
    return Panel(days, tuple(f"T{i}" for i in range(tickers)), *fields)
