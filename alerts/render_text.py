"""Plain text: a message as one calm paragraph and a list of aligned findings."""

from __future__ import annotations

import textwrap

from alerts.message import Finding, Message
from alerts.render_phrases import (
    chance,
    headline,
    left_out,
    one_line,
    paragraphs,
    sentence,
    story,
)

WIDTH = 88  # characters a line of prose may have
_CELL = 36  # characters of a cell before it is cut
_HEAD = ("Finding", "Measured", "Limit", "Since", "Samples", "By chance")
_SAMPLES = _HEAD.index("Samples")


def render_text(message: Message, *, findings: int = 50) -> str:
    """Return the message as plain text, ending with a line feed.

    Args:
        message: What to say.
        findings: How many findings to list at most; the rest is counted.

    The order is what a reader asks for at night: what happened, what was done about trading, how
    bad it is and how sure, what to do.
    """
    told = " ".join(part for part in (sentence(message.done), story(message)) if part)
    parts = [
        _wrap(headline(message)),
        _wrap(told),
        _table(message, findings),
        _runbook(message.runbook),
        f"Session {one_line(message.session)}, group {one_line(message.group)}, "
        f"reference {one_line(message.key)}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _wrap(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _table(message: Message, limit: int) -> str:
    shown = message.findings[:limit]
    if not shown:
        return ""
    rows = [_HEAD, *map(_row, shown)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = ["  " + _aligned(row, widths) for row in rows]
    more = left_out(message, len(shown))
    return "\n".join([*lines, f"  {more}"] if more else lines)


def _row(finding: Finding) -> tuple[str, ...]:
    cells = (finding.subject, finding.value, finding.limit, finding.since)
    return (*(one_line(cell, _CELL) or "-" for cell in cells), f"{finding.samples:,}", chance(finding))


def _aligned(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [
        cell.rjust(width) if column == _SAMPLES else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def _runbook(text: str) -> str:
    lines = paragraphs(text)
    if not lines:
        return ""
    return "\n".join(_wrap(line) for line in (f"What to do: {lines[0]}", *lines[1:]))
