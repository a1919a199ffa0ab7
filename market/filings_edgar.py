"""Annual reports from the SEC, through the optional package edgartools."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from importlib import import_module
from typing import Any
from zoneinfo import ZoneInfo

from market.filings_links import Report

NEW_YORK = ZoneInfo("America/New_York")


class FilingsError(Exception):
    """Annual reports cannot be fetched; the text says why and what to do."""


def fetch_reports(ticker: str, *, identity: str, since: date) -> Iterator[Report]:
    """Fetch a company's 10-K reports; blocking, several requests a report: call it in a thread.

    The instant of acceptance is that of the report's own header: the one in the SEC's index is hours off for
    some filers.

    Args:
        ticker: The company.
        identity: Who asks, as the SEC wants it: "name address@example.com".
        since: Reports filed before are left out.

    Raises:
        FilingsError: The package is not installed, the identity is empty, or the SEC gave no reports.
    """
    if "@" not in identity:
        raise FilingsError(
            f"identity {identity!r}: the SEC wants a name and an e-mail address; "
            "write it as in 'Ann Lee ann@example.com'"
        )
    edgar = _edgartools()
    try:
        edgar.set_identity(identity)
        filings = edgar.Company(ticker).get_filings(form="10-K", date=f"{since}:", amendments=False)
        for one in filings or ():
            accepted = one.header.acceptance_datetime
            if accepted is not None:
                yield Report(ticker, one.accession_no, accepted.replace(tzinfo=NEW_YORK), one.text())
    except FilingsError:
        raise
    except Exception as error:  # whatever the package and the network raise: this ticker has no reports
        raise FilingsError(f"{ticker}: no annual reports: {type(error).__name__}: {error}") from error


def _edgartools() -> Any:  # noqa: ANN401  (an optional, untyped package)
    try:
        return import_module("edgar")
    except ImportError as error:
        raise FilingsError(
            "annual reports need the package edgartools; install it with: pip install 'forewarn[filings]'"
        ) from error
