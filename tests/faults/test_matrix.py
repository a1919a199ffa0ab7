"""The matrix: its page, and one of its rows as a check that the drivers still work."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.matrix import FAULTS, killed_early, measure, page, told
from tests.faults.systems import ALERTMANAGER, Alertmanager, Forewarn

EARLY = next(fault for fault in FAULTS if fault.run is killed_early)


def test_the_page_has_a_row_for_each_fault_and_says_how_to_measure_it() -> None:
    text = page([("a fault", "5 of 5 alerts told", "not installed here")])
    assert "| a fault | 5 of 5 alerts told | not installed here |" in text
    assert "`python -m tests.faults.matrix`" in text


class Impatient(Forewarn):
    """Looked at only until it has been quiet for as long as its retries of this test take."""

    quiet_s = 6.0


async def test_forewarn_tells_what_it_had_accepted_before_it_was_killed() -> None:
    assert await measure(EARLY, Impatient) == "5 of 5 alerts told by name"


class Counting:
    """A system of three alerts: one is named, one is counted, one is lost."""

    quiet_s = 0.0
    disk: Path = Path()
    store: Path | None = None

    async def start(self) -> None: ...
    async def kill(self) -> None: ...
    async def post(self, names: list[str], *, firing: bool = True) -> None: ...
    async def aclose(self) -> None: ...

    async def untold(self, names: list[str]) -> int:
        return 1

    def named(self, names: list[str]) -> int:
        return 1


async def test_what_is_only_counted_is_not_said_to_be_told_by_name() -> None:
    said = await told(Counting(), ["a", "b", "c"])
    assert said == "1 of 3 alerts told by name, 1 more counted in a digest"


@pytest.mark.soak
@pytest.mark.skipif(ALERTMANAGER is None, reason="Alertmanager is not installed here")
async def test_alertmanager_loses_what_waited_in_its_group() -> None:
    assert await measure(EARLY, Alertmanager) == "0 of 5 alerts told by name"
