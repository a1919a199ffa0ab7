"""The leak suite: does a value read what could not be known when it is used?

A subject is anything that is computed from what is on record: a feature, the regime, a forecast. The suite
changes only what could not be known at a session's close and asks for that session's value again: it must be
the same. What such changes cannot reach - a table that was made elsewhere, a fit that has seen its own
outcomes - is held against chance.

The suite is itself held against leaks that were planted on purpose (`PLANTS`): it must find each of them.
"""

from backtest.leaks.payoff import Payoff
from backtest.leaks.plants import PLANTS, Plant
from backtest.leaks.record import Record
from backtest.leaks.result import Check, Result
from backtest.leaks.study import Study
from backtest.leaks.subject import Subject
from backtest.leaks.suite import Report, check, examine

__all__ = [
    "PLANTS",
    "Check",
    "Payoff",
    "Plant",
    "Record",
    "Report",
    "Result",
    "Study",
    "Subject",
    "check",
    "examine",
]
