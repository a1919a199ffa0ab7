"""Real drift: how alarms are scored, how detectors are tuned, and that ours notice what is there."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.peers.asking import Answer
from bench.real_drift import elec2
from bench.real_drift.budget import Aim, Trial, judged
from bench.real_drift.change_points import agreed, numenta, turing
from bench.real_drift.collection import Collection
from bench.real_drift.detectors import NewestDays, NewestWindow, PooledWins, ShiftBets
from bench.real_drift.inputs import innovations, standardised
from bench.real_drift.report import drift_table
from bench.real_drift.stream import Change, Score, Stream, score, total
from bench.real_drift.whole import whole_table


def stream(name: str = "a", n: int = 100, *changes: Change) -> Stream:
    return Stream(name, np.zeros(n), changes, disputed=((80, 90),), warm=10)


def test_an_alarm_on_a_change_is_a_hit_once_and_a_calm_one_is_false() -> None:
    found = score(stream("a", 100, Change(50, 60)), [5, 20, 52, 55, 85, 95])
    assert found == Score(hits=1, changes=1, delays=(2,), false=2, calm=70)
    assert found.false_rate == pytest.approx(1000 * 2 / 70)
    assert found.precision == pytest.approx(1 / 3)
    assert found.recall == 1.0
    assert found.f1 == pytest.approx(0.5)


@given(st.lists(st.integers(0, 99), max_size=30))
def test_hits_never_exceed_changes_and_false_alarms_never_exceed_alarms(alarms: list[int]) -> None:
    found = score(stream("a", 100, Change(20, 30), Change(50, 60)), sorted(alarms))
    assert found.hits == len(found.delays) <= found.changes
    assert found.false <= len(alarms)
    assert all(0 <= delay < 10 for delay in found.delays)
    assert total([found, found]).hits == 2 * found.hits


def test_no_alarm_has_full_precision_and_no_delay() -> None:
    found = score(stream("a", 100, Change(50, 60)), [])
    assert (found.precision, found.recall, found.f1) == (1.0, 0.0, 0.0)
    assert math.isnan(found.delay)


def test_a_setting_is_chosen_on_the_other_streams_only() -> None:
    streams = [stream(name, 100, Change(50, 60)) for name in "abc"]
    eager = Trial("eager", {"a": [50, 20, 30, 40], "b": [50], "c": [50]})  # breaks the budget on a alone
    lazy = Trial("lazy", {"a": [59], "b": [59], "c": []})
    found = judged("d", [eager, lazy], streams, budget=5.0)
    assert found.by_stream["a"].false == 3  # judged on a, the eager one looked harmless on b and c
    assert found.by_stream["b"].delays == (9,)
    assert found.settings[0] == "lazy"


def test_what_two_annotators_see_is_a_change_and_what_one_sees_is_disputed() -> None:
    changes, disputed = agreed({"x": [50, 90], "y": [53], "z": [70]}, 100)
    assert changes == (Change(50, 70),)
    assert disputed == ((70, 90), (90, 100))


def test_innovations_leave_nothing_that_the_last_value_foretells() -> None:
    rng = np.random.default_rng(1)
    noise, values = rng.standard_normal(4_000), np.zeros(4_000)
    for t in range(1, values.size):
        values[t] = 0.9 * values[t - 1] + noise[t]
    left = innovations(values)[500:]
    assert abs(float(np.corrcoef(left[1:], left[:-1])[0, 1])) < 0.05


@settings(deadline=None)
@given(st.integers(20, 200), st.integers(0, 2**32 - 1))
def test_inputs_never_look_ahead(cut: int, seed: int) -> None:
    values = np.cumsum(np.random.default_rng(seed).standard_normal(300))
    changed = np.concatenate([values[:cut], values[cut:] + 100.0])
    assert np.array_equal(innovations(values)[:cut], innovations(changed)[:cut])
    assert np.array_equal(standardised(values, 20)[:cut], standardised(changed, 20)[:cut])


def test_shift_bets_notice_a_shift_soon_and_go_on() -> None:
    rng = np.random.default_rng(2)
    values = np.concatenate(
        [rng.standard_normal(300), rng.standard_normal(300) + 2.0, rng.standard_normal(300)]
    )
    detector = ShiftBets(1e4)
    alarms = [i for i, value in enumerate(values.tolist()) if detector.update(value)]
    assert len(alarms) == 2
    assert 300 <= alarms[0] < 310
    assert 600 <= alarms[1] < 610


def test_shift_bets_keep_their_budget_on_independent_values() -> None:
    rng = np.random.default_rng(3)
    detector = ShiftBets(1_000.0, memory=1_000)
    alarms = sum(detector.update(value) for value in rng.standard_normal(20_000).tolist())
    assert 0 < alarms <= 40  # the bets promise 20; mean and spread are measured


def test_shift_bets_take_back_an_alarm_that_nothing_confirms() -> None:
    rng = np.random.default_rng(12)
    burst = np.concatenate([rng.standard_normal(300), np.full(3, 5.0), rng.standard_normal(300)])
    burst[360:] += 1.5
    detector = ShiftBets(1e5, memory=1_000, same=1.0)
    alarms = [i for i, value in enumerate(burst.tolist()) if detector.update(value)]
    assert 300 <= alarms[0] < 304
    assert len(alarms) == 2  # the burst is no new stretch: what came before it still tells the change
    assert 360 < alarms[1] < 380


def test_shift_bets_take_one_bad_tick_for_no_shift() -> None:
    values = np.random.default_rng(4).standard_normal(400)
    values[200] = 1e6
    detector = ShiftBets(1e5)
    assert not any(detector.update(value) for value in values.tolist())


def test_shift_bets_say_nothing_of_a_constant_series() -> None:
    detector = ShiftBets(30.0)
    assert not any(detector.update(1.0) for _ in range(200))


def test_own_windows_notice_a_change_of_spread() -> None:
    rng = np.random.default_rng(5)
    values = np.concatenate([rng.standard_normal(600), 4 * rng.standard_normal(100)])
    detector = NewestWindow(1e-4, window=20)
    alarms = [i for i, value in enumerate(values.tolist()) if detector.update(value)]
    assert alarms
    assert 600 <= alarms[0] < 640


def test_own_windows_of_days_hold_days_against_the_first_ones() -> None:
    rng = np.random.default_rng(6)
    days = np.concatenate([rng.standard_normal((100, 12)), rng.standard_normal((20, 12)) + 1.0])
    detector = NewestDays(1e-3, 5, known=80, a_day=12)
    alarms = [i // 12 for i, value in enumerate(days.ravel().tolist()) if detector.update(value)]
    assert alarms
    assert 100 <= alarms[0] < 105
    assert all(later - sooner >= 5 for sooner, later in pairwise(alarms))


def test_pooled_wins_notice_a_fall_of_the_daily_share() -> None:
    rng = np.random.default_rng(7)
    days = np.concatenate([rng.random((120, 48)) < 0.75, rng.random((30, 48)) < 0.6]).astype(float)
    detector = PooledWins(250.0, 0.08, known=100, a_day=48)
    alarms = [i // 48 for i, value in enumerate(days.ravel().tolist()) if detector.update(value)]
    assert alarms
    assert 120 <= alarms[0] < 125


def test_the_report_names_a_peer_that_beats_ours() -> None:
    streams = tuple(stream(name, 100, Change(50, 60)) for name in "ab")
    late = [{"setting": {"x": 1}, "alarms": {"levels:a": [58], "levels:b": []}}]
    soon = [{"setting": {"x": 2}, "alarms": {"levels:a": [51], "levels:b": [51]}}]
    collection = Collection("Streams", "Made up.", streams, (5.0,), "values")
    answers = [
        Answer("Forewarn", {"bets": late}),
        Answer("Peer", {"test": soon}),
        Answer("Gone", {}, "alarms: x"),
    ]
    table = drift_table(collection, answers)
    assert table.rows[0] == ("Forewarn", "bets", "levels", "1/2, 8, 0.0, 0.67", "0.67")
    assert table.rows[2][:2] == ("Gone", "failed: alarms: x")
    assert table.losses[0].startswith(
        "at 5, Peer test on levels (2/2, 1, 0.0, 1.00) beats our bets on levels"
    )


def test_tuned_for_f1_a_detector_spends_no_false_alarm_that_buys_nothing() -> None:
    streams = [stream(name, 100, Change(50, 60)) for name in "abc"]
    hasty = Trial("hasty", {key: [20, 50] for key in "abc"})
    calm = Trial("calm", {key: [55] for key in "abc"})
    for aim, wanted in ((Aim.SOON, "hasty"), (Aim.F1, "calm")):
        assert judged("d", [hasty, calm], streams, 50.0, aim).settings == (wanted,)


def test_the_total_adds_up_the_best_input_of_every_collection_and_names_who_is_ahead() -> None:
    streams = tuple(stream(name, 100, Change(50, 60)) for name in "ab")
    collections = [
        Collection(f"Real drift: {name}", "", streams, (50.0,), "values") for name in ("one", "two")
    ]

    def found(*alarms: int) -> list[dict[str, object]]:
        return [{"setting": {}, "alarms": {"levels:a": list(alarms), "levels:b": list(alarms)}}]

    right, half = found(51), found(20, 51)
    answers = [
        [Answer("Forewarn", {"bets": right, "only here": right}), Answer("Peer", {"test": half})],
        [Answer("Forewarn", {"bets": half}), Answer("Peer", {"test": right})],
    ]
    table = whole_table(collections, answers)
    assert table.rows[0] == ("Forewarn", "bets", "to notice most, then soonest", "1.00", "0.67", "1.67")
    assert "only here" not in {row[1] for row in table.rows}
    assert table.losses[0] == (
        "tuned to notice most, then soonest, Peer test is ahead of our bets in two (1.00 against 0.67)."
    )


def test_recorded_collections_hold_what_their_annotators_marked(shared_data: Path) -> None:
    marked = {one.name: one for one in turing(shared_data / "changepoints", {})}
    assert len(marked) == 16
    assert marked["quality_control_1"].changes == (Change(143, 166),)
    assert marked["bank"].changes == ()
    labelled = numenta(shared_data / "changepoints")
    assert len(labelled) == 17
    assert all(change.start >= one.warm for one in labelled for change in one.changes)


def test_histories_of_the_market_are_calm_before_the_change_and_real_days_throughout(
    shared_data: Path,
) -> None:
    days = elec2.series(shared_data / "drift" / "elec2_nsw.csv.gz")["price"]
    histories = elec2.histories(days, "price", count=1)
    assert [len(one.changes) for one in histories] == [0, 1]
    before = {float(day.mean()) for day in days[elec2.FITTED : elec2.JOINED]}
    assert {float(mean) for mean in histories[0].values} <= before
    assert {float(mean) for mean in histories[1].values[: elec2.KNOWN + elec2.BEFORE]} <= before
    assert elec2.as_days("wins", [47, 48]) == [0, 1]


def test_where_delays_rank_the_slower_peer_with_fewer_false_alarms_is_no_loss() -> None:
    streams = tuple(stream(name, 100, Change(50, 60)) for name in "ab")
    soon = [{"setting": {}, "alarms": {"levels:a": [20, 51], "levels:b": [51]}}]
    late = [{"setting": {}, "alarms": {"levels:a": [55], "levels:b": []}}]
    answers = [Answer("Forewarn", {"bets": soon}), Answer("Peer", {"test": late})]
    table = drift_table(Collection("Streams", "Made up.", streams, (10.0,), "days", longest=10), answers)
    assert [row[3] for row in table.rows] == ["2/2, 1.0, 7.1, 0.80", "1/2, 7.5, 0.0, 0.67"]
    assert table.losses == ()
    assert (
        drift_table(Collection("Streams", "", streams, (10.0,), "days", longest=10), answers[::-1]).losses
        == ()
    )


def test_a_detector_far_over_its_budget_is_not_compared() -> None:
    streams = tuple(stream(name, 100, Change(50, 60)) for name in "ab")
    wild = [{"setting": {}, "alarms": {"levels:a": [20, 30, 50], "levels:b": [20, 30, 50]}}]
    calm = [{"setting": {}, "alarms": {"levels:a": [58], "levels:b": []}}]
    answers = [Answer("Forewarn", {"bets": calm}), Answer("Peer", {"test": wild})]
    table = drift_table(Collection("Streams", "Made up.", streams, (5.0,), "days", longest=10), answers)
    assert table.rows[1][-1] == "over budget"
    assert table.losses == ()
