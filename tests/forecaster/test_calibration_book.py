from __future__ import annotations

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from forecaster.calibration import Sample, make_sample
from forecaster.calibration.book import (
    EVERY,
    KEPT,
    LIMIT,
    SHADOW,
    CalibrationBook,
    Decision,
    Stage,
    Verdict,
    step,
)
from forecaster.calibration.platt import AS_STATED, PlattMap

TOO_HIGH = PlattMap((0.8, 1.0))
"""A map that states far too much."""


def session(rng: np.random.Generator, n: int, shift: float = 0.0, slope: float = 1.0) -> Sample:
    p = rng.beta(9, 9, n)
    y = (rng.random(n) < expit(shift + slope * logit(p))).astype(float)
    return make_sample(p, y, regimes=["calm"] * n, sectors=["Energy"] * n)


def run(book: CalibrationBook, samples: list[Sample]) -> tuple[CalibrationBook, list[Decision]]:
    out: list[Decision] = []
    for sample in samples:
        book, decisions = step(book, sample)
        out += decisions
    return book, out


def test_a_wrong_map_is_accused_shadowed_and_replaced_until_it_is_right() -> None:
    rng = np.random.default_rng(1)
    book, decisions = run(CalibrationBook.opened(TOO_HIGH), [session(rng, 1) for _ in range(600)])
    accused, promoted = decisions[:2]
    assert (accused.verdict, promoted.verdict) == (Verdict.ACCUSED, Verdict.PROMOTED)
    assert accused.e_value >= LIMIT
    assert promoted.trades == accused.trades + SHADOW
    assert promoted.gain > 0
    assert [one.verdict for one in decisions[2:]] == [Verdict.ACCUSED, Verdict.PROMOTED]
    assert float(book.live.calibrate(np.array([0.5]))[0]) == pytest.approx(0.5, abs=0.06)
    assert book.stage is Stage.WATCH


def test_a_candidate_that_does_not_hold_up_in_its_shadow_is_rejected() -> None:
    rng = np.random.default_rng(2)
    book = CalibrationBook.opened(AS_STATED)
    while book.stage is Stage.WATCH:
        book, _ = step(book, session(rng, 1, shift=-0.9))
    book, decisions = run(book, [session(rng, 1) for _ in range(SHADOW)])
    (decision,) = decisions
    assert decision.verdict is Verdict.REJECTED
    assert decision.gain < 0
    assert book.live == AS_STATED
    assert (book.e_value, len(book.resolved.outcome), book.stage) == (1.0, SHADOW, Stage.WATCH)


def test_wealth_is_the_product_of_what_the_candidate_told_over_what_the_live_map_told() -> None:
    rng = np.random.default_rng(3)
    book = CalibrationBook.opened(AS_STATED)
    wealth = 1.0
    for i in range(3 * EVERY):
        sample = session(rng, 1, shift=-0.3)
        told = [
            float(read.calibrate(sample.probability, sample.regimes, sample.sectors)[0])
            for read in (book.candidate, book.live)
        ]
        new, old = ((p if sample.outcome[0] else 1 - p) for p in told)
        wealth *= new / old
        before = book.candidate
        book, _ = step(book, sample)
        assert (book.candidate != before) == ((i + 1) % EVERY == 0)
        assert book.e_value == pytest.approx(wealth)
    assert book.live == AS_STATED
    assert wealth != 1.0


def test_trades_of_one_session_are_one_bet_whose_mean_is_one() -> None:
    """Every outcome of two forecasts, weighted by the law that the live map states, however they depend."""
    book = CalibrationBook(candidate=PlattMap((0.5, 0.7)))
    p = np.array([0.6, 0.3])
    for joint in ((0.3, 0.0, 0.3, 0.4), (0.18, 0.12, 0.42, 0.28)):  # both, second only, first only, neither
        mean = 0.0
        for chance, outcome in zip(joint, ((1, 1), (0, 1), (1, 0), (0, 0)), strict=True):
            mean += chance * step(book, make_sample(p, np.array(outcome, float)))[0].e_value
        assert mean == pytest.approx(1.0)


def test_overlapping_sessions_bet_in_lanes_of_their_own() -> None:
    rng = np.random.default_rng(4)
    book, _ = run(CalibrationBook.opened(AS_STATED, horizon=3), [session(rng, EVERY)])
    samples = [session(rng, 1, shift=-1.0) for _ in range(4)]
    lanes = []
    for sample in samples:
        book, _ = step(book, sample)
        lanes.append(book.wealth)
    changed = [[a != b for a, b in zip(old, new, strict=True)] for old, new in pairwise(lanes)]
    assert changed == [[False, False, True], [True, False, False], [False, True, False]]
    assert book.e_value == pytest.approx(sum(book.wealth) / 3)
    with pytest.raises(ValueError, match="horizon of 0 sessions"):
        CalibrationBook.opened(AS_STATED, horizon=0)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([1, 3, 20]), st.sampled_from([0.0, -1.5]), st.integers(1, 5))
def test_a_book_put_away_and_taken_out_again_goes_on_the_same(
    seed: int, size: int, shift: float, horizon: int
) -> None:
    rng = np.random.default_rng(seed)
    samples = [session(rng, size, shift) for _ in range(260 // size)]
    whole, decisions = run(CalibrationBook.opened(AS_STATED, horizon=horizon), samples)
    book, again = CalibrationBook.opened(AS_STATED, horizon=horizon), list[Decision]()
    for sample in samples:
        book = CalibrationBook.from_dict(json.loads(json.dumps(book.to_dict(), allow_nan=False)))
        book, decided = step(book, sample)
        again += decided
    assert book == whole
    assert again == decisions


def test_a_session_without_trades_changes_nothing() -> None:
    book, _ = step(CalibrationBook.opened(AS_STATED), session(np.random.default_rng(5), 7))
    assert step(book, make_sample([], [])) == (book, ())
    assert step(book, make_sample([0.4, math.nan], [math.nan, 1.0])) == (book, ())


def test_what_is_remembered_has_an_end() -> None:
    rng = np.random.default_rng(6)
    book, _ = run(CalibrationBook.opened(AS_STATED), [session(rng, 500) for _ in range(5)])
    assert len(book.resolved.outcome) == len(book.resolved.regimes) == KEPT
    assert book.trades == 2_500


def test_certain_statements_that_fail_are_survived() -> None:
    book = CalibrationBook.opened(AS_STATED)
    book, _ = run(book, [make_sample([1.0, 0.0], [0.0, 1.0]) for _ in range(60)])
    assert math.isfinite(book.e_value)
    assert math.isfinite(book.gain)


def test_calibrated_streams_are_hardly_ever_accused_and_biased_ones_mostly() -> None:
    """Few streams here, to notice a break; the benchmark runs hundreds."""
    rng = np.random.default_rng(7)

    def accused(shift: float) -> bool:
        samples = [session(rng, 1, shift) for _ in range(500)]
        return bool(run(CalibrationBook.opened(AS_STATED), samples)[1])

    assert sum(accused(0.0) for _ in range(12)) <= 2
    assert sum(accused(-0.5) for _ in range(6)) >= 4
