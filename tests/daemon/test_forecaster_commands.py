from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pytest
from typer.testing import CliRunner

from daemon.cli.app import app
from daemon.commands.data_file import DataFileError
from daemon.commands.forecaster_html import ticks
from daemon.commands.reference_files import read_sectors
from forecaster.regime import REGIMES
from market.fact_table import UniverseError
from market.panel import Panel
from market.price_file import PriceFileError
from tests.forecaster.history import history

MEMBERS = "ticker,start_date,end_date\nAAPL,1990-01-01,\nIBM,1990-01-01,2004-05-05\nGONE,1990-01-01,\n"


def write(path: Path, panel: Panel) -> Path:
    rows: dict[str, list[object]] = {name: [] for name in ("date", "ticker", *PRICES)}
    for s, day in enumerate(panel.sessions):
        for t, ticker in enumerate(panel.tickers):
            if panel.close[s, t] == panel.close[s, t]:
                rows["date"].append(day)
                rows["ticker"].append(ticker)
                for name in PRICES:
                    rows[name].append(float(getattr(panel, name)[s, t]))
    pacsv.write_csv(pa.table(rows), path)
    return path


PRICES = ("open", "high", "low", "close", "adj_close", "volume")


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    panel = history().rows(0, 400)
    close = panel.close.copy()
    close[300, 0] = 1.05 * panel.high[300, 0]
    return write(tmp_path_factory.mktemp("prices") / "prices.csv", replace(panel, close=close))


def run(*arguments: str) -> str:
    found = CliRunner().invoke(app, ["forecaster", "evaluate", *arguments], catch_exceptions=False)
    assert found.exit_code == 0
    return found.stdout


