"""The page: sections and timings as one Markdown document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.finding import Finding, Outcome
from bench.section import Section
from bench.timing import Row

PEERS = "benchmarks-peers.md"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """When and where it was measured.

    Attributes:
        day: ISO date, UTC.
        command: What was typed.
        hardware: The machine.
        versions: Python and packages.
        load: Load averages at the beginning and at the end.
        minutes: How long all of it took.
    """

    day: str
    command: str
    hardware: str
    versions: str
    load: tuple[str, str]
    minutes: float


def page(circumstances: Circumstances, rows: Sequence[Row], sections: Sequence[Section]) -> str:
    """Write the whole document."""
    named = [("Times", as_finding(row)) for row in rows]
    named += [(section.title, finding) for section in sections for finding in section.findings]
    by_outcome = {
        outcome: [f"{title}. {finding.sentence}" for title, finding in named if finding.outcome is outcome]
        for outcome in Outcome
    }
    met, at_best, missed = (by_outcome[one] for one in (Outcome.MET, Outcome.AT_BEST, Outcome.MISSED))
    slower = [row for row in rows if row.ratio < 1]
    skipped = [section for section in sections if section.skipped]
    return "\n".join(
        [
            *_head(circumstances),
            f"{len(met)} goals met, {len(at_best)} met by the best round only, {len(missed)} missed.",
            "",
            *_listed("Missed", missed),
            *_listed("Met by the best round, missed by the median", at_best),
            *_listed("Slower than the twin", [_slower(row) for row in slower]),
            *_listed("Skipped or failed", [f"{one.title}: {one.skipped}." for one in skipped]),
            *_timings(rows),
            *(line for section in sections for line in _section(section)),
        ]
    )


def as_finding(row: Row) -> Finding:
    """Our time, held to its goal by the median and, where that misses, by the best round."""
    what, measured = row.what, f"{row.ours} ms"
    if row.goal_ms is None:
        return Finding.text(what, measured)
    outcome = Outcome.MISSED
    if row.ours.best_ms <= row.goal_ms:
        outcome = Outcome.MET if row.ours.median_ms <= row.goal_ms else Outcome.AT_BEST
    return Finding(what, f"at most {row.goal_ms:g} ms", measured, outcome)


def _head(circumstances: Circumstances) -> list[str]:
    begun, ended = circumstances.load
    beside = f"[{PEERS}]({PEERS})" if Path("docs", PEERS).is_file() else PEERS
    return [
        "# Benchmarks",
        "",
        f"Written by `{circumstances.command}`, {circumstances.day}, in {circumstances.minutes:.0f} minutes. "
        "Do not edit. Every number is measured by the code in `bench/`, every simulation is seeded.",
        "",
        f"- Machine: {circumstances.hardware}.",
        f"- Versions: {circumstances.versions}.",
        f"- Load average over one / five minutes: {begun} at the beginning, {ended} at the end. Times are "
        "best / median of the rounds of one run; a busy machine spoils the median first.",
        f"- Beside the peers: {beside}, written by `make bench-peers`.",
        "",
        "A goal is judged by the number as measured, before rounding, without any allowance for chance: "
        "± is one standard error. Numbers without a goal are shown for comparison.",
        "",
    ]


def _listed(title: str, sentences: Sequence[str]) -> list[str]:
    return [f"## {title}", "", *([f"- {sentence}" for sentence in sentences] or ["Nothing."]), ""]


def _slower(row: Row) -> str:
    return f"{row.what}: {row.ours} ms, {row.twin} {row.theirs} ms."


def _timings(rows: Sequence[Row]) -> list[str]:
    head = ("what", "ours, ms", "goal", "", "twin", "twin's, ms", "ratio", "answers differ by")
    lines = []
    for row in rows:
        finding = as_finding(row)
        goal = "" if row.goal_ms is None else f"{row.goal_ms:g}"
        gap = "" if row.gap is None else f"{row.gap:.0e}" if row.gap else "0"
        ours = (row.what, str(row.ours), goal, finding.outcome.value)
        lines.append((*ours, row.twin, str(row.theirs), f"{row.ratio:,.1f}", gap))
    text = (
        "Both ways take turns in one run. The ratio is by the medians: above 1, ours is faster. "
        "Where the two compute the same numbers the run fails if they differ by more than 1e-12."
    )
    return ["## Times", "", text, "", *_table(head, lines), ""]


def _section(section: Section) -> list[str]:
    lines = [f"## {section.title}", "", section.text, ""]
    if section.skipped:
        return [*lines, f"*{section.skipped}*", ""]
    head = ("what", "goal", "measured", "", "note")
    rows = [(one.what, one.goal, one.measured, one.outcome.value, one.note) for one in section.findings]
    return [*lines, *_table(head, rows), "", f"`{section.name}`, {section.seconds:.0f} s.", ""]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    cells = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(text.replace("|", "\\|") for text in row) + " |" for row in cells]
