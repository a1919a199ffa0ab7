"""The matrix: its page, and one of its rows as a check that the drivers still work."""

from __future__ import annotations

import pytest

from tests.faults.matrix import FAULTS, killed_early, measure, page
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
    assert await measure(EARLY, Impatient) == "5 of 5 alerts told"


@pytest.mark.soak
@pytest.mark.skipif(ALERTMANAGER is None, reason="Alertmanager is not installed here")
async def test_alertmanager_loses_what_waited_in_its_group() -> None:
    assert await measure(EARLY, Alertmanager) == "0 of 5 alerts told"
