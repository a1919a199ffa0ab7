from __future__ import annotations

from pathlib import Path

import pytest

from bench import section as sections
from bench.finding import Finding
from bench.page import Circumstances, page
from bench.report import ORDER, SIMULATED, TIMED
from bench.section import Section, measure
from bench.simulations import bad_tick, real_prices
from bench.timing import Row, Times

HERE = Circumstances(
    "2026-01-02", "make benchmarks", "a machine", "Python 3", ("0.1 / 0.2", "1.5 / 1.0"), 9.6
)


def text_of(rows: list[Row], found: list[Section]) -> str:
    return page(HERE, rows, found)


def test_misses_are_named_in_words_and_counted() -> None:
    found = (
        Finding.number("run", 900, "trades", at_least=1_000, note="cut short"),
        Finding.number("delay", 10, "trades", at_most=20),
        Finding.number("other", 5),
    )
    text = text_of([], [Section("bench.x", "Runs", "How.", found, 3.0)])
    assert "1 goals met, 0 met by the best round only, 1 missed." in text
    assert "- Runs. run: 900 trades; wanted at least 1,000 trades (cut short)." in text
    assert "| run | at least 1,000 trades | 900 trades | **missed** | cut short |" in text
    assert "| other |  | 5 |  |  |" in text


def test_a_slow_median_is_told_from_a_slow_best_and_a_faster_twin_is_named() -> None:
    rows = [
        Row("PSI", Times(2.0, 3.0), "numpy", Times(9.0, 9.0), goal_ms=2.5, gap=1e-17),
        Row("KS", Times(4.0, 5.0), "numpy", Times(9.0, 9.0), goal_ms=2.5),
        Row("exact p", Times(50.0, 60.0), "scipy", Times(5.0, 6.0)),
    ]
    text = text_of(rows, [])
    missed, at_best = text.index("## Missed"), text.index("## Met by the best round")
    assert missed < text.index("- Times. KS: 4.00 / 5.00 ms; wanted at most 2.5 ms.") < at_best
    assert at_best < text.index("- Times. PSI: 2.00 / 3.00 ms; wanted at most 2.5 ms.")
    assert "- exact p: 50.0 / 60.0 ms, scipy 5.00 / 6.00 ms." in text
    assert "| PSI | 2.00 / 3.00 | 2.5 | met at best | numpy | 9.00 / 9.00 | 3.0 | 1e-17 |" in text


def test_without_misses_that_is_said() -> None:
    assert "## Missed\n\nNothing.\n" in text_of([], [])


def test_the_circumstances_stand_at_the_top() -> None:
    text = text_of([], [])
    for words in (
        "`make benchmarks`",
        "2026-01-02",
        "a machine",
        "Python 3",
        "0.1 / 0.2",
        "1.5 / 1.0",
        "10 minutes",
    ):
        assert words in text


def test_recorded_data_that_is_absent_is_said_and_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(real_prices, "NEEDS", (Path("nowhere") / "prices.parquet",))
    section = measure(real_prices.__name__)
    assert section.findings == ()
    assert "prices.parquet" in section.skipped
    text = text_of([], [section])
    assert f"- {real_prices.TITLE}: skipped: the development data (prices.parquet)" in text
    assert measure(bad_tick.__name__, 1).skipped == ""


def test_a_section_that_breaks_is_told_and_does_not_take_the_others_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(size: int) -> list[Finding]:
        raise ZeroDivisionError(f"of {size}")

    monkeypatch.setattr(bad_tick, "findings", broken)
    section = measure(bad_tick.__name__, 3)
    assert section.failed
    assert f"- {bad_tick.TITLE}: failed: ZeroDivisionError: of 3." in text_of([], [section])


def test_every_simulation_is_in_the_report_once() -> None:
    folder = Path(sections.__file__).parent
    files = {f"bench.simulations.{path.stem}" for path in (folder / "simulations").glob("[a-z]*.py")}
    assert sorted(ORDER) == sorted((*SIMULATED, *TIMED))
    alone = {"bench.false_alarms", "bench.filings", "bench.footprint"}
    alone |= {"bench.leaks", "bench.quality", "bench.regimes", "bench.yahoo_path"}
    assert files | alone == set(ORDER)
