from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from forecaster.axis import CONFIRM, LEAST, Axis, scored
from forecaster.regime import (
    BANDS,
    BREADTH_SESSIONS,
    EDGES,
    REGIMES,
    UNKNOWN,
    Observation,
    RegimeState,
    follow,
    observations,
    observe,
    regimes,
    step,
    unpopulated,
)
from forecaster.window import make_window
from market.panel import FloatArray
from market.price_file import read_prices
from tests.forecaster.history import everything, simulated

NAN = float("nan")
FIRST = 62 + LEAST + LEAST  # the first session in which every axis can have a score


def market(seed: int = 1, sessions: int = 900) -> list[Observation]:
    """Returns whose spread comes and goes, and a breadth that follows them."""
    rng = np.random.default_rng(seed)
    spread = 0.01 * np.exp(0.6 * np.sin(np.arange(sessions) / 60) + 0.1 * rng.standard_normal(sessions))
    drift = 0.001 * np.sin(np.arange(sessions) / 45)
    returns = drift + spread * rng.standard_normal(sessions)
    walk = np.convolve(returns, np.ones(60), "full")[:sessions]
    breadth = 1 / (1 + np.exp(-8 * walk - 0.5 * np.sin(np.arange(sessions) / 25)))
    return [Observation(r, b) for r, b in zip(returns.tolist(), breadth.tolist(), strict=True)]


def settled() -> RegimeState:
    return follow(market())[0]


def test_there_are_twelve_states_and_none_is_known_before_every_axis_has_a_past() -> None:
    _, found = follow(market())
    assert len(set(REGIMES)) == 12
    assert {one.name for one in found[:FIRST]} == {UNKNOWN}
    assert all(one.name in REGIMES for one in found[FIRST:])
    assert len({one.name for one in found[FIRST:]}) > 3


def test_streamed_through_json_equals_batch_to_the_last_bit() -> None:
    seen = market(2, 800)
    state, streamed = RegimeState(), []
    for i, one in enumerate(seen):
        if i % 50 == 0:
            state = RegimeState.from_dict(json.loads(json.dumps(state.to_dict(), allow_nan=False)))
        state, regime = step(state, one)
        streamed.append(repr(regime))
    final, batch = follow(seen)
    assert streamed == [repr(one) for one in batch]
    assert state == final


def test_what_comes_later_changes_nothing_that_was_said() -> None:
    seen = market(3, 800)
    poisoned = seen[:700] + [Observation(1e3, NAN)] * 100
    assert repr(follow(seen)[1][:700]) == repr(follow(poisoned)[1][:700])


def test_scores_equal_a_plain_reading_of_the_definition() -> None:
    seen = market(4, 700)
    r = np.array([one.market for one in seen])
    b = np.array([one.breadth for one in seen])
    z = np.array([NAN] * 62 + [_z(r[t - 62 : t + 1]) for t in range(62, 700)])
    v = np.array([NAN] * 20 + [math.log(r[t - 20 : t + 1].std(ddof=1)) for t in range(20, 700)])
    e = np.full(700, NAN)
    for t in range(62 + LEAST, 700):
        past = slice(max(62, t - 504), t)
        slope, level = np.polyfit(z[past], b[past], 1)
        e[t] = b[t] - level - slope * z[t]
    _, found = follow(seen)
    for t in (650, 675, 699):
        for value, score in zip((z, v, e), found[t].scores, strict=True):
            past_values = value[max(0, t - 504) : t]
            low, median, high = np.quantile(past_values[~np.isnan(past_values)], [0.25, 0.5, 0.75])
            assert score == pytest.approx((value[t] - median) / (high - low), rel=1e-9)


def _z(returns: FloatArray) -> float:
    return float(returns.sum() / (returns.std(ddof=1) * math.sqrt(63)))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(-0.2, 0.2) | st.sampled_from([NAN, math.inf, 0.0]),
            st.floats(0, 1) | st.sampled_from([NAN, 0.0, 1.0]),
        ),
        max_size=30,
    )
)
def test_whatever_comes_the_probabilities_sum_to_one_and_the_state_survives_json(
    more: list[tuple[float, float]],
) -> None:
    state = SETTLED
    for pair in more:
        state, regime = step(state, Observation(*pair))
        assert math.fsum(regime.probabilities) == pytest.approx(1.0, abs=1e-12)
        assert min(regime.probabilities) >= 0.0
        assert regime.name in REGIMES
    assert RegimeState.from_dict(json.loads(json.dumps(state.to_dict(), allow_nan=False))) == state


SETTLED = settled()


def test_an_unknown_session_holds_the_state_and_is_less_sure() -> None:
    before, regime = step(SETTLED, market(1, 901)[-1])
    after, blind = step(before, Observation(NAN, NAN))
    later = follow([Observation(NAN, NAN)] * 40, before)[1][-1]
    assert blind.name == later.name == regime.name
    assert all(math.isnan(score) for score in blind.scores)
    assert after.returns == before.returns
    assert max(regime.probabilities) > max(blind.probabilities) > max(later.probabilities)


