"""The SEC, as far as the package edgartools asks it for annual reports: submissions, and reports as filed."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Trouble(Enum):
    """How the SEC fails a company: by a status, or by no answer at all."""

    REFUSED = 403
    TOO_MANY = 429
    BROKEN = 500
    SILENT = 0


UNDECLARED = "<html><body>Your Request Originates from an Undeclared Automated Tool</body></html>"


@dataclass(frozen=True)
class Filing:
    """An annual report as it was filed; `accepted_at` is in New York's time, as the header has it."""

    accession: str
    accepted_at: datetime
    html: str
    form: str = "10-K"


@dataclass
class Sec:
    """What it holds, by the company's number (CIK), and what it was asked."""

    filings: dict[int, list[Filing]] = field(default_factory=dict)
    troubles: dict[int, Trouble] = field(default_factory=dict)
    asked: list[tuple[float, str, str]] = field(default_factory=list)
    """Second, path and User-Agent of each request."""
    url: str = ""

    def answer(self, path: str) -> tuple[int, str, str]:
        """Return status, kind of content and body."""
        if path == "/files/company_tickers_mf.json":
            fields = ["cik", "seriesId", "classId", "symbol"]
            return (
                200,
                "application/json",
                json.dumps({"fields": fields, "data": [[1, "S1", "C1", "NOFUND"]]}),
            )
        for cik, filings in self.filings.items():
            if path == f"/submissions/CIK{cik:010d}.json":
                return 200, "application/json", json.dumps(_submissions(cik, filings))
            for one in filings:
                folder = one.accession.replace("-", "")
                if path == f"/Archives/edgar/data/{cik}/{folder}/{one.accession}.txt":
                    return 200, "text/plain", _submission(cik, one)
        return 404, "text/html", "<html><body>Not Found</body></html>"

    def trouble(self, path: str) -> Trouble | None:
        """Return what is wrong with the company that a path is about."""
        return next((one for cik, one in self.troubles.items() if f"/CIK{cik:010d}.json" in path), None)


@contextmanager
def serving(sec: Sec) -> Iterator[Sec]:
    """Serve it on loopback while the block runs."""
    gone = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            sec.asked.append((time.monotonic(), self.path, self.headers["User-Agent"]))
            trouble = sec.trouble(self.path)
            if trouble is Trouble.SILENT:
                gone.wait(60)
                self.close_connection = True
                return
            if trouble is None:
                status, kind, body = sec.answer(self.path)
            else:
                status, kind, body = trouble.value, "text/html", UNDECLARED
            raw = body.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    sec.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield sec
    finally:
        gone.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _submissions(cik: int, filings: list[Filing]) -> dict[str, object]:
    """Return what data.sec.gov says of a company; its times of acceptance are hours off, as some are."""
    address = dict.fromkeys(
        ("street1", "street2", "city", "stateOrCountry", "zipCode", "stateOrCountryDescription"), ""
    )
    newest = sorted(filings, key=lambda one: one.accepted_at, reverse=True)
    recent = {
        "accessionNumber": [one.accession for one in newest],
        "filingDate": [f"{one.accepted_at:%Y-%m-%d}" for one in newest],
        "reportDate": [f"{one.accepted_at.year - 1}-12-31" for one in newest],
        "acceptanceDateTime": [f"{one.accepted_at:%Y-%m-%dT%H:%M:%S}.000Z" for one in newest],
        "form": [one.form for one in newest],
        "primaryDocument": [f"report-{one.accession}.htm" for one in newest],
        "primaryDocDescription": [one.form for one in newest],
        "size": [len(one.html) for one in newest],
        **{name: ["" for _ in newest] for name in ("act", "fileNumber", "filmNumber", "items")},
        **{name: [0 for _ in newest] for name in ("isXBRL", "isInlineXBRL")},
    }
    return {
        "cik": f"{cik:010d}",
        "entityType": "operating",
        "sic": "3674",
        "sicDescription": "Semiconductors & Related Devices",
        "name": f"Company {cik}",
        "tickers": [],
        "exchanges": [],
        "ein": "000000000",
        "description": "",
        "website": "",
        "investorWebsite": "",
        "category": "Large accelerated filer",
        "fiscalYearEnd": "1231",
        "stateOfIncorporation": "DE",
        "stateOfIncorporationDescription": "DE",
        "insiderTransactionForOwnerExists": 0,
        "insiderTransactionForIssuerExists": 1,
        "addresses": {"mailing": address, "business": address},
        "phone": "",
        "flags": "",
        "formerNames": [],
        "filings": {"recent": recent, "files": []},
    }


def _submission(cik: int, filing: Filing) -> str:
    """Return the whole submission in the SEC's SGML, header first."""
    day = f"{filing.accepted_at:%Y%m%d}"
    return f"""<SEC-DOCUMENT>{filing.accession}.txt : {day}
<SEC-HEADER>{filing.accession}.hdr.sgml : {day}
<ACCEPTANCE-DATETIME>{filing.accepted_at:%Y%m%d%H%M%S}
ACCESSION NUMBER:\t\t{filing.accession}
CONFORMED SUBMISSION TYPE:\t{filing.form}
PUBLIC DOCUMENT COUNT:\t\t1
CONFORMED PERIOD OF REPORT:\t{filing.accepted_at.year - 1}1231
FILED AS OF DATE:\t\t{day}
DATE AS OF CHANGE:\t\t{day}

FILER:

\tCOMPANY DATA:\t
\t\tCOMPANY CONFORMED NAME:\t\t\tCompany {cik}
\t\tCENTRAL INDEX KEY:\t\t\t{cik:010d}
\t\tSTANDARD INDUSTRIAL CLASSIFICATION:\tSEMICONDUCTORS & RELATED DEVICES [3674]
\t\tSTATE OF INCORPORATION:\t\t\tDE
\t\tFISCAL YEAR END:\t\t\t1231

\tFILING VALUES:
\t\tFORM TYPE:\t\t{filing.form}
\t\tSEC ACT:\t\t1934 Act
\t\tSEC FILE NUMBER:\t000-00000
\t\tFILM NUMBER:\t\t00000000
</SEC-HEADER>
<DOCUMENT>
<TYPE>{filing.form}
<SEQUENCE>1
<FILENAME>report-{filing.accession}.htm
<DESCRIPTION>{filing.form}
<TEXT>
{filing.html}
</TEXT>
</DOCUMENT>
</SEC-DOCUMENT>
"""
