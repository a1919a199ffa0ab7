"""Plain text: a message as one calm paragraph and a list of aligned findings."""

from __future__ import annotations

import textwrap

from alerts.message import Finding, Message
from alerts.render_phrases import (
    Section,
    chance,
    headline,
    is_number,
    one_line,
    paragraphs,
    sections,
    story,
    told_at,
    trading,
    value,
    why,
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
    parts = [
        _wrap(headline(message)),
        _wrap(trading(message)),
        _wrap(f"{story(message)} {why(message)}".strip()),
        _tables(sections(message, findings)),
        _runbook(message.runbook),
        _wrap(_footer(message)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _wrap(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _footer(message: Message) -> str:
    at = f", told {told}" if (told := told_at(message)) else ""
    group, key = one_line(message.group), one_line(message.key)
    return f"Session {one_line(message.session)}{at}, group {group}, reference {key}"


def _tables(found: list[Section]) -> str:
    """Return the sections under one head, so that their columns stand below each other."""
    rows = [_HEAD, *(_row(finding) for section in found for finding in section.findings)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = ["  " + _aligned(_HEAD, widths)] if len(rows) > 1 else []
    for section in found:
        if section.heading:
            lines += ["", one_line(section.heading, WIDTH)]
        lines += ["  " + _aligned(_row(finding), widths) for finding in section.findings]
        lines += [f"  {line}" for line in section.lines]
        if section.more:
            lines += [f"  {section.more}"] if section.findings else ["", section.more]
    return "\n".join(lines)


def _row(finding: Finding) -> tuple[str, ...]:
    cells = (finding.subject, value(finding), finding.limit, finding.since)
    sure = (f"{finding.samples:,}", chance(finding)) if is_number(finding) else ("-", "-")
    return (*(one_line(cell, _CELL) or "-" for cell in cells), *sure)


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
