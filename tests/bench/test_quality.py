"""The checks of the data's quality, on a few planted faults and on the recorded ones."""

from __future__ import annotations

from pathlib import Path

from bench import filings, quality
from bench.finding import Outcome


def test_recorded_and_planted_faults_are_found_and_nothing_sound_is_blamed(shared_data: Path) -> None:
    assert all(path.is_file() for path in quality.NEEDS), shared_data
    findings = {finding.what: finding for finding in quality.findings(20)}
    assert not [finding.sentence for finding in findings.values() if finding.outcome is Outcome.MISSED]
    for what in ("bars in another unit", "dividends not adjusted for"):
        (found,) = (one for name, one in findings.items() if name.startswith(f"recorded {what}: found"))
        assert found.measured.startswith("100.00")
    assert findings["planted, one bar in another unit: found of 20"].measured.startswith("100.00")


def test_reports_are_held_against_what_a_person_found(shared_data: Path) -> None:
    assert all(path.is_file() for path in filings.NEEDS), shared_data
    right, found, _ = filings.findings(filings.FULL)
    assert right.measured.startswith("100.00")
    assert found.what == "of 32 labelled, found"
