"""Leaks: what the suite finds where they were planted, and what it finds in the forecaster.

The whole suite runs as `forewarn leaks` does. Seconds are those of the processor, so that a busy machine does
not count. Truncation is measured on 100 tickers over three years of the development data: every feature, the
regime and the forecast are computed from histories cut at 20 sessions and held against the full history, bit
by bit. A cut forecast is made by the model of the last quarterly fit before it, fitted again to the cut
history; models are compared by all their numbers.
"""

from __future__ import annotations

import time

from backtest.leaks import Check, Record, Report, Subject, examine
from backtest.leaks.alteration import truncated
from backtest.leaks.furnish import furnished
from backtest.leaks.own import Forecasts, features
from backtest.leaks.result import Result
from backtest.leaks.subject import cuts, truncation
from bench.development_data import PRICES
from bench.finding import Finding
from daemon.price_series import LATE, SERIES_TICKERS, market_series, to_forecast
from forecaster.features import FEATURES
from market.panel import FloatArray, Panel
from market.price_file import read_prices
from market.sample import BENCHMARK, SAMPLE_PATH

TITLE = "Leaks"
FULL = 20  # cuts
NEEDS = (PRICES,)
TICKERS, SESSIONS, QUARTER = 100, 756, 63
SEED = 20261122


def findings(size: int = FULL) -> list[Finding]:
    """Measure.

    Args:
        size: Cuts.
    """
    record = _record(read_prices(SAMPLE_PATH))
    started = time.process_time()
    report = examine(record, n=size)
    took = time.process_time() - started
    return [*_suite(report, took), *_truncation(size)]


def _suite(report: Report, took: float) -> list[Finding]:
    planted = len(report.planted)
    kinds = len({one.plant.kind for one in report.planted})
    clean = {one.subject for one in report.own}
    alarms = sum(len(one.leaking) for one in report.leaks)
    watched = next(one for one in report.own if one.check is Check.TRUNCATION)
    found = [
        Finding.number(
            "planted leaks found", planted - len(report.missed), f"of {planted}", at_least=planted
        ),
        Finding.number("kinds of planted leaks", kinds, at_least=12),
        Finding.number(
            "clean features watched", watched.columns, at_least=50, note=f"{len(clean)} subjects in all"
        ),
        Finding.number("false alarms", alarms, at_most=0),
        Finding.number("values compared", sum(one.compared for one in report.own)),
        Finding.number("the whole suite, sample set", took, "s of processor time", at_most=60, digits=1),
    ]
    if report.folds is not None:
        purged, shuffled = report.folds.purged, report.folds.shuffled
        found += [
            Finding.number(
                "rank IC of a tree, purged walk-forward", purged.mean, error=purged.error, digits=3
            ),
            Finding.number("the same on shuffled folds", shuffled.mean, error=shuffled.error, digits=3),
        ]
    return found


def _truncation(size: int) -> list[Finding]:
    panel = read_prices(PRICES)
    last = len(panel.sessions)
    record = _record(panel.columns(panel.tickers[:TICKERS]).rows(last - SESSIONS, last))
    forecasts = Forecasts(every=QUARTER)
    started = time.process_time()
    results = [
        _cut(subject, record, size)
        for subject in (features(), forecasts.regimes.subject(), forecasts.subject())
    ]
    took = time.process_time() - started
    shape = f"{size} cuts x {TICKERS} tickers"
    return [
        *(
            Finding.number(
                f"truncation, {one.subject}, {shape}: values that differ",
                one.misses,
                at_most=0,
                note=f"{one.compared:,} compared in {one.columns} columns",
            )
            for one in results
        ),
        Finding.number(f"features compared, of {len(FEATURES)}", results[0].columns, at_least=len(FEATURES)),
        Finding.number(
            f"truncation, {shape}, {SESSIONS:,} sessions", took, "s of processor time", at_most=10, digits=1
        ),
    ]


def _cut(subject: Subject, record: Record, size: int) -> Result:
    full = subject.values(record)
    at = cuts(subject, len(record.panel.sessions), size, SEED)
    return truncation(subject, record, full, {t: subject.at(truncated(record, t), t) for t in at})


def _record(panel: Panel) -> Record:
    wanted = tuple(names[0] for names in SERIES_TICKERS.values())
    universe = to_forecast(panel.tickers)
    return furnished(panel, universe, BENCHMARK, join=_series, wanted=wanted, late=LATE)[0]


def _series(panel: Panel) -> dict[str, FloatArray]:
    return market_series(panel)[0]
