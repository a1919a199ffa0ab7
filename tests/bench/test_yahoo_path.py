"""Yahoo's path: a few tickers, one refusal, nothing lost."""

from __future__ import annotations

import yfinance

from bench import yahoo_path
from bench.finding import Outcome


def test_a_refusal_costs_a_wait_and_no_bar() -> None:
    hidden = yfinance.config.debug.hide_exceptions
    try:
        took, whole, refused, early = yahoo_path.findings(20)
    finally:
        yfinance.config.debug.hide_exceptions = hidden
    assert refused.measured == "1"
    assert {took.outcome, whole.outcome, early.outcome} == {Outcome.MET}
