"""`forewarn customers` through the real package edgartools, against a stand-in of the SEC."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections import deque
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.daemon.command_line import Done
from tests.stand_ins.sec import Filing, Sec, Trouble, serving

NEW_YORK = ZoneInfo("America/New_York")
ROOT = Path(__file__).parents[2]
CRUS, SWKS, NVDA, QRVO, AAPL, MSFT, BA, JNJ = 772406, 4127, 1045810, 1604778, 320193, 789019, 12927, 200406
"""The SEC's numbers of companies that the package knows by ticker."""


TABLE = """Customers which represented 10% or more of total revenue are presented in the following table:</p>
<table>
<tr><td></td><td colspan="4">Year Ended</td></tr>
<tr><td></td><td colspan="2">Jan 26, 2025</td><td colspan="2">Jan 28, 2024</td></tr>
<tr><td>Customer A</td><td>12</td><td>%</td><td>*</td><td></td></tr>
<tr><td>Walmart Inc.</td><td>11</td><td>%</td><td>13</td><td>%</td></tr>
</table><p>* Less than 10% of total revenue."""


def test_reports_come_through_the_real_package_and_a_company_that_fails_stops_no_other(
    tmp_path: Path,
) -> None:
    sec = Sec(
        {
            CRUS: [
                page(
                    "crus-24",
                    "2024-05-24T16:05",
                    "In fiscal 2024, sales to Apple Inc. accounted for 87% of our total net sales.",
                ),
                page(
                    "crus-23",
                    "2023-05-19T23:30",
                    "In 2023, Apple Inc. and Samsung accounted for 83% and 10% of our total net sales.",
                ),
                page(
                    "crus-19",
                    "2019-05-24T16:05",
                    "In fiscal 2019, sales to Apple Inc. accounted for 78% of our total net sales.",
                ),
            ],
            SWKS: [],
            JNJ: [page("jnj-25", "2025-02-13T16:20", TABLE)],
            BA: [
                page(
                    "ba-24",
                    "2024-02-02T09:00",
                    "In 2023, 37% of our revenues were earned pursuant to U.S. government contracts.",
                )
            ],
        },
        {NVDA: Trouble.REFUSED, QRVO: Trouble.TOO_MANY, AAPL: Trouble.BROKEN, MSFT: Trouble.SILENT},
    )
    tickers = "NVDA,CRUS,QRVO,ZZZZQ,AAPL,SWKS,MSFT,BA,JNJ"
    with serving(sec):
        done = asked_the_sec(sec, tmp_path, "--tickers", tickers, "--since", "2020-01-01", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["partial"], found["without"]) == (1, True, ["SWKS"])
    assert lines(tmp_path / "c.csv") == [
        "BA,,,2024-02-05",
        "CRUS,AAPL,0.83,2023-05-22",
        "CRUS,AAPL,0.87,2024-05-28",
        "JNJ,WMT,0.11,2025-02-14",
    ]
    assert {one["accepted_at"] for one in found["reports"]} == {
        "2024-05-24T16:05:00-04:00",
        "2023-05-19T23:30:00-04:00",
        "2024-02-02T09:00:00-05:00",
        "2025-02-13T16:20:00-05:00",
    }
    assert found["failed"] == {
        "NVDA": "NVDA: the SEC refused the request (403): check the identity's address, and ask later",
        "QRVO": "QRVO: too many requests (429): the SEC answers again in ten minutes",
        "ZZZZQ": "ZZZZQ: the SEC knows no company of this ticker; check its spelling",
        "AAPL": "AAPL: the SEC answered with status 500; ask later",
        "MSFT": found["failed"]["MSFT"],
    }
    assert found["failed"]["MSFT"].startswith("MSFT: the SEC did not answer: ReadTimeout")
    assert {agent for _, _, agent in sec.asked} == {"Ann Lee ann@example.com"}


def test_less_than_ten_requests_a_second_and_nobody_is_asked_after_three_without_an_answer(
    tmp_path: Path,
) -> None:
    many = [page(f"ba-{i:02}", f"2023-01-{i:02}T12:00", "No customer.") for i in range(1, 29)]
    sec = Sec({BA: many, CRUS: []}, dict.fromkeys((NVDA, QRVO, AAPL), Trouble.REFUSED))
    with serving(sec):
        done = asked_the_sec(
            sec, tmp_path, "--tickers", "BA,NVDA,QRVO,AAPL,CRUS", "--since", "2020-01-01", "--json"
        )
    found = json.loads(done.stdout)
    assert found["failed"]["CRUS"] == "CRUS: not asked, as 3 tickers in a row got no answer"
    assert len(found["reports"]) == 28
    assert not any(f"{CRUS:010d}" in path for _, path, _ in sec.asked)
    window: deque[float] = deque(maxlen=10)
    for second, _, _ in sec.asked:
        window.append(second)
        assert len(window) < 10 or second - window[0] > 0.99, "ten requests in a second"
    assert len(sec.asked) > 28


def test_real_reports_come_through_with_the_customers_that_a_person_finds(
    tmp_path: Path, shared_data: Path
) -> None:
    text = unpacked(shared_data / "filings" / "NVDA_10-K_2025-02-26.txt.gz")
    html = unpacked(shared_data / "filings" / "raw_html" / "aapl-10-k-2024-11-01.html.gz")
    sec = Sec(
        {
            NVDA: [page("nvda-25", "2025-02-26T16:48", *text.split("\n\n"))],
            AAPL: [Filing("aapl-24", datetime(2024, 11, 1, 6, 1, tzinfo=NEW_YORK), html)],
        }
    )
    with serving(sec):
        done = asked_the_sec(sec, tmp_path, "--tickers", "NVDA,AAPL", "--since", "2020-01-01", "--json")
    nvidia, apple = json.loads(done.stdout)["reports"]
    assert {one["name"]: one["share"] for one in nvidia["customers"]} == {
        "Customer A": 0.12,
        "Customer B": 0.11,
        "Customer C": 0.11,
    }
    assert (nvidia["known_from"], nvidia["coverage"]) == ("2025-02-27", 0.0)
    assert (apple["known_from"], apple["customers"]) == ("2024-11-04", [])


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()[1:]


def unpacked(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode()


def page(accession: str, accepted: str, *sentences: str) -> Filing:
    """Return a report as it was filed; the instant of acceptance is New York's."""
    paragraphs = "".join(f"<p>{one}</p>" for one in ("Item 1. Business.", *sentences))
    accepted_at = datetime.fromisoformat(accepted).replace(tzinfo=NEW_YORK)
    return Filing(
        accession, accepted_at, f"<html><head><title>10-K</title></head><body>{paragraphs}</body></html>"
    )


def asked_the_sec(sec: Sec, folder: Path, *words: str) -> Done:
    """Run the command in a process of its own, as the package reads once whom to ask; it tries once only."""
    code = "import stamina; stamina.set_testing(True, attempts=1); from daemon.cli.main import main; main()"
    data = folder / "edgar"
    data.mkdir()
    own = {
        "EDGAR_BASE_URL": sec.url,
        "EDGAR_DATA_URL": sec.url,
        "EDGAR_LOCAL_DATA_DIR": str(data),
        "EDGAR_HTTP_TIMEOUT": "1",
        "FOREWARN_SEC_IDENTITY": "Ann Lee ann@example.com",
        "PYTHONPATH": str(ROOT),
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("EDGAR", "FOREWARN"))}
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", code, "customers", "--out", "c.csv", *words],
        cwd=folder,
        env={**kept, **own},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)
