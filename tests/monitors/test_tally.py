from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.confidence_sequence import LEVEL, reach, reach_p
from monitors.tally import Tally

HORIZON = 5


def tally_of(counts: list[tuple[int, int]]) -> Tally:
    tally = Tally()
    for n, hits in counts:
        tally = tally.added(n, hits)
    return tally


sessions = st.lists(
    st.integers(1, 50).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), min_size=2
)


@given(sessions)
def test_the_error_is_that_of_the_residuals_of_whole_sessions(counts: list[tuple[int, int]]) -> None:
    n, hits = np.array(counts, dtype=float).T
    mean = hits.sum() / n.sum()
    residuals = (hits - mean * n) / n.mean()
    naive = math.sqrt((residuals**2).sum() / ((n.size - 1) * n.size))
    found = tally_of(counts).estimate(1)
    assert found.mean == pytest.approx(mean)
    assert found.error == pytest.approx(naive, abs=1e-7)
    assert tally_of(counts).estimate(4).error == pytest.approx(2 * found.error)


@given(sessions)
def test_counts_stay_whole_numbers_and_survive_json(counts: list[tuple[int, int]]) -> None:
    tally = tally_of(counts)
    assert all(isinstance(number, int) for number in tally)
    assert Tally.of(tuple(json.loads(json.dumps(tally)))) == tally


def test_sessions_of_one_size_give_the_textbook_standard_error() -> None:
    hits = np.array([3, 5, 2, 6, 4, 4, 7, 1])
    found = tally_of([(10, int(one)) for one in hits]).estimate(1)
    assert found.error == pytest.approx(float((hits / 10).std(ddof=1)) / math.sqrt(8))


def test_a_session_without_an_observation_changes_nothing() -> None:
    tally = tally_of([(4, 2), (3, 3)])
    assert tally.added(0, 0) == tally
    assert math.isnan(Tally().mean)


def test_a_single_session_is_known_not_at_all() -> None:
    one = tally_of([(40, 30)]).estimate(HORIZON)
    assert math.isnan(one.error)
    assert math.isnan(one.interval().low)
    assert one.below_p(0.9) == 1.0


def test_a_short_run_without_variation_does_not_pass_for_certainty() -> None:
    lucky = tally_of([(6, 6)] * 20)
    assert lucky.estimate(HORIZON).error == 0
    assert lucky.estimate(HORIZON, 0.5).interval().low < 0.9


def test_no_variation_at_all_is_as_sure_as_can_be() -> None:
    assert tally_of([(6, 2)] * 20).estimate(1).below_p(0.5) < 1e-200


def test_the_p_value_is_small_exactly_where_the_interval_leaves_the_null_out() -> None:
    rng = np.random.default_rng(3)
    seen = set()
    for chance in np.linspace(0.3, 0.6, 40):
        tally = tally_of([(6, int(hits)) for hits in rng.binomial(6, chance, 100)])
        found = tally.estimate(HORIZON, 0.5)
        excluded = found.interval().high < 0.5
        assert (found.below_p(0.5) < LEVEL) == excluded
        seen.add(excluded)
    assert seen == {True, False}


@pytest.mark.parametrize("n", [4.0, 20.0, 400.0])
def test_reach_and_its_p_value_are_inverse(n: float) -> None:
    assert reach_p(reach(n), n) == pytest.approx(LEVEL)


def test_overlapping_hits_that_move_together_leave_the_interval_as_rarely_as_promised() -> None:
    """One constant call on returns over five sessions: the most dependent hits there are."""
    rng = np.random.default_rng(20261122)
    paths, length = 200, 500
    steps = rng.standard_normal((paths, length + HORIZON)).cumsum(axis=1)
    hits = (steps[:, HORIZON:] > steps[:, :-HORIZON]).astype(int)
    wrong = 0
    for path in hits.tolist():
        tally = Tally()
        for session, hit in enumerate(path):
            tally = tally.added(1, hit)
            interval = tally.estimate(HORIZON, 0.5).interval()
            if session >= 19 and not interval.low <= 0.5 <= interval.high:
                wrong += 1
                break
    assert wrong <= 16  # 5 % are 10; more than 16 has a chance of 2 %
