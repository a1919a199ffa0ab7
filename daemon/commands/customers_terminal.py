"""How a harvest of customers is told: tables for a person, one object for a script."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from daemon.commands.customers_harvest import Found, Harvest
from market.filings_links import NEW_YORK, Customer, Links

WIDTH: Final = 90
"""Characters of a sentence that a table shows."""


def print_harvest(
    console: Console,
    out: Path,
    harvest: Harvest,
    rows: int,
    left_out: tuple[str, ...],
    kept: tuple[Links, ...] = (),
) -> None:
    """Print what the reports tell, what links to a ticker, what nobody links, and what went wrong."""
    told = [one for one in harvest.found if one.customers]
    if told:
        console.print(_reports(told), "")
    if any(one.links.weights for one in told):
        console.print(_links(told), "")
    if unlinked := _unlinked(harvest):
        console.print(_names(unlinked), "")
    for line in _outcome(out, harvest, rows, left_out, _suppliers(kept)):
        console.print(line)


def few(tickers: Sequence[str]) -> str:
    """Return at most ten tickers, and how many more there are."""
    more = len(tickers) - 10
    return ", ".join(tickers[:10]) + (f" and {more} more" if more > 0 else "")


def to_json(
    out: Path, harvest: Harvest, rows: int, left_out: tuple[str, ...], kept: tuple[Links, ...] = ()
) -> dict[str, Any]:
    """Return the same as one object; an unknown coverage is None."""
    return {
        "file": str(out) if rows else None,
        "rows": rows,
        "partial": bool(harvest.failed),
        "reports": [_report(one) for one in harvest.found],
        "unlinked": [
            {"name": name, "suppliers": suppliers, "largest_share": share}
            for name, (suppliers, share) in _unlinked(harvest).items()
        ],
        "failed": dict(harvest.failed),
        "kept": list(_suppliers(kept)),
        "without": list(harvest.without),
        "left_out": list(left_out),
    }


def _suppliers(kept: tuple[Links, ...]) -> tuple[str, ...]:
    """Return whose older rows are kept."""
    return tuple(sorted({one.supplier for one in kept}))


def _report(found: Found) -> dict[str, Any]:
    links = found.links
    return {
        "supplier": links.supplier,
        "accession": found.report.accession,
        "accepted_at": found.report.accepted_at.isoformat(),
        "known_from": links.known_from.isoformat(),
        "told": links.told,
        "named": found.named,
        "linked": len(links.weights),
        "coverage": None if math.isnan(links.coverage) else links.coverage,
        "customers": [
            {
                "name": one.told.customer,
                "ticker": one.ticker or None,
                "share": one.share,
                "year": one.told.year,
                "sentence": one.told.sentence,
            }
            for one in found.customers
        ],
    }


def _reports(told: list[Found]) -> Table:
    table = _table("Reports that tell customers")
    for name in ("supplier", "accepted", "accession", "told", "named", "linked", "coverage", "known from"):
        table.add_column(name, justify="right" if name in {"told", "named", "linked", "coverage"} else "left")
    for one in told:
        links = one.links
        table.add_row(
            links.supplier,
            f"{one.report.accepted_at.astimezone(NEW_YORK):%Y-%m-%d %H:%M}",
            one.report.accession,
            *(str(number) for number in (links.told, one.named, len(links.weights))),
            f"{links.coverage:.0%}",
            links.known_from.isoformat(),
        )
    return table


def _links(told: list[Found]) -> Table:
    table = _table("Links")
    for name in ("supplier", "customer", "share", "known from", "told as"):
        table.add_column(name, justify="right" if name == "share" else "left")
    for found in told:
        for one in _linked(found):
            table.add_row(
                found.links.supplier,
                one.ticker,
                f"{one.share:.1%}",
                found.links.known_from.isoformat(),
                Text(textwrap.shorten(one.told.sentence, WIDTH, placeholder=" ..."), style="dim"),
            )
    return table


def _linked(found: Found) -> Iterator[Customer]:
    """Yield each linked customer once, as the sentence with its largest share tells it."""
    for ticker in sorted(found.links.weights):
        yield max((one for one in found.customers if one.ticker == ticker), key=lambda one: one.share)


def _unlinked(harvest: Harvest) -> dict[str, tuple[list[str], float]]:
    """Return whose customer a name is that no table links, and its largest share, the largest first."""
    out: dict[str, tuple[set[str], float]] = {}
    for found in harvest.found:
        for one in found.customers:
            if one.told.named and not one.ticker:
                suppliers, share = out.get(one.told.customer, (set(), 0.0))
                out[one.told.customer] = {*suppliers, found.links.supplier}, max(share, one.share)
    ranked = sorted(out.items(), key=lambda item: (-item[1][1], item[0]))
    return {name: (sorted(suppliers), share) for name, (suppliers, share) in ranked}


def _names(unlinked: dict[str, tuple[list[str], float]]) -> Table:
    table = _table("Names that no table links (--aliases adds them)")
    for name in ("name", "customer of", "largest share"):
        table.add_column(name, justify="right" if name == "largest share" else "left")
    for name, (suppliers, share) in unlinked.items():
        table.add_row(name, ", ".join(suppliers), f"{share:.1%}")
    return table


def _outcome(
    out: Path, harvest: Harvest, rows: int, left_out: tuple[str, ...], kept: tuple[str, ...]
) -> Iterator[Text]:
    told, named, linked = (
        sum(numbers) for numbers in zip((0, 0, 0), *map(_counts, harvest.found), strict=True)
    )
    silent = sum(not one.customers for one in harvest.found)
    yield Text(
        f"reports read: {len(harvest.found)}, telling nobody: {silent}; "
        f"customers told: {told}, named: {named}, linked: {linked}"
        + (f" ({linked / told:.0%})" if told else "")
    )
    if harvest.without:
        yield Text(f"no report of {few(harvest.without)}", style="dim")
    if left_out:
        yield Text(f"reports of {few(left_out)} left out: they are not among the tickers", style="dim")
    for reason in harvest.failed.values():
        yield Text(reason, style="red")
    holds = f"{out} has {_count(rows, 'row')}"
    if not rows:
        yield Text("nothing is written", style="bold red")
    elif harvest.failed:
        old = f", the older ones of {few(kept)} among them" if kept else ""
        missing = len(harvest.failed) - len(kept)
        lacks = f" and lacks {_count(missing, 'ticker')}" if missing else ""
        yield Text(f"PARTIAL: {holds}{old}{lacks}", style="bold red")
    else:
        yield Text(holds, style="bold")


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _counts(found: Found) -> tuple[int, int, int]:
    return found.links.told, found.named, sum(bool(one.ticker) for one in found.customers)


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
