"""Phrases: the words that every rendering of a message shares."""

from __future__ import annotations

from alerts.message import Event, Finding, Message, Severity

_FIRING_LABEL = {Severity.CRITICAL: "Critical", Severity.WARNING: "Warning", Severity.INFO: "Info"}
NOT_ASSESSED = "not assessed"


def one_line(text: str, limit: int | None = None) -> str:
    """Return the text on one line, without control characters, cut to `limit` characters.

    A title or a feature's name can come from outside; a line break in it would forge a mail header,
    an escape sequence would repaint a terminal.
    """
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    if limit is not None and len(line) > limit:
        return line[: limit - 1].rstrip() + "…"
    return line


def paragraphs(text: str) -> list[str]:
    """Return the non-empty lines of the text, each cleaned as `one_line` does."""
    return [line for line in map(one_line, text.splitlines()) if line]


def label(message: Message) -> str:
    """Return the one or two words that say what kind of message it is."""
    match message.event:
        case Event.RESOLVED:
            return "Resolved"
        case Event.GATE:
            return "Gate"
        case Event.FIRING:
            return _FIRING_LABEL[message.severity]


def headline(message: Message, limit: int | None = None) -> str:
    """Return `Critical: what and where`, cut to `limit` characters."""
    return one_line(f"{label(message)}: {one_line(message.title)}".rstrip(": "), limit)


def sentence(text: str) -> str:
    """Return the text on one line with a full stop at its end; "" stays ""."""
    line = one_line(text)
    return line if not line or line[-1] in ".!?…" else f"{line}."


def measured(finding: Finding) -> str:
    """Return the value against its threshold: `0.31 (limit > 0.2)`."""
    value, limit = one_line(finding.value), one_line(finding.limit)
    return f"{value} (limit {limit})".strip() if limit else value


def samples(finding: Finding) -> str:
    """Return how much data the value rests on: `252 samples`."""
    return {0: "no samples", 1: "1 sample"}.get(finding.samples, f"{finding.samples:,} samples")


def chance(finding: Finding) -> str:
    """Return how likely the value is by chance, or that nobody assessed it."""
    return one_line(finding.chance) or NOT_ASSESSED


def evidence(finding: Finding) -> str:
    """Return how likely, on how much, since when: `p = 0.004 · 252 samples · since 2026-03-10`."""
    likely = one_line(finding.chance) or f"chance {NOT_ASSESSED}"
    since = one_line(finding.since)
    return " · ".join([likely, samples(finding), *([f"since {since}"] if since else [])])


def story(message: Message) -> str:
    """Return the findings as prose: the worst one in full, the others counted; "" without findings."""
    if not message.findings:
        return ""
    worst, resolved = message.findings[0], message.event is Event.RESOLVED
    since = one_line(worst.since)
    began = f"; it had been past its limit since {since}" if resolved else f", since {since}"
    text = (
        f"In the session of {one_line(message.session)}, {one_line(worst.subject)} "
        f"{'is back at' if resolved else 'is at'} {measured(worst)} on {samples(worst)}"
        f"{began if since else ''}. How likely by chance: {chance(worst)}."
    )
    match len(message.findings) - 1:
        case 0:
            return text
        case 1:
            return f"{text} One more finding follows."
        case others:
            return f"{text} {others:,} more findings follow."


def left_out(message: Message, shown: int) -> str:
    """Return `and 50 more, none of them worse` when a list shows only the first `shown` findings, else ""."""
    missing = len(message.findings) - shown
    return f"and {missing:,} more, none of them worse" if missing > 0 else ""
