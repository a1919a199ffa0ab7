"""Ten thousand readings against a hundred rules: sorted by metric once, or once for each rule."""

from __future__ import annotations

from datetime import date

from alerts.evaluation import evaluate
from alerts.rule import Rule
from alerts.rulebook import Rulebook
from bench.timing import Row, compare
from monitors.reading import Evidence, Reading, State

RULES, READINGS, DAY = 100, 10_000, date(2024, 1, 3)


def rows() -> list[Row]:
    """Measure."""
    rules = [
        Rule(f"rule_{i}", f"metric_{i}", "It drifts", threshold=0.2, clear=0.1, max_p_value=0.01)
        for i in range(RULES)
    ]
    readings = [
        Reading(
            DAY,
            "drift",
            f"metric_{i % RULES}",
            f"feature_{i // RULES}",
            0.3 if i % 10 == 0 else 0.05,
            100,
            0.2,
            State.OK,
            Evidence("own_windows", p_value=0.001),
        )
        for i in range(READINGS)
    ]
    book = Rulebook(rules)
    alone = [Rulebook([rule]) for rule in rules]

    def one_rule_at_a_time() -> int:
        return sum(len(evaluate(one, {}, readings, DAY)[1]) for one in alone)

    return [
        compare(
            f"{READINGS:,} readings against {RULES} rules",
            lambda: len(evaluate(book, {}, readings, DAY)[1]),
            "the rules one at a time",
            one_rule_at_a_time,
            goal_ms=1000.0,
            within=0.0,
        )
    ]
