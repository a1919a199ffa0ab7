"""`forewarn customers`: write who is whose customer, from annual reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console

from daemon.clock import SystemClock
from daemon.commands.customers_harvest import Harvest, Source, harvest
from daemon.commands.customers_terminal import few, print_harvest, to_json
from daemon.commands.exit_codes import REFUSED
from daemon.commands.store import print_json, wide_console
from daemon.configuration.config import load_settings
from daemon.configuration.config_error import SEC_IDENTITY
from daemon.configuration.settings import PREFIX, Settings
from daemon.price_series import to_forecast
from market.exchange import load_exchange
from market.filings_edgar import fetch_reports, prepare
from market.filings_folder import INDEX, Entry, read_index
from market.filings_links import NEW_YORK, Links, Report
from market.filings_names import ALIASES, read_aliases
from market.filings_source import FilingsError
from market.outside_files import check_writable, read_customers, write_customers

FIVE_YEARS: Final = timedelta(days=5 * 366)
"""How far back the SEC is asked where nobody says."""


def customers(
    out: Path,
    *,
    tickers: tuple[str, ...],
    since: date | None,
    reports: Path | None,
    identity: str | None,
    aliases: Path | None,
    config: Path | None,
    json: bool,
) -> int:
    """Read annual reports, write the customers file, and print what was read.

    Of a ticker whose reports could not be had the rows of the file that is replaced are kept.

    Args:
        out: The file to write, CSV or Parquet.
        tickers: Suppliers; none takes the configured universe.
        since: Reports from before are left out; None takes all of a folder, five years of the SEC.
        reports: A folder of reports; None asks the SEC.
        identity: Who asks the SEC; None takes the secret `sec_identity`.
        aliases: A table of names over the shipped one.
        config: Where the universe and the calendar are named.
        json: Print one JSON object.

    Returns:
        0, or 1 where the reports of some ticker could not be had: then the file lacks it, or has its old
            rows.

    Raises:
        FilingsError: There is no report at all, or the folder or the identity is at fault.
        OutsideFileError: The file cannot be written, or an older one there cannot be read.
        UniverseError: The folder's index or the table of names cannot be read.
        ConfigError: The configuration is at fault.
    """
    settings = load_settings(config)
    before = read_customers(out) if check_writable(out).exists() else ()
    names = read_aliases(aliases) if aliases else ALIASES
    suppliers = to_forecast(tuple(dict.fromkeys(tickers or settings.market.asked())))
    left_out: tuple[str, ...] = ()
    if reports:
        entries = read_index(reports, SystemClock().now())
        source: Source = partial(_from_folder, reports, entries, since, named=bool(tickers))
        left_out = tuple(sorted({one.ticker for one in entries}.difference(suppliers)))
    else:
        asking = prepare(identity or _secret(settings))
        since = since or SystemClock().now().date() - FIVE_YEARS
        source = partial(fetch_reports, identity=asking, since=since)
    with _progress(len(suppliers), quiet=json) as tell:
        found = harvest(source, suppliers, load_exchange(settings.market.calendar), names, tell)
    if not found.found and not found.failed:
        rest = f"; {reports} has reports of {few(left_out)}: name them with --tickers" if left_out else ""
        raise FilingsError(f"there is no annual report of {few(suppliers)}, nothing is written{rest}")
    kept = _kept(before, found)
    rows = write_customers(out, [*kept, *(one.links for one in found.found)]) if found.found else 0
    if json:
        print_json(to_json(out, found, rows, left_out, kept))
    else:
        print_harvest(wide_console(markup=False), out, found, rows, left_out, kept)
    return REFUSED if found.failed else 0


def _kept(before: tuple[Links, ...], found: Harvest) -> tuple[Links, ...]:
    """Return the older links of the tickers whose reports could not be had; none where nothing is written."""
    return tuple(one for one in before if found.found and one.supplier in found.failed)


def _secret(settings: Settings) -> str:
    if SEC_IDENTITY not in settings.secrets:
        raise FilingsError(
            "there is no source of reports: give --reports FOLDER, or for the SEC who asks it, as "
            f"--identity 'Ann Lee ann@example.com' or {PREFIX}{SEC_IDENTITY.upper()} in the environment"
        )
    return settings.secrets[SEC_IDENTITY].get_secret_value()


def _from_folder(
    folder: Path, entries: tuple[Entry, ...], since: date | None, ticker: str, *, named: bool
) -> Iterator[Report]:
    own = [one for one in entries if one.ticker == ticker]
    if named and not own:
        known = sorted({one.ticker for one in entries})
        raise FilingsError(f"{ticker}: {folder / INDEX} has no report of it, only of {few(known)}")
    for one in own:
        if since is None or one.accepted_at.astimezone(NEW_YORK).date() >= since:
            yield one.read()


@contextmanager
def _progress(total: int, *, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Show on a terminal whose reports are being read."""
    console = Console(stderr=True, highlight=False)
    if quiet or not console.is_terminal:
        yield lambda ticker: None
        return
    done = 0
    with console.status("reading reports") as status:

        def tell(ticker: str) -> None:
            nonlocal done
            done += 1
            status.update(f"reading the reports of {ticker}, {done} of {total}")

        yield tell
