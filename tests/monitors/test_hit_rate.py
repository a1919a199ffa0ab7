from __future__ import annotations

import json
from datetime import date

import numpy as np
import pytest

from monitors import hit_rate
from monitors.arrays import FloatArray
from monitors.hit_rate import ALWAYS, HitState, hit_rate_readings
from monitors.reading import NoData, Reading, State
from monitors.settings import WatchSettings
from monitors.tally import Tally

SESSION = date(2024, 3, 7)
LIMITS = WatchSettings()
TICKERS = 40
SECTORS = tuple("Energy" if i % 2 else "Banks" for i in range(TICKERS))


def fold(
    sessions: int, chance: float = 0.5, *, seed: int = 1, sectors: tuple[str, ...] = SECTORS
) -> tuple[HitState, FloatArray, FloatArray]:
    """Sessions of forecasts of which a share comes true; returns the state and all forecasts and outcomes."""
    rng = np.random.default_rng(seed)
    stated = rng.uniform(0.3, 0.7, (sessions, TICKERS))
    hit = rng.random((sessions, TICKERS)) < chance
    came = np.where(hit, stated >= 0.5, stated < 0.5).astype(float)
    state, recent = HitState(), tuple(float(p) for p in rng.uniform(0.3, 0.7, 250))
    for p, y in zip(stated, came, strict=True):
        state = hit_rate.step(state, p, y, recent, (("sector", sectors),))
    return state, stated, came


def by_group(state: HitState) -> dict[str, Reading]:
    return {reading.subject: reading for reading in hit_rate_readings(SESSION, state, LIMITS)}


def test_every_group_counts_what_a_walk_over_all_forecasts_counts() -> None:
    state, stated, came = fold(60, 0.6)
    hits = (stated >= 0.5) == (came > 0.5)
    sector = np.tile(np.array(SECTORS), (60, 1))
    found = by_group(state)
    for name, mask in {
        "universe": np.full(hits.shape, True),
        "direction:up": stated >= 0.5,
        "direction:down": stated < 0.5,
        "sector:Energy": sector == "Energy",
        "sector:Banks": sector == "Banks",
    }.items():
        assert found[name].n == mask.sum()
        assert found[name].value == pytest.approx(hits[mask].mean())


def test_the_deciles_share_the_forecasts_about_evenly_and_rise_with_confidence() -> None:
    state, _, _ = fold(60)
    counts = [by_group(state)[f"decile:{i}"].n for i in range(1, 11)]
    assert sum(counts) == 60 * TICKERS
    assert min(counts) > 0.06 * 60 * TICKERS
    timid = hit_rate.step(HitState(), np.array([0.5]), np.array([1.0]), (0.3, 0.4, 0.6, 0.8))
    bold = hit_rate.step(HitState(), np.array([0.05]), np.array([1.0]), (0.3, 0.4, 0.6, 0.8))
    assert "decile:1" in timid.names
    assert "decile:10" in bold.names


def test_the_state_is_whole_numbers_and_small() -> None:
    state, _, _ = fold(300)
    assert all(isinstance(number, int) for row in state.tallies for number in row)
    assert len(json.dumps([state.names, state.tallies, state.seen])) < 1_500


def test_a_coin_is_no_breach_and_worse_than_a_coin_is_one() -> None:
    assert {one.state for one in by_group(fold(300)[0]).values()} == {State.OK}
    worse = by_group(fold(300, 0.42)[0])
    assert worse["universe"].state is State.BREACH
    assert worse["universe"].evidence is not None
    assert worse["universe"].evidence.p_value is not None
    assert worse["universe"].evidence.p_value <= LIMITS.hit_rate_p
    assert "95 % at all times" in worse["universe"].detail


def test_better_than_a_coin_is_never_a_breach() -> None:
    assert {one.state for one in by_group(fold(300, 0.7)[0]).values()} == {State.OK}


def test_groups_that_always_exist_have_a_reading_before_the_first_outcome() -> None:
    readings = hit_rate_readings(SESSION, HitState(), LIMITS)
    assert tuple(reading.subject for reading in readings) == ALWAYS
    assert {(reading.state, reading.reason) for reading in readings} == {(State.NO_DATA, NoData.TOO_FEW)}


def test_few_sessions_are_not_judged_however_many_forecasts_they_hold() -> None:
    reading = by_group(fold(LIMITS.hit_rate_sessions - 1)[0])["universe"]
    assert (reading.reason, reading.n) == (NoData.TOO_FEW, 19 * TICKERS)
    assert by_group(fold(LIMITS.hit_rate_sessions)[0])["universe"].state is State.OK


def test_an_unknown_label_or_outcome_belongs_to_no_group() -> None:
    p, y = np.array([0.6, 0.6, np.nan]), np.array([1.0, np.nan, 1.0])
    state = hit_rate.step(HitState(), p, y, (0.6,), (("regime", ("", "calm", "calm")),))
    assert dict(zip(state.names, state.tallies, strict=True))["universe"] == Tally(1, 1, 1, 1, 1, 1)
    assert not any(name.startswith("regime") for name in state.names)


def test_labels_that_do_not_pair_up_are_refused() -> None:
    with pytest.raises(ValueError, match="1 sector labels for 2 forecasts"):
        hit_rate.step(HitState(), np.full(2, 0.6), np.ones(2), (0.6,), (("sector", ("Energy",)),))


def test_a_regime_not_seen_lately_is_stale_while_the_others_go_on() -> None:
    recent = (0.4, 0.6)
    state = HitState()
    for session in range(120):
        regime = "calm" if session < 60 else "storm"
        state = hit_rate.step(state, np.array([0.6]), np.array([1.0]), recent, (("regime", (regime,)),))
    found = by_group(state)
    assert (found["regime:calm"].reason, found["regime:calm"].n) == (NoData.STALE, 60)
    assert found["regime:storm"].state is State.OK


def test_without_outcomes_everything_becomes_stale() -> None:
    state, _, _ = fold(60)
    for _ in range(LIMITS.stale_after):
        state = hit_rate.step(state, np.empty(0), np.empty(0), ())
    assert {one.reason for one in by_group(state).values()} == {NoData.STALE}