def test_without_breadth_trend_and_volatility_go_on() -> None:
    _, regime = step(SETTLED, Observation(0.001, NAN))
    assert [math.isnan(score) for score in regime.scores] == [False, False, True]


def test_before_any_score_every_state_is_as_likely() -> None:
    _, regime = step(RegimeState(), Observation(0.01, 0.5))
    assert regime.name == UNKNOWN
    assert regime.probabilities == pytest.approx([1 / 12] * 12)


def test_prices_that_never_move_have_no_regime() -> None:
    _, found = follow([Observation(0.0, 1.0)] * (FIRST + 50))
    assert {one.name for one in found} == {UNKNOWN}
    assert not any(one.shock for one in found)


def test_a_change_needs_five_closes_in_a_row() -> None:
    _, found = follow(market(5, 1_500))
    state, asked = RegimeState(), []
    for one in market(5, 1_500):
        state, _ = step(state, one)
        trend, volatility, breadth = (axis.level for axis in state.axes)
        asked.append(REGIMES[(trend * 2 + volatility) * 2 + breadth] if breadth >= 0 else UNKNOWN)
    changes = [
        t
        for t in range(FIRST + 1, 1_500)
        if found[t].name != found[t - 1].name and not found[t].shock and found[t - 1].name != UNKNOWN
    ]
    assert changes
    for t in changes:
        assert set(asked[t - CONFIRM + 1 : t + 1]) == {found[t].name}


def test_a_shock_is_believed_at_once() -> None:
    spread = float(np.std(SETTLED.returns, ddof=1))
    calm, _ = step(SETTLED, Observation(0.0, 0.5))
    quiet, small = step(calm, Observation(-3.9 * spread, 0.0))
    moved, great = step(calm, Observation(-12 * spread, 0.0))
    assert (small.shock, great.shock) == (False, True)
    assert moved.label == moved.candidate
    assert moved.axes[1].level == 1
    assert quiet.label == calm.label


def test_an_edge_must_be_passed_by_the_dead_band() -> None:
    """A flat past whose median is 0 and whose quartiles are -0.5 and 0.5: the score is the value."""
    past = tuple(np.linspace(-1, 1, 505).tolist()[1:])
    for level, score, expected in ((0, 0.1, 0), (0, 0.2, 1), (1, -0.1, 1), (1, -0.2, 0), (-1, 0.1, 1)):
        axis = Axis(past, level)
        assert _volatility_level(axis, score) == expected


def _volatility_level(axis: Axis, score: float) -> int:
    after, found = scored(axis, score, EDGES[1], BANDS[1])
    assert found == pytest.approx(score, abs=0.01)
    return after.level


def test_breadth_counts_members_whose_close_and_mean_are_known() -> None:
    window = simulated(7, 230)
    close = np.array(window.close)
    close[3, -1] = NAN
    close[4, 100] = NAN
    found = observations(replace(window, close=close))
    known = [row for row in range(7) if not np.isnan(close[row, -BREADTH_SESSIONS:]).any()]
    above = [close[row, -1] > close[row, -BREADTH_SESSIONS:].mean() for row in known]
    assert len(known) == 5
    assert found[-1].breadth == np.mean(above)
    assert math.isnan(found[BREADTH_SESSIONS - 2].breadth)
    assert not math.isnan(found[BREADTH_SESSIONS - 1].breadth)


def test_the_newest_close_says_the_same_seen_alone_and_in_its_history() -> None:
    window = everything()
    found = observations(window)
    for stop in (250, 700, window.sessions):
        assert observe(window.between(0, stop)) == found[stop - 1]
    assert math.isnan(observe(window.between(0, 50)).breadth)


def test_states_that_hold_too_few_sessions_are_named() -> None:
    found = [REGIMES[0], *(REGIMES[1:] * 20), *[UNKNOWN] * 50, *[""] * 50]
    assert unpopulated(found) == (REGIMES[0],)
    assert unpopulated(found, 0.0) == ()
    assert unpopulated([]) == REGIMES


def test_real_prices_fill_eleven_states_and_switch_a_dozen_times_a_year(shared_data: Path) -> None:
    panel = read_prices(shared_data / "daily" / "us_stocks_daily.parquet")
    found = [one for one in regimes(make_window(panel, panel.tickers, "")) if one.name != UNKNOWN]
    names = np.array([one.name for one in found])
    assert len(found) > 2_000
    assert 8 <= 252 * (names[1:] != names[:-1]).mean() <= 14
    assert unpopulated(names.tolist()) == ("down_calm_narrow",)
    assert unpopulated(names.tolist(), 0.009) == ()
    assert_array_equal(np.array([one.probabilities for one in found]).sum(axis=1).round(12), 1.0)
