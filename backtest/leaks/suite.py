"""The suite: every check that applies to a subject, over the forecaster itself and over the planted leaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from backtest.leaks import alteration
from backtest.leaks.execution import execution
from backtest.leaks.folds import Folds, folds
from backtest.leaks.own import Forecasts, own_subjects
from backtest.leaks.payoff import Payoff, earlier_bars
from backtest.leaks.plants import PLANTS, Plant
from backtest.leaks.record import Record, RecordError
from backtest.leaks.result import Check, Result
from backtest.leaks.study import Study, label_shuffle, no_edge, noise_feature, open_outcomes
from backtest.leaks.subject import ALTERATIONS, Subject, altered, cuts, poison, start_up, truncation
from backtest.ranking import LEAST_TICKERS

CUTS: Final = 20
FEW: Final = 4
"""Sessions looked at where each of them costs a computation of the whole history, and for each plant."""

SEED: Final = 20261122
LEAST_SESSIONS: Final = 600
"""Below it hardly any feature has a value to look at."""


@dataclass(frozen=True, slots=True)
class Planted:
    """What the suite found in one planted leak.

    Attributes:
        plant: The leak.
        name: Of what leaks.
        results: Of each check that applies.
    """

    plant: Plant
    name: str
    results: tuple[Result, ...]

    @property
    def caught_by(self) -> tuple[Check, ...]:
        """The checks that found it."""
        return tuple(one.check for one in self.results if one.is_leak)

    @property
    def is_caught(self) -> bool:
        """Whether the check that is there to find it did."""
        return self.plant.caught_by in self.caught_by

    @property
    def is_judged(self) -> bool:
        """Whether that check had a value to look at: what leaks may read what the record does not hold."""
        return not any(one.skipped for one in self.results if one.check is self.plant.caught_by)

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return {
            "name": self.name,
            "mistake": self.plant.mistake,
            "kind": self.plant.kind,
            "meant_for": self.plant.caught_by.value,
            "caught_by": [one.value for one in self.caught_by],
            "caught": self.is_caught,
            "judged": self.is_judged,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What the suite found.

    Attributes:
        own: Every result of the forecaster's own subjects.
        planted: The leaks that were planted.
        folds: What shuffled folds would have shown; None where only other subjects are watched.
    """

    own: tuple[Result, ...]
    planted: tuple[Planted, ...]
    folds: Folds | None = None

    @property
    def leaks(self) -> tuple[Result, ...]:
        """The results of the forecaster's own that are leaks."""
        return tuple(one for one in self.own if one.is_leak)

    @property
    def missed(self) -> tuple[Planted, ...]:
        """The planted leaks that were not found: the suite itself is broken."""
        return tuple(one for one in self.planted if one.is_judged and not one.is_caught)

    @property
    def is_clean(self) -> bool:
        """Whether nothing of the forecaster's own leaks and every planted leak was found that can be."""
        return not self.leaks and not self.missed

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return {
            "clean": self.is_clean,
            "own": [one.to_dict() for one in self.own],
            "planted": [one.to_dict() for one in self.planted],
            "folds": self.folds.to_dict() if self.folds else None,
        }


def check(
    subject: Subject | Payoff | Study, record: Record, *, n: int = CUTS, few: int = FEW, seed: int = SEED
) -> tuple[Result, ...]:
    """Run every check that applies to a subject.

    Args:
        subject: What is watched.
        record: What it is computed from; a study is tried in made-up worlds instead.
        n: Sessions at which the history is cut.
        few: Sessions looked at where each costs more.
        seed: By which they are drawn.
    """
    if isinstance(subject, Study):
        return (
            open_outcomes(subject, few, seed),
            label_shuffle(subject, seed),
            no_edge(subject, seed),
            noise_feature(subject, seed),
        )
    if isinstance(subject, Payoff):
        last = len(record.panel.sessions) - subject.horizon
        frame = Subject(subject.name, lambda given: given.stocks.close)
        return (earlier_bars(subject, record, cuts(frame, last, n, seed)),)
    full = subject.values(record)
    at = cuts(subject, len(record.panel.sessions), n, seed)
    rows = {t: subject.at(alteration.truncated(record, t), t) for t in at}
    some = at[:: max(1, len(at) // few)][:few]
    return (
        truncation(subject, record, full, rows),
        poison(subject, record, full, some),
        start_up(subject, record, full, some[-2:]),
        *(altered(subject, record, one, {t: rows[t] for t in some}) for one in ALTERATIONS),
        execution(subject, record, full),
    )


def examine(
    record: Record,
    *,
    subjects: Sequence[Subject | Payoff | Study] | None = None,
    plants: Sequence[Plant] = PLANTS,
    n: int = CUTS,
    few: int = FEW,
    tell: Callable[[str, int, int], None] | None = None,
) -> Report:
    """Run the suite.

    Args:
        record: What everything is computed from.
        subjects: What is watched; everything of the project where None.
        plants: The leaks to be found.
        n: Sessions at which the history is cut.
        few: Sessions looked at where each costs more, and for each plant.
        tell: Called with (what is looked at, how many are done, how many there are).

    Raises:
        RecordError: Too few tickers or sessions.
    """
    check_size(len(record.universe), len(record.panel.sessions))
    forecasts = Forecasts()
    watched = own_subjects(record, forecasts) if subjects is None else tuple(subjects)
    total = len(watched) + len(plants)
    own: list[Result] = []
    for done, subject in enumerate(watched):
        if tell:
            tell(subject.name, done, total)
        own += check(subject, record, n=n, few=few)
    planted = []
    for done, plant in enumerate(plants, start=len(watched)):
        if tell:
            tell(plant.mistake, done, total)
        leaking = plant.plant(record)
        planted.append(Planted(plant, leaking.name, check(leaking, record, n=few, few=few)))
    walked = forecasts.walked_through
    return Report(tuple(own), tuple(planted), folds(record, walked) if walked else None)


def check_size(tickers: int, sessions: int) -> None:
    """Check that there is enough to look at.

    Raises:
        RecordError: Too few tickers or sessions.
    """
    if tickers < LEAST_TICKERS:
        raise RecordError(f"{tickers} tickers: at least {LEAST_TICKERS} are needed to rank them; add some")
    if sessions < LEAST_SESSIONS:
        raise RecordError(
            f"{sessions} sessions in which a price is known: {LEAST_SESSIONS} are needed, "
            "so that every feature has a value to look at; give a longer history"
        )
