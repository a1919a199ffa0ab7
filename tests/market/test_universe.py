from __future__ import annotations

import csv
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from market.fact_table import UniverseError
from market.membership import Membership, Spell, read_membership
from market.universe import SECTORS, read_universe

MEMBERS = "ticker,start_date,end_date\nA,2020-01-01,2020-03-01\nA,2021-01-01,\nBRK.B,2019-01-01,\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "list.csv"
    path.write_text(text)
    return path


def test_the_shipped_universe_has_a_hundred_tickers_in_all_eleven_sectors() -> None:
    members = read_universe()
    assert len(members) == 100
    assert set(Counter(member.sector for member in members)) == set(SECTORS)
    assert len({member.name for member in members}) == 100
    assert [member.ticker for member in members] == sorted(member.ticker for member in members)


def test_the_shipped_facts_are_those_of_the_public_list(shared_data: Path) -> None:
    with (shared_data / "reference" / "sp500_constituents_gics.csv").open(encoding="utf-8") as file:
        public = {row["ticker"].replace(".", "-"): row["gics_sector"] for row in csv.DictReader(file)}
    shipped = {member.ticker: member.sector for member in read_universe()}
    assert {ticker: public.get(ticker, sector) for ticker, sector in shipped.items()} == shipped


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ticker,name\nA,B\n", "column 'sector' is missing among ticker, name"),
        ("ticker,name,sector\n", "there are no rows below the header"),
        ("ticker,name,sector\nA,B,Tech\n", "row 1: sector 'Tech' is none of Communication Services"),
        ("ticker,name,sector\n,B,Energy\n", "row 1 has no ticker"),
        ("ticker,name,sector\nA,B,Energy\nA,C,Energy\n", "A occurs twice"),
    ],
)
def test_a_universe_at_fault_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UniverseError, match=message):
        read_universe(write(tmp_path, text))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UniverseError, match="there is no such file"):
        read_universe(tmp_path / "none.csv")


def test_membership_is_of_the_day_and_ends_on_its_end(tmp_path: Path) -> None:
    membership = read_membership(write(tmp_path, MEMBERS))
    assert membership.members(date(2020, 2, 29)) == ("A", "BRK-B")
    assert membership.members(date(2020, 3, 1)) == ("BRK-B",)
    assert membership.members(date(2030, 1, 1)) == ("A", "BRK-B")
    assert membership.members(date(2018, 1, 1)) == ()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("A,2020-13-01,", "row 1, column 'start_date': '2020-13-01' is no date"),
        ("A,2020-01-02,2020-01-02", "row 1: A ends on 2020-01-02, not after it starts on 2020-01-02"),
        ("A,2020-01-01,\nA,2021-01-01,", "A starts on 2021-01-01 while its stay since 2020-01-01 lasts"),
        ("A,2020-01-01,2021-06-01\nA,2021-01-01,", "A starts on 2021-01-01 while its stay"),
    ],
)
def test_a_membership_at_fault_is_named(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(UniverseError, match=message):
        read_membership(write(tmp_path, f"ticker,start_date,end_date\n{row}\n"))


def test_coverage_counts_the_memberships_whose_prices_are_known() -> None:
    days = [date(2020, 12, 31) + timedelta(days=i) for i in range(3)]
    membership = Membership((Spell("A", days[0], days[2]), Spell("B", days[1], None)))
    assert membership.coverage(days, ["A"]) == {2020: 1.0, 2021: 1 / 3}
    assert np.isnan(Membership(()).coverage(days, ["A"])[2020])


SPELLS = st.lists(
    st.tuples(st.sampled_from("AB"), st.integers(0, 9), st.none() | st.integers(1, 9)), max_size=4
)


@given(SPELLS, st.sets(st.integers(0, 12), max_size=8))
def test_the_mask_says_of_every_day_what_the_members_of_that_day_say(
    spells: list[tuple[str, int, int | None]], days: set[int]
) -> None:
    start = date(2020, 1, 1)
    membership = Membership(
        tuple(
            Spell(
                ticker,
                start + timedelta(first),
                None if length is None else start + timedelta(first + length),
            )
            for ticker, first, length in spells
        )
    )
    sessions = [start + timedelta(day) for day in sorted(days)]
    want = [[ticker in membership.members(day) for ticker in "ABC"] for day in sessions]
    got = membership.mask(sessions, "ABC")
    assert_array_equal(got, np.array(want, dtype=bool).reshape(got.shape))


def test_the_index_had_about_five_hundred_members_on_every_day(shared_data: Path) -> None:
    membership = read_membership(shared_data / "reference" / "sp500_membership_start_end.csv")
    for year in range(2000, 2025):
        assert 480 <= len(membership.members(date(year, 6, 1))) <= 510
    assert "FB" in membership.members(date(2015, 1, 2)) or "META" in membership.members(date(2015, 1, 2))
