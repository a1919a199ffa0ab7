"""The tables: answers as Markdown, and where ours loses, in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.peers.asking import Answer
from bench.peers.data import ALARM, BEFORE, CALM, EXPECTED
from bench.peers.environments import OURS
from bench.peers.worker import LAWS

PSI, ALL = "PSI, reference prepared", "PSI, KS, evidence and verdict, reference prepared"
CALM_ENOUGH = 0.02
WANTED_RUN = 4_000.0

TIMES = """60 features, 25,000 reference values and 2,000 current ones each; medians, one thread. The ratio
is to our PSI for a PSI alone, else to our PSI with KS, evidence and verdict. Memory is the rise of the
peak since the start, all rows of the library up to this one together."""
FLAGGED = """One feature, 25,000 reference values, windows of 250, every library's own default decision;
100 windows a law (60 for NannyML). Ours is the own-window rule at 1 %. A loss is more shifts found at no
more than 2 % false ones."""
ODD = """10,000 reference values, 500 current ones. *silent*: said that nothing drifted; *false*: said
drift where there was none; *blind*: refused to judge what can be judged; *error*: raised."""
WINS = """Trades watched over false alarms at 55 %; share that alarms within the 1,000 calm trades before
the fall; trades from the fall to the alarm, median and 90th percentile, of the rest. Ours is told the 55 %
and promises 5,000 trades to a false alarm; river's run at their defaults and learn the rate. A loss is a
shorter median at 4,000 trades or more to a false alarm."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table and what is to be said of it.

    Attributes:
        title: Its heading.
        note: What it shows and how it was measured.
        head: Column names.
        rows: Cells.
        losses: Sentences that name where a peer did better.
    """

    title: str
    note: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    losses: tuple[str, ...] = ()

    def markdown(self) -> str:
        """The table for a page."""
        lines = [f"## {self.title}", "", self.note, ""]
        lines += [_row(self.head), _row("---" for _ in self.head), *(_row(row) for row in self.rows)]
        said = self.losses or ("none in this table.",)
        lines += ["", *(f"- Loss: {loss}" for loss in said), ""]
        return "\n".join(lines)


def time_table(answers: Sequence[Answer], imports: dict[str, float | None]) -> Table:
    """How long the tests take, and what importing and running cost."""
    ours: dict[str, float] = {}
    for answer in answers:
        ours = answer.found["ms"] if answer.peer == OURS.name and answer.found else ours
    rows: list[tuple[str, ...]] = []
    losses: list[str] = []
    for answer in answers:
        spent = imports.get(answer.peer)
        weight = "-" if spent is None else f"{spent:.2f}"
        if not answer.found:
            rows.append((answer.peer, f"failed: {answer.error}", "-", "-", weight, "-"))
            continue
        for name, taken in answer.found["ms"].items():
            yardstick = PSI if name.startswith("PSI") and "KS" not in name else ALL
            ratio = taken / ours[yardstick] if yardstick in ours else float("nan")
            extra = f"{answer.found['extra_mib'][name]:.0f}"
            rows.append((answer.peer, name, f"{taken:.2f}", f"{ratio:.1f}x", weight, extra))
            if answer.peer != OURS.name and ratio < 1:
                losses.append(f"{answer.peer}, {name}: {taken:.2f} ms against our {ours[yardstick]:.2f} ms.")
    losses += _heavier(answers)
    for peer, spent in imports.items():
        own = imports.get(OURS.name)
        if spent is not None and own is not None and spent < own:
            losses.append(f"{peer} imports in {spent:.2f} s, ours in {own:.2f} s.")
    return Table(
        "Time",
        flowing(TIMES),
        ("library", "what", "ms", "over ours", "import, s", "extra MiB"),
        tuple(rows),
        tuple(losses),
    )


def _heavier(answers: Sequence[Answer]) -> list[str]:
    """Peers all of whose calls took less memory than our readings."""
    extra = {answer.peer: answer.found["extra_mib"] for answer in answers if answer.found}
    own = extra.pop(OURS.name, {}).get(ALL, 0.0)
    return [
        f"{peer} needs {max(rows.values()):.0f} MiB more at its peak, our readings {own:.0f}."
        for peer, rows in extra.items()
        if round(max(rows.values())) < round(own)
    ]


def flagged_table(answers: Sequence[Answer]) -> Table:
    """Share of windows flagged without drift and with one, at default decisions."""
    rows: list[tuple[str, ...]] = []
    losses: list[str] = []
    mine = _decisions(answers, OURS.name).get("own windows 1 %", {})
    for answer in answers:
        if not answer.found:
            rows.append((answer.peer, f"failed: {answer.error}", *("-" for _ in LAWS)))
            continue
        for name, found in answer.found.items():
            cells = (f"{100 * found[law][0]:.0f} / {100 * found[law][1]:.0f}" for law in LAWS)
            rows.append((answer.peer, name, *cells))
            losses += [
                f"{answer.peer}, {name}, on {law}: finds {found[law][1]:.0%} of shifts with "
                f"{found[law][0]:.0%} false, ours {mine[law][1]:.0%} with {mine[law][0]:.0%}."
                for law in LAWS
                if answer.peer != OURS.name and mine and _flags_better(found[law], mine[law])
            ]
    return Table(
        "Windows flagged without drift / with a shift of half a standard deviation, per cent",
        flowing(FLAGGED),
        ("library", "decision", *LAWS),
        tuple(rows),
        tuple(losses),
    )


def _flags_better(theirs: list[float], mine: list[float]) -> bool:
    return theirs[1] > mine[1] and theirs[0] <= max(CALM_ENOUGH, mine[0])


def _decisions(answers: Iterable[Answer], peer: str) -> dict[str, dict[str, list[float]]]:
    return next((answer.found for answer in answers if answer.peer == peer), {})


def odd_table(answers: Sequence[Answer]) -> Table:
    """What each decision answers to odd inputs."""
    columns = [(answer.peer, name, found) for answer in answers for name, found in answer.found.items()]
    rows = []
    losses = []
    for case, right in EXPECTED.items():
        graded = [grade(found[case], right) for _, _, found in columns]
        rows.append((case, " or ".join(right), *graded))
        beaten = [peer for (peer, _, _), mark in zip(columns, graded, strict=True) if mark == "right"]
        own = [mark for (peer, _, _), mark in zip(columns, graded, strict=True) if peer == OURS.name]
        if own and own[0] != "right":
            losses.append(f"{case}: ours is {own[0]}; right are {', '.join(sorted(set(beaten))) or 'none'}.")
    tally = [
        f"{sum(grade(found[case], right) == 'right' for case, right in EXPECTED.items())} of {len(EXPECTED)}"
        for _, _, found in columns
    ]
    rows.append(("**right**", "", *tally))
    failed = [f"{answer.peer} failed: {answer.error}." for answer in answers if not answer.found]
    return Table(
        "Odd inputs",
        " ".join([flowing(ODD), *failed]),
        ("input", "right answer", *(f"{peer}: {name}" for peer, name, _ in columns)),
        tuple(rows),
        tuple(losses),
    )


def flowing(text: str) -> str:
    """A text on one line."""
    return " ".join(text.split())


def grade(answer: str, right: tuple[str, ...]) -> str:
    """How an answer compares with the right ones: right, silent, false, blind or error."""
    if any(answer.startswith(good) for good in right):
        return "right"
    if answer.startswith("error"):
        return "error"
    return {CALM: "silent", ALARM: "false"}.get(answer, "blind")


def wins_table(answers: Sequence[Answer]) -> Table:
    """Trades to a false alarm and from a fall to an alarm."""
    rows: list[tuple[str, ...]] = []
    told: dict[str, tuple[float, float]] = {}
    for answer in answers:
        if not answer.found:
            rows.append((answer.peer, f"failed: {answer.error}", "-", "-", "-", "-"))
        for name, found in answer.found.items():
            run, fired = run_length(found["calm"], found["calm_trades"])
            delays = np.array([at - BEFORE + 1 for at in found["changed"] if at >= BEFORE])
            missed = sum(at < 0 for at in found["changed"])
            early = sum(0 <= at < BEFORE for at in found["changed"]) / len(found["changed"])
            shown = np.concatenate([delays, np.full(missed, np.inf)])
            middle, late = (_quantile(shown, share) for share in (0.5, 0.9))
            told[f"{answer.peer}, {name}"] = run, middle
            length = f"{run:,.0f}" if fired else f"over {run:,.0f}"
            rows.append((answer.peer, name, length, f"{early:.0%}", _trades(middle), _trades(late)))
    own = next((value for key, value in told.items() if key.startswith(OURS.name)), None)
    losses = [
        f"{key}: {middle:,.0f} trades to the alarm, ours {own[1]:,.0f}, at {run:,.0f} to a false alarm."
        for key, (run, middle) in told.items()
        if own is not None and not key.startswith(OURS.name) and run >= WANTED_RUN and middle < own[1]
    ]
    return Table(
        "Win rate falling from 55 % to 45 %",
        flowing(WINS),
        ("library", "detector", "trades to a false alarm", "early", "delay, median", "delay, 90 %"),
        tuple(rows),
        tuple(losses),
    )


def run_length(first: Sequence[int], trades: int) -> tuple[float, int]:
    """Trades watched over alarms (the likeliest mean of a censored exponential law), and the alarms."""
    watched = sum(at + 1 if at >= 0 else trades for at in first)
    fired = sum(at >= 0 for at in first)
    return watched / max(fired, 1), fired


def _quantile(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], share: float) -> float:
    return float(np.quantile(values, share, method="higher")) if values.size else float("nan")


def _trades(value: float) -> str:
    if np.isnan(value):
        return "-"
    return "never" if np.isinf(value) else f"{value:,.0f}"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
