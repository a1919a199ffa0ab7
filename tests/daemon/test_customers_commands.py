"""`forewarn customers`: from a folder of reports, and what it refuses."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import pytest

from market.outside_files import read_customers
from tests.daemon.command_line import Forewarn

ROWS = (
    "SUP,1,2023-03-07T17:05:00,one.txt",
    "SUP,2,2024-03-07T17:05:00,two.txt.gz",
    "SUP,3,2025-03-07T17:05:00,none.txt",
    "LET,4,2024-05-01T09:00:00,letters.txt",
    "FAR,5,2024-05-01T09:00:00,far.txt",
)
OLD = (
    "supplier,customer,share,known_from\n"
    "FAR,WMT,0.3,2019-01-02\nGONE,WMT,0.2,2020-01-02\nGONE,,,2021-01-04\nOUT,WMT,0.2,2020-01-02\n"
)
TEXTS = {
    "one.txt": "In 2022, Walmart and Nobody Knows Ltd accounted for 20% and 12% of our net sales.",
    "two.txt": "In 2023, Walmart accounted for 14.1% of our net sales.",
    "none.txt": "No customer accounted for 10% of our net sales in 2024.",
    "letters.txt": "Sales to Customer A represented 31% of revenue in 2023.",
    "far.txt": "In 2023, Boeing accounted for 50% of our net sales.",
}


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    folder = tmp_path / "reports"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(text)
    (folder / "two.txt.gz").write_bytes(gzip.compress(TEXTS["two.txt"].encode()))
    (folder / "index.csv").write_text("\n".join(("ticker,accession,accepted_at,file", *ROWS)))
    return folder


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()[1:]


class TestAFolderOfReports:
    def test_every_report_has_its_row_and_one_without_links_ends_those_before(
        self, forewarn: Forewarn, reports: Path, tmp_path: Path
    ) -> None:
        done = forewarn("customers", "--reports", reports, "--tickers", "sup,LET", "--out", "customers.csv")
        assert (done.returncode, done.stderr) == (0, "")
        assert lines(tmp_path / "customers.csv") == [
            "LET,,,2024-05-02",
            "SUP,WMT,0.2,2023-03-08",
            "SUP,WMT,0.141,2024-03-08",
            "SUP,,,2025-03-10",
        ]
        assert [one.weights for one in read_customers(tmp_path / "customers.csv")] == [
            {},
            {"WMT": 0.2},
            {"WMT": 0.141},
            {},
        ]

    def test_the_tables_tell_coverage_links_with_their_sentence_and_names_that_nobody_links(
        self, forewarn: Forewarn, reports: Path
    ) -> None:
        out = forewarn("customers", "--reports", reports, "--tickers", "SUP,LET", "--out", "c.csv").stdout
        rows = [" ".join(line.split()) for line in out.splitlines()]
        assert "SUP 2023-03-07 17:05 1 2 2 1 50% 2023-03-08" in rows
        assert "LET 2024-05-01 09:00 4 1 0 0 0% 2024-05-02" in rows
        assert "SUP WMT 14.1% 2024-03-08 In 2023, Walmart accounted for 14.1% of our net sales." in rows
        assert "Nobody Knows Ltd SUP 12.0%" in rows
        assert "reports read: 4, telling nobody: 1; customers told: 4, named: 3, linked: 2 (50%)" in rows
        assert "reports of FAR left out: they are not among the tickers" in rows
        assert rows[-1] == "c.csv has 4 rows"

    def test_json_says_the_same_and_a_persons_own_names_link(
        self, forewarn: Forewarn, reports: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "names.csv").write_text("name,ticker\nNobody Knows,NBK\n")
        words = ("--tickers", "SUP", "--since", "2023-01-01", "--aliases", "names.csv", "--json")
        done = forewarn("customers", "--reports", reports, "--out", "c.parquet", *words)
        found = json.loads(done.stdout)
        assert (done.returncode, found["file"], found["rows"], found["partial"]) == (0, "c.parquet", 4, False)
        assert (found["unlinked"], found["failed"], found["left_out"]) == ([], {}, ["FAR", "LET"])
        first, _, last = found["reports"]
        assert {one["ticker"]: one["share"] for one in first["customers"]} == {"WMT": 0.2, "NBK": 0.12}
        assert first["customers"][0]["sentence"] == TEXTS["one.txt"]
        assert (first["known_from"], first["coverage"], last["coverage"]) == ("2023-03-08", 1.0, None)
        assert read_customers(tmp_path / "c.parquet")[0].weights == {"WMT": 0.2, "NBK": 0.12}

    def test_since_leaves_out_what_was_accepted_before(
        self, forewarn: Forewarn, reports: Path, tmp_path: Path
    ) -> None:
        words = ("--tickers", "SUP", "--since", "2024-03-08")
        assert forewarn("customers", "--reports", reports, "--out", "c.csv", *words).returncode == 0
        assert lines(tmp_path / "c.csv") == ["SUP,,,2025-03-10"]

    def test_a_ticker_without_a_report_is_named_and_the_result_is_called_partial(
        self, forewarn: Forewarn, reports: Path, tmp_path: Path
    ) -> None:
        done = forewarn("customers", "--reports", reports, "--tickers", "GONE,FAR", "--out", "c.csv")
        assert done.returncode == 1
        assert "index.csv has no report of it, only of FAR, LET, SUP" in done.stdout
        assert "PARTIAL: c.csv has 1 row and lacks 1 ticker" in done.stdout
        assert lines(tmp_path / "c.csv") == ["FAR,BA,0.5,2024-05-02"]

    def test_of_a_ticker_whose_reports_cannot_be_had_the_older_rows_are_kept_and_named(
        self, forewarn: Forewarn, reports: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "c.csv").write_text(OLD)
        words = ("customers", "--reports", reports, "--tickers", "GONE,FAR,LOST", "--out", "c.csv")
        done = forewarn(*words)
        assert done.returncode == 1
        assert (
            "PARTIAL: c.csv has 3 rows, the older ones of GONE among them and lacks 1 ticker" in done.stdout
        )
        kept = ["GONE,WMT,0.2,2020-01-02", "GONE,,,2021-01-04"]
        assert lines(tmp_path / "c.csv") == ["FAR,BA,0.5,2024-05-02", *kept]
        found = json.loads(forewarn(*words, "--json").stdout)
        assert (found["kept"], found["rows"], found["partial"]) == (["GONE"], 3, True)

    def test_an_older_file_that_cannot_be_read_is_refused_and_stays(
        self, forewarn: Forewarn, reports: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "c.csv").write_text("something else\n")
        done = forewarn("customers", "--reports", reports, "--tickers", "FAR", "--out", "c.csv")
        assert (done.returncode, (tmp_path / "c.csv").read_text()) == (3, "something else\n")
        assert "c.csv" in done.stderr

    def test_where_nothing_could_be_read_an_older_file_stays(
        self, forewarn: Forewarn, reports: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "c.csv").write_text(OLD)
        done = forewarn("customers", "--reports", reports, "--tickers", "GONE", "--out", "c.csv")
        assert (done.returncode, (tmp_path / "c.csv").read_text()) == (1, OLD)
        assert "nothing is written" in done.stdout

    def test_the_configured_universe_is_the_default(
        self, forewarn: Forewarn, reports: Path, tmp_path: Path
    ) -> None:
        done = forewarn("customers", "--reports", reports, "--out", "c.csv")
        assert done.returncode == 3
        assert "there is no annual report of AAPL" in done.stderr
        assert "has reports of FAR, LET, SUP: name them with --tickers" in done.stderr
        (tmp_path / "own.toml").write_text('[market]\ntickers = ["FAR", "^GSPC"]\n')
        done = forewarn("customers", "--reports", reports, "--out", "c.csv", "--config", "own.toml")
        assert (done.returncode, lines(tmp_path / "c.csv")) == (0, ["FAR,BA,0.5,2024-05-02"])


class TestWrongInput:
    @pytest.mark.parametrize(
        ("words", "code", "message"),
        [
            (("--out", "c.xlsx"), 3, "c.xlsx: .xlsx is none; use .csv or .parquet"),
            (("--out", "c.csv", "--reports", "nowhere"), 3, "nowhere/index.csv: there is no such file"),
            (("--out", "c.csv"), 3, "--identity 'Ann Lee ann@example.com' or FOREWARN_SEC_IDENTITY"),
            (("--out", "c.csv", "--identity", "Ann"), 3, "the SEC wants a name and an e-mail address"),
            (("--out", "c.csv", "--identity", "a@b.c", "--reports", "."), 2, "not both"),
            (("--out", "c.csv", "--tickers", ", "), 2, "names no ticker"),
            (("--out", "c.csv", "--since", "soon"), 2, "is no date"),
        ],
    )
    def test_it_is_named_before_anything_is_read(
        self, forewarn: Forewarn, words: tuple[str, ...], code: int, message: str, tmp_path: Path
    ) -> None:
        done = forewarn("customers", *words)
        assert (done.returncode, list(tmp_path.iterdir())) == (code, [])
        assert message in " ".join(done.stderr.replace("│", " ").split())

    def test_the_identity_comes_from_the_environment_too(
        self, forewarn: Forewarn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FOREWARN_SEC_IDENTITY", "nobody")
        done = forewarn("customers", "--out", "c.csv")
        assert (done.returncode, "identity 'nobody': the SEC wants" in done.stderr) == (3, True)

    def test_without_the_package_the_message_says_how_to_install_it(
        self, forewarn: Forewarn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "edgar", None)
        done = forewarn("customers", "--out", "c.csv", "--identity", "Ann Lee ann@example.com")
        assert (done.returncode, "pip install 'forewarn[filings]'" in done.stderr) == (3, True)
