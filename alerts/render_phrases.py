"""Phrases: the words that every rendering of a message shares."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime
from typing import Final, NamedTuple

from alerts.message import Event, Finding, Message
from alerts.reason import Reason

NOT_ASSESSED: Final = "not assessed"
DIGEST_ALERTS: Final = 20
DIGEST_FINDINGS: Final = 40
DIGEST_EACH: Final = 5
_LABELS = {
    Event.RESOLVED: "Resolved",
    Event.NO_DATA: "No data",
    Event.GATE: "Gate",
    Event.DIGEST: "Digest",
    Event.TEST: "Test",
}
# The reasons that the rest of the message does not say already.
_TOLD_REASONS = {
    reason.value: reason
    for reason in (
        Reason.NEW_IN_GROUP,
        Reason.SOME_RESOLVED,
        Reason.REPEAT,
        Reason.ESCALATED,
        Reason.SILENCE_ENDED,
        Reason.INHIBITION_ENDED,
        Reason.ROUTED,
        Reason.RAISED,
        Reason.UNSTEADY,
        Reason.STEADY,
        Reason.RULE_REMOVED,
    )
}


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
    severity = message.severity.value.capitalize()
    match message.event:
        case Event.FIRING:
            return severity
        case Event.REMINDER:
            return f"{severity} reminder"
        case event:
            return _LABELS[event]


def headline(message: Message, limit: int | None = None) -> str:
    """Return `Critical: what and where`, cut to `limit` characters."""
    return one_line(f"{label(message)}: {one_line(message.title)}".rstrip(": "), limit)


def sentence(text: str) -> str:
    """Return the text on one line with a full stop at its end; "" stays ""."""
    line = one_line(text)
    return line if not line or line[-1] in ".!?…" else f"{line}."


def value(finding: Finding) -> str:
    """Return what was measured, "" where it is unknown."""
    text = one_line(finding.value)
    return "" if text in {"nan", "nan%", "nan s"} else text


def measured(finding: Finding) -> str:
    """Return the value against its threshold: `0.31 (limit > 0.2)`."""
    text, limit = value(finding), one_line(finding.limit)
    return f"{text or 'unknown'} (limit {limit})" if limit else text or "unknown"


def samples(finding: Finding) -> str:
    """Return how much data the value rests on: `252 samples`."""
    return {0: "no samples", 1: "1 sample"}.get(finding.samples, f"{finding.samples:,} samples")


def chance(finding: Finding) -> str:
    """Return how likely the value is by chance; else how often its rule fires so, or that nobody knows."""
    noise = one_line(finding.false_alarms)
    return one_line(finding.chance) or (f"the rule {noise}" if noise else NOT_ASSESSED)


def is_number(finding: Finding) -> bool:
    """Tell whether something was measured; a change of the gate or a channel's trouble is told in words."""
    return bool(finding.limit or finding.chance or finding.samples)


def evidence(finding: Finding) -> str:
    """Return how likely, on how much, since when: `p = 0.004 · 252 samples · since 2026-03-10`."""
    since = one_line(finding.since)
    parts = [f"since {since}"] if since else []
    if is_number(finding):
        known = one_line(finding.chance)
        by_chance = "by chance " if finding.false_alarms else "chance "
        parts = [known or f"{by_chance}{chance(finding)}", samples(finding), *parts]
    return " · ".join(parts)


def trading(message: Message) -> str:
    """Return what was done about trading and how the gate now stands, as sentences; "" for neither."""
    done, gate = sentence(message.done), message.trading
    if gate is None:
        return done
    told = [done] if done else []
    if not re.search(rf"\bepoch {gate.epoch}\b", done):
        told.append(f"Trading is {one_line(gate.state)} (epoch {gate.epoch}).")
    if gate.latched and "person" not in done:
        told.append("Only a person may resume it.")
    return " ".join(told)


def why(message: Message) -> str:
    """Return why people are told now, as a sentence; "" where the rest of the message says it already."""
    reason = _TOLD_REASONS.get(message.reason)
    told = f"Told now because {reason.words}." if reason else ""
    return f"{told} {carer(message)}".strip()


def carer(message: Message) -> str:
    """Return who takes care of what is told, as a sentence; "" where nobody does."""
    name = one_line(message.acknowledged_by, 120)
    return f"{name} takes care of it." if name else ""


def told_at(message: Message) -> str:
    """Return the instant of the decision as people read it, `2026-03-12 21:05 UTC`; "" if it is unknown."""
    try:
        at = datetime.fromisoformat(message.at)
    except ValueError:
        return ""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at.tzinfo else ""


def count(message: Message) -> int:
    """Return how many findings the message speaks of, those it leaves out included."""
    return len(message.findings) + message.others