class Reader(HTMLParser):
    """Collects the words of a page and refuses what would load something."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in {"script", "link", "img", "iframe"}
        assert not {"src", "href"} & {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_report_says_no_edge_in_words_and_on_the_page(prices: Path, tmp_path: Path) -> None:
    page, members = tmp_path / "page.html", tmp_path / "members.csv"
    members.write_text(MEMBERS)
    told = run("--prices", str(prices), "--html", str(page), "--members", str(members), "--trials", "3")
    assert "no edge detected" in told
    assert "after 3" in told
    assert "1 bar was left out, for it cannot be right" in told
    for rival in ("this forecaster", "5-day reversal", "equal weight", "always up"):
        assert rival in told
    reader = Reader()
    reader.feed(page.read_text())
    words = " ".join(reader.words)
    assert "No edge detected" in words
    assert "hold 67% of the members of 2003" in words
    assert "5-day reversal" in words
    assert "1 x outside_high_low, first" in words
    for report in (" ".join(told.split()), words):
        assert "No regime is known in any session" in report


def test_regimes_that_hardly_occur_are_named_on_the_terminal_and_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    long = write(tmp_path / "long.csv", history().rows(0, 900))
    told = " ".join(run("--prices", str(long), "--html", str(page)).split())
    assert "Calibration by regime" in told
    assert "Less than 1 % of the sessions: " in told
    assert "Less than 1 % of the sessions: " in page.read_text()


def test_the_same_as_json(prices: Path) -> None:
    told = json.loads(run("--prices", str(prices), "--json", "--horizon", "3", "--target", "absolute"))
    assert (told["horizon"], told["target"], told["edge"], told["coverage"]) == (3, "absolute", False, [])
    assert told["prices"] == "prices.csv"
    assert {one.split(":")[0] for one in told["left_out"]} == {"AAPL 2004-03-12"}
    assert (told["regimes"], told["unpopulated"]) == ([], list(REGIMES))


def test_rows_that_cannot_be_bars_cost_those_bars_and_weekends_are_named(
    prices: Path, tmp_path: Path
) -> None:
    file = tmp_path / "rows.csv"
    lines = prices.read_text().splitlines()
    own = next(i for i, line in enumerate(lines) if "AAPL" in line and i > 1000)
    cells = lines[own].split(",")
    lines[own] = ",".join([*cells[:2], "0", *cells[3:]])
    file.write_text("\n".join([*lines, "2004-08-07,AAPL,1,1,1,1,1,9"]) + "\n")
    told = json.loads(run("--prices", str(file), "--json"))
    assert any("price_unusable: row" in words and "is not above 0" in words for words in told["left_out"])
    assert told["weekend"].startswith("1 date falls on a weekend, the first is 2004-08-07")


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (-45.0, 6.0, ["-40", "-20", "0"]),
        (-0.1, 0.1, ["-0.10", "-0.05", "0.00", "0.05", "0.10"]),
        (0.0, 100.0, ["0", "20", "40", "60", "80", "100"]),
    ],
)
def test_an_axis_has_round_ticks_and_0_is_one_of_them(low: float, high: float, labels: list[str]) -> None:
    assert [said for _, said in ticks(low, high)] == labels


def test_an_axis_of_shares_is_labelled_in_percent() -> None:
    said = [label for _, label in ticks(0.4955, 0.5045, percent=True)]
    assert said == ["49.6%", "49.8%", "50.0%", "50.2%", "50.4%"]


def invoke(*arguments: str) -> None:
    CliRunner().invoke(app, ["forecaster", "evaluate", *arguments], catch_exceptions=False)


class TestBadInput:
    @pytest.mark.parametrize(
        ("option", "value", "named"),
        [
            ("--target", "sideways", "--target 'sideways': give relative or absolute"),
            ("--horizon", "0", "--horizon 0: give 1 to 63 sessions"),
            ("--trials", "0", "--trials 0: at least 1 was made"),
            ("--delisting-return", "-30", "--delisting-return -30.0: give a fraction from -1 to 1"),
        ],
    )
    def test_an_option_out_of_range_is_named(self, option: str, value: str, named: str) -> None:
        with pytest.raises(DataFileError, match=named):
            invoke(option, value)

    def test_a_short_history_is_named(self, tmp_path: Path) -> None:
        short = write(tmp_path / "short.csv", history().rows(0, 30))
        with pytest.raises(PriceFileError, match=r"short\.csv: 30 sessions in which a price is known: 284"):
            invoke("--prices", str(short))

    def test_bars_that_were_left_out_are_named_where_too_few_remain(self, tmp_path: Path) -> None:
        panel = history().rows(0, 320)
        still = {name: np.full_like(getattr(panel, name), 50.0) for name in PRICES[:5]}
        file = write(tmp_path / "still.csv", replace(panel, **still))
        with pytest.raises(
            PriceFileError, match=r"4 sessions in which a price is known: 284.*bars were left out.* x stale, "
        ):
            invoke("--prices", str(file))

    def test_a_date_after_today_is_named(self, prices: Path, tmp_path: Path) -> None:
        file = tmp_path / "future.csv"
        file.write_text(prices.read_text() + "2100-01-04,AAPL,1,1,1,1,1,9\n")
        with pytest.raises(PriceFileError, match="2100-01-04' is after today, "):
            invoke("--prices", str(file))

    def test_a_page_that_cannot_be_written_is_named(self, prices: Path, tmp_path: Path) -> None:
        with pytest.raises(DataFileError, match=r"--html .*nowhere.*: cannot be written"):
            invoke("--prices", str(prices), "--html", str(tmp_path / "nowhere" / "page.html"))

    def test_a_membership_file_at_fault_is_named(self, prices: Path, tmp_path: Path) -> None:
        path = tmp_path / "members.csv"
        path.write_text("ticker,start_date,end_date\nA,1/2/2001,\n")
        with pytest.raises(UniverseError, match=r"row 1, column 'start_date': '1/2/2001' is no date"):
            invoke("--prices", str(prices), "--members", str(path))

    @pytest.mark.parametrize(
        ("text", "named"),
        [("", "the table has no rows"), ("ticker,sector\n,Energy\n", "column 'ticker', row 1 is empty")],
    )
    def test_a_sector_file_at_fault_is_named(self, tmp_path: Path, text: str, named: str) -> None:
        path = tmp_path / "sectors.csv"
        path.write_text(text)
        with pytest.raises(DataFileError, match=named):
            read_sectors(path)

    def test_a_file_of_another_kind_or_none_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(DataFileError, match="unknown kind of file"):
            read_sectors(tmp_path / "sectors.txt")
        with pytest.raises(DataFileError, match="cannot be read"):
            read_sectors(tmp_path / "sectors.csv")
        broken = tmp_path / "sectors.csv.gz"
        broken.write_bytes(b"no gzip")
        with pytest.raises(DataFileError, match="cannot be read"):
            read_sectors(broken)

    def test_sectors_are_read_under_either_name_or_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "sectors.csv"
        path.write_text("ticker,gics_sector\nA,Energy\n")
        assert read_sectors(path) == {"A": "Energy"}
        path.write_text("ticker,sector\nA,Energy\n")
        assert read_sectors(path) == {"A": "Energy"}
        path.write_text("ticker,kind\nA,Energy\n")
        with pytest.raises(DataFileError, match="there is no column 'sector'"):
            read_sectors(path)
