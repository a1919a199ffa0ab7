"""Annual reports from the SEC, through the optional package edgartools."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from importlib import import_module
from typing import Any

from market.filings_links import NEW_YORK, Report
from market.filings_source import FilingsError, UnreachableError


def prepare(identity: str) -> str:
    """Return who asks, as the SEC wants it: "name address@example.com".

    Raises:
        FilingsError: It has no e-mail address or no name, or the package is not installed.
    """
    name, _, address = identity.strip().rpartition(" ")
    if not name or "@" not in address:
        raise FilingsError(
            f"identity {identity!r}: the SEC wants a name and an e-mail address; "
            "write it as in 'Ann Lee ann@example.com'"
        )
    _edgartools()
    return identity.strip()


def fetch_reports(ticker: str, *, identity: str, since: date) -> Iterator[Report]:
    """Fetch a company's 10-K reports, amendments left out; blocking: call it in a thread, one at a time.

    A company takes a request or two, and each report one more. The package asks 9 times a second at the
    most, where the SEC allows 10, and keeps what it was given. The instant of acceptance is that of the
    report's own header: the one in the SEC's index is hours off for some filers.

    Args:
        ticker: The company.
        identity: Who asks; see `prepare`.
        since: Reports filed before are left out.

    Raises:
        FilingsError: The package is not installed, the identity is no name and address, the SEC has no such
            company, or a report is at fault.
        UnreachableError: The SEC refuses to answer, or does not.
    """
    identity, edgar = prepare(identity), _edgartools()
    try:
        edgar.set_identity(identity)
        filings = edgar.Company(ticker).get_filings(form="10-K", date=f"{since}:", amendments=False)
        for one in filings or ():
            yield _report(ticker, one)
    except FilingsError:
        raise
    except Exception as error:  # whatever the package and the network raise: this ticker has no reports
        raise _explained(ticker, error) from error


def _report(ticker: str, filing: Any) -> Report:  # noqa: ANN401  (an untyped package's)
    accepted = filing.header.acceptance_datetime
    if accepted is None:
        raise FilingsError(
            f"{ticker}: report {filing.accession_no} does not say when the SEC accepted it; "
            "give its text with --reports"
        )
    return Report(ticker, filing.accession_no, accepted.replace(tzinfo=NEW_YORK), filing.text())


def _explained(ticker: str, error: Exception) -> FilingsError:
    kinds = {kind.__name__ for kind in type(error).__mro__}
    status = getattr(getattr(error, "response", None), "status_code", None)
    if "CompanyNotFoundError" in kinds:
        return FilingsError(f"{ticker}: the SEC knows no company of this ticker; check its spelling")
    if status == 403 or "SECIdentityError" in kinds:
        return UnreachableError(
            f"{ticker}: the SEC refused the request (403): check the identity's address, and ask later"
        )
    if status == 429 or "TooManyRequestsError" in kinds:
        return UnreachableError(f"{ticker}: too many requests (429): the SEC answers again in ten minutes")
    if status is not None:
        return UnreachableError(f"{ticker}: the SEC answered with status {status}; ask later")
    if kinds & {"TimeoutException", "RequestError", "TransportError", "OSError"}:
        return UnreachableError(f"{ticker}: the SEC did not answer: {type(error).__name__}: {error}")
    return FilingsError(f"{ticker}: no annual reports: {type(error).__name__}: {error}")


def _edgartools() -> Any:  # noqa: ANN401  (an optional, untyped package)
    try:
        return import_module("edgar")
    except ImportError as error:
        raise FilingsError(
            "annual reports need the package edgartools; install it with: pip install 'forewarn[filings]'"
        ) from error
