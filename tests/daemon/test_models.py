"""Models in the store: which is in use and why, promotion on evidence, rollback, and the daemon obeying."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import delete, func, select

from daemon.clock import ReplayClock
from daemon.compute import Compute
from daemon.due import due_of
from daemon.forecast_desk import Change, ForecastDesk
from daemon.forecasting import (
    PATIENCE,
    calibrated,
    judged,
    make_forecasts,
    opened,
    resolve,
    succession,
    why_promoted,
)
from daemon.live.observer import Observer
from daemon.model_promotion import held_against, promote
from daemon.model_rollback import rollback
from daemon.session import Pipeline
from daemon.storage.database import Database
from daemon.storage.models import ModelStore
from daemon.storage.moves import Action, Move, MoveStore
from daemon.storage.schema import calls, forecasts, outcomes, runs
from daemon.today import Today
from daemon.verbs import VerbError
from forecaster.calibration.platt import PlattMap
from forecaster.challenge import Evidence
from forecaster.meta_learner import combine
from forecaster.model_version import ModelVersion
from forecaster.signals import History
from forecaster.training import Training, TrainingError, fit
from market.exchange import Exchange
from tests.daemon.replays import END, short_settings
from tests.forecaster.planted import planted

NOW = datetime(2026, 1, 5, 21, tzinfo=UTC)
FIRST = date(2004, 3, 1)


def move(action: Action, version: int = 1, before: int | None = None) -> Move:
    return Move(NOW, FIRST, action, version, before, "forewarn", "x")


class TestStore:
    async def test_a_model_comes_back_as_it_was_and_knows_its_vintage(self, database: Database) -> None:
        model = fit(planted(0.5, sessions=200, tickers=20), version=1)
        async with database.write() as connection:
            await ModelStore(connection).add(model, "a set")
        async with database.read() as connection:
            store = ModelStore(connection)
            assert await store.get(1) == model == await store.newest()
            assert await store.all() == (model,)
            assert await store.get(2) is None

    async def test_no_model_is_in_use_in_an_empty_store(self, database: Database) -> None:
        async with database.read() as connection:
            assert await MoveStore(connection).last() is None
            assert await ModelStore(connection).newest() is None

    async def test_a_replay_renews_its_model_with_every_refit(self, replayed: Database) -> None:
        async with replayed.read() as connection:
            moves, models = await MoveStore(connection).all(), await ModelStore(connection).all()
        assert [one.action for one in moves] == [Action.FIRST, *[Action.RENEW] * (len(models) - 1)]
        assert len(models) >= 3
        for model in models:
            assert model.train_to < model.fitted_on
            assert len(model.data_hash) == len(model.code_hash) == 64


class TestRollback:
    async def test_it_goes_back_in_less_than_a_second_and_leaves_an_audit_row(
        self, replayed: Database
    ) -> None:
        started = time.process_time()
        async with replayed.write() as connection:
            done = await rollback(connection, None, reason="worse since Monday", actor="ann", at=NOW)
        assert time.process_time() - started < 1.0
        async with replayed.read() as connection:
            assert await MoveStore(connection).last() == done
        assert (done.action, done.session, done.before) == (Action.ROLLBACK, None, done.version + 1)

    async def test_once_more_goes_further_back_and_never_forward(self, replayed: Database) -> None:
        async with replayed.write() as connection:
            first = await rollback(connection, None, reason="x", actor="ann", at=NOW)
            second = await rollback(connection, None, reason="y", actor="ann", at=NOW)
            assert (second.version, second.before) == (first.version - 1, first.version)
            for left in (first.before, first.version):
                with pytest.raises(
                    VerbError, match=f"model {left} came after the one in use and was gone back"
                ):
                    await rollback(connection, left, reason="z", actor="ann", at=NOW)
            assert await MoveStore(connection).last() == second

    async def test_what_a_promotion_replaced_can_be_gone_back_to_though_it_is_newer(
        self, replayed: Database
    ) -> None:
        async with replayed.write() as connection:
            store = MoveStore(connection)
            using = (await store.all())[-1].version
            await store.add(move(Action.PROMOTE, using - 2, using))
            done = await rollback(connection, None, reason="x", actor="ann", at=NOW)
            assert (done.version, done.before) == (using, using - 2)
            again = await rollback(connection, None, reason="x", actor="ann", at=NOW)
            assert (again.version, again.before) == (using - 1, using)

    async def test_behind_the_first_one_there_is_none(self, replayed: Database) -> None:
        async with replayed.write() as connection:
            first = (await MoveStore(connection).all())[0].version
            await rollback(connection, first, reason="x", actor="ann", at=NOW)
            with pytest.raises(VerbError, match="no earlier model was ever in use"):
                await rollback(connection, None, reason="x", actor="ann", at=NOW)

    async def test_no_model_that_was_gone_back_from_waits_for_evidence(
        self, replayed: Database, exchange: Exchange, tmp_path: Path
    ) -> None:
        async with replayed.write() as connection:
            await rollback(connection, None, reason="x", actor="ann", at=NOW)
            await rollback(connection, None, reason="y", actor="ann", at=NOW)
        tickers = ("AAPL", "AMZN", "GOOG", "IBM", "MSFT", "NVDA", "^GSPC", "^IXIC")
        clock = ReplayClock(exchange.close_at(END))
        pipeline = Pipeline(replayed, short_settings(tmp_path), clock, Compute(None), tickers, ())
        await pipeline.restore()
        newest = pipeline.memory.newest
        assert newest is not None
        assert not pipeline.memory.is_waiting(newest)
        assert pipeline.memory.is_waiting(replace(newest, version=newest.version + 1))

    @pytest.mark.parametrize(
        ("version", "reason", "words"),
        [
            (99, "x", "there is no model 99"),
            (None, "  ", "needs a reason"),
        ],
    )
    async def test_what_cannot_be_gone_back_to_is_refused(
        self, replayed: Database, version: int | None, reason: str, words: str
    ) -> None:
        async with replayed.write() as connection:
            before = await MoveStore(connection).all()
            with pytest.raises(VerbError, match=words):
                await rollback(connection, version, reason=reason, actor="ann", at=NOW)
            assert await MoveStore(connection).all() == before

    async def test_in_an_empty_store_there_is_nothing_to_go_back_to(self, database: Database) -> None:
        async with database.write() as connection:
            with pytest.raises(VerbError, match="no model is in use yet"):
                await rollback(connection, None, reason="x", actor="ann", at=NOW)

    async def test_the_daemon_takes_it_over_with_its_next_forecasts(
        self, replayed: Database, exchange: Exchange, tmp_path: Path
    ) -> None:
        settings = short_settings(tmp_path)
        tickers = ("AAPL", "AMZN", "GOOG", "IBM", "MSFT", "NVDA", "^GSPC", "^IXIC")
        clock = ReplayClock(exchange.close_at(END))
        pipeline = Pipeline(replayed, settings, clock, Compute(None), tickers, ())
        await pipeline.restore()
        using = pipeline.memory.champion
        assert using is not None
        async with replayed.write() as connection:
            done = await rollback(connection, None, reason="x", actor="ann", at=NOW)
        async with replayed.read() as connection:
            assert await pipeline.memory.adopt(connection)
            assert not await pipeline.memory.adopt(connection)
        assert pipeline.memory.champion is not None
        assert pipeline.memory.champion.version == done.version == using.version - 1
        assert pipeline.memory.since is None


class TestDesk:
    async def test_a_person_who_chose_meanwhile_is_obeyed(
        self, replayed: Database, exchange: Exchange, tmp_path: Path
    ) -> None:
        settings = short_settings(tmp_path)
        tickers = ("AAPL", "AMZN", "GOOG", "IBM", "MSFT", "NVDA", "^GSPC", "^IXIC")
        clock = ReplayClock(exchange.close_at(END))
        pipeline = Pipeline(replayed, settings, clock, Compute(None), tickers, ())
        await pipeline.restore()
        desk, memory = ForecastDesk(pipeline.memory, replayed, Compute(None), settings), pipeline.memory
        using, newest = memory.champion, memory.newest
        assert using is not None
        assert newest is not None
        fitted = replace(newest, version=newest.version + 1)
        renewed = move(Action.RENEW, fitted.version, using.version)
        change = Change(fitted, memory.book, fitted, renewed)
        async with replayed.write() as connection:
            chosen = await rollback(connection, None, reason="worse", actor="ann", at=NOW)
        async with replayed.write() as connection:
            await desk.keep(connection, change)
            assert await MoveStore(connection).last() == chosen
            assert await ModelStore(connection).get(fitted.version) == fitted
        await desk.follow(END, change)
        assert memory.champion == using
        async with replayed.read() as connection:
            await desk.look(connection, END)
        assert memory.champion is not None
        assert memory.champion.version == chosen.version

    async def test_a_fit_that_cannot_be_made_ends_nothing_and_is_told(
        self, replayed: Database, exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*given: object, **named: object) -> ModelVersion:
            raise TrainingError("all 9 outcomes are hits, both are needed")

        monkeypatch.setattr("daemon.forecast_desk.fit", refuse)
        settings = short_settings(tmp_path)
        often = settings.forecast.model_copy(update={"refit_sessions": 1})
        clock = ReplayClock(exchange.close_at(END))
        observer = Observer(replayed, clock, (), (), keep_days=1)
        tickers = ("AAPL", "AMZN", "GOOG", "IBM", "MSFT", "NVDA", "^GSPC", "^IXIC")
        pipeline = Pipeline(
            replayed,
            settings.model_copy(update={"forecast": often}),
            clock,
            Compute(None),
            tickers,
            (),
            observer,
        )
        await pipeline.restore()
        champion = pipeline.memory.champion
        this = (runs.c.job == "forecast") & (runs.c.session == END)
        async with replayed.write() as connection:
            await connection.execute(delete(forecasts).where(forecasts.c.session == END))
            await connection.execute(delete(runs).where(this))
        today = Today(END)
        await pipeline._forecast(due_of(exchange, END, settings.schedule), today)
        assert pipeline.memory.champion == champion
        assert len(today.forecasts) == 6
        async with replayed.read() as connection:
            kept = (await connection.execute(select(runs.c.result).where(this))).scalar_one()
            assert kept["unfitted"] == "all 9 outcomes are hits, both are needed"
            failed = (await connection.execute(select(calls.c.kind, calls.c.name, calls.c.outcome))).all()
            assert [tuple(row) for row in failed] == [("step", "fit", "failed")]

    @pytest.mark.parametrize(("sessions", "fits"), [(PATIENCE - 1, False), (PATIENCE, True)])
    async def test_a_candidate_without_evidence_for_a_year_gives_way_to_a_newer_one(
        self,
        replayed: Database,
        exchange: Exchange,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        sessions: int,
        fits: bool,
    ) -> None:
        found = Evidence(0.9, sessions, 6 * sessions, -1e-6)
        monkeypatch.setattr("daemon.forecasting.challenge", lambda *_: found)
        settings = short_settings(tmp_path)
        often = settings.forecast.model_copy(update={"refit_sessions": 1})
        settings = settings.model_copy(update={"forecast": often})
        tickers = ("AAPL", "AMZN", "GOOG", "IBM", "MSFT", "NVDA", "^GSPC", "^IXIC")
        pipeline = Pipeline(
            replayed, settings, ReplayClock(exchange.close_at(END)), Compute(None), tickers, ()
        )
        await pipeline.restore()
        memory = pipeline.memory
        champion = memory.champion
        assert champion is not None
        memory.champion = replace(champion, code_hash="0" * 64)
        memory.newest = replace(champion, version=champion.version + 1)
        change = await ForecastDesk(memory, replayed, Compute(None), settings).change(END, NOW)
        assert (change.champion, change.move) == (memory.champion, None)
        assert (change.fitted is not None) == fits
        if change.fitted:
            assert change.fitted.version == champion.version + 2


class TestPromotion:
    async def test_without_evidence_it_is_refused_and_says_what_there_is(self, replayed: Database) -> None:
        async with replayed.write() as connection:
            newest = (await ModelStore(connection).all())[-1]
            await rollback(connection, None, reason="x", actor="ann", at=NOW)
            with pytest.raises(VerbError, match=f"model {newest.version} stays: .* 20 and a gain are needed"):
                await promote(connection, newest.version, sectors={}, actor="ann", at=NOW)

    async def test_evidence_counts_what_the_store_holds_since_both_were_fitted(
        self, replayed: Database
    ) -> None:
        async with replayed.read() as connection:
            *_, before, newest = await ModelStore(connection).all()
            found = await held_against(connection, before, newest, {})
            known = (outcomes.c.session > newest.fitted_on) & outcomes.c.came.is_not(None)
            sessions = await connection.execute(
                select(func.count(outcomes.c.session.distinct())).where(known)
            )
            assert found.sessions == sessions.scalar_one() > 0

    async def test_a_better_model_is_promoted_and_the_move_keeps_the_evidence(
        self, replayed: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("daemon.model_promotion.challenge", lambda *_: Evidence(25.0, 100, 600, 0.01))
        async with replayed.write() as connection:
            newest = (await ModelStore(connection).all())[-1]
            await rollback(connection, None, reason="x", actor="ann", at=NOW)
            done = await promote(connection, newest.version, sectors={}, actor="bob", at=NOW)
        assert (done.action, done.version, done.before) == (
            Action.PROMOTE,
            newest.version,
            newest.version - 1,
        )
        assert (done.e_value, done.gain, done.actor) == (25.0, 0.01, "bob")


class TestSuccession:
    MODEL = fit(planted(0.5, sessions=200, tickers=20), version=1)

    def test_the_first_one_is_used_at_once(self) -> None:
        assert succession(None, self.MODEL, None) is Action.FIRST

    def test_the_same_recipe_renews(self) -> None:
        assert succession(self.MODEL, self.renewed(), move(Action.FIRST)) is Action.RENEW

    def test_other_code_waits_for_evidence(self) -> None:
        changed = replace(self.renewed(), code_hash="0" * 64)
        assert succession(self.MODEL, changed, move(Action.FIRST)) is None

    def test_after_a_rollback_everything_waits_for_evidence(self) -> None:
        assert succession(self.MODEL, self.renewed(), move(Action.ROLLBACK, 1, 2)) is None

    def test_what_forecasts_something_else_cannot_be_compared_and_starts_anew(self) -> None:
        other = replace(self.renewed(), horizon=10)
        assert succession(self.MODEL, other, move(Action.RENEW)) is Action.FIRST

    def test_a_candidate_that_says_the_same_takes_over_after_a_year_unless_a_person_has_gone_back(
        self,
    ) -> None:
        history = planted(0.0, sessions=PATIENCE + 280, tickers=10)
        early = fit(_first(history, 200), version=1)
        for action, expected in ((Action.RENEW, True), (Action.ROLLBACK, False)):
            evidence, wins = judged(early, replace(early, version=2), history, move(action, 1, 2))
            assert (evidence.e_value, evidence.gain) == (1.0, 0.0)
            assert evidence.sessions >= PATIENCE
            assert wins is expected

    @pytest.mark.parametrize(
        ("found", "action", "wins"),
        [
            (Evidence(3.0, PATIENCE, 1_512, 1e-4), Action.RENEW, True),
            (Evidence(3.0, PATIENCE - 1, 1_506, 1e-4), Action.RENEW, False),
            (Evidence(3.0, PATIENCE, 1_512, 0.0), Action.RENEW, True),
            (Evidence(0.3, PATIENCE, 1_512, -1e-9), Action.RENEW, False),
            (Evidence(3.0, PATIENCE, 1_512, 1e-4), Action.ROLLBACK, False),
            (Evidence(20.0, 60, 360, 1e-4), Action.ROLLBACK, True),
        ],
    )
    def test_a_year_without_a_loss_is_enough_unless_a_person_has_gone_back(
        self, monkeypatch: pytest.MonkeyPatch, found: Evidence, action: Action, wins: bool
    ) -> None:
        monkeypatch.setattr("daemon.forecasting.challenge", lambda *_: found)
        history = planted(0.0, sessions=60, tickers=3)
        assert judged(self.MODEL, self.renewed(), history, move(action, 1, 2)) == (found, wins)

    def test_whoever_takes_over_is_never_said_to_stay(self) -> None:
        patient = why_promoted(Evidence(3.0, PATIENCE, 1_512, 1e-4))
        assert (
            patient
            == "not the worse one in 252 sessions: +0.0001 nats a forecast, e-value 3 on 1,512 forecasts"
        )
        assert why_promoted(Evidence(25.0, 60, 360, 0.01)).startswith("promote: e-value 25")

    def renewed(self) -> ModelVersion:
        return replace(self.MODEL, version=2, data_hash="1" * 64)


def _first(history: History, n: int) -> History:
    return replace(
        history,
        sessions=history.sessions[:n],
        ranks=history.ranks[:n],
        outcomes=history.outcomes[:n],
        regimes=history.regimes[:n],
    )


def _silenced(history: History, signal: int) -> History:
    """The history before one of its signals could be known."""
    ranks = history.ranks.copy()
    start = sum(len(one.features) for one in history.signals[:signal])
    ranks[..., start : start + len(history.signals[signal].features)] = np.nan
    return replace(history, ranks=ranks)


class TestASignalThatWasSilentInTraining:
    HISTORY = planted(0.8, sessions=300, tickers=20)
    WHOLE = fit(HISTORY, version=1, training=Training(least_strength=1.0))
    LACKS = fit(_silenced(HISTORY, 2), version=2, training=Training(least_strength=1.0))

    def test_is_not_read_though_its_features_are_given(self) -> None:
        assert len(self.LACKS.signals) == len(self.WHOLE.signals) - 1
        assert self.LACKS.given == self.WHOLE.given == self.WHOLE.features
        assert ModelVersion.from_dict(json.loads(json.dumps(self.LACKS.to_dict()))) == self.LACKS

    def test_the_model_forecasts_and_is_resolved_by_the_names_of_what_it_reads(self) -> None:
        ranks, universe = self.HISTORY.ranks[-1], tuple(f"T{i}" for i in range(20))
        made = make_forecasts(self.LACKS, opened(self.LACKS), ranks, universe, "", self.HISTORY.sectors)
        start = sum(len(one.features) for one in self.HISTORY.signals[:2])
        kept = np.delete(ranks, range(start, start + len(self.HISTORY.signals[2].features)), axis=1)
        model = calibrated(self.LACKS, opened(self.LACKS))
        assert made == combine(model, kept, universe, sectors=self.HISTORY.sectors)
        came = np.where(np.arange(20) < 10, 1.0, 0.0)
        book, _ = resolve(self.LACKS, opened(self.LACKS), ranks, came, "", self.HISTORY.sectors)
        assert book.trades == 20

    def test_a_refit_with_a_signal_more_or_fewer_is_the_same_recipe(self) -> None:
        assert succession(self.LACKS, replace(self.WHOLE, version=3), move(Action.FIRST)) is Action.RENEW
        assert succession(self.WHOLE, self.LACKS, move(Action.FIRST)) is Action.RENEW

    def test_a_model_stored_without_what_it_was_given_was_given_what_it_reads(self) -> None:
        stored = self.WHOLE.to_dict()
        del stored["given"]
        assert ModelVersion.from_dict(stored) == self.WHOLE


class TestBook:
    def test_a_new_book_changes_no_forecast(self) -> None:
        history = planted(0.8, sessions=300, tickers=20)
        model = fit(history, version=1, training=Training(least_strength=1.0))
        universe = tuple(f"T{i}" for i in range(20))
        said = make_forecasts(model, opened(model), history.ranks[-1], universe, "", history.sectors)
        plain = make_forecasts(
            replace(model, calibration=calibrated(model, opened(model)).calibration),
            opened(model),
            history.ranks[-1],
            universe,
            "",
            history.sectors,
        )
        assert said == plain
        assert any(one.confidence > 0.5 for one in said)

    def test_a_map_on_top_reads_the_models_own_probability(self) -> None:
        history = planted(0.8, sessions=300, tickers=20)
        model = fit(history, version=1, training=Training(least_strength=1.0))
        book = replace(opened(model), live=PlattMap(pooled=(0.1, 0.5)))
        universe = tuple(f"T{i}" for i in range(20))
        own = make_forecasts(model, opened(model), history.ranks[-1], universe, "", history.sectors)
        read = make_forecasts(model, book, history.ranks[-1], universe, "", history.sectors)
        for before, after in zip(own, read, strict=True):
            assert after.log_odds == pytest.approx(0.1 + 0.5 * before.log_odds)

    def test_outcomes_are_entered_once_each(self) -> None:
        history = planted(0.8, sessions=300, tickers=20)
        model = fit(history, version=1)
        came = np.where(np.arange(20) < 10, 1.0, 0.0)
        book, decisions = resolve(model, opened(model), history.ranks[-1], came, "", history.sectors)
        assert (book.trades, book.sessions, decisions) == (20, 1, ())