def story(message: Message) -> str:
    """Return the findings as prose: the worst one in full, the others counted; "" without findings."""
    if not message.findings:
        return ""
    if message.event is Event.DIGEST:
        number, about = count(message), len({finding.about for finding in message.findings})
        what = "1 finding" if number == 1 else f"{number:,} findings"
        return f"{what} of {about} alerts, the worst first." if about > 1 else f"{what}, the worst first."
    text = _worst(message)
    if message.event is not Event.NO_DATA and is_number(message.findings[0]):
        text = f"{text} How likely by chance: {chance(message.findings[0])}."
    match count(message) - 1:
        case 0:
            return text
        case 1:
            return f"{text} One more finding follows."
        case more:
            below = f"{more:,} more findings follow" if not message.others else f"{more:,} more findings"
            return f"{text} {below}."


def _worst(message: Message) -> str:
    worst, day = message.findings[0], one_line(message.session)
    subject, since = one_line(worst.subject), one_line(worst.since)
    now = f"{measured(worst)} on {samples(worst)}"
    began = f", since {since}" if since and since != day else ""
    if not is_number(worst):
        return f"{subject}: {value(worst)}{began}."
    match message.event:
        case Event.RESOLVED:
            had = f"; it had been past its limit since {since}" if since else ""
            told = f"{subject} is back at {now}{had}"
        case Event.NO_DATA:
            known = f"; its last known value is {now}" if value(worst) and worst.samples else ""
            told = f"{subject} could not be judged{began}{known}"
        case Event.REMINDER:
            told = f"{subject} is still at {now}{began}"
        case _:
            told = f"{subject} is at {now}{began}"
    return f"In the session of {day}, {told}."


def left_out(message: Message, shown: int) -> str:
    """Return how many findings a list does not show and where all stand; "" where it shows every one."""
    missing = count(message) - shown
    if missing <= 0:
        return ""
    are_alerts = message.event is not Event.DIGEST and is_number(message.findings[0])
    where = f"; all of them: forewarn alerts show {shlex.quote(one_line(message.group))}"
    return f"and {missing:,} more, none of them worse{where if are_alerts else ''}"


class Section(NamedTuple):
    """Some findings under one heading.

    Attributes:
        heading: What they belong to, or "".
        findings: Those to list, worst first.
        more: A line that counts the others, or "".
        lines: Alerts of which there is room for the name alone, one a line.
    """

    heading: str
    findings: tuple[Finding, ...]
    more: str
    lines: tuple[str, ...] = ()


def sections(message: Message, limit: int) -> list[Section]:
    """Return the findings as a list shows them: one section, and in a digest one an alert, the worst first.

    Args:
        message: Whose findings.
        limit: How many findings to list at most; a digest lists twenty alerts and five findings of each at
            most, and fewer of each where there are many alerts. Beyond that it names what is critical, alert
            and subject, and counts the rest.
    """
    if message.event is not Event.DIGEST or not any(finding.about for finding in message.findings):
        shown = message.findings[:limit]
        return [Section("", shown, left_out(message, len(shown)))] if shown else []
    alerts: dict[str, list[Finding]] = {}
    for finding in message.findings:
        alerts.setdefault(one_line(finding.about) or "Others", []).append(finding)
    listed = list(alerts.items())[:DIGEST_ALERTS]
    each = min(DIGEST_EACH, max(DIGEST_FINDINGS // len(listed), 1))
    found = [_digest_section(about, tuple(findings), each) for about, findings in listed]
    hidden_alerts = list(alerts.values())[DIGEST_ALERTS:]
    unlisted = [one for _, findings in listed for one in findings[each:]]
    unlisted += [one for findings in hidden_alerts for one in findings]
    lines = tuple(f"{one_line(one.about)}: {one_line(one.subject)}" for one in unlisted if one.critical)
    if lines:
        found.append(Section("Critical too", (), "", lines))
    rest = count(message) - sum(len(findings) for _, findings in listed)
    rest -= sum(one.critical for findings in hidden_alerts for one in findings)
    if rest:
        hidden = sum(not all(one.critical for one in findings) for findings in hidden_alerts)
        of = f" of {hidden:,} more alerts" if hidden > 1 else " of one more alert" if hidden else ""
        more = f"and {rest:,} more findings{of}" if rest > 1 else f"and one more{of}"
        found.append(Section("", (), f"{more}; all that fires: forewarn alerts list"))
    return found


def _digest_section(about: str, findings: tuple[Finding, ...], each: int) -> Section:
    missing = sum(not finding.critical for finding in findings[each:])
    return Section(about, findings[:each], f"and {missing:,} more, none of them worse" if missing > 0 else "")
