from __future__ import annotations

import math

import pytest

from bench.finding import Finding, Outcome
from bench.share import Share


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        (0.99, Outcome.MISSED),
        (1.0, Outcome.MET),
        (2.0, Outcome.MET),
        (2.001, Outcome.MISSED),
        (math.nan, Outcome.MISSED),
    ],
)
def test_a_goal_includes_its_limits_and_nothing_beyond(value: float, outcome: Outcome) -> None:
    assert Finding.number("x", value, at_least=1.0, at_most=2.0).outcome is outcome


def test_a_number_without_a_goal_is_only_shown() -> None:
    finding = Finding.number("x", 1234.567, "ms", digits=1)
    assert (finding.goal, finding.measured, finding.outcome) == ("", "1,234.6 ms", Outcome.SHOWN)


def test_what_is_judged_is_not_what_is_rounded() -> None:
    finding = Finding.number("x", 2.004, at_most=2.0, digits=2)
    assert finding.measured == "2.00"
    assert finding.outcome is Outcome.MISSED


def test_goals_are_written_in_words() -> None:
    assert Finding.share("x", Share(1, 100), at_least=0.005, at_most=0.015).goal == "0.5 to 1.5 %"
    assert Finding.number("x", 1, "trades", at_least=5_000).goal == "at least 5,000 trades"
    assert Finding.number("x", 1, at_most=0).goal == "at most 0"


def test_a_miss_is_a_sentence_with_its_reason() -> None:
    finding = Finding.number("delay", 3_311, "games", at_most=2_000, note="a day is one bet")
    assert finding.sentence == "delay: 3,311 games; wanted at most 2,000 games (a day is one bet)."


def test_an_answer_is_right_or_wrong() -> None:
    assert Finding.answer("verdict", "ok", "ok").outcome is Outcome.MET
    assert Finding.answer("verdict", "ok", "breach").outcome is Outcome.MISSED


def test_shares_add_up_and_carry_their_error() -> None:
    share = Share(1, 50) + Share(3, 50)
    assert share.value == 0.04
    assert share.error == pytest.approx(math.sqrt(0.04 * 0.96 / 100))
    assert math.isnan(Share(0, 0).value)


def test_a_share_may_be_what_chance_allows_and_nothing_else() -> None:
    assert Share(10, 1_000).may_be(0.005, 0.015)
    assert Share(25, 1_000).may_be(0.005, 0.015)
    assert not Share(50, 1_000).may_be(0.005, 0.015)
    assert not Share(0, 2_000).may_be(0.01, 0.015)
