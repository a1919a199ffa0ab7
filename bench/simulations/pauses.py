"""Every pause of trading in two replays of real prices, and what it rested on.

The whole daemon replays, with its default settings, the demo (six stocks through 2008) and, where recorded
prices are at hand, 120 US stocks from 2013 to 2023. A year is calm when the equal-weight mean of the stocks
never closed more than 15 % below its highest close of the twelve months before. A pause that begins in a calm
year counts as false, whatever closed the gate. Beside each pause stand the rule that closed it and its
witnesses, each with its reading. These stocks are those that survived to be in the file.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.alert import AlertState
from alerts.rule import Rule
from bench.development_data import PRICES
from bench.finding import Finding
from daemon.commands.process import DEMO_END, DEMO_START
from daemon.configuration.config import load_settings
from daemon.configuration.settings import Settings
from daemon.replay import History, make_history, replay
from daemon.storage.database import Database
from daemon.storage.readings import ReadingStore
from daemon.storage.schema import alert_transitions
from daemon.summary import Pause, summarise
from market.exchange import load_exchange
from market.panel import FloatArray, Panel
from market.price_file import read_prices
from market.sample import SAMPLE_PATH
from monitors.reading import Reading

TITLE = "The demo and the 2013 to 2023 replay: pauses"
FULL = 10_000  # sessions of either history at the most
DEEP = 0.15  # fall below the highest close of a year from which a year is not calm
YEAR = 252
BUDGET = 1.0  # false pauses a thousand calm sessions


@dataclass(frozen=True, slots=True)
class Trace:
    """One rule that fired when a pause began.

    Attributes:
        rule: Its name.
        since: The session it fired first.
        limit: What its reading was held against, or None.
        reading: What it read when the gate closed, a witness when it testified; None where nothing was read.
    """

    rule: str
    since: date
    limit: float | None
    reading: Reading | None

    def __str__(self) -> str:
        one = self.reading
        if one is None:
            return f"{self.rule}: no reading"
        limit = "" if self.limit is None else f", limit {self.limit:.4g}"
        chance = "no null: a fact"
        if one.evidence is not None:
            p, e = one.evidence.p_value, one.evidence.e_value
            chance = f"{one.evidence.method}, {f'p = {p:.2g}' if p is not None else f'e = {e:.3g}'}"
        return (
            f"{self.rule}: {one.metric} of {one.subject} {one.value:.4g}{limit}, n = {one.n:,}, {chance}, "
            f"read on {one.session}, firing since {self.since}"
        )


@dataclass(frozen=True, slots=True)
class Told:
    """What a replay brought.

    Attributes:
        sessions: Sessions judged.
        pauses: Every pause, and the rules that fired when it began, the one that closed the gate first.
    """

    sessions: tuple[date, ...]
    pauses: tuple[tuple[Pause, tuple[Trace, ...]], ...]


def findings(size: int = FULL) -> list[Finding]:
    """Measure.

    Args:
        size: Sessions of either history at the most.
    """
    found = _held("demo", SAMPLE_PATH, size, DEMO_START, DEMO_END)
    if not PRICES.is_file():
        why = f"skipped: the development data ({PRICES.name}) is not beside this checkout"
        return [*found, Finding.text("2013 to 2023", why)]
    return [*found, *_held("2013 to 2023", PRICES, size, None, None)]


def _held(name: str, path: Path, size: int, start: date | None, end: date | None) -> list[Finding]:
    settings = load_settings()
    inline = settings.executor.model_copy(update={"kind": "inline"})
    settings = settings.model_copy(update={"executor": inline})
    panel = read_prices(path)
    history = make_history(panel, load_exchange(settings.market.calendar), name, start=start, end=end)
    begun = history.sessions.index(next(day for day in history.sessions if day >= history.start))
    history = replace(history, sessions=history.sessions[: begun + size])
    told = asyncio.run(replayed(history, settings))
    calm = calm_years(panel)
    quiet = sum(day.year in calm for day in told.sessions)
    false = sum(pause.start.year in calm for pause, _ in told.pauses)
    years = sorted({day.year for day in told.sessions})
    rows = [
        Finding.number(f"{name}: sessions judged", len(told.sessions)),
        Finding.text(f"{name}: calm years", ", ".join(str(year) for year in years if year in calm) or "none"),
        Finding.number(
            f"{name}: pauses that began in calm years, per 1,000 of their sessions",
            1000 * false / quiet if quiet else float("nan"),
            at_most=BUDGET if quiet else np.inf,
            digits=2,
            note=f"{false} in {quiet:,} sessions",
        ),
    ]
    return rows + [_row(name, pause, traces, pause.start.year in calm) for pause, traces in told.pauses]


def _row(name: str, pause: Pause, traces: tuple[Trace, ...], calm: bool) -> Finding:
    until = "the end" if pause.end is None else f"{pause.end}"
    by = f", lifted by {pause.lifted_by}" if pause.lifted_by else ""
    kind = "in a calm year" if calm else "in a year that was not calm"
    what = f"{name}: {pause.start} to {until}, {pause.strictest.value}, {pause.sessions} sessions, {kind}"
    return Finding.text(what, "; ".join(map(str, traces)) + by)


async def replayed(history: History, settings: Settings) -> Told:
    """Replay a history in a store of its own and read what paused it."""
    with tempfile.TemporaryDirectory() as folder:
        store = Database(f"sqlite:///{folder}/pauses.db", durable=False)
        exchange = load_exchange(settings.market.calendar)
        try:
            await replay(history, exchange, settings, store, (), lambda done, total, day: None)
            async with store.read() as connection:
                summary = await summarise(connection)
                pauses = [(one, await traced(connection, one, settings)) for one in summary.pauses]
        finally:
            await store.aclose()
    judged = tuple(day for day in history.sessions if day >= history.start)
    return Told(judged, tuple(pauses))


async def traced(connection: AsyncConnection, pause: Pause, settings: Settings) -> tuple[Trace, ...]:
    """The rule that closed the gate as it then stood, and its witnesses as they stood when it fired first."""
    rules = {rule.name: rule for rule in settings.rule_set()}
    if pause.rule not in rules:
        return ()
    closing = rules[pause.rule]
    firing = await _firing(connection, pause.start)
    found = []
    for (name, subject), since in firing.items():
        if name != closing.name:
            continue
        found.append(await _trace(connection, closing, subject, since, pause.start))
        for (other, of), begun in (await _firing(connection, since)).items():
            if other in closing.confirmed_by:
                found.append(await _trace(connection, rules[other], of, begun, since))
    return tuple(found)


async def _firing(connection: AsyncConnection, session: date) -> dict[tuple[str, str], date]:
    """(rule, subject) of the alerts that fired after a session, and since when."""
    columns = alert_transitions.c
    query = select(columns.rule, columns.subject, columns.session, columns.after)
    moves = await connection.execute(query.where(columns.session <= session).order_by(columns.at))
    firing: dict[tuple[str, str], date] = {}
    for rule, subject, day, after in moves:
        if after == AlertState.FIRING:
            firing[rule, subject] = day
        elif after == AlertState.RESOLVED:
            firing.pop((rule, subject), None)
    return firing


async def _trace(connection: AsyncConnection, rule: Rule, subject: str, since: date, session: date) -> Trace:
    readings = await ReadingStore(connection).of(session)
    wanted = (rule.metric, subject)
    reading = next((one for one in readings if (one.metric, one.subject) == wanted), None)
    own = None if reading is None else reading.threshold
    limit = own if rule.threshold is None else rule.threshold
    return Trace(rule.name, since, limit, reading)


def calm_years(panel: Panel) -> set[int]:
    """The years in which the stocks' equal-weight mean never closed `DEEP` below its high of a year."""
    traded = [i for i, ticker in enumerate(panel.tickers) if not ticker.startswith("^")]
    wealth = equal_weight(panel.adj_close[:, traded])
    high = np.array([wealth[max(0, i - YEAR + 1) : i + 1].max() for i in range(wealth.size)])
    deep = {
        day.year for day, now, top in zip(panel.sessions, wealth, high, strict=True) if now < (1 - DEEP) * top
    }
    return {day.year for day in panel.sessions} - deep


def equal_weight(prices: FloatArray) -> FloatArray:
    """Wealth of one unit put evenly into the known prices anew each session, shape (sessions,)."""
    with np.errstate(invalid="ignore"):
        returns = prices[1:] / prices[:-1] - 1
    known = np.isfinite(returns)
    means = np.where(known, returns, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return np.concatenate([[1.0], np.cumprod(1 + means)])
