"""The honesty report in a terminal."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.panel import Panel as Box
from rich.table import Table
from rich.text import Text

from backtest.evaluation import Evaluated
from backtest.honest_words import headline, regime_verdict, sentences, unpopulated
from backtest.honesty import Honesty
from forecaster.target import Target
from market.quality import Finding

ASKED = {
    Target.RELATIVE: "will it beat the universe's median",
    Target.ABSOLUTE: "will it rise",
}


def show(console: Console, found: Evaluated, source: str) -> None:
    """Print the report."""
    honest = found.honesty
    style = "green" if honest.edge else "yellow"
    body = Text()
    body.append(headline(honest) + "\n", style=f"bold {style}")
    for sentence in sentences(honest):
        body.append(f"\n{sentence}")
    title = f"{source}: {ASKED[honest.target]} over {honest.horizon} sessions?"
    console.print(Box(body, title=Text(title), title_align="left", border_style=style, padding=(1, 2)))
    console.print(
        f"[dim]{honest.forecasts:,} forecasts of {honest.tickers} tickers in {honest.sessions:,} sessions, "
        f"{honest.first} to {honest.last}; {honest.models} models, each fitted to what was resolved by then; "
        f"{honest.no_calls:,} without a call.[/dim]\n"
    )
    for table in (
        _rivals(honest),
        _calibration(honest),
        _regimes(honest),
        _signals(honest),
        _coverage(honest),
    ):
        if table is not None:
            console.print(table)
            console.print()
    console.print(
        f"[dim]{found.feature_s:.1f} s for features, ranks and regimes, {found.walk_s:.1f} s for "
        f"{honest.models} fits and all forecasts.[/dim]"
    )


def show_left_out(console: Console, findings: Sequence[Finding]) -> None:
    """Print which bars could not be right at their close; nothing where all could."""
    if findings:
        heading, *kinds = left_out(findings)
        console.print(f"[yellow]{heading}:[/yellow]")
        for one in kinds:
            console.print(f"  {one}", markup=False)


def left_out(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Say how many bars were left out, then of each kind how many, and its first."""
    bars = len({(one.ticker, one.sessions) for one in findings})
    noun = "bar was left out, for it" if bars == 1 else "bars were left out, for they"
    kinds = Counter(one.kind for one in findings).most_common()
    firsts = [next(one for one in findings if one.kind is kind) for kind, _ in kinds]
    return (
        f"{bars:,} {noun} cannot be right",
        *(f"{n:,} x {kind}, first {first}" for (kind, n), first in zip(kinds, firsts, strict=True)),
    )


def number(value: float, form: str) -> str:
    """Format a number; nothing where it is unknown."""
    return "" if math.isnan(value) else format(value, form)


def _rivals(found: Honesty) -> Table:
    table = _table("Against simple rivals", ("", "rank IC", "t", "right", "95 %", "Sharpe, gross"), 1)
    for row, one in enumerate(found.rivals):
        ranking = one.ranking
        low, high = one.right.interval
        table.add_row(
            one.name,
            number(ranking.rank_ic.mean, "+.4f") if ranking else "",
            number(ranking.rank_ic.t, "+.1f") if ranking else "",
            number(one.right.mean, ".2%"),
            f"{low:.2%} to {high:.2%}" if one.right.error > 0 else "",
            number(one.sharpe, "+.2f") + (" long only" if one.long_only else ""),
            style="bold" if row == 0 else "",
        )
    return table


def _calibration(found: Honesty) -> Table:
    pooled = found.pooled
    table = _table("Do probabilities come true?", ("", "value", "note"), 1)
    error = found.log_loss_gain.error
    span = f"± {1e3 * error:.4f} (standard error)" if error > 0 else ""
    table.add_row("log-loss skill", f"{found.log_loss_skill:+.6f}", "against the base rate known at the time")
    table.add_row("nats gained", f"{1e3 * found.log_loss_gain.mean:+.4f} per 1,000", span)
    table.add_row("Brier skill", f"{found.brier_skill:+.6f}", "")
    table.add_row(
        "pooled ECE", f"{pooled.ece_debiased:.4f}", f"debiased, equal mass; below {pooled.ece_upper:.4f}"
    )
    return table


def _regimes(found: Honesty) -> Table | Text:
    if not found.regimes:
        return Text(unpopulated(found), style="dim")
    table = _table(
        "Calibration by regime", ("", "sessions", "forecasts", "ECE", "verdict"), 1, last_left=True
    )
    for one in found.regimes:
        judged = one.evaluation
        table.add_row(
            one.regime.replace("_", " "),
            f"{judged.sessions:,}",
            f"{judged.n:,}",
            f"{judged.ece_debiased:.4f}" if one.is_enough else "",
            Text(regime_verdict(one), style="" if one.is_enough else "dim"),
        )
    table.caption = unpopulated(found)
    return table


def _signals(found: Honesty) -> Table:
    table = _table("Signals", ("", "rank IC", "t", "mean weight"), 1)
    for one in found.signals:
        table.add_row(
            one.name.replace("_", " "),
            number(one.rank_ic.mean, "+.4f"),
            number(one.rank_ic.t, "+.1f"),
            f"{one.weight:.1%}",
        )
    return table


def _coverage(found: Honesty) -> Table | None:
    if not found.coverage:
        return None
    table = _table("Survivorship", ("year", "members", "with a price", "share", "no members"), 0)
    for one in found.coverage:
        table.add_row(
            str(one.year), str(one.members), str(one.held), number(one.share, ".0%"), str(one.strangers)
        )
    return table


def _table(title: str, columns: tuple[str, ...], left: int, *, last_left: bool = False) -> Table:
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        caption_justify="left",
    )
    for i, name in enumerate(columns):
        is_left = i < left or name == "note" or (last_left and i == len(columns) - 1)
        table.add_column(name, justify="left" if is_left else "right")
    return table
